"""What version each county is at.

Versions rise in the same transaction as the change they stand for, and are announced when it commits (see
`changes` for who listens). Asking `county_versions` finds every change, announced or not.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from psycopg2 import extensions, sql

from gis_service.errors import UnknownId
from gis_service.store.database import DEADLINE_S, in_transaction

CHANNEL = "gridgis_county"


@dataclass(frozen=True, slots=True)
class CountyVersion:
    """One loaded county: `version` rises with every change, `topology_version` with loads alone.

    `last_operation` is the number of the newest switch operation in the county's log.
    """

    version: int
    topology_version: int
    loaded_at: datetime
    changed_at: datetime
    last_operation: int


def county_versions(*, deadline_s: float | None = DEADLINE_S) -> dict[str, CountyVersion]:
    """Every loaded county's version by code, sorted; asks all shards, for a few rows each."""
    with in_transaction(read_only=True, deadline_s=deadline_s) as cursor:
        return read_versions(cursor)


def read_versions(
    cursor: extensions.cursor, counties: Collection[str] | None = None
) -> dict[str, CountyVersion]:
    """The versions of the loaded counties (of `counties` alone, where given), sorted by code."""
    query = (
        "SELECT county_code, version, topology_version, loaded_at, changed_at, last_operation"
        " FROM county_version"
    )
    query += " WHERE loaded_at IS NOT NULL"
    if counties is None:
        cursor.execute(query)
    else:
        cursor.execute(query + " AND county_code = ANY(%s)", [sorted(counties)])
    return {code: CountyVersion(*rest) for code, *rest in sorted(cursor.fetchall())}


def require_loaded(cursor: extensions.cursor, counties: Collection[str]) -> dict[str, CountyVersion]:
    """The versions of exactly these counties; UnknownId names those that are not loaded."""
    found = read_versions(cursor, counties)
    missing = sorted(set(counties) - set(found))
    if missing:
        raise UnknownId(missing, what="loaded county")
    return found


def raise_version(
    cursor: extensions.cursor, county: str, at: datetime, *, topology: bool = False, loaded: bool = True
) -> int:
    """Count a change of one county and announce it; the new version.

    `topology`: the grid itself was replaced (or, with `loaded` False, taken out).
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
        RETURNING version
        """,
        {"county": county, "at": at, "loaded": loaded, "topology": topology, "step": int(topology)},
    )
    row = cursor.fetchone()
    assert row is not None
    version = int(row[0])
    cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, f"{county} {version}"])
    return version


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
