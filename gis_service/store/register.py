"""The register: what every county stands at, in one table that no node but the coordinator is needed for.

Each change of a county enters it in the transaction that makes it, so a county whose node is away is known to
stand where the register says: nothing can have changed it since. The newest switchings stand there too, so
that who follows a county need not ask its node. A county's own row (`county_version`, beside its shard) tells
at which version its other rows are; the two part only while a write is being decided, see `settling`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2 import extensions
from psycopg2.extras import Json

from gis_service.errors import Conflict

CHANNEL = "gridgis_county"
_KEPT = 200
"""Switchings of a county that the register keeps; who is further behind reads the county's own rows."""


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


class Unsettled(Conflict):
    """The register and a county's own row disagree: a write of it was cut off and is not decided yet."""

    def __init__(self, county: str) -> None:
        self.county = county
        super().__init__(
            f"an earlier write of county {county} was cut off and is being settled: repeat the request"
        )


_COLUMNS = "county_code, version, topology_version, loaded_at, changed_at, last_operation"


def registered(
    cursor: extensions.cursor, counties: Collection[str] | None = None
) -> dict[str, CountyVersion]:
    """The versions of the loaded counties (of `counties` alone, where given), sorted by code."""
    query = f"SELECT {_COLUMNS} FROM county_register WHERE loaded_at IS NOT NULL"
    if counties is None:
        cursor.execute(query)
    else:
        cursor.execute(query + " AND county_code = ANY(%s)", [sorted(counties)])
    return {code: CountyVersion(*rest) for code, *rest in sorted(cursor.fetchall())}


def stored_versions(cursor: extensions.cursor, counties: Collection[str]) -> dict[str, CountyVersion]:
    """The versions that the counties' own rows tell, of those that are loaded; asks their nodes."""
    query = f"SELECT {_COLUMNS} FROM county_version WHERE loaded_at IS NOT NULL AND county_code = ANY(%s)"
    cursor.execute(query, [sorted(counties)])
    return {code: CountyVersion(*rest) for code, *rest in sorted(cursor.fetchall())}


def ever_registered(cursor: extensions.cursor) -> list[str]:
    """Every county that was ever loaded, sorted: what happened in one stays on record when it is gone."""
    cursor.execute("SELECT county_code FROM county_register")
    return sorted(code for (code,) in cursor.fetchall())


def operated_until(cursor: extensions.cursor) -> dict[str, datetime]:
    """By county, a time after which no operation of its present load lies; absent where there is none."""
    cursor.execute("SELECT county_code, operated_until FROM county_register WHERE operated_until IS NOT NULL")
    return dict(cursor.fetchall())


def enter(
    cursor: extensions.cursor,
    county: str,
    row: tuple[int, int, int, datetime | None, datetime],
    *,
    topology: bool,
    switched: Mapping[str, bool],
    until: datetime | None,
) -> None:
    """Enter and announce what a county stands at from this transaction on.

    Parameters
    ----------
    row
        version, topology version, last operation, loaded and changed: as its own row has them.
    topology
        Whether the grid itself was replaced: what was switched before counts no more.
    switched
        How the switches operated by it stand now.
    until
        The latest time at which one of them was operated.

    Raises
    ------
    Unsettled
        When the version before this one is not that of the register.
    """
    version, last_operation = row[0], row[2]
    cursor.execute(
        "SELECT version, last_operation, operated_until, recent FROM county_register"
        " WHERE county_code = %s FOR UPDATE",
        [county],
    )
    before = cursor.fetchone()
    if (0 if before is None else before[0]) != version - 1:
        raise Unsettled(county)
    recent: list[Any] = []
    if before is not None and not topology:
        recent = _kept([*before[3], [before[1], last_operation, dict(switched)]])
        until = max((one for one in (before[2], until) if one is not None), default=None)
    values = [county, *row, until, Json(recent)]
    _write(cursor, values)
    cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, f"{county} {version}"])


def recently_switched(
    cursor: extensions.cursor, positions: Mapping[str, int | None]
) -> tuple[dict[str, bool], set[str]]:
    """Switches operated since these positions of their counties' logs, and the counties it is told for.

    A county is not told for when the register does not reach back so far.
    """
    cursor.execute(
        "SELECT county_code, last_operation, recent FROM county_register WHERE county_code = ANY(%s)",
        [sorted(positions)],
    )
    found: dict[str, bool] = {}
    told: set[str] = set()
    for county, last, recent in cursor.fetchall():
        position = positions[county]
        if position is None:
            continue
        later = [step for step in recent if step[1] > position]
        if position == last or (later and later[0][0] <= position):
            told.add(county)
            for _, _, switched in later:
                found.update(switched)
    return found, told


def mend(cursor: extensions.cursor, counties: Collection[str]) -> list[str]:
    """Enter what the register has missed of these counties, and announce it; the counties, sorted.

    A write to one node alone is committed there before it is committed here; what dies in between leaves the
    county's own row ahead.
    """
    known = registered_versions(cursor, counties)
    cursor.execute(
        "SELECT v.county_code, v.version, v.topology_version, v.last_operation, v.loaded_at, v.changed_at"
        " FROM county_version v WHERE v.county_code = ANY(%s)",
        [sorted(counties)],
    )
    ahead = [row for row in sorted(cursor.fetchall()) if row[1] > known.get(row[0], 0)]
    mended: list[str] = []
    for county, *row in ahead:
        cursor.execute(
            "SELECT max(at) FROM switch_operation WHERE county_code = %s AND epoch = %s", [county, row[1]]
        )
        (until,) = cursor.fetchone() or (None,)
        # a write that is just being committed holds this row, and leaves nothing to mend
        cursor.execute("SELECT version FROM county_register WHERE county_code = %s FOR UPDATE", [county])
        (now,) = cursor.fetchone() or (0,)
        if now < row[0]:
            _write(cursor, [county, *row, until, Json([])])
            cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, f"{county} {row[0]}"])
            mended.append(county)
    return mended


def registered_versions(cursor: extensions.cursor, counties: Collection[str]) -> dict[str, int]:
    """The version in the register of each of these counties, loaded or not."""
    cursor.execute(
        "SELECT county_code, version FROM county_register WHERE county_code = ANY(%s)", [sorted(counties)]
    )
    return dict(cursor.fetchall())


def _write(cursor: extensions.cursor, values: list[Any]) -> None:
    cursor.execute(
        """
        INSERT INTO county_register
            (county_code, version, topology_version, last_operation, loaded_at, changed_at,
             operated_until, recent)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (county_code) DO UPDATE SET
            version = excluded.version, topology_version = excluded.topology_version,
            last_operation = excluded.last_operation, loaded_at = excluded.loaded_at,
            changed_at = excluded.changed_at, operated_until = excluded.operated_until,
            recent = excluded.recent
        """,
        values,
    )


def _kept(steps: list[Any]) -> list[Any]:
    """The newest steps that together are not too many switches; a step is (from, to, switch → open)."""
    kept: list[Any] = []
    size = 0
    for step in reversed(steps):
        size += len(step[2])
        if kept and size > _KEPT:
            break
        kept.append(step)
    return kept[::-1] if size <= _KEPT or len(kept) > 1 else []
