"""Killed loads, killed and frozen workers: whole or not at all, and never for ever.

What is expected is the grid before the work or the grid after it, and the record of all counties or of none.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path

import pyarrow as pa
import pytest
from psycopg2 import sql

from gis_service import store
from gis_service.errors import GridError, NotReady, UnknownId
from gis_service.ingest.package import tables_from_package, write_package
from gis_service.store import NewOperation
from gis_service.store.consistent import Layers, read_consistently
from gis_service.store.database import in_transaction, node_watch
from gis_service.store.schema import in_counties
from sharding.placement import placements
from tests.cluster.citus_cluster import CitusCluster
from tests.cluster.test_same_answers import COUNTIES, at
from tests.grid_database import GridDatabase
from tests.store.comparing import assert_same_tables
from tests.store.grids import trunk_package
from tests.store.test_interrupted_loads import begun_loads, sessions, start_load, wait_for

pytestmark = pytest.mark.citus

KILLS = 5
ALL_THERE = 40.0  # seconds until a node that came back is served again, on a busy machine


def test_a_load_killed_at_any_moment_leaves_each_county_old_or_new(
    cluster: CitusCluster, tmp_path: Path
) -> None:
    old, new = trunk_package(COUNTIES[:2], 1500, mark="old"), trunk_package(COUNTIES[:2], 1600, mark="new")
    write_package(new, tmp_path / "new")
    database = GridDatabase(cluster.dsn)
    moments = random.Random(11)
    store.load_package(old)
    for _ in range(KILLS):
        store.load_package(old, replace=True)
        versions = store.load_tables()[1]
        with start_load(tmp_path / "new", database) as process:
            wait_for(lambda: begun_loads(database) > 0)
            time.sleep(moments.uniform(0, 1.0))
            process.kill()
        wait_for(lambda: sessions(database) == 0)
        for county in COUNTIES[:2]:
            tables, now = store.load_tables([county])
            nodes, mark = (1500, "old") if now[county] == versions[county] else (1600, "new")
            assert_same_tables(tables, tables_from_package(trunk_package([county], nodes, mark=mark)))


def two_counties_apart(cluster: CitusCluster) -> tuple[str, str]:
    """A county of each worker, the first on worker 1."""
    with in_transaction() as cursor:
        where = placements(cursor, "switch", COUNTIES)
    first, second = (
        next(county for county in COUNTIES if where[county].node.port == cluster.ports[worker])
        for worker in (1, 2)
    )
    return first, second


def wait_until_all_answer() -> None:
    """Until the watch has seen that every node is back, and settled what was left undecided there."""
    wait_for(lambda: all(away is None for away in node_watch().answering().values()), ALL_THERE)


def operate(write: store.GridTransaction, county: str, switch: str) -> None:
    write.append_operations([NewOperation(county, switch, True, at(5), at(6))])
    write.set_open([(county, switch, True)])
    write.open_interruptions([(county, f"c-{county}-20")], at(5))
    write.bump([county], at(6))


def operate_both(*switches: tuple[str, str], then: Callable[[], None] = lambda: None) -> None:
    with store.transaction() as write:
        for county, switch in switches:
            operate(write, county, switch)
        then()


def record_of(county: str) -> tuple[int, int, int, int]:
    """Operations, open switches, intervals and version of one county."""
    return (
        len(store.operations_between(counties=[county])),
        int(store.current_switches([county]).open.sum()),
        len(store.interruptions(counties=[county])),
        store.load_tables([county])[1][county],
    )


def test_operations_in_two_counties_on_two_nodes_happen_together_or_not_at_all(cluster: CitusCluster) -> None:
    store.load_package(trunk_package(COUNTIES, 40))
    first, second = two_counties_apart(cluster)
    with pytest.raises(UnknownId, match="'sw-nowhere'"):
        operate_both((first, f"sw-{first}-0"), (second, "sw-nowhere"))
    assert record_of(first) == record_of(second) == (0, 0, 0, 1)
    operate_both((first, f"sw-{first}-0"), (second, f"sw-{second}-0"))
    assert record_of(first) == record_of(second) == (1, 1, 1, 2)


def test_a_worker_that_dies_before_the_commit_leaves_neither_half(cluster: CitusCluster) -> None:
    store.load_package(trunk_package(COUNTIES, 40))
    first, second = two_counties_apart(cluster)
    try:
        with pytest.raises(GridError):
            operate_both((first, f"sw-{first}-0"), (second, f"sw-{second}-0"), then=lambda: cluster.kill(2))
        assert record_of(first) == (0, 0, 0, 1)  # the other worker's county goes on
        with pytest.raises(NotReady):
            store.load_tables([second])
    finally:
        cluster.revive(2)
        wait_until_all_answer()
    assert record_of(second) == (0, 0, 0, 1)
    with store.transaction() as write:
        operate(write, second, f"sw-{second}-0")
    assert record_of(second) == (1, 1, 1, 2)


def test_a_frozen_worker_costs_the_deadline_and_no_more(cluster: CitusCluster) -> None:
    """`statement_timeout` does not fire here: the deadline is the pool's own."""
    store.load_package(trunk_package(COUNTIES, 40))
    first, second = two_counties_apart(cluster)
    with cluster.frozen(2):
        began = time.monotonic()
        with (
            pytest.raises(NotReady, match="did not answer within 2 s"),
            store.transaction(deadline_s=2) as write,
        ):
            write.set_open([(second, f"sw-{second}-0", True)])
        assert time.monotonic() - began < 6
        assert record_of(first) == (0, 0, 0, 1)
    wait_for(lambda: record_of(second) == (0, 0, 0, 1))


