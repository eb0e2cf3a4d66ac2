"""Interruption intervals as they are read: who was without supply, from when to when, and why.

`[from, to)`; `ended` None means that it lasts. What happened in them stays on record when the customer goes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2 import extensions

from gis_service.store.database import in_transaction
from gis_service.store.schema import in_pairs

Customer = tuple[str, str]
"""County code and customer id."""


@dataclass(frozen=True, slots=True)
class NewInterruption:
    """An interval to be put on record; `cause` is (county, id) of the switch operation that began it."""

    county_code: str
    customer_id: str
    began: datetime
    ended: datetime | None = None
    cause: tuple[str, int] | None = None

    @property
    def customer(self) -> Customer:
        """Whose it is."""
        return self.county_code, self.customer_id


@dataclass(frozen=True, slots=True)
class Interruption(NewInterruption):
    """An interval on record; `id` counts up within the county."""

    id: int = 0


def interruptions(
    *,
    counties: Collection[str] | None = None,
    customers: Collection[Customer] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Interruption]:
    """The intervals that touch `[since, until)`, of these customers or counties, by customer and start."""
    conditions = ["during && tstzrange(%(since)s, %(until)s)"]
    values: dict[str, Any] = {"since": since, "until": until}
    if customers is not None:
        condition, named = in_pairs("customer_id", customers)
        conditions.append(condition)
        values |= named
    if counties is not None:
        conditions.append("county_code = ANY(%(counties)s)")
        values["counties"] = sorted(counties)
    with in_transaction(read_only=True) as cursor:
        return read_interruptions(cursor, " AND ".join(conditions), values)


def customers_interrupted_at(at: datetime, counties: Collection[str] | None = None) -> list[Customer]:
    """The customers without supply at a time, by county and id."""
    query = "SELECT county_code, customer_id FROM interruption WHERE during @> %(at)s::timestamptz"
    if counties is not None:
        query += " AND county_code = ANY(%(counties)s)"
    with in_transaction(read_only=True) as cursor:
        cursor.execute(query, {"at": at, "counties": sorted(counties or ())})
        return sorted(cursor.fetchall())


def read_interruptions(
    cursor: extensions.cursor, condition: str, values: Mapping[str, Any]
) -> list[Interruption]:
    """The intervals that meet an SQL condition, by customer and beginning."""
    cursor.execute(
        f"""
        SELECT county_code, customer_id, lower(during), upper(during), cause_county, cause_id, id
        FROM interruption WHERE {condition}
        """,
        values,
    )
    found = [
        Interruption(county, customer, began, ended, None if cause is None else (cause, cause_id), id)
        for county, customer, began, ended, cause, cause_id, id in cursor.fetchall()
    ]
    return sorted(found, key=lambda one: (one.customer, one.began))
