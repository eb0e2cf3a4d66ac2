"""The switch log and the interruptions a page at a time, for readers who want all of it in turn.

A page starts after a key, so that paging neither skips nor repeats what was on record when it began.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from psycopg2 import extensions

from gis_service.store.by_node import read_by_node
from gis_service.store.database import in_transaction
from gis_service.store.interruptions import Interruption, read_interruptions
from gis_service.store.operations import Operation, read_operations
from gis_service.store.register import ever_registered
from gis_service.store.schema import in_pairs

OperationKey = tuple[datetime, str, int]
InterruptionKey = tuple[datetime, str, int]


def operations_page(
    limit: int,
    *,
    counties: Collection[str] | None = None,
    switch_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: OperationKey | None = None,
) -> tuple[list[Operation], dict[str, str]]:
    """At most `limit` operations that happened in `[since, until)`, newest first, then by county and id.

    `before` is the (at, county, id) of the last one of the page before. Fans out where no county is named.

    Returns
    -------
    page, away
        The operations, and the counties whose node did not answer: theirs are not among them.
    """
    conditions, values = _within("at", since, until)
    if switch_id is not None:
        conditions.append("switch_id = %(switch)s")
        values["switch"] = switch_id
    if before is not None:
        conditions.append("(at, county_code, id) < (%(at)s, %(code)s, %(id)s)")
        values |= dict(zip(("at", "code", "id"), before, strict=True))
    values["limit"] = limit
    order = "ORDER BY at DESC, county_code DESC, id DESC LIMIT %(limit)s"
    found, away = _pages(read_operations, counties, conditions, order, values)
    newest = sorted(found, key=lambda one: (one.at, one.county_code, one.id), reverse=True)
    return newest[:limit], away


def interruptions_page(
    limit: int,
    *,
    counties: Collection[str] | None = None,
    customer_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after: InterruptionKey | None = None,
) -> tuple[list[Interruption], dict[str, str]]:
    """At most `limit` intervals that touch `[since, until)`, by beginning, county and id.

    `after` is the (began, county, id) of the last one of the page before. Fans out where no county is named.

    Returns
    -------
    page, away
        As for operations.
    """
    conditions = ["during && tstzrange(%(since)s, %(until)s)"]
    values: dict[str, Any] = {"since": since, "until": until}
    if customer_id is not None:
        conditions.append("customer_id = %(customer)s")
        values["customer"] = customer_id
    if after is not None:
        conditions.append("(lower(during), county_code, id) > (%(at)s, %(code)s, %(id)s)")
        values |= dict(zip(("at", "code", "id"), after, strict=True))
    values["limit"] = limit
    order = "ORDER BY lower(during), county_code, id LIMIT %(limit)s"
    found, away = _pages(read_interruptions, counties, conditions, order, values)
    return sorted(found, key=lambda one: (one.began, one.county_code, one.id))[:limit], away


def lasting_interruptions(
    customers: Collection[tuple[str, str]], at: datetime
) -> tuple[list[Interruption], dict[str, str]]:
    """The intervals of some customers, given as (county, id), that hold a time; by customer.

    And the counties whose node did not answer.
    """
    condition, values = in_pairs("customer_id", customers)
    conditions = ["during @> %(at)s::timestamptz", condition]
    counties = sorted({county for county, _ in customers})
    found, away = _pages(read_interruptions, counties, conditions, "", {**values, "at": at})
    return sorted(found, key=lambda one: one.customer), away


def causes(keys: Collection[tuple[str, int]]) -> tuple[dict[tuple[str, int], str], dict[str, str]]:
    """The switch of each operation, given as (county, id), and the counties whose node did not answer."""
    condition, values = in_pairs("id", keys)
    found, away = _pages(read_operations, sorted({county for county, _ in keys}), [condition], "", values)
    return {(one.county_code, one.id): one.switch_id for one in found}, away


_Row = TypeVar("_Row")


def _pages(
    read: Callable[[extensions.cursor, str, Mapping[str, Any]], list[_Row]],
    counties: Collection[str] | None,
    conditions: Sequence[str],
    order: str,
    values: Mapping[str, Any],
) -> tuple[list[_Row], dict[str, str]]:
    """What each node has of a page."""
    if counties is None:
        with in_transaction(read_only=True, one_statement=True) as cursor:
            counties = ever_registered(cursor)

    def of(cursor: extensions.cursor, some: list[str]) -> list[_Row]:
        # equal to a single value: which shard that is, Citus finds without planning
        county = "county_code = %(county)s" if len(some) == 1 else "county_code = ANY(%(counties)s)"
        condition = " AND ".join([*conditions, county])
        return read(cursor, f"{condition} {order}", {**values, "counties": some, "county": some[0]})

    parts, away = read_by_node(counties, of, one_statement=True)
    return [row for part in parts for row in part], away


def _within(column: str, since: datetime | None, until: datetime | None) -> tuple[list[str], dict[str, Any]]:
    conditions, values = ["true"], dict[str, Any]()
    if since is not None:
        conditions.append(f"{column} >= %(since)s")
        values["since"] = since
    if until is not None:
        conditions.append(f"{column} < %(until)s")
        values["until"] = until
    return conditions, values
