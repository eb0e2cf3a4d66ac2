"""The journal of loads: which began, which finished with its county, and which died on the way.

A load is written down in a transaction of its own when it begins, county by county, and each county's line is
finished in the very transaction that makes the county visible. So a line without an end whose process is gone
tells of a load that changed nothing in that county.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg2 import extensions

from gis_service.store.database import in_transaction
from gis_service.store.locks import LOADING
from gis_service.store.versions import read_versions


@dataclass(frozen=True, slots=True)
class UnfinishedLoad:
    """A load of one county that died; `version` is the county's present one, None where it is not loaded."""

    id: int
    county_code: str
    begun_at: datetime
    host: str
    process: int
    version: int | None

    def __str__(self) -> str:
        stands = "is not loaded" if self.version is None else f"stands at version {self.version}"
        return (
            f"a load of county {self.county_code} begun at {self.begun_at.isoformat(timespec='seconds')} "
            f"(process {self.process} on {self.host}) did not finish: the county {stands} as before; "
            "load it again"
        )


def unfinished_loads() -> list[UnfinishedLoad]:
    """The loads that died and were not acknowledged, by county and time; loads under way are not among them.

    A county that was loaded since is not among them either.
    """
    with in_transaction() as cursor:
        cursor.execute(
            """
            SELECT id, county_code, begun_at, host, process FROM load_run r
            WHERE finished_at IS NULL AND NOT EXISTS (
                SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = %s
                AND objid = (hashtext(r.county_code)::bigint & 4294967295)::oid
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            )
            ORDER BY county_code, begun_at
            """,
            [LOADING],
        )
        rows = cursor.fetchall()
        versions = read_versions(cursor) if rows else {}
    stand = {code: one.version for code, one in versions.items()}
    return [
        UnfinishedLoad(id, county, begun_at, host, process, stand.get(county))
        for id, county, begun_at, host, process in rows
    ]


def acknowledge_loads(loads: Collection[UnfinishedLoad]) -> None:
    """Speak of these loads no more."""
    with in_transaction() as cursor:
        cursor.execute("DELETE FROM load_run WHERE id = ANY(%s)", [sorted(one.id for one in loads)])


def begin_runs(cursor: extensions.cursor, counties: Sequence[str], at: datetime) -> dict[str, int]:
    """Write down that this process begins to load these counties; the lines' numbers by county."""
    cursor.execute(
        """
        INSERT INTO load_run (county_code, begun_at, host, process)
        SELECT code, %s, %s, %s FROM unnest(%s::text[]) code RETURNING county_code, id
        """,
        [at, socket.gethostname(), os.getpid(), list(counties)],
    )
    return dict(cursor.fetchall())


def finish_run(cursor: extensions.cursor, county: str, run: int, rows: int) -> None:
    """Finish a county's line, in the transaction that loads it; what died before it is made good by it."""
    cursor.execute("UPDATE load_run SET finished_at = now(), rows = %s WHERE id = %s", [rows, run])
    cursor.execute(
        "DELETE FROM load_run WHERE county_code = %s AND finished_at IS NULL AND id < %s", [county, run]
    )


def forget_runs(cursor: extensions.cursor, runs: Collection[int]) -> None:
    """Take out the lines of counties that were not loaded after all, and whose user was told so."""
    cursor.execute("DELETE FROM load_run WHERE id = ANY(%s) AND finished_at IS NULL", [sorted(runs)])
