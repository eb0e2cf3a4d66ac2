"""Switch operations and what they led to: recorded by POST, read page by page."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from ninja import Body, Query
from pydantic import BaseModel, Field

from gis_service.engine.columns import Answer
from gis_service.engine.history import Wanted
from gis_service.engine.recording.operated import Operated
from gis_service.errors import InvalidInput
from gis_service.web.api import api
from gis_service.web.asked.common import Time
from gis_service.web.asked.operations import OPERATION_EXAMPLES, SwitchOperation
from gis_service.web.rendering import JSON, accepted, json_response
from gis_service.web.service import engine
from gis_service.web.told.history import InterruptionsAnswer, SwitchLogAnswer, SwitchOperationsAnswer

MAX_OPERATIONS = 10_000
MAX_PAGE = 10_000


@api.post(
    "/switch-operations",
    response=SwitchOperationsAnswer,
    tags=["switching"],
    openapi_extra={"x-problems": [409]},
    summary="Record switch operations",
)
def record(
    request: HttpRequest,
    operations: Annotated[
        list[SwitchOperation], Body(examples=OPERATION_EXAMPLES, min_length=1, max_length=MAX_OPERATIONS)
    ],
) -> HttpResponse:
    """All of the batch or nothing; the answer says who lost and regained supply.

    `at` absent means now. An operation older than the newest of its switch is put where it belongs in time:
    states as of a time and interruptions are worked out again, the current state stays. A switch set the way
    it stands already is recorded with `changed: false`. The same keys with the same content give the first
    answer again.
    """
    accepted(request, (JSON,))
    answer = engine().record_operations(
        [
            Operated(one.id, one.open, one.at, one.reason, one.operator, one.idempotency_key)
            for one in operations
        ]
    )
    return json_response(answer)


class Period(BaseModel):
    """Which rows of a record: a county, a time, a page."""

    county: Annotated[str | None, Field(description="county code; absent: all")] = None
    since: Annotated[Time | None, Field(description="from this time on")] = None
    until: Annotated[Time | None, Field(description="before this time")] = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE, description="rows of a page")] = 100
    after: Annotated[str | None, Field(description="from the `next` address of a page")] = None


class LogQuery(Period):
    """Which operations."""

    switch: Annotated[str | None, Field(description="one switch")] = None


class InterruptionQuery(Period):
    """Which interruptions."""

    customer: Annotated[str | None, Field(description="one customer")] = None


@api.get(
    "/switch-operations", response=SwitchLogAnswer, tags=["switching"], summary="The log of switch operations"
)
def log(request: HttpRequest, query: Query[LogQuery]) -> HttpResponse:
    """Newest first, then by county; operations from before a county was loaded anew no longer count."""
    accepted(request, (JSON,))
    return json_response(_page(request, engine().operations_logged(_wanted(request, query, query.switch))))


@api.get(
    "/interruptions", response=InterruptionsAnswer, tags=["switching"], summary="Interruptions of customers"
)
def interruptions(request: HttpRequest, query: Query[InterruptionQuery]) -> HttpResponse:
    """Intervals `[start, end)` that touch the period, by start, county and order of recording."""
    accepted(request, (JSON,))
    return json_response(
        _page(request, engine().interruptions_logged(_wanted(request, query, query.customer)))
    )


def _wanted(request: HttpRequest, query: Period, id: str | None) -> Wanted:
    known = type(query).model_fields
    faults = [
        f"{name}: no such parameter here; use {', '.join(known)}" for name in request.GET if name not in known
    ]
    faults += [
        f"{name}: the text holds a NUL character" for name in request.GET if "\x00" in request.GET[name]
    ]
    if query.since is not None and query.until is not None and query.since >= query.until:
        faults.append("until: not after since; the period is empty")
    if faults:
        raise InvalidInput(faults[0], faults)
    return Wanted(query.limit, query.county, id, query.since, query.until, query.after)


def _page(request: HttpRequest, answer: Answer) -> Answer:
    """The answer with the token of the next page as its address."""
    if answer["next"] is None:
        return answer
    given = {name: request.GET[name] for name in request.GET} | {"after": answer["next"]}
    return answer | {"next": f"{request.path}?{urlencode(given)}"}
