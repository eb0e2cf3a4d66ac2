"""What version each county is at, and how a change raises it.

Versions rise in the same transaction as the change they stand for, in the county's own row and in the
register, and are announced when it commits (see `changes` for who listens). Asking `county_versions` finds
every change, announced or not, and needs no node but the coordinator.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from psycopg2 import extensions, sql

from gis_service.errors import UnknownId
from gis_service.store import register
from gis_service.store.database import DEADLINE_S, in_transaction
from gis_service.store.register import CHANNEL, CountyVersion
from gis_service.store.register import registered as read_versions

__all__ = [
    "CHANNEL",
    "CountyVersion",
    "count_up",
    "county_versions",
    "raise_version",
    "read_versions",
    "require_loaded",
]


def county_versions(*, deadline_s: float | None = DEADLINE_S) -> dict[str, CountyVersion]:
    """Every loaded county's version by code, sorted; asks the coordinator alone."""
    with in_transaction(read_only=True, deadline_s=deadline_s) as cursor:
        return read_versions(cursor)


def operated_until() -> dict[str, datetime]:
    """By county, a time after which no operation of its present load lies; absent where it has none."""
    with in_transaction(read_only=True) as cursor:
        return register.operated_until(cursor)


def require_loaded(cursor: extensions.cursor, counties: Collection[str]) -> dict[str, CountyVersion]:
    """The versions of exactly these counties; UnknownId names those that are not loaded."""
    found = read_versions(cursor, counties)
    missing = sorted(set(counties) - set(found))
    if missing:
        raise UnknownId(missing, what="loaded county")
    return found


def raise_version(
    cursor: extensions.cursor,
    county: str,
    at: datetime,
    *,
    topology: bool = False,
    loaded: bool = True,
    switched: Mapping[str, bool] | None = None,
    until: datetime | None = None,
) -> int:
    """Count a change of one county and announce it; the new version.

    Parameters
    ----------
    topology
        The grid itself was replaced (or, with `loaded` False, taken out).
    switched, until
        How switches stand that were operated, and the latest time of it.

    Raises
    ------
    Unsettled
        When an earlier write of the county was cut off and is not settled yet.
    """
    cursor.execute(
        """
        INSERT INTO county_version
            (county_code, version, topology_version, last_operation, last_interruption, loaded_at, changed_at)
        VALUES (%(county)s, 1, 1, 0, 0, CASE WHEN %(loaded)s THEN %(at)s::timestamptz END, %(at)s)
        ON CONFLICT (county_code) DO UPDATE SET
            version = county_version.version + 1,
            topology_version = county_version.topology_version + %(step)s,
            loaded_at = CASE WHEN %(topology)s THEN excluded.loaded_at ELSE county_version.loaded_at END,
            changed_at = excluded.changed_at
        RETURNING version, topology_version, last_operation, loaded_at, changed_at
        """,
        {"county": county, "at": at, "loaded": loaded, "topology": topology, "step": int(topology)},
    )
    row = cursor.fetchone()
    assert row is not None
    register.enter(cursor, county, row, topology=topology, switched=switched or {}, until=until)
    return int(row[0])


def count_up(cursor: extensions.cursor, county: str, counter: str, by: int) -> tuple[int, int]:
    """The counter after counting up, and the county's epoch."""
    query = sql.SQL(
        "UPDATE county_version SET {0} = {0} + %s WHERE county_code = %s AND loaded_at IS NOT NULL "
        "RETURNING {0}, topology_version"
    ).format(sql.Identifier(counter))
    cursor.execute(query, [by, county])
    row = cursor.fetchone()
    if row is None:
        raise UnknownId([county], what="loaded county")
    return int(row[0]), int(row[1])
