"""Migrations and placement on three nodes. Expected answers come from Citus' own metadata."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg2
import pytest

from gis_service import store
from gis_service.store.database import in_transaction, node_watch
from sharding.placement import nodes, placements
from tests.cluster.citus_cluster import CitusCluster
from tests.store.grids import trunk_package
from tests.store.test_interrupted_loads import wait_for

pytestmark = pytest.mark.citus

COUNTIES = [f"4501{k:02}" for k in range(12)]
TABLES = "SELECT table_name::text, citus_table_type, colocation_id, distribution_column FROM citus_tables"


def test_every_table_is_spread_by_county_beside_the_others_and_county_is_whole_everywhere(
    cluster: CitusCluster,
) -> None:
    found = {name: (kind, column) for name, kind, _, column in cluster.ask(TABLES)}
    assert found.pop("county") == ("reference", "<none>")
    assert "switch_operation" in found
    assert set(found.values()) == {("distributed", "county_code")}
    assert len({colocation for name, _, colocation, _ in cluster.ask(TABLES) if name != "county"}) == 1


def test_the_migrations_go_back_and_forth(cluster: CitusCluster) -> None:
    store.close_pools()
    cluster.migrate("zero")
    assert cluster.ask(TABLES) == []
    assert cluster.ask("SELECT to_regclass('switch')") == [(None,)]
    cluster.migrate()
    assert len(cluster.ask(TABLES)) >= 14


def test_overlapping_intervals_are_refused_and_the_record_lives_through_a_migration(
    cluster: CitusCluster,
) -> None:
    store.load_package(trunk_package(COUNTIES, 20))
    at = datetime(2026, 1, 1, tzinfo=UTC)
    customers = [(code, id) for code, id in cluster.ask("SELECT county_code, id FROM customer_point")]
    assert len({code for code, _ in customers}) == len(COUNTIES)
    with store.transaction() as write:
        write.open_interruptions(customers, at)

    def refused(code: str, id: str) -> bool:
        overlapping = (
            "INSERT INTO interruption (county_code, id, customer_id, during) VALUES (%s, 10000, %s, %s)"
        )
        with pytest.raises(psycopg2.errors.ExclusionViolation, match="interruption_no_overlap"):
            cluster.ask(overlapping, code, id, "[2026-02-01,2026-02-02)")
        cluster.ask(overlapping, code, id, "[2025-02-01,2025-02-02)")
        cluster.ask("DELETE FROM interruption WHERE county_code = %s AND id = 10000", code)
        return True

    assert all(refused(*one) for one in customers)
    store.close_pools()
    cluster.migrate("0006")
    assert refused(*customers[0])
    cluster.migrate()
    assert refused(*customers[-1])
    assert cluster.ask("SELECT count(*) FROM interruption") == [(len(customers),)]


def test_placements_are_where_citus_says_the_rows_are(cluster: CitusCluster) -> None:
    store.load_package(trunk_package(COUNTIES, 20))
    with in_transaction() as cursor:
        found = placements(cursor, "switch", COUNTIES)
        # the coordinator first, then by address: a worker's port need not be above that of the one before
        assert [one.port for one in nodes(cursor)] == [cluster.ports[0], *sorted(cluster.ports[1:])]
    assert sorted(found) == COUNTIES
    assert {one.node.port for one in found.values()} == set(cluster.ports[1:])
    for port in cluster.ports[1:]:
        here = {county for county, one in found.items() if one.node.port == port}
        shards = sorted({one.shard for one in found.values() if one.node.port == port})
        counted = 0
        for shard in shards:
            counted += cluster.ask(
                "SELECT result::int FROM run_command_on_placements('switch', 'SELECT count(*) FROM %%s') "
                "WHERE shardid = %s",
                shard,
            )[0][0]
        assert counted == 2 * len(here)  # a trunk of 20 nodes has two switches


def test_a_dead_and_a_frozen_node_are_told_from_those_that_answer(cluster: CitusCluster) -> None:
    """A frozen one is known after two looks without an answer, a dead one after the first; both come back."""
    store.load_package(trunk_package(COUNTIES, 20))
    watch = node_watch()

    def away() -> list[int]:
        return [node.port for node, away in watch.answering().items() if away is not None]

    assert away() == []
    with cluster.frozen(2):
        wait_for(lambda: away() == [cluster.ports[2]])
        lost = watch.away(COUNTIES)
        assert {one.node.port for one in lost.values()} == {cluster.ports[2]}
        assert 0 < len(lost) < len(COUNTIES)
    wait_for(lambda: away() == [])
    cluster.kill(1)
    try:
        wait_for(lambda: away() == [cluster.ports[1]])
    finally:
        cluster.revive(1)
    wait_for(lambda: away() == [])
