"""Reservations of capacity: made by POST, let go of, read page by page."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from ninja import Body, Path, Query
from pydantic import BaseModel, Field

from gis_service.engine.reserving.asked import Chosen, ReservationAsked
from gis_service.engine.reserving.told import Page
from gis_service.engine.schemes import SchemeAsked
from gis_service.errors import InvalidInput
from gis_service.network.tables import phase_mask
from gis_service.web.api import api
from gis_service.web.asked.reservations import ReservationQuestion, ReservationSettled
from gis_service.web.rendering import JSON, accepted, json_response
from gis_service.web.service import engine
from gis_service.web.told.reservations import ReservationAnswer, ReservationsAnswer

MAX_PAGE = 1_000
ReservationId = Annotated[int, Path(ge=1, lt=1 << 63, description="the id that the reservation was given")]


@api.post(
    "/reservations",
    response=ReservationAnswer,
    tags=["planning"],
    openapi_extra={"x-problems": [409]},
    summary="Reserve the capacity of a supply scheme",
)
def reserve(request: HttpRequest, question: Annotated[ReservationQuestion, Body()]) -> HttpResponse:
    """Hold what a chosen scheme needs until it is built or withdrawn.

    The scheme is worked out anew with everything that is reserved by now, one reservation at a time among
    all engines. Where it breaks a limit by now, the answer is 409: `binding` names the limit, by how much,
    and what is reserved there. The same key with the same content gives the reservation as it stands.
    """
    accepted(request, (JSON,))
    asked = ReservationAsked(
        question=SchemeAsked(
            point=question.point,
            kva=question.kva,
            phases=phase_mask(question.phases),
            supplies=question.supplies,
            independence=question.independence,
            disjoint=question.disjoint,
            avoid=[one.model_dump() for one in question.avoid],
            must_pass=[one.model_dump() for one in question.must_pass],
            rules=question.rules,
        ),
        chosen=[
            Chosen(one.attach.kind, one.attach.id, one.conductor, one.attach.node_id, one.attach.fraction)
            for one in question.chosen
        ],
        idempotency_key=question.idempotency_key,
        operator=question.operator,
        reason=question.reason,
        state=question.state,
    )
    return json_response(engine().reserve(asked))


class ReservationsQuery(BaseModel):
    """Which reservations."""

    county: Annotated[
        str | None, Field(description="those that join in a county or burden an element of it")
    ] = None
    state: Annotated[Literal["held", "built", "withdrawn"] | None, Field(description="absent: all")] = None
    element: Annotated[
        str | None,
        Field(description="those whose supply point, node or supply path (as reserved) is or has this id"),
    ] = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE, description="rows of a page")] = 100
    after: Annotated[str | None, Field(description="from the `next` address of a page")] = None


@api.get("/reservations", response=ReservationsAnswer, tags=["planning"], summary="Reservations")
def listed(request: HttpRequest, query: Query[ReservationsQuery]) -> HttpResponse:
    """Newest first. A supply whose place is no longer in the grid is `placed: false`, and counts nowhere."""
    accepted(request, (JSON,))
    known = ReservationsQuery.model_fields
    faults = [
        f"{name}: no such parameter here; use {', '.join(known)}" for name in request.GET if name not in known
    ]
    faults += [
        f"{name}: the text holds a NUL character" for name in request.GET if "\x00" in request.GET[name]
    ]
    if faults:
        raise InvalidInput(faults[0], faults)
    answer = engine().reservations(Page(query.limit, query.county, query.state, query.element, query.after))
    if answer["next"] is not None:
        given = {name: request.GET[name] for name in request.GET} | {"after": answer["next"]}
        answer["next"] = f"{request.path}?{urlencode(given)}"
    return json_response(answer)


@api.get("/reservations/{id}", response=ReservationAnswer, tags=["planning"], summary="One reservation")
def one(request: HttpRequest, id: ReservationId) -> HttpResponse:
    """With the scheme as it was answered, and who decided what, when."""
    accepted(request, (JSON,))
    return json_response(engine().reservation(id))


@api.post(
    "/reservations/{id}/withdraw",
    response=ReservationAnswer,
    tags=["planning"],
    openapi_extra={"x-problems": [409]},
    summary="Withdraw a reservation",
)
def withdraw(
    request: HttpRequest, id: ReservationId, settled: Annotated[ReservationSettled, Body()]
) -> HttpResponse:
    """Its capacity is free at once. Withdrawn already: the answer is the same; built already: 409."""
    accepted(request, (JSON,))
    return json_response(
        engine().settle_reservation(id, "withdrawn", operator=settled.operator, reason=settled.reason)
    )


@api.post(
    "/reservations/{id}/built",
    response=ReservationAnswer,
    tags=["planning"],
    openapi_extra={"x-problems": [409]},
    summary="Declare a reservation built",
)
def built(
    request: HttpRequest, id: ReservationId, settled: Annotated[ReservationSettled, Body()]
) -> HttpResponse:
    """It counts no more, as the customer is in the grid package by now: load that first.

    Built already: the answer is the same; withdrawn already: 409.
    """
    accepted(request, (JSON,))
    return json_response(
        engine().settle_reservation(id, "built", operator=settled.operator, reason=settled.reason)
    )
