"""Answers about switch operations and interruptions, as they are recorded and as they are read."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from gis_service.web.told.common import Counted, Given, Head


class OperationDone(Given):
    """One recorded operation."""

    id: str
    county_code: str
    open: bool
    at: datetime
    recorded_at: datetime
    reason: str
    operator: str
    idempotency_key: str | None
    changed: Annotated[bool, Field(description="whether the switch stood the other way just before `at`")]
    late: Annotated[
        bool, Field(description="an operation of the same switch with a later time was known already")
    ]


class Moved(Given):
    """Customers whose supply an operation changed."""

    customers: int
    contracted_kva: float
    by_county: dict[str, Counted]
    ids: Annotated[list[str], Field(description="customer ids, by (county, id)")]


class SwitchOperationsAnswer(Head):
    """What the operations did."""

    operations: list[OperationDone]
    lost: Annotated[Moved, Field(description="supplied before the batch, not after")]
    regained: Annotated[Moved, Field(description="supplied after the batch, not before")]


class OperationLogged(Given):
    """One line of the log of switch operations."""

    county_code: str
    number: Annotated[int, Field(description="counts up within the county, in the order of recording")]
    id: Annotated[str, Field(description="the switch")]
    open: bool
    at: datetime
    recorded_at: datetime
    reason: str
    operator: str
    idempotency_key: str | None
    counts: Annotated[bool, Field(description="false for operations from before the county was loaded anew")]


class SwitchLogAnswer(Head):
    """A page of the log, newest first."""

    operations: list[OperationLogged]
    next: Annotated[str | None, Field(description="address of the next page")]


class InterruptionLogged(Given):
    """A time in which one customer was not supplied."""

    county_code: str
    customer_id: str
    start: datetime
    end: Annotated[datetime | None, Field(description="null while it lasts")]
    cause: Annotated[str | None, Field(description="the switch whose operation began it")]


class InterruptionsAnswer(Head):
    """A page of interruptions, by start, customer."""

    interruptions: list[InterruptionLogged]
    next: Annotated[str | None, Field(description="address of the next page")]
