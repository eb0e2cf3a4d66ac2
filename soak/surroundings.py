"""Where the campaigns work: a private PostgreSQL of their own, durable as in service; what children are told.

Everything lies below `$GRIDGIS_HOME/soak`; no other database is ever touched. `fsync` and
`synchronous_commit` are on, unlike in the test suite.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from sharding.local import DATABASES, LocalCluster
from sharding.pg_programs import NoServerPrograms, find_server

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Surroundings:
    """One home directory with its cluster; `customers` is the size of a province where one is asked for."""

    home: Path
    cluster: LocalCluster
    customers: int = 1_000_000

    @property
    def dsn(self) -> str:
        """The engine's database."""
        return self.cluster.dsn(DATABASES["engine"])

    def environment(self, **more: str) -> dict[str, str]:
        """What a child process is told."""
        told = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
        numba = {"NUMBA_CACHE_DIR": str(self.home / "numba")}
        here = {"GRIDGIS_HOME": str(self.home), "GRIDGIS_ENGINE_DSN": self.dsn, "GRIDGIS_LOG_LEVEL": "INFO"}
        return {**numba, **told, **here, **more}

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a query, asked past the store."""
        with closing(psycopg2.connect(self.dsn)) as held, held.cursor() as cursor:
            held.autocommit = True
            cursor.execute(sql, values or None)
            return cursor.fetchall() if cursor.description else []

    def gridgis(self, *arguments: str, seconds: float = 300, **more: str) -> subprocess.CompletedProcess[str]:
        """A whole `gridgis` command."""
        return subprocess.run(
            [*GRIDGIS, *arguments],
            cwd=ROOT,
            env=self.environment(**more),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def empty_database(self) -> None:
        """Take every row out."""
        tables = self.query(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            " AND tablename NOT IN ('spatial_ref_sys', 'django_migrations')"
        )
        self.query(f"TRUNCATE {', '.join(name for (name,) in tables)}")


GRIDGIS = [sys.executable, "-m", "gis_service.cli"]


def citus_is_installed() -> bool:
    """Whether this machine has a PostgreSQL with PostGIS and Citus."""
    try:
        find_server(("postgis", "citus"))
    except NoServerPrograms:
        return False
    return True


def migrate(here: Surroundings) -> None:
    """Make the tables, or bring them up to date."""
    done = here.gridgis("migrate")
    if done.returncode:
        raise SystemExit(f"the tables cannot be made: {done.stderr.strip()}")


@contextmanager
def surroundings(customers: int) -> Iterator[Surroundings]:
    """A running cluster with migrated tables; this process' own Django reads the same database."""
    home = Path(os.environ.get("GRIDGIS_HOME") or ".gridgis").absolute() / "soak"
    os.environ.setdefault("NUMBA_CACHE_DIR", str(home / "numba"))
    cluster = LocalCluster(home)
    try:
        cluster.start()
        here = Surroundings(home, cluster, customers)
        os.environ["DJANGO_SETTINGS_MODULE"] = "gis_service.settings"
        os.environ["GRIDGIS_ENGINE_DSN"] = here.dsn
        migrate(here)
        import django

        django.setup()
        yield here
    finally:
        cluster.stop()
