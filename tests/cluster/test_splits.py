"""A shard is split while its counties are read: nothing is missing. Expected is what was loaded."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from functools import partial

import pyarrow as pa
import pytest
from psycopg2 import extensions

from gis_service import store
from gis_service.store.by_node import read_by_node
from gis_service.store.changes import operated_since
from gis_service.store.consistent import Layers, read_consistently
from gis_service.store.register import stored_versions
from sharding.readers import Readers
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
