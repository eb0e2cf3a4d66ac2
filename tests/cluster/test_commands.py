"""`gridgis cluster` on real servers: what it makes of a database, what it refuses, what it tells.

Expected answers come from Citus' catalogues, from the migrations of a new cluster and from the rows that were
there before. How the commands behave under load is `test_moves`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import make_dsn, parse_dsn

from gis_service import store
from gis_service.ingest.package import tables_from_package
from sharding.coordinator import alone
from sharding.local import LocalCluster
from soak.spread import SpreadGrid
from tests.cluster.citus_cluster import CitusCluster, ask, stored_in
from tests.grid_database import GridDatabase
from tests.store.comparing import assert_same_tables
from tests.store.grids import trunk_package

pytestmark = pytest.mark.citus

COUNTIES = ["450122", "450123", "450124"]
SPREAD = (
    "SELECT logicalrelid::text, partmethod, colocationid > 0 FROM pg_dist_partition"
    " WHERE logicalrelid <> 'spatial_ref_sys'::regclass ORDER BY 1"
)


def gridgis_cluster(dsn: str, *arguments: str) -> CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gis_service.cli", "cluster", *arguments],
        env={**os.environ, "GRIDGIS_ENGINE_DSN": dsn},
        capture_output=True,
        text=True,
        check=False,
    )


def refused(dsn: str, *arguments: str) -> str:
    """The one line with which a command is refused."""
    done = gridgis_cluster(dsn, *arguments)
    assert (done.returncode, done.stdout) == (2, ""), done.stdout + done.stderr
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.fixture
def plain_grid(growing: SpreadGrid, django_db_blocker: Any) -> Iterator[str]:
    """A database with a grid on plain PostGIS, on a server that could spread it."""
    dsn = make_dsn(growing.here.dsn, dbname="plain_grid")
    ask(growing.here.dsn, "CREATE DATABASE plain_grid")
    ask(dsn, "CREATE EXTENSION postgis")
    done = subprocess.run(
        [sys.executable, "-m", "gis_service", "migrate"],
        env={**os.environ, "GRIDGIS_ENGINE_DSN": dsn},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with django_db_blocker.unblock(), stored_in(dsn):
        store.load_package(trunk_package(COUNTIES, 400))
        yield dsn
        store.close_pools()
    ask(growing.here.dsn, "DROP DATABASE plain_grid WITH (FORCE)")


def test_plain_postgis_is_told_in_a_sentence_whatever_is_asked(grid_database: GridDatabase) -> None:
    for verb in (["status"], ["rebalance"], ["isolate", "450122"], ["add-node", "127.0.0.1:1"]):
        assert "is plain PostGIS and has no nodes" in refused(grid_database.dsn, *verb)


def test_a_server_that_cannot_be_a_coordinator_is_told_all_that_it_lacks(grid_database: GridDatabase) -> None:
    said = refused(grid_database.dsn, "init")
    assert "shared_preload_libraries does not begin with citus" in said
    assert "wal_level is replica and has to be logical" in said
    assert "max_prepared_transactions is 0" in said
    assert ask(grid_database.dsn, "SELECT count(*) FROM pg_extension WHERE extname = 'citus'") == [(0,)]


def test_a_grid_on_plain_postgis_is_spread_as_the_migrations_would_have_done_it(
    plain_grid: str, growing: SpreadGrid
) -> None:
    before = tables_from_package(trunk_package(COUNTIES, 400))
    done = gridgis_cluster(plain_grid, "init")
    assert (done.returncode, done.stderr) == (0, "")
    assert "the grid that was here is spread" in done.stdout
    assert ask(plain_grid, SPREAD) == ask(growing.here.dsn, SPREAD)
    assert_same_tables(store.load_tables()[0], before)
    local = "SELECT sum(pg_relation_size(logicalrelid)) FROM pg_dist_partition WHERE partmethod = 'h'"
    assert ask(plain_grid, local) == [(0,)]
    done = gridgis_cluster(plain_grid, "init")
    assert "is a coordinator already, and its tables are spread" in done.stdout
    store.load_package(trunk_package(COUNTIES[:1], 300), replace=True)  # what used to be guarded works
    store.unload_county(COUNTIES[0])


def test_an_init_killed_on_its_way_is_completed_by_the_next(plain_grid: str, growing: SpreadGrid) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "gis_service.cli", "cluster", "init"],
        env={**os.environ, "GRIDGIS_ENGINE_DSN": plain_grid},
        stdout=subprocess.DEVNULL,
    ) as process:
        deadline = time.monotonic() + 60
        while not ask(plain_grid, "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'switch'::regclass)")[
            0
        ][0]:
            assert process.poll() is None
            assert time.monotonic() < deadline
        process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60
    while (done := gridgis_cluster(plain_grid, "init")).returncode and time.monotonic() < deadline:
        assert "is changing the cluster" in done.stderr  # the server still ends what was begun
    assert done.returncode == 0, done.stderr
    assert ask(plain_grid, SPREAD) == ask(growing.here.dsn, SPREAD)
    assert_same_tables(store.load_tables()[0], tables_from_package(trunk_package(COUNTIES, 400)))


def test_a_server_that_cannot_be_a_node_is_told_all_that_it_lacks(
    growing: SpreadGrid, reachable_directory: Path
) -> None:
    (reachable_directory / "pg.password").write_text(parse_dsn(growing.here.dsn)["password"] + "\n")
    bare = LocalCluster(reachable_directory, databases={"engine": "nothing"})
    address = f"127.0.0.1:{bare.start().port}"
    try:
        said = refused(growing.here.dsn, "add-node", address)
    finally:
        bare.stop()
    assert f"{address} cannot be a node yet: shared_preload_libraries does not begin with citus" in said
    assert "output_plugin_libraries does not list citus" in said
    assert f"{address} does not let us in" in refused(growing.here.dsn, "add-node", address)


def test_bad_addresses_and_counties_are_refused_before_anything_moves(growing: SpreadGrid) -> None:
    dsn = growing.here.dsn
    assert "'nowhere' is no address: write HOST:PORT" in refused(dsn, "add-node", "nowhere")
    assert "the cluster has no node 127.0.0.1:1; it has:" in refused(dsn, "drain-node", "127.0.0.1:1")
    coordinator = str(
        ask(dsn, "SELECT nodename || ':' || nodeport FROM pg_dist_node WHERE groupid = 0")[0][0]
    )
    assert "is the coordinator" in refused(dsn, "remove-node", coordinator)
    assert "no county 999 is loaded" in refused(dsn, "isolate", "999")
    assert "name the counties to isolate" in refused(dsn, "isolate")


def test_two_commands_at_once_are_one_too_many(growing: SpreadGrid) -> None:
    with alone({"dsn": growing.here.dsn}, "gridgis cluster drain-node"):
        said = refused(growing.here.dsn, "rebalance")
        assert "gridgis cluster drain-node (session" in said
        assert "is changing the cluster: wait until it is done" in said
        assert json.loads(gridgis_cluster(growing.here.dsn, "status", "--json").stdout)["at_work"] is not None


def test_a_node_that_is_away_is_told_and_nothing_waits_for_it(cluster: CitusCluster) -> None:
    store.load_package(trunk_package(COUNTIES, 40))
    names = {worker: f"127.0.0.1:{cluster.ports[worker]}" for worker in (1, 2)}
    with cluster.frozen(2):
        began = time.monotonic()
        done = gridgis_cluster(cluster.dsn, "rebalance")
        assert (done.returncode, done.stdout) == (1, "")
        assert f"{names[2]} does not answer, and the cluster is changed when all its nodes do" in done.stderr
        found = json.loads(gridgis_cluster(cluster.dsn, "status", "--json").stdout)
        assert time.monotonic() - began < 60
    nodes = {one["node"]: one for one in found["nodes"]}
    assert (nodes[names[1]]["answers"], nodes[names[2]]["answers"]) == (True, False)
    assert nodes[names[1]]["bytes"] > 0
    assert (nodes[names[2]]["bytes"], found["shards"]["bytes"], found["prepared_transactions"]) == (None,) * 3
    assert sum(one["counties"] for one in found["nodes"]) == len(COUNTIES)


def test_status_tells_nodes_shards_and_counties(growing: SpreadGrid, django_db_blocker: Any) -> None:
    growing.empty()
    with django_db_blocker.unblock(), stored_in(growing.here.dsn):
        store.load_package(trunk_package(COUNTIES, 200))
        store.close_pools()
    done = gridgis_cluster(growing.here.dsn, "status", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    counted = growing.shards_by_address()
    assert {one["node"]: one["shards"] for one in found["nodes"]} == counted
    assert all(one["answers"] for one in found["nodes"])
    assert sum(one["counties"] for one in found["nodes"]) == 3
    assert [one["county"] for one in sorted(found["counties"], key=lambda one: one["county"])] == COUNTIES
    size = 0
    for (shard,) in ask(
        growing.here.dsn, "SELECT shard_name FROM citus_shards WHERE citus_table_type = 'distributed'"
    ):
        with closing(psycopg2.connect(growing.here.dsn)) as held, held.cursor() as cursor:
            cursor.execute("SELECT pg_total_relation_size(to_regclass(%s))", [shard])
            size += (cursor.fetchone() or (0,))[0]
    assert found["shards"]["bytes"] == size  # all of them lie on the coordinator
    assert (found["moving"], found["prepared_transactions"]) == ([], 0)
    table = gridgis_cluster(growing.here.dsn, "status").stdout
    assert table.startswith("node")
    assert f"{sum(counted.values())} shards of" in table
