"""A load of many counties keeps both workers busy at once. What each does is asked of the worker itself."""

from __future__ import annotations

import threading
from contextlib import closing

import psycopg2
import pytest

from gis_service import store
from gis_service.ingest.package import tables_from_package
from tests.cluster.citus_cluster import ENGINE, CitusCluster
from tests.cluster.corpus import COUNTIES
from tests.store.comparing import assert_same_tables
from tests.store.grids import trunk_package

pytestmark = pytest.mark.citus

UNDER_WAY = """
    SELECT count(*) FROM pg_stat_activity
    WHERE state IN ('active', 'idle in transaction') AND query LIKE 'COPY public.%'
"""


def test_counties_are_copied_to_both_workers_at_the_same_time(cluster: CitusCluster) -> None:
    package = trunk_package(COUNTIES, 2600)
    done = threading.Event()
    seen: list[tuple[int, ...]] = []

    def watch() -> None:
        with (
            closing(psycopg2.connect(cluster.nodes[1].dsn(ENGINE))) as one,
            closing(psycopg2.connect(cluster.nodes[2].dsn(ENGINE))) as other,
        ):
            one.autocommit = other.autocommit = True
            with one.cursor() as first, other.cursor() as second:
                while not done.wait(0.005):
                    counts = []
                    for cursor in (first, second):
                        cursor.execute(UNDER_WAY)
                        counts.append(int((cursor.fetchone() or (0,))[0]))
                    seen.append(tuple(counts))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        loaded = store.load_package(package)
    finally:
        done.set()
        watcher.join()
    assert [one.county for one in loaded] == sorted(COUNTIES)
    assert max(one for one, _ in seen) >= 1
    assert max(other for _, other in seen) >= 1
    assert any(one and other for one, other in seen), "never both at once"
    assert_same_tables(store.load_tables()[0], tables_from_package(package))
