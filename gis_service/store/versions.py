"""What version each county is at, and how one learns that it changed.

Versions rise in the same transaction as the change they stand for; a NOTIFY wakes whoever waits, and polling
`county_versions` finds every change even where the NOTIFY was missed.
"""

from __future__ import annotations

import select
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from psycopg2 import extensions, sql

from gis_service.errors import UnknownId
from gis_service.store.database import in_transaction, session

CHANNEL = "gridgis_county"


@dataclass(frozen=True, slots=True)
class CountyVersion:
    """One loaded county: `version` rises with every change, `topology_version` with loads alone."""

    version: int
    topology_version: int
    loaded_at: datetime
    changed_at: datetime


def county_versions() -> dict[str, CountyVersion]:
    """Every loaded county's version by code, sorted; asks all shards, for a few rows each."""
    with in_transaction(read_only=True) as cursor:
        return read_versions(cursor)


def read_versions(
    cursor: extensions.cursor, counties: Collection[str] | None = None
) -> dict[str, CountyVersion]:
    """The versions of the loaded counties (of `counties` alone, where given), sorted by code."""
    query = "SELECT county_code, version, topology_version, loaded_at, changed_at FROM county_version"
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


class ChangeListener:
    """Waits for the announcements of other transactions, also those of other processes."""

    def __init__(self, held: extensions.connection) -> None:
        self._held = held

    def wait(self, timeout_s: float) -> Sequence[str]:
        """The codes of the counties that changed, in order; empty when nothing did within `timeout_s`."""
        self._held.poll()
        if not self._held.notifies and select.select([self._held], [], [], timeout_s)[0]:
            self._held.poll()
        told = [one.payload.rsplit(" ", 1)[0] for one in self._held.notifies]
        self._held.notifies.clear()
        return sorted(set(told))


@contextmanager
def listening() -> Iterator[ChangeListener]:
    """A listener with a connection of its own; what was announced before the block began is not heard."""
    with session() as held:
        held.autocommit = True
        with held.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")
        yield ChangeListener(held)
