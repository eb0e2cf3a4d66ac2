"""The PostgreSQL that peers and loads are measured on: a private cluster of its own, with room to breathe.

Knows nothing of grids. The cluster lies beside the benchmarks' data and stops when the benchmarks end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection

from benchmarks.setting import Setting
from sharding.local import LocalCluster

SETTINGS = {
    "shared_buffers": "2GB",
    "effective_cache_size": "6GB",
    "work_mem": "256MB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "random_page_cost": "1.1",
    "max_parallel_workers_per_gather": "0",
    "log_min_duration_statement": "-1",
}
"""All of a million customers' tables fit into the buffers; the disk is never read while timing."""

SMALL = SETTINGS | {"shared_buffers": "128MB", "maintenance_work_mem": "64MB"}

Fill = Callable[[connection], None]


@contextmanager
def server(setting: Setting) -> Iterator[LocalCluster]:
    """The running cluster; stopped again unless it ran before."""
    cluster = LocalCluster(setting.data / "cluster", settings=SMALL if setting.quick else SETTINGS)
    ran = cluster.status().server is not None
    cluster.start()
    try:
        yield cluster
    finally:
        if not ran:
            cluster.stop()


def database(cluster: LocalCluster, name: str, *, edition: str, fill: Fill, setting: Setting) -> str:
    """The DSN of a database that `fill` has filled; made again when its edition is another one.

    A filling that broke off leaves no edition, and is begun anew.
    """
    with closing(connect(cluster.dsn("postgres"))) as session, session.cursor() as cursor:
        cursor.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [name]
        )
        found = cursor.fetchone()
        if found == (edition,):
            return cluster.dsn(name)
        setting.say(f"filling the database {name}, once")
        cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
        cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        with closing(connect(cluster.dsn(name))) as inside:
            fill(inside)
        cursor.execute(
            sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), sql.Literal(edition))
        )
        cursor.execute("CHECKPOINT")
    return cluster.dsn(name)


def connect(dsn: str) -> connection:
    """A connection that commits every statement."""
    session = psycopg2.connect(dsn)
    session.autocommit = True
    return session


def has_extension(dsn: str, name: str) -> bool:
    """Whether this PostgreSQL could be given an extension."""
    with closing(connect(dsn)) as session, session.cursor() as cursor:
        cursor.execute("SELECT FROM pg_available_extensions WHERE name = %s", [name])
        return cursor.fetchone() is not None
