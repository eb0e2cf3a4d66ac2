"""Whether the database can be used: its nodes, one by one, and its migrations."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.db.migrations.loader import MigrationLoader

from gis_service.store.database import connection_parameters, distributed, in_transaction
from sharding import placement

_HEALTH_DEADLINE_S = 3.0


def nodes() -> list[dict[str, Any]]:
    """Every database node with its name, and whether it answers; the coordinator answers, or this raises.

    Raises
    ------
    NotReady
        When the database cannot be reached.
    """
    with in_transaction(read_only=True, deadline_s=_HEALTH_DEADLINE_S) as cursor:
        if not distributed(cursor):
            return [{"name": "postgis", "answers": True}]
        coordinator, *workers = placement.nodes(cursor)
    answers = {coordinator: True, **placement.answering(workers, connection_parameters())}
    return [{"name": str(node), "answers": up} for node, up in answers.items()]


def missing_migrations() -> list[str]:
    """Names of the migrations of this code that the database has not seen, in order."""
    wanted = _ours()
    with in_transaction(read_only=True, deadline_s=_HEALTH_DEADLINE_S) as cursor:
        cursor.execute("SELECT to_regclass('django_migrations') IS NOT NULL")
        row = cursor.fetchone()
        if row is None or not row[0]:
            return list(wanted)
        cursor.execute("SELECT name FROM django_migrations WHERE app = 'gis_service'")
        done = {name for (name,) in cursor.fetchall()}
    return [name for name in wanted if name not in done]


@lru_cache(maxsize=1)
def _ours() -> tuple[str, ...]:
    found = MigrationLoader(None, ignore_no_migrations=True).disk_migrations or {}
    return tuple(sorted(name for app, name in found if app == "gis_service"))
