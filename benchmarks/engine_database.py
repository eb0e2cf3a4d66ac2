"""The engine's own database on the benchmarks' server, for contests that load a province or serve it.

Names the settings and the database to Django, which can be told only once in a process.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager

from benchmarks.server import connect, database
from benchmarks.setting import Setting
from gis_service.errors import NotReady
from gis_service.home import DSN_VARIABLE
from sharding.local import LocalCluster

NAME = "engine"
_PLACES = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}


def engine_database(cluster: LocalCluster, setting: Setting) -> str:
    """The DSN of the engine's database, its tables made; Django knows it from now on.

    Raises
    ------
    NotReady
        When Django works with another database already.
    """
    from django.apps import apps

    dsn = database(cluster, NAME, edition="made by migrate", fill=lambda _: None, setting=setting)
    if apps.ready and os.environ.get(DSN_VARIABLE) != dsn:
        raise NotReady("this process works with another database: run gridgis bench by itself")
    os.environ[DSN_VARIABLE] = dsn
    os.environ["DJANGO_SETTINGS_MODULE"] = "gis_service.settings"
    import django
    from django.core.management import call_command
    from django.db import connections

    django.setup()
    connections.close_all()  # those of an earlier contest ended with its server
    call_command("migrate", verbosity=0, interactive=False, skip_checks=True)
    return dsn


@contextmanager
def working_on(dsn: str) -> Iterator[None]:
    """Let the store of this process work on another database for a while."""
    from django.db import connections
    from psycopg2.extensions import parse_dsn

    held = connections["default"]
    before = dict(held.settings_dict)
    parts = parse_dsn(dsn)
    held.close()
    held.settings_dict.update({key: parts.get(name, "") for key, name in _PLACES.items()})
    try:
        yield
    finally:
        held.close()
        held.settings_dict.update(before)


def empty(dsn: str) -> None:
    """Take every row out of the engine's tables, and let the server write what it still has to write."""
    with closing(connect(dsn)) as session, session.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables WHERE schemaname = 'public' "
            "AND tablename NOT IN ('django_migrations', 'spatial_ref_sys')"
        )
        (tables,) = cursor.fetchone() or ("",)
        cursor.execute(f"TRUNCATE {tables}")
        cursor.execute("CHECKPOINT")