def test_readers_of_all_counties_never_see_half_of_what_was_written_together(cluster: CitusCluster) -> None:
    """Each batch opens or closes one switch in every county; every read finds what its version says."""
    store.load_package(trunk_package(COUNTIES, 20))
    pauses = random.Random(5)
    done = threading.Event()
    torn: list[str] = []
    seen: set[int] = set()

    def read() -> None:
        while not done.is_set():
            grid, versions = store.load_grid()
            open_ = [id for id, is_open in zip(grid.switches.id, grid.switches.open, strict=True) if is_open]
            numbers = {one.version for one in versions.values()}
            seen.update(numbers)
            if len(numbers) != 1 or len(open_) != (len(COUNTIES) if min(numbers) % 2 == 0 else 0):
                torn.append(f"{open_} at {numbers}")

    reader = threading.Thread(target=read)
    reader.start()
    try:
        turn = 0
        while len(seen) < 12 and turn < 200:
            turn += 1
            with store.transaction() as write:
                write.lock_counties(COUNTIES)
                write.set_open((county, f"sw-{county}-0", turn % 2 == 1) for county in COUNTIES)
                write.bump(COUNTIES, at(turn))
            time.sleep(pauses.uniform(0, 0.5))
    finally:
        done.set()
        reader.join()
    assert torn == []
    assert len(seen) >= 12, "the reader hardly saw the writes"


def test_rows_that_are_newer_than_the_versions_are_read_again(cluster: CitusCluster) -> None:
    """Each node takes its snapshot when it is first asked; here that is after a write came between."""
    store.load_package(trunk_package(COUNTIES, 20))
    writes = iter([COUNTIES[:2], COUNTIES[1:3]])

    def read(_: object, counties: Collection[str]) -> Layers:
        if written := next(writes, None):
            with store.transaction() as write:
                write.set_open((county, f"sw-{county}-0", True) for county in written)
                write.bump(written, at(1))
        with in_transaction(read_only=True) as later:
            where = in_counties(counties)
            later.execute(
                sql.SQL("SELECT county_code, count(*) FILTER (WHERE open) FROM switch")
                + where
                + sql.SQL(" GROUP BY 1")
            )
            rows = later.fetchall()
        return {"switch": pa.table({"county_code": [code for code, _ in rows], "open": [n for _, n in rows]})}

    layers, versions = read_consistently(read, None)
    found = dict(zip(*(layers["switch"][name].to_pylist() for name in ("county_code", "open")), strict=True))
    assert found == {code: int(code in COUNTIES[:3]) for code in COUNTIES}
    assert [versions[code].version for code in COUNTIES] == [2, 3, 2, 1, 1, 1]
