"""Writing the record of switching: operations, switch states, interruption intervals, versions.

One `GridTransaction` is one database transaction over any number of counties: all of it happens or none.
Knows how each fact is stored and what may not contradict; who lost supply is for the caller to say.
The usual order: lock, look for keys already used, append, set, open and close intervals, bump.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime

import pyarrow as pa
from psycopg2 import sql

from gis_service.errors import UnknownId
from gis_service.network.tables import GridTables
from gis_service.store.database import DEADLINE_S, in_transaction
from gis_service.store.intervals import IntervalWriter
from gis_service.store.locks import lock_for_writing
from gis_service.store.operations import (
    NewOperation,
    Operation,
    SwitchStates,
    read_operations,
    read_switch_states,
)
from gis_service.store.tables import read_tables
from gis_service.store.versions import CountyVersion, count_up, raise_version, read_versions, require_loaded
from sharding.copy import copy_in

_TEXT, _TIME = pa.large_string(), pa.timestamp("us", tz="UTC")
_OPERATION_TYPES = {
    "county_code": _TEXT,
    "switch_id": _TEXT,
    "open": pa.bool_(),
    "at": _TIME,
    "recorded_at": _TIME,
    "reason": _TEXT,
    "operator": _TEXT,
    "idempotency_key": _TEXT,
    "id": pa.int64(),
    "epoch": pa.int64(),
}


@contextmanager
def transaction(*, deadline_s: float | None = DEADLINE_S) -> Iterator[GridTransaction]:
    """One transaction over the grid's record: commits when the block ends, rolls back when it raises.

    Raises
    ------
    OutcomeUnknown
        The commit was sent and not confirmed: look the idempotency keys up before trying again.
    NotReady, Conflict
        Nothing was written.
    """
    with in_transaction(deadline_s=deadline_s) as cursor:
        yield GridTransaction(cursor)


class GridTransaction(IntervalWriter):
    """The writes of one transaction; see the module for their order. `cursor` is for the store's own use."""

    def versions(self) -> dict[str, CountyVersion]:
        """The versions of all loaded counties, as this transaction sees them."""
        return read_versions(self.cursor)

    def tables(self) -> GridTables:
        """The electrical layers of all loaded counties, as this transaction sees them."""
        return read_tables(self.cursor)

    def lock_counties(self, counties: Collection[str]) -> dict[str, CountyVersion]:
        """Become the only writer of these counties and return their versions.

        Raises
        ------
        UnknownId
            For counties that are not loaded.
        Conflict
            Another writer holds one for too long.
        """
        lock_for_writing(self.cursor, counties)
        return require_loaded(self.cursor, counties)

    def find_by_idempotency_key(self, keys: Collection[str]) -> dict[str, Operation]:
        """The operations already recorded under these keys, in whichever county; asks all shards."""
        if not keys:
            return {}
        found = read_operations(self.cursor, "idempotency_key = ANY(%(keys)s)", {"keys": sorted(keys)})
        return {one.idempotency_key: one for one in found if one.idempotency_key is not None}

    def find_answer(self, keys: Collection[str], request: str) -> str | None:
        """The answer kept for a request (by its digest) under one of its keys, or None; asks all shards."""
        self.cursor.execute(
            "SELECT answer FROM switch_answer WHERE id = ANY(%s) AND request = %s LIMIT 1",
            [sorted(keys), request],
        )
        row = self.cursor.fetchone()
        return None if row is None else str(row[0])

    def keep_answer(self, county: str, key: str, request: str, answer: str, at: datetime) -> None:
        """Keep an answer under a key; one that is kept already stays."""
        self.cursor.execute(
            "INSERT INTO switch_answer (county_code, id, request, answer, recorded_at) "
            "VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [county, key, request, answer, at],
        )

    def append_operations(self, rows: Sequence[NewOperation]) -> list[Operation]:
        """Record operations in the order given; returns them in that order with their ids and epochs.

        Raises
        ------
        Conflict
            For an idempotency key its county has seen before.
        """
        following = {}
        epochs = {}
        for county, number in sorted(Counter(one.county_code for one in rows).items()):
            last, epochs[county] = count_up(self.cursor, county, "last_operation", number)
            following[county] = iter(range(last - number + 1, last + 1))
        recorded = [
            Operation(
                one.county_code,
                one.switch_id,
                one.open,
                one.at,
                one.recorded_at,
                one.reason,
                one.operator,
                one.idempotency_key,
                id=next(following[one.county_code]),
                epoch=epochs[one.county_code],
            )
            for one in rows
        ]
        if recorded:
            listed = [asdict(one) for one in recorded]
            table = pa.Table.from_pylist(listed, schema=pa.schema(list(_OPERATION_TYPES.items())))
            copy_in(self.cursor, sql.Identifier("switch_operation"), table)
        return recorded

    def set_open(self, rows: Iterable[tuple[str, str, bool]]) -> None:
        """Set the current state of switches, given as (county, switch id, open).

        Raises
        ------
        UnknownId
            For switches that their county does not have.
        """
        wanted: dict[tuple[str, bool], set[str]] = {}
        for county, id, open_ in rows:
            wanted.setdefault((county, open_), set()).add(id)
        unknown: set[str] = set()
        for (county, open_), ids in sorted(wanted.items()):
            self.cursor.execute(
                "UPDATE switch SET open = %s WHERE county_code = %s AND id = ANY(%s) RETURNING id",
                [open_, county, sorted(ids)],
            )
            unknown |= ids - {id for (id,) in self.cursor.fetchall()}
        if unknown:
            raise UnknownId(sorted(unknown), what="switch")

    def switch_states_at(self, at: datetime, counties: Collection[str] | None = None) -> SwitchStates:
        """How the switches stood at a time, with what this transaction has recorded."""
        return read_switch_states(self.cursor, at, counties)

    def operations_from(self, at: datetime, counties: Collection[str]) -> list[Operation]:
        """The current load's operations at or after a time, by time, then county and order of recording."""
        epochs = {code: one.topology_version for code, one in read_versions(self.cursor, counties).items()}
        found = read_operations(
            self.cursor,
            "county_code = ANY(%(counties)s) AND at >= %(at)s",
            {"counties": sorted(counties), "at": at},
        )
        current = [one for one in found if one.epoch == epochs.get(one.county_code)]
        return sorted(current, key=lambda one: (one.at, one.county_code, one.id))

    def bump(self, counties: Collection[str], at: datetime) -> dict[str, int]:
        """Raise the version of each county and announce it; the new versions by code."""
        return {county: raise_version(self.cursor, county, at) for county in sorted(counties)}
