"""Loads of many counties, and questions to all of them, keep both workers busy at once."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import closing

import psycopg2
import pytest

from gis_service import store
from gis_service.ingest.package import tables_from_package
from gis_service.store.database import in_transaction
from sharding.placement import placements
from tests.cluster.citus_cluster import ENGINE, CitusCluster
from tests.cluster.corpus import COUNTIES
from tests.store.comparing import assert_same_tables
from tests.store.grids import trunk_package

pytestmark = pytest.mark.citus

NAP_S = 0.4
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


def test_what_asks_all_counties_asks_the_workers_side_by_side(cluster: CitusCluster) -> None:
    """Each county takes its time; one after another they would take the sum of it."""
    store.load_package(trunk_package(COUNTIES, 20))
    with in_transaction() as cursor:
        where = placements(cursor, "county_version", COUNTIES)
    by_worker = Counter(one.node for one in where.values())
    assert len(by_worker) == 2
    began = time.monotonic()
    with in_transaction(read_only=True) as cursor:
        cursor.execute("SELECT count(pg_sleep(%s)::text) FROM county_version", [NAP_S])
        assert cursor.fetchone() == (len(COUNTIES),)
    took = time.monotonic() - began
    longest, all_of_them = NAP_S * max(by_worker.values()), NAP_S * len(COUNTIES)
    assert took < (longest + all_of_them) / 2
