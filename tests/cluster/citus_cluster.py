"""Three private servers on loopback that make one Citus cluster: a coordinator and two workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2
from django.apps import apps
from django.db import connections
from psycopg2.extensions import parse_dsn

from sharding.local import DATABASES, LocalCluster
from sharding.local_citus import EXTENSIONS, LocalCitus

ENGINE = DATABASES["engine"]
SETTINGS = {
    "shared_buffers": "64MB",
    "fsync": "off",
    "citus.shard_count": "8",
    "citus.max_cached_conns_per_worker": "1",
}


class CitusCluster(LocalCitus):
    """The three servers; the coordinator's engine database is the one everybody talks to."""

    def __init__(self, directory: Path, **settings: str) -> None:
        super().__init__(directory, settings={**SETTINGS, **settings})

    def migrate(self, *target: str) -> None:
        command = [sys.executable, "-m", "gis_service", "migrate", *target]
        done = subprocess.run(
            command,
            env={**os.environ, "GRIDGIS_ENGINE_DSN": self.dsn},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return ask(self.dsn, query, *values)

    def empty(self) -> None:
        """Take every row out; DELETE where it may, and one statement at a time, as a cluster wants it."""
        tables = [model._meta.db_table for model in apps.get_app_config("gis_service").get_models()]
        for table in [*(one for one in tables if one != "county"), "county"]:
            self.ask(f"DELETE FROM {table}")

    @contextmanager
    def frozen(self, worker: int) -> Iterator[None]:
        """A worker that neither answers nor hangs up, as when the network is lost."""
        stopped: list[int] = []
        try:
            self._stop_all_of(worker, stopped)
            yield
        finally:
            signal_all(stopped, signal.SIGCONT)

    def kill(self, worker: int) -> None:
        """End all of a worker's server at once, as a power failure would.

        Killing the first process alone leaves the others a moment in which they may still commit.
        """
        stopped: list[int] = []
        try:
            self._stop_all_of(worker, stopped)
        finally:
            signal_all(stopped, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while self.nodes[worker].status().server is not None:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def _stop_all_of(self, worker: int, stopped: list[int]) -> None:
        """Stop the postmaster, which then makes and reaps no children, and after it each of its children.

        Each process is noted before it is stopped: whatever happens here, the caller can wake them all.
        """
        server = self.nodes[worker].status().server
        assert server is not None
        stopped.append(server.pid)
        os.kill(server.pid, signal.SIGSTOP)
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        stopped.extend(map(int, children))
        signal_all(stopped[1:], signal.SIGSTOP)

    def revive(self, worker: int) -> None:
        """Start it again on its old port; finishing what was prepared there is the service's business."""
        port = self.ports[worker]
        node = self.nodes[worker]
        LocalCluster(
            node.home, port=port, extensions=EXTENSIONS, settings=self.settings, databases=node.databases
        ).start()

    @property
    def ports(self) -> list[int]:
        found = [urlsplit(node.dsn(ENGINE)).port for node in self.nodes]
        return [port for port in found if port is not None]


def signal_all(processes: list[int], sent: signal.Signals) -> None:
    """Send it to those that are still there: a session may end while the signals go out."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, sent)


def ask(dsn: str, query: str, *values: object) -> list[tuple[Any, ...]]:
    with closing(psycopg2.connect(dsn)) as held:
        held.autocommit = True
        with held.cursor() as cursor:
            cursor.execute(query, values or None)
            return cursor.fetchall() if cursor.description else []


@contextmanager
def stored_in(dsn: str) -> Iterator[None]:
    """Let the store of this process work on another database for a while."""
    held = connections["default"]
    before = dict(held.settings_dict)
    parts = parse_dsn(dsn)
    held.close()
    held.settings_dict.update(
        NAME=parts["dbname"],
        USER=parts.get("user", ""),
        PASSWORD=parts.get("password", ""),
        HOST=parts.get("host", ""),
        PORT=parts.get("port", ""),
    )
    try:
        yield
    finally:
        held.close()
        held.settings_dict.clear()
        held.settings_dict.update(before)
