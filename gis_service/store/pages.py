"""The switch log and the interruptions a page at a time, for readers who want all of it in turn.

A page starts after a key, so that paging neither skips nor repeats what was on record when it began.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from gis_service.store.database import in_transaction
from gis_service.store.interruptions import Interruption, read_interruptions
from gis_service.store.operations import Operation, read_operations
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
) -> list[Operation]:
    """At most `limit` operations that happened in `[since, until)`, newest first, then by county and id.

    `before` is the (at, county, id) of the last one of the page before. Fans out where no county is named.
    """
    conditions, values = _within("at", since, until, counties)
    if switch_id is not None:
        conditions.append("switch_id = %(switch)s")
        values["switch"] = switch_id
    if before is not None:
        conditions.append("(at, county_code, id) < (%(at)s, %(code)s, %(id)s)")
        values |= dict(zip(("at", "code", "id"), before, strict=True))
    values["limit"] = limit
    order = "ORDER BY at DESC, county_code DESC, id DESC LIMIT %(limit)s"
    with in_transaction(read_only=True) as cursor:
        found = read_operations(cursor, f"{' AND '.join(conditions)} {order}", values)
    return sorted(found, key=lambda one: (one.at, one.county_code, one.id), reverse=True)


def interruptions_page(
    limit: int,
    *,
    counties: Collection[str] | None = None,
    customer_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after: InterruptionKey | None = None,
) -> list[Interruption]:
    """At most `limit` intervals that touch `[since, until)`, by beginning, county and id.

    `after` is the (began, county, id) of the last one of the page before. Fans out where no county is named.
    """
    conditions = ["during && tstzrange(%(since)s, %(until)s)"]
    values: dict[str, Any] = {"since": since, "until": until}
    if counties is not None:
        conditions.append("county_code = ANY(%(counties)s)")
        values["counties"] = sorted(counties)
    if customer_id is not None:
        conditions.append("customer_id = %(customer)s")
        values["customer"] = customer_id
    if after is not None:
        conditions.append("(lower(during), county_code, id) > (%(at)s, %(code)s, %(id)s)")
        values |= dict(zip(("at", "code", "id"), after, strict=True))
    values["limit"] = limit
    order = "ORDER BY lower(during), county_code, id LIMIT %(limit)s"
    with in_transaction(read_only=True) as cursor:
        found = read_interruptions(cursor, f"{' AND '.join(conditions)} {order}", values)
    return sorted(found, key=lambda one: (one.began, one.county_code, one.id))


def causes(keys: Collection[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """The switch of each operation, given as (county, id)."""
    if not keys:
        return {}
    condition, values = in_pairs("id", keys)
    with in_transaction(read_only=True) as cursor:
        found = read_operations(cursor, condition, values)
    return {(one.county_code, one.id): one.switch_id for one in found}


def _within(
    column: str, since: datetime | None, until: datetime | None, counties: Collection[str] | None
) -> tuple[list[str], dict[str, Any]]:
    conditions, values = ["true"], dict[str, Any]()
    if since is not None:
        conditions.append(f"{column} >= %(since)s")
        values["since"] = since
    if until is not None:
        conditions.append(f"{column} < %(until)s")
        values["until"] = until
    if counties is not None:
        conditions.append("county_code = ANY(%(counties)s)")
        values["counties"] = sorted(counties)
    return conditions, values
