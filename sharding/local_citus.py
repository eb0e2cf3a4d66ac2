"""A Citus cluster of private servers on one machine: a coordinator and workers, each in its own directory.

Knows where the servers lie and that their ports may change from start to start; knows nothing of what the
databases hold. In the directory lie `coordinator/`, `worker-1/`, … (a `LocalCluster` each, with one password
for all), `engine.dsn` (the coordinator's engine database) and `citus.json` (which worker is which node).
"""

from __future__ import annotations

import fcntl
import json
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sharding.coordinator import Coordinator, looking
from sharding.local import DATABASES, ROLE, LocalCluster
from sharding.membership import add_worker, let_nodes_in, make_coordinator, move_addresses, registered
from sharding.pg_account import our_account
from sharding.pg_server import ClusterError, RunningServer
from sharding.pg_settings import HOST

EXTENSIONS = ("citus", "postgis")
ENGINE = DATABASES["engine"]
COORDINATOR = "coordinator"
DEFAULT_WORKERS = 2
_PURPOSE = "gridgis cluster local"
MOST_WORKERS = 32
NOT_ADDED = 0  # Citus counts its nodes from 1


@dataclass(frozen=True, slots=True)
class LocalNode:
    """One server of the cluster: its directory's name, and its process where it runs."""

    name: str
    server: RunningServer | None


class LocalCitus:
    """The cluster of one directory. Several processes may use it: starts and stops take turns.

    Parameters
    ----------
    directory
        Made when absent.
    settings
        PostgreSQL settings of every node on top of our own, which they override.
    """

    def __init__(self, directory: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self.directory = directory.absolute()
        self.settings = dict(settings or {})

    @property
    def nodes(self) -> list[LocalCluster]:
        """The servers that belong to the cluster, the coordinator first; empty before the first start."""
        names = [COORDINATOR, *self._memory()] if (self.directory / COORDINATOR).is_dir() else []
        return [self._node(name) for name in names]

    @property
    def dsn(self) -> str:
        """The libpq URI of the coordinator's engine database, on the port of the last start."""
        return self._node(COORDINATOR).dsn(ENGINE)

    def start(self, workers: int | None = None) -> list[LocalNode]:
        """Start every server of the cluster and make those that are missing; safe to repeat.

        Parameters
        ----------
        workers
            How many there shall be at least; None: as many as there are, or two for a new cluster.

        Raises
        ------
        ClusterError
            A server does not start; there are more workers than asked for.
        NoServerPrograms
            This machine has no PostgreSQL with Citus and PostGIS.
        """
        with self._turn():
            coordinator = self._prepared(COORDINATOR)
            started = [LocalNode(COORDINATOR, coordinator.start())]
            with looking({"dsn": coordinator.dsn(ENGINE)}, _PURPOSE) as session:
                let_nodes_in(session, ROLE, self._password())
                self._forget_removed(session)
                numbers = self._memory()
                for name in self._members(workers):
                    self._remember({**self._memory(), name: numbers.get(name, NOT_ADDED)})
                    worker = self._prepared(name)
                    started.append(LocalNode(name, worker.start()))
                    with looking({"dsn": worker.dsn(ENGINE)}, _PURPOSE) as theirs:
                        let_nodes_in(theirs, ROLE, self._password())
                self._register(session, started)
            our_account().write(self.directory / "engine.dsn", self.dsn + "\n")
            return started

    def stop(self) -> bool:
        """Stop every server, the coordinator first; False when none ran."""
        with self._turn():
            ran = [node.stop() for node in self.nodes]
            return any(ran)

    def status(self) -> list[LocalNode]:
        """The servers that belong to the cluster, the coordinator first; empty before the first start."""
        return [LocalNode(node.home.name, node.status().server) for node in self.nodes]

    def _members(self, wanted: int | None) -> list[str]:
        """The workers that there shall be, those that there are first."""
        there = list(self._memory())
        wanted = (len(there) or DEFAULT_WORKERS) if wanted is None else wanted
        if not 0 <= wanted <= MOST_WORKERS:
            raise ClusterError(f"a cluster on one machine has 0 to {MOST_WORKERS} workers, not {wanted}")
        if wanted < len(there):
            raise ClusterError(
                f"the cluster in {self.directory} has {len(there)} workers, not {wanted}: to have fewer, "
                "drain one and remove it first (gridgis cluster drain-node, remove-node)"
            )
        return [*there, *self._new_names(wanted - len(there))]

    def _new_names(self, number: int) -> list[str]:
        """Names that no directory has: what a worker that was removed has left is never used again."""
        used = [re.fullmatch(r"worker-(\d+)", path.name) for path in self.directory.iterdir()]
        last = max((int(match[1]) for match in used if match), default=0)
        return [f"worker-{last + k}" for k in range(1, number + 1)]

    def _forget_removed(self, session: Coordinator) -> None:
        """Let go of workers that were taken out of the cluster since; their directories stay."""
        numbers = {NOT_ADDED, *registered(session)}
        kept = {name: number for name, number in self._memory().items() if number in numbers}
        for name in self._memory().keys() - kept.keys():
            self._node(name).stop()
        self._remember(kept)

    def _register(self, session: Coordinator, started: list[LocalNode]) -> None:
        """Tell the coordinator where everybody listens today, and make new servers its workers."""
        own, *others = ((one.name, one.server.port) for one in started if one.server is not None)
        numbers = self._memory()
        move_addresses(
            session, {numbers[name]: (HOST, port) for name, port in others if numbers[name] != NOT_ADDED}
        )
        # with workers to come, the coordinator holds no shards
        make_coordinator(session, HOST, own[1], alone=not others)
        for name, port in others:
            if numbers[name] == NOT_ADDED:
                self._remember({**self._memory(), name: add_worker(session, HOST, port)})

    def _prepared(self, name: str) -> LocalCluster:
        """A node whose password is the cluster's, so that the nodes can log in to each other."""
        node = self._node(name)
        node.home.mkdir(parents=True, exist_ok=True)
        if not (node.home / "pg.password").exists():
            our_account().write(node.home / "pg.password", self._password() + "\n")
        return node

    def _node(self, name: str) -> LocalCluster:
        databases = DATABASES if name == COORDINATOR else {"engine": ENGINE}
        return LocalCluster(
            self.directory / name,
            extensions=EXTENSIONS,
            settings=self.settings,
            databases=databases,
            others=self._ports_but_of(name),
        )

    def _ports_but_of(self, name: str) -> set[int]:
        """The ports that the other nodes had last: a port changes hands only between clusters."""
        files = self.directory.glob("*/cluster.json")
        found = (json.loads(file.read_text()).get("port") for file in files if file.parent.name != name)
        return {int(port) for port in found if port is not None}

    def _password(self) -> str:
        file = self.directory / "pg.password"
        if not file.exists():
            our_account().write(file, secrets.token_urlsafe(24) + "\n")
        return file.read_text().strip()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Hold the directory's lock, so that two starts or stops follow one another."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            lock = (self.directory / "citus.lock").open("w")
        except OSError as error:
            raise ClusterError(f"{self.directory} cannot be used: {error.strerror}") from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _memory(self) -> dict[str, int]:
        """The number that Citus gave each worker, by the worker's name."""
        file = self.directory / "citus.json"
        memory: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        return {name: int(number) for name, number in memory.items()}

    def _remember(self, numbers: Mapping[str, int]) -> None:
        if numbers != self._memory() or not (self.directory / "citus.json").exists():
            our_account().write(self.directory / "citus.json", json.dumps(dict(numbers)) + "\n")
