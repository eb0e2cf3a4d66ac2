"""Whether the database can be used: its nodes, one by one, and its migrations."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Any

from django.db.migrations.loader import MigrationLoader

from gis_service.store.database import distributed, in_our_words, in_transaction, node_watch
from sharding import placement
from sharding.deadlines import ShardingError

_HEALTH_DEADLINE_S = 3.0
_ALONE = "postgis"


def nodes() -> list[dict[str, Any]]:
    """Every database node with its name, whether it answers, and since when not.

    The coordinator answers, or this raises; the others are told as they were last seen, a moment ago.

    Raises
    ------
    NotReady
        When the database cannot be reached.
    """
    with in_transaction(read_only=True, deadline_s=_HEALTH_DEADLINE_S) as cursor:
        if not distributed(cursor):
            return [{"name": _ALONE, "answers": True, "away_since": None}]
        coordinator = placement.nodes(cursor)[0]
    try:
        workers = node_watch().answering()
    except ShardingError as error:
        raise in_our_words(error) from error
    told = [{"name": str(coordinator), "answers": True, "away_since": None}]
    for node, away in workers.items():
        since = None if away is None else away.since.isoformat(timespec="milliseconds")
        told.append({"name": str(node), "answers": away is None, "away_since": since})
    return told


def node_names(counties: Collection[str]) -> dict[str, str]:
    """The name of the node that holds each county.

    Raises
    ------
    NotReady
        When the coordinator cannot be asked.
    """
    try:
        watch = node_watch()
        if not watch.spread:
            return dict.fromkeys(counties, _ALONE)
        return {county: str(node) for county, node in watch.places(counties).items()}
    except ShardingError as error:
        raise in_our_words(error) from error


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
