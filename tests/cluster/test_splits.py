"""A shard is split while its counties are read: nothing is missing. Expected is what was loaded."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial

import httpx
import psycopg2
import pyarrow as pa
import pytest
from psycopg2 import extensions

from gis_service import store
from gis_service.store.by_node import read_by_node
from gis_service.store.changes import operated_since
from gis_service.store.consistent import Layers, read_consistently
from gis_service.store.register import stored_versions
from sharding.readers import Readers
from soak.killing import wait_for
from soak.serving import serving
from soak.surroundings import Surroundings
from tests.cluster.citus_cluster import CitusCluster
from tests.store.grids import trunk_package

pytestmark = pytest.mark.citus

COUNTIES = [f"4501{k:02}" for k in range(6)]


@pytest.fixture
def split(cluster: CitusCluster) -> Iterator[CitusCluster]:
    """With some counties; its shards are made anew at the end."""
    store.load_package(trunk_package(COUNTIES, 20))
    try:
        yield cluster
    finally:
        store.close_pools()
        cluster.ask("CALL citus_cleanup_orphaned_resources()")
        cluster.migrate("zero")
        cluster.migrate()


class Splitting:
    """Splits the shards of all counties where they lie, one after another, when it is called first."""

    def __init__(self, cluster: CitusCluster) -> None:
        self._cluster = cluster
        self._left = list(COUNTIES)
        self._lock = threading.Lock()  # each node is read by a thread of its own

    def __call__(self) -> None:
        isolating = "SELECT isolate_tenant_to_new_shard('switch'::regclass, %s, 'CASCADE', 'block_writes')"
        with self._lock:
            while self._left:
                self._cluster.ask(isolating, self._left.pop())


def test_counties_that_are_read_as_their_shard_is_split_are_read_whole(split: CitusCluster) -> None:
    now_split = Splitting(split)

    def count(readers: Readers, layer: str, counties: Collection[str]) -> pa.Table:
        rows: list[tuple[str, int]] = []
        for county in sorted(counties):
            readers.cursor.execute(f"SELECT count(*) FROM {layer} WHERE county_code = %s", [county])
            rows += [(county, number) for (number,) in readers.cursor.fetchall()]
        codes, numbers = zip(*rows, strict=True)
        return pa.table({"county_code": codes, "number": numbers})

    def read(readers: Readers, counties: Collection[str]) -> Layers:
        before = count(readers, "switch", counties)
        now_split()
        return {"before": before, "after": count(readers, "switch", counties)}

    layers, versions = read_consistently(read, COUNTIES)
    assert sorted(versions) == COUNTIES
    for told in ("before", "after"):
        found = dict(zip(*layers[told].to_pydict().values(), strict=True))
        assert found == dict.fromkeys(COUNTIES, 2), told


def test_switches_are_read_on_as_their_shard_is_split(
    split: CitusCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them, as an engine does that knows no position in the log."""
    now_split = Splitting(split)

    def versions_then_split(
        cursor: extensions.cursor, counties: Collection[str]
    ) -> dict[str, store.CountyVersion]:
        found = stored_versions(cursor, counties)
        now_split()
        return found

    monkeypatch.setattr("gis_service.store.changes.stored_versions", versions_then_split)
    patient = partial(read_by_node, deadline_s=60)
    monkeypatch.setattr("gis_service.store.changes.read_by_node", patient)
    found = operated_since(dict.fromkeys(COUNTIES))
    assert not found.away
    assert sorted(found.versions) == COUNTIES
    assert len(found.id) == 2 * len(COUNTIES)


def test_a_read_whose_shard_is_gone_is_done_again(cluster: CitusCluster) -> None:
    """The server refuses it as it does for who chose a shard before it was split: it has no such table."""
    store.load_package(trunk_package(COUNTIES[:1], 20))
    asked = 0

    def count(cursor: extensions.cursor, counties: Collection[str], *, gone: int) -> int:
        nonlocal asked
        asked += 1
        table = "switch_10200899" if asked <= gone else "switch"
        cursor.execute(f"SELECT count(*) FROM {table} WHERE county_code = ANY(%s)", [list(counties)])
        ((number,),) = cursor.fetchall()
        return int(number)

    assert read_by_node(COUNTIES[:1], partial(count, gone=2), deadline_s=60) == ([2], {})
    assert asked == 3
    with pytest.raises(store.ShardReplaced):
        read_by_node(COUNTIES[:1], partial(count, gone=1000), deadline_s=60)
    assert asked < 20


def test_an_operation_that_waited_for_a_split_finds_its_county(alone: Surroundings) -> None:
    """The coordinator holds the shards itself, and copies the rows after the operation began to wait.

    So the operation's first write sees none of them. Expected is what was asked for: the switch stands open.
    """
    package = trunk_package(COUNTIES[:2], 20)
    switch = str(package["switch"]["id"][0])
    grid = alone

    def waiting() -> int:
        return len(grid.query("SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))

    def split() -> None:
        grid.query(
            "SELECT isolate_tenant_to_new_shard('switch'::regclass, %s, 'CASCADE', 'block_writes')",
            COUNTIES[0],
        )

    with ThreadPoolExecutor(2) as others:
        store.load_package(package)
        ((shard,),) = grid.query(
            "SELECT get_shard_id_for_distribution_column('county_version', %s)", COUNTIES[0]
        )
        with serving(grid) as engine, closing(psycopg2.connect(grid.dsn)) as holding:
            with holding.cursor() as cursor:
                cursor.execute(f"LOCK TABLE county_version_{shard} IN ACCESS EXCLUSIVE MODE")
                done = others.submit(split)
                wait_for(lambda: waiting() == 1, "the split waits for what it copies", seconds=60)
                answer = others.submit(
                    httpx.post,
                    f"{engine.url}/v1/switch-operations",
                    json=[{"id": switch, "open": True}],
                    timeout=60,
                )
                wait_for(lambda: waiting() == 2, "the operation waits for the split", seconds=60)
                holding.rollback()
            done.result()
            assert answer.result().status_code == 200, answer.result().text
        assert grid.query("SELECT open FROM switch WHERE id = %s", switch) == [(True,)]
