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
from psycopg2 import extensions, sql

from gis_service.errors import UnknownId
from gis_service.network.tables import GridTables
from gis_service.store.database import DEADLINE_S, counties_away, in_transaction, rely_on
from gis_service.store.intervals import IntervalWriter
from gis_service.store.locks import WriteLocks, in_doubt, write_locks
from gis_service.store.operations import (
    NewOperation,
    Operation,
    SwitchStates,
    read_operations,
    read_switch_states,
)
from gis_service.store.register import operated_until
from gis_service.store.steady import on_the_same_shards
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
    with (
        write_locks(deadline_s=deadline_s) as locks,
        in_transaction(deadline_s=deadline_s) as cursor,
        on_the_same_shards(cursor),
    ):
        yield GridTransaction(cursor, locks)


class GridTransaction(IntervalWriter):
    """The writes of one transaction; see the module for their order. `cursor` is for the store's own use."""

    def __init__(self, cursor: extensions.cursor, locks: WriteLocks) -> None:
        super().__init__(cursor)
        self._locks = locks
        self._switched: dict[str, dict[str, bool]] = {}
        self._until: dict[str, datetime] = {}

    def need(self, counties: Collection[str]) -> None:
        """From here on the transaction cannot do without these counties' rows.

        Raises
        ------
        CountyAway
            When the node of one of them does not answer; the transaction is given up when that happens later.
        """
        rely_on(self.cursor, counties)

    def away(self, counties: Collection[str]) -> dict[str, str]:
        """Those of the counties whose node does not answer, and since when."""
        return counties_away(counties)

    def in_doubt(self) -> list[str]:
        """Counties that a write which was cut off may still change, sorted; asked under all locks."""
        return in_doubt(self.cursor)

    def operated_until(self) -> dict[str, datetime]:
        """By county, a time after which no operation of its present load lies; absent where it has none."""
        return operated_until(self.cursor)

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
        self._locks.counties(self.cursor, counties)
        return require_loaded(self.cursor, counties)

    def find_by_idempotency_key(
        self, keys: Collection[str], counties: Collection[str] | None = None
    ) -> dict[str, Operation]:
        """The operations already recorded under these keys, in one of these counties (default: in any)."""
        if not keys:
            return {}
        condition, values = "idempotency_key = ANY(%(keys)s)", {"keys": sorted(keys)}
        if counties is not None:
            condition += " AND county_code = ANY(%(counties)s)"
            values["counties"] = sorted(counties)
        found = read_operations(self.cursor, condition, values)
        return {one.idempotency_key: one for one in found if one.idempotency_key is not None}

    def find_answer(self, keys: Collection[str], request: str, counties: Collection[str]) -> str | None:
        """The answer kept in one of these counties for a request (by its digest) under one of its keys."""
        self.cursor.execute(
            "SELECT answer FROM switch_answer"
            " WHERE id = ANY(%s) AND request = %s AND county_code = ANY(%s) LIMIT 1",
            [sorted(keys), request, sorted(counties)],
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
        for one in recorded:
            self._until[one.county_code] = max(one.at, self._until.get(one.county_code, one.at))
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
            self._switched.setdefault(county, {})[id] = open_
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
        """Raise and announce the version of each county, with what was set and appended; the new versions."""
        return {
            county: raise_version(
                self.cursor,
                county,
                at,
                switched=self._switched.pop(county, {}),
                until=self._until.pop(county, None),
            )
            for county in sorted(counties)
        }
