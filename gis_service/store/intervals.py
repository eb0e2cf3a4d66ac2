"""Writing interruption intervals inside a transaction: begin, end, make true, rewrite from a time on.

The database refuses overlapping intervals of one customer; these writes never make any.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from psycopg2 import extensions, sql

from gis_service.store.interruptions import Customer, Interruption, NewInterruption, read_interruptions
from gis_service.store.versions import count_up
from sharding.copy import copy_in

_TEXT = pa.large_string()
_FROM, _NO_END = 0x02, 0x10  # the lower bound belongs to the range; there is no upper one
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class IntervalWriter:
    """The interval writes of one transaction; `cursor` is for the store's own use."""

    def __init__(self, cursor: extensions.cursor) -> None:
        self.cursor = cursor

    def lasting_interruptions(self, counties: Collection[str]) -> dict[Customer, Interruption]:
        """The intervals of these counties without an end, by customer."""
        if not counties:  # a cluster would ask just any node that nothing is there
            return {}
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
            last, _ = count_up(self.cursor, county, "last_interruption", len(listed))
            table = pa.table(
                {
                    "county_code": pa.array([county] * len(listed), _TEXT),
                    "id": pa.array(range(last - len(listed) + 1, last + 1), pa.int64()),
                    "customer_id": pa.array([one.customer_id for one in listed], _TEXT),
                    "during": pa.array([_range(one) for one in listed], pa.large_binary()),
                    "cause_county": pa.array([one.cause and one.cause[0] for one in listed], _TEXT),
                    "cause_id": pa.array([one.cause and one.cause[1] for one in listed], pa.int64()),
                }
            )
            copy_in(self.cursor, sql.Identifier("interruption"), table)


def _range(one: NewInterruption) -> bytes:
    """`[from, to)` as PostgreSQL sends a range: what its bounds are, then each with its length."""
    if one.ended is None:
        return struct.pack(">Biq", _FROM | _NO_END, 8, _microseconds(one.began))
    return struct.pack(">Biqiq", _FROM, 8, _microseconds(one.began), 8, _microseconds(one.ended))


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)
