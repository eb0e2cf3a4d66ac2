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
from gis_service.store.database import DEADLINE_S, in_transaction
from gis_service.store.interruptions import Customer, Interruption, NewInterruption, read_interruptions
from gis_service.store.locks import lock_for_writing
from gis_service.store.operations import (
    NewOperation,
    Operation,
    SwitchStates,
    read_operations,
    read_switch_states,
)
from gis_service.store.versions import CountyVersion, raise_version, read_versions, require_loaded
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


class GridTransaction:
    """The writes of one transaction; see the module for their order. `cursor` is for the store's own use."""

    def __init__(self, cursor: extensions.cursor) -> None:
        self.cursor = cursor

    def versions(self) -> dict[str, CountyVersion]:
        """The versions of all loaded counties, as this transaction sees them."""
        return read_versions(self.cursor)

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
            last, epochs[county] = self._count_up(county, "last_operation", number)
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

    def lasting_interruptions(self, counties: Collection[str]) -> dict[Customer, Interruption]:
        """The intervals of these counties without an end, by customer."""
        found = read_interruptions(
            self.cursor, "upper_inf(during) AND county_code = ANY(%(c)s)", {"c": sorted(counties)}
        )
        return {one.customer: one for one in found}

    def open_interruptions(
        self, customers: Collection[Customer], at: datetime, *, cause: tuple[str, int] | None = None
    ) -> None:
        """Begin an interval for each customer at `at`; one that is interrupted already keeps its interval."""
        lasting = self.lasting_interruptions({county for county, _ in customers})
        fresh = sorted(set(customers) - lasting.keys())
        self._insert([NewInterruption(county, id, at, None, cause) for county, id in fresh])

    def close_interruptions(self, customers: Collection[Customer], at: datetime) -> None:
        """End the lasting intervals of these customers at `at`; one that began then or later is dropped."""
        for county in sorted({county for county, _ in customers}):
            ids = sorted(id for code, id in customers if code == county)
            self._end("county_code = %(county)s AND customer_id = ANY(%(ids)s)", at, county=county, ids=ids)

    def set_interrupted(
        self,
        counties: Collection[str],
        customers: Collection[Customer],
        at: datetime,
        *,
        cause: tuple[str, int] | None = None,
    ) -> None:
        """Make `customers` the ones of these counties that are interrupted from `at` on.

        Intervals that go on are left as they are, the others end, missing ones begin.
        """
        lasting = self.lasting_interruptions(counties)
        self.close_interruptions(lasting.keys() - set(customers), at)
        self.open_interruptions([one for one in customers if one not in lasting], at, cause=cause)

    def replace_interruptions_from(
        self, at: datetime, rows: Collection[NewInterruption], *, counties: Collection[str]
    ) -> None:
        """Make `rows` the record of these counties from `at` on, as if it had never been otherwise.

        Intervals that begin at `at` or later are taken out. Those that reach `at` end there, unless a row of
        the same customer begins at `at`: then the interval goes on until that row's end. Every row begins at
        `at` or later.
        """
        astray = [one for one in rows if one.began < at or one.county_code not in counties]
        if astray:
            raise ValueError(
                f"{astray[0]} begins before {at} or lies outside the counties {sorted(counties)}"
            )
        reaching = read_interruptions(
            self.cursor,
            "county_code = ANY(%(counties)s) AND lower(during) < %(at)s "
            "AND during && tstzrange(%(at)s - interval '1 microsecond', NULL)",
            {"at": at, "counties": sorted(counties)},
        )
        for county in sorted(counties):
            self.cursor.execute(
                "DELETE FROM interruption WHERE county_code = %s AND lower(during) >= %s", [county, at]
            )
        going_on = {one.customer: one for one in rows if one.began == at}
        ends: dict[tuple[str, datetime | None], list[int]] = {}
        for one in reaching:
            end = going_on[one.customer].ended if one.customer in going_on else at
            if end != one.ended:
                ends.setdefault((one.county_code, end), []).append(one.id)
        for (county, end), ids in ends.items():
            self.cursor.execute(
                "UPDATE interruption SET during = tstzrange(lower(during), %s) "
                "WHERE county_code = %s AND id = ANY(%s)",
                [end, county, ids],
            )
        kept = {one.customer for one in reaching}
        self._insert([one for one in rows if not (one.began == at and one.customer in kept)])

    def end_interruptions_of_absent(self, county: str, at: datetime) -> None:
        """End the lasting intervals of customers that this county no longer has."""
        self._end(
            "county_code = %(county)s AND NOT EXISTS (SELECT FROM customer_point c "
            "WHERE c.county_code = %(county)s AND c.id = interruption.customer_id)",
            at,
            county=county,
        )

    def bump(self, counties: Collection[str], at: datetime) -> dict[str, int]:
        """Raise the version of each county and announce it; the new versions by code."""
        return {county: raise_version(self.cursor, county, at) for county in sorted(counties)}

    def _end(self, condition: str, at: datetime, **values: object) -> None:
        lasting = f"upper_inf(during) AND {condition}"
        given = {**values, "at": at}
        self.cursor.execute(f"DELETE FROM interruption WHERE {lasting} AND lower(during) >= %(at)s", given)
        self.cursor.execute(
            f"UPDATE interruption SET during = tstzrange(lower(during), %(at)s) WHERE {lasting}", given
        )

    def _insert(self, rows: Sequence[NewInterruption]) -> None:
        by_county: dict[str, list[NewInterruption]] = {}
        for one in rows:
            by_county.setdefault(one.county_code, []).append(one)
        for county, listed in sorted(by_county.items()):
            last, _ = self._count_up(county, "last_interruption", len(listed))
            table = pa.table(
                {
                    "county_code": pa.array([county] * len(listed), _TEXT),
                    "id": pa.array(range(last - len(listed) + 1, last + 1), pa.int64()),
                    "customer_id": pa.array([one.customer_id for one in listed], _TEXT),
                    "during": pa.array([_range(one) for one in listed], _TEXT),
                    "cause_county": pa.array([one.cause and one.cause[0] for one in listed], _TEXT),
                    "cause_id": pa.array([one.cause and one.cause[1] for one in listed], pa.int64()),
                }
            )
            copy_in(self.cursor, sql.Identifier("interruption"), table)

    def _count_up(self, county: str, counter: str, by: int) -> tuple[int, int]:
        """The counter after counting up, and the county's epoch."""
        query = sql.SQL(
            "UPDATE county_version SET {0} = {0} + %s WHERE county_code = %s AND loaded_at IS NOT NULL "
            "RETURNING {0}, topology_version"
        ).format(sql.Identifier(counter))
        self.cursor.execute(query, [by, county])
        row = self.cursor.fetchone()
        if row is None:
            raise UnknownId([county], what="loaded county")
        return int(row[0]), int(row[1])


def _range(one: NewInterruption) -> str:
    return f"[{one.began.isoformat()},{one.ended.isoformat() if one.ended else ''})"
