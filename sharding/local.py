"""The private cluster of one GRIDGIS_HOME: its place, its port, its password and its two databases.

Never touches a cluster it did not make; knows nothing of what the databases hold. In the home directory lie
`cluster.json` (where the data is, which port), `pg.password`, `engine.dsn` and `api.dsn` (one libpq URI each;
all three with mode 0600), and `pg/` with the data, unless `cluster.json` names another place for it.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psycopg2
from psycopg2 import sql

from sharding.pg_account import choose_account, choose_directory, our_account
from sharding.pg_server import START_SECONDS, ClusterError, PrivateServer, RunningServer, port_is_free
from sharding.pg_settings import HOST

__all__ = ["DATABASES", "ROLE", "ClusterError", "ClusterStatus", "LocalCluster"]

ROLE = "gridgis"
DATABASES = {"engine": "gridgis_engine", "api": "gridgis_api"}
FIRST_PORT = 54321
PORTS_TRIED = 200
_RECOVERING = ("in recovery mode", "is starting up", "not yet accepting connections", "terminated abnormally")


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """What is seen of the cluster: `directory` is None before it is made, `server` when it does not run."""

    directory: Path | None
    server: RunningServer | None


class LocalCluster:
    """The cluster of one home directory. Several processes may use it: starts and stops take turns.

    Parameters
    ----------
    home
        Directory of this cluster; made when absent.
    port
        Listen on this port and no other. None: that of the last start if it is still free, else a free one.
    extensions
        What the engine's database gets.
    settings
        PostgreSQL settings on top of our own, which they override.
    databases
        The databases to make, by the process that uses each; `engine` is one of them.
    others
        Ports that belong to other servers, whether these run now or not.
    """

    def __init__(
        self,
        home: Path,
        *,
        port: int | None = None,
        extensions: Sequence[str] = ("postgis",),
        settings: Mapping[str, str] | None = None,
        databases: Mapping[str, str] = DATABASES,
        others: Collection[int] = (),
    ) -> None:
        self.home = home.absolute()
        self.port = port
        self.extensions = tuple(extensions)
        self.settings = dict(settings or {})
        self.databases = dict(databases)
        self.others = frozenset(others)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The cluster that GRIDGIS_HOME (default ./.gridgis) and GRIDGIS_PG_PORT describe."""
        port = environment.get("GRIDGIS_PG_PORT") or None
        if port is not None and not (port.isdigit() and 0 < int(port) < 65536):
            raise ClusterError(f"GRIDGIS_PG_PORT is {port!r}; it must be a port number, 1 to 65535")
        return cls(Path(environment.get("GRIDGIS_HOME") or ".gridgis"), port=int(port) if port else None)

    def start(self) -> RunningServer:
        """Make the cluster if there is none, start it if it does not run, and complete its databases.

        Safe to repeat; recovers from a killed start and from a killed server. Committed data stays.

        Raises
        ------
        ClusterError
            The server does not start, or the port asked for belongs to another program.
        NoServerPrograms
            This machine has no PostgreSQL with these extensions.
        """
        with self._turn():
            server = self._server() or self._make()
            running = server.running()
            if running and self.port not in (None, running.port):
                server.stop()
                running = None
            running = running or server.start(self._choose_port)
            self._remember(port=running.port)
            self._complete_databases(server)
            return running

    def stop(self) -> bool:
        """Stop the server, disconnecting whoever is left; False when it did not run."""
        with self._turn():
            server = self._server()
            if server is None or server.running() is None:
                return False
            server.stop()
            return True

    def status(self) -> ClusterStatus:
        """Where the data is, and the server's process and port if it runs."""
        server = self._server()
        return ClusterStatus(server.directory, server.running()) if server else ClusterStatus(None, None)

    def dsn(self, database: str) -> str:
        """Return the libpq URI of a database for the superuser `gridgis`, on the port of the last start."""
        password = (self.home / "pg.password").read_text().strip()
        return f"postgresql://{ROLE}:{password}@{HOST}:{self._memory()['port']}/{database}"

    def _server(self) -> PrivateServer | None:
        """The server, if one was made here before."""
        place = self._memory().get("directory")
        if place is None or not self.home.joinpath(place).is_dir():
            return None
        server = self._server_in(self.home / place)
        return server if server.is_made else None

    def _make(self) -> PrivateServer:
        preferred = self.home / "pg"
        account = choose_account(preferred)
        directory = choose_directory(preferred, account)
        if directory != preferred:
            print(
                f"PostgreSQL runs as {account.name}, who cannot reach {self.home}: its data is in {directory}"
            )
        self._remember(directory="pg" if directory == preferred else str(directory))
        server = self._server_in(directory)
        if not server.is_made:
            server.make(self._new_password())
        return server

    def _new_password(self) -> str:
        """A new password, or the one that lies here: who makes several servers with one puts it there."""
        file = self.home / "pg.password"
        if not file.exists():
            our_account().write(file, secrets.token_urlsafe(24) + "\n")
        return file.read_text().strip()

    def _server_in(self, directory: Path) -> PrivateServer:
        return PrivateServer(directory, superuser=ROLE, extensions=self.extensions, settings=self.settings)

    def _choose_port(self) -> int:
        if self.port is not None:
            if port_is_free(self.port):
                return self.port
            raise ClusterError(
                f"port {self.port} is taken by another program: "
                "set GRIDGIS_PG_PORT to a free one, or unset it to have one chosen"
            )
        for port in (self._memory().get("port"), *range(FIRST_PORT, FIRST_PORT + PORTS_TRIED)):
            if port is not None and port not in self.others and port_is_free(port):
                return int(port)
        raise ClusterError(
            f"no port of {HOST} from {FIRST_PORT} on is free: set GRIDGIS_PG_PORT to a free one"
        )

    def _complete_databases(self, server: PrivateServer) -> None:
        with closing(self._connect("postgres")) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('data_directory'), ARRAY(SELECT datname::text FROM pg_database)"
            )
            served, existing = cursor.fetchone() or ("", [])
            if Path(served).resolve() != server.data.resolve():
                raise ClusterError(
                    f"the server on port {self._memory()['port']} is not ours: it serves {served}"
                )
            for database in self.databases.values():
                if database not in existing:
                    cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        with closing(self._connect(self.databases["engine"])) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT array_agg(extname::text) FROM pg_extension")
            (present,) = cursor.fetchone() or ([],)
            for extension in self.extensions:
                # asked first, because a Citus worker that rejoins refuses even IF NOT EXISTS
                if extension not in present:
                    cursor.execute(sql.SQL("CREATE EXTENSION {}").format(sql.Identifier(extension)))
        for process, database in self.databases.items():
            our_account().write(self.home / f"{process}.dsn", self.dsn(database) + "\n")

    def _connect(self, database: str) -> psycopg2.extensions.connection:
        """A connection, once the server has recovered: one that runs may do so after a session was killed."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                quiet = "-c client_min_messages=warning"
                connection = psycopg2.connect(self.dsn(database), connect_timeout=10, options=quiet)
            except psycopg2.OperationalError as error:
                if not any(said in str(error) for said in _RECOVERING) or time.monotonic() > deadline:
                    raise ClusterError(
                        f"the cluster of {self.home} runs, but refuses our connection: {error}"
                    ) from error
                time.sleep(0.1)
            else:
                connection.autocommit = True
                return connection

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Hold this home's lock, so that two starts or stops follow one another."""
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            lock = (self.home / "cluster.lock").open("w")
        except PermissionError as error:
            message = (
                f"{self.home} belongs to another account: work as that one, or set GRIDGIS_HOME elsewhere"
            )
            raise ClusterError(message) from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _memory(self) -> dict[str, Any]:
        file = self.home / "cluster.json"
        memory: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        return memory

    def _remember(self, **changes: Any) -> None:
        memory = self._memory()
        if {**memory, **changes} != memory:
            our_account().write(self.home / "cluster.json", json.dumps({**memory, **changes}) + "\n")
