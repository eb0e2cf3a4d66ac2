"""Clusters on one machine, made, stopped and started again; real servers.

Expected answers come from Citus' own catalogues and from the rows that a test put in.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sharding.local_citus import LocalCitus
from sharding.pg_server import ClusterError
from tests.cluster.citus_cluster import ENGINE, SETTINGS, ask

pytestmark = pytest.mark.citus

GRIDGIS = [sys.executable, "-m", "gis_service.cli", "cluster", "local"]


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gridgis-local-") as made:
        Path(made).chmod(0o711)
        yield Path(made)
        LocalCitus(Path(made)).stop()


@pytest.fixture
def local(directory: Path) -> LocalCitus:
    return LocalCitus(directory, settings=SETTINGS)


def shards(local: LocalCitus) -> dict[int, int]:
    """How many shards each port has."""
    return dict(ask(local.dsn, "SELECT nodeport, count(*) FROM citus_shards GROUP BY 1"))


def test_a_cluster_started_again_has_its_rows_and_finds_a_node_that_had_to_move(local: LocalCitus) -> None:
    coordinator, worker = local.start(workers=1)
    assert coordinator.server is not None
    assert worker.server is not None
    ask(local.dsn, "CREATE TABLE kept (n int PRIMARY KEY)")
    ask(local.dsn, "SELECT create_distributed_table('kept', 'n')")
    ask(local.dsn, "INSERT INTO kept SELECT generate_series(1, 100)")
    assert shards(local) == {worker.server.port: 8}  # the coordinator holds none beside a worker
    assert local.stop()
    assert not local.stop()

    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", worker.server.port))
        other.listen()
        _, moved = local.start()
    assert moved.server is not None
    assert moved.server.port not in (worker.server.port, coordinator.server.port)
    assert shards(local) == {moved.server.port: 8}
    assert ask(local.dsn, "SELECT count(*), sum(n) FROM kept") == [(100, 5050)]
    assert ask(local.nodes[1].dsn(ENGINE), "SELECT count(*) FROM kept") == [(100,)]


def test_more_workers_are_added_and_fewer_refused(local: LocalCitus) -> None:
    local.start(workers=1)
    before = local.status()
    started = local.start(workers=2)
    assert [node.name for node in started] == ["coordinator", "worker-1", "worker-2"]
    assert started[:2] == before  # those that ran run on
    assert ask(local.dsn, "SELECT count(*) FROM citus_check_cluster_node_health() WHERE result") == [(9,)]
    with pytest.raises(ClusterError, match="has 2 workers, not 1: to have fewer, drain one"):
        local.start(workers=1)


def test_a_worker_taken_out_of_the_cluster_stays_out(local: LocalCitus) -> None:
    port = local.start(workers=2)[-1].server
    assert port is not None
    ask(local.dsn, "SELECT citus_remove_node('127.0.0.1', %s)", port.port)
    name = local.nodes[-1].home.name
    assert name not in [node.name for node in local.start()]
    again = local.start(workers=2)[-1]
    assert again.name not in (name, "worker-1")  # a new one: what the old one has left is not used


def test_the_command_runs_until_it_is_interrupted_and_leaves_nothing_behind(directory: Path) -> None:
    elsewhere = directory / "command"
    with subprocess.Popen(
        [*GRIDGIS, "--workers", "0", "--directory", elsewhere],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if "Ctrl-C" in line:
                break
        cluster = LocalCitus(elsewhere)
        server = cluster.status()[0].server
        assert server is not None
        assert f"coordinator: 127.0.0.1:{server.port}, process {server.pid}" in said
        assert cluster.dsn in said
        assert ask(cluster.dsn, "SELECT nodeport, shouldhaveshards FROM pg_dist_node") == [
            (server.port, True)
        ]
        process.send_signal(signal.SIGINT)
        said = process.stdout.read()
    assert process.returncode == 0
    assert "the data is kept" in said
    assert [node.server for node in cluster.status()] == [None]
    status = subprocess.run([*GRIDGIS, "status", "--directory", elsewhere], capture_output=True, text=True)
    assert (status.returncode, status.stdout) == (1, "coordinator: does not run\n")
