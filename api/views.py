"""The addresses under `/api/v1`: a view parses, makes one call, and shows the result.

This is the only place that looks at the clock and that brings the engine and the operations together: the
engine is asked first, outside any transaction, and only a usable answer reaches the database.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from ninja import NinjaAPI, Query, Status
from ninja.errors import HttpError, ValidationError
from ninja.openapi.docs import Swagger

from api import operations, queries
from api.customer_csv import customers_csv
from api.engine import engine
from api.faults import Conflict, Malformed
from api.json_bodies import ExactJson, StrictJson
from api.models import Outage
from api.negotiation import wanted_form
from api.presentation import ROOT, shown_customers, shown_detail, shown_outage
from api.problems import problem_of
from api.schemas import (
    ConfigOut,
    CustomerPage,
    NewOutage,
    OutageCancelling,
    OutageChange,
    OutageClosing,
    OutageDetail,
    OutagePage,
    OutageRefreshing,
    ProblemOut,
    Time,
)

API_VERSION = "1.0.0"
MOST_OUTAGES = 200
MOST_CUSTOMERS = 10_000

_Problems = {404: ProblemOut}
WRITE = {400: ProblemOut, 404: ProblemOut, 409: ProblemOut, 422: ProblemOut}
ASK = {**WRITE, 502: ProblemOut, 503: ProblemOut}

api = NinjaAPI(
    title="GridGIS business API",
    version=API_VERSION,
    description="People and work around the grid. Every error is an RFC 9457 problem document"
    " (`application/problem+json`). Times are RFC 3339 with a zone.",
    urls_namespace="business-api",
    parser=StrictJson(),
    renderer=ExactJson(),
    docs=Swagger({"validatorUrl": None, "defaultModelsExpandDepth": 0}),
)


for _class in (Exception, Http404, HttpError, ValidationError):  # ninja has handlers of its own for these
    api.add_exception_handler(_class, problem_of)


@api.get("/config", response=ConfigOut, tags=["map"], summary="What the map needs to know first")
def config(request: HttpRequest) -> ConfigOut:
    """Where browsers find the engine."""
    return ConfigOut(engine_url=settings.ENGINE_PUBLIC_URL, api_version=API_VERSION)


@api.post(
    "/outages",
    response={200: OutageDetail, 201: OutageDetail, **ASK},
    tags=["outages"],
    summary="Open an outage record for a device",
)
def open_outage(request: HttpRequest, body: NewOutage) -> HttpResponseBase | Status[OutageDetail]:
    """Ask the engine who loses supply and store the record with its affected customers, in one transaction.

    201 with the new record; 200 with the record already opened under the same idempotency key.
    """
    now = timezone.now()
    earlier = operations.opened_before(request=body)
    if earlier is not None:
        return Status(200, _detail(earlier))
    operations.check_times(request=body, now=now)
    question = operations.question_for(
        out=body.out_ids, faults=body.faults, started_at=body.started_at, now=now
    )
    impact = engine().outage_impact(question)
    outage, new = operations.open_outage(request=body, question=question, impact=impact, now=timezone.now())
    return Status(201 if new else 200, _detail(outage))


@api.get(
    "/outages", response={200: OutagePage, 400: ProblemOut}, tags=["outages"], summary="List outage records"
)
def list_outages(
    request: HttpRequest,
    status: Literal["open", "closed", "cancelled"] | None = None,
    kind: Literal["unplanned", "planned"] | None = None,
    county: str | None = None,
    device: str | None = None,
    since: Time | None = None,
    until: Time | None = None,
    limit: Annotated[int, Query(ge=1, le=MOST_OUTAGES)] = 50,
    cursor: str | None = None,
) -> OutagePage:
    """The latest opened first; `since` and `until` keep records whose time meets `[since, until)`."""
    only_known(request, "status", "kind", "county", "device", "since", "until", "limit", "cursor")
    wanted = queries.OutageFilter(
        status=status, kind=kind, county=county, device=device, since=since, until=until
    )
    page, following = queries.outages(wanted=wanted, limit=limit, cursor=cursor)
    return OutagePage(outages=[shown_outage(one) for one in page], next=next_page(request, ROOT, following))


@api.get(
    "/outages/{number}",
    response={200: OutageDetail, **_Problems},
    tags=["outages"],
    summary="One outage record",
)
def get_outage(request: HttpRequest, number: str) -> OutageDetail:
    """The record with its districts, every assessment and its log."""
    return _detail(queries.outage(number=number))


@api.patch(
    "/outages/{number}", response={200: OutageDetail, **WRITE}, tags=["outages"], summary="Change a record"
)
def change_outage(request: HttpRequest, number: str, body: OutageChange) -> OutageDetail:
    """Change cause, note or expected restoration of an open record; 409 when `version` is not the latest."""
    return _detail(operations.change_outage(number=number, change=body, now=timezone.now()))


@api.post(
    "/outages/{number}/close",
    response={200: OutageDetail, **WRITE},
    tags=["outages"],
    summary="Close a record",
)
def close_outage(request: HttpRequest, number: str, body: OutageClosing) -> OutageDetail:
    """Supply is restored."""
    return _detail(operations.close_outage(number=number, closing=body, now=timezone.now()))


@api.post(
    "/outages/{number}/cancel",
    response={200: OutageDetail, **WRITE},
    tags=["outages"],
    summary="Cancel a record",
)
def cancel_outage(request: HttpRequest, number: str, body: OutageCancelling) -> OutageDetail:
    """The outage did not take place, or was recorded by mistake; the record stays."""
    return _detail(operations.cancel_outage(number=number, cancelling=body, now=timezone.now()))


@api.post(
    "/outages/{number}/refresh",
    response={200: OutageDetail, **ASK},
    tags=["outages"],
    summary="Ask the engine again",
)
def refresh_outage(request: HttpRequest, number: str, body: OutageRefreshing) -> OutageDetail:
    """Add a new list of affected customers; the first one and all others stay readable by their number."""
    now = timezone.now()
    outage = queries.outage(number=number)
    if outage.status != "open" or (body.version is not None and body.version != outage.version):
        raise Conflict(
            f"outage {number} is {outage.status} at version {outage.version}; only an open record at the"
            " version you name can be refreshed",
            {"version": outage.version, "outage_status": outage.status},
        )
    started_at = outage.started_at if body.state == "at_start" else None
    question = operations.question_for(out=outage.out, faults=outage.faults, started_at=started_at, now=now)
    impact = engine().outage_impact(question)
    refreshed = operations.refresh_outage(
        number=number, refreshing=body, question=question, impact=impact, now=timezone.now()
    )
    return _detail(refreshed)


@api.get(
    "/outages/{number}/customers",
    response={200: CustomerPage, **_Problems},
    tags=["outages"],
    summary="The affected customers, as JSON or CSV",
    openapi_extra={"responses": {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}},
)
def outage_customers(
    request: HttpRequest,
    number: str,
    assessment: Annotated[int | None, Query(ge=1, le=2_147_483_647)] = None,
    format: Literal["json", "csv"] | None = None,
    limit: Annotated[int, Query(ge=1, le=MOST_CUSTOMERS)] = 1000,
    cursor: str | None = None,
) -> CustomerPage | HttpResponseBase:
    """A page as JSON, or everything as `text/csv` (by `Accept` or `?format=csv`); by default the latest."""
    only_known(request, "assessment", "format", "limit", "cursor")
    outage = queries.outage(number=number)
    asked = queries.assessment(outage=outage, sequence=assessment)
    if wanted_form(format=format, accept=request.headers.get("Accept", "")) == "csv":
        pieces = (piece.encode() for piece in customers_csv(queries.every_customer(assessment=asked)))
        answer = StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8; header=present")
        name = f"outage-{outage.number}-customers-{asked.sequence}.csv"
        answer["Content-Disposition"] = f'attachment; filename="{name}"'
        answer["Vary"] = "Accept"
        return answer
    page, following = queries.customers(assessment=asked, limit=limit, cursor=cursor)
    address = next_page(
        request, f"{ROOT}/{outage.number}/customers", following, assessment=str(asked.sequence)
    )
    return shown_customers(outage, asked, page, next=address)


def _detail(outage: Outage) -> OutageDetail:
    return shown_detail(outage, queries.assessments(outage=outage), queries.steps(outage=outage))


def only_known(request: HttpRequest, *known: str) -> None:
    """Refuse parameters that an address does not have."""
    for name in request.GET:
        if name not in known:
            raise Malformed(name, f"no such parameter here; known are {', '.join(known)}")


def next_page(request: HttpRequest, address: str, cursor: str | None, **fixed: Any) -> str | None:
    """The address of the next page of a list, asked as this one was."""
    if cursor is None:
        return None
    kept = {name: request.GET[name] for name in request.GET if name != "cursor"}
    return f"{address}?{urlencode(kept | fixed | {'cursor': cursor})}"
