"""The questions of `/v1`: each view parses, asks the engine once, and renders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Body, Path, Query
from ninja.errors import ValidationError
from pydantic import BaseModel, Field
from pydantic import ValidationError as PydanticError

from gis_service.engine.columns import Answer
from gis_service.engine.context import Context, Switching
from gis_service.engine.customers import customers_of
from gis_service.engine.outage import Case, Outage
from gis_service.engine.outage_text import answer_text, answers_text, geojson_text, lines_text
from gis_service.engine.schemes import SchemeAsked
from gis_service.engine.traces import TraceAsked
from gis_service.errors import InvalidInput
from gis_service.network.tables import phase_mask
from gis_service.web.api import api
from gis_service.web.asked.common import Question, SwitchPosition
from gis_service.web.asked.outages import OutageCase, OutageQuestion
from gis_service.web.asked.schemes import SupplySchemesQuestion
from gis_service.web.asked.tracing import (
    SupplyAreaQuestion,
    SupplyPathQuestion,
    SupplyRadiusQuestion,
    TraceQuestion,
)
from gis_service.web.rendering import (
    CSV,
    GEOJSON,
    JSON,
    LINES,
    OUTAGE_TYPES,
    accepted,
    customers_csv,
    geojson_response,
    json_response,
    text_response,
)
from gis_service.web.service import engine
from gis_service.web.told.outages import OutageAnswer, OutageCasesAnswer
from gis_service.web.told.schemes import HeadroomAnswer, SupplySchemesAnswer
from gis_service.web.told.tracing import (
    ElementAnswer,
    SupplyAreaAnswer,
    SupplyPathAnswer,
    SupplyRadiusAnswer,
    TraceAnswer,
)

ElementId = Annotated[str, Path(description="the id, or `layer:id` where several layers share it")]
_CSV_ROWS = 10_000
_POSITIONS = {"open": True, "closed": False}


class ContextQuery(BaseModel):
    """The world a question is asked in, as query parameters."""

    state: Annotated[str, Field(description="`current` or `normal`")] = "current"
    at: Annotated[str | None, Field(description="the switch states of that moment (RFC 3339)")] = None
    switching: Annotated[
        list[str], Field(default_factory=list, description="a what-if: `id:open` or `id:closed`, repeated")
    ]
    at_least: Annotated[
        list[str], Field(default_factory=list, description="`county:version` to have seen, repeated")
    ]


def context_of(request: HttpRequest, query: ContextQuery) -> Context:
    """The context of a GET; unknown parameters and malformed values are faults, all named together."""
    faults = [
        f"{name}: no such parameter here; use {', '.join(ContextQuery.model_fields)}"
        for name in request.GET
        if name not in ContextQuery.model_fields
    ]
    switching: list[dict[str, Any]] = []
    for k, text in enumerate(query.switching):
        id, colon, word = text.rpartition(":")
        if not colon or not id or word not in _POSITIONS:
            faults.append(f"switching[{k}]: write {text!r} as id:open or id:closed")
        else:
            switching.append({"id": id, "open": _POSITIONS[word]})
    at_least: dict[str, int] = {}
    for k, text in enumerate(query.at_least):
        county, colon, number = text.rpartition(":")
        if not colon or not number.isdecimal() or len(number) > 18:
            faults.append(f"at_least[{k}]: write {text!r} as county:version")
        else:
            at_least[county] = int(number)
    if faults:
        raise InvalidInput(faults[0], faults)
    values = {"state": query.state, "at": query.at, "switching": switching, "at_least": at_least}
    try:
        return Question.model_validate(values).context()
    except PydanticError as error:
        raise ValidationError([{**one, "loc": ("query", *one["loc"])} for one in error.errors()]) from None


def _switching(positions: Sequence[SwitchPosition]) -> tuple[Switching, ...]:
    return tuple(Switching(one.id, one.open) for one in positions)


def _also(*media_types: str) -> dict[str, Any]:
    """OpenAPI: the other media types an answer comes in."""
    content = {
        media_type: {"schema": {"type": "string" if media_type in (CSV, LINES) else "object"}}
        for media_type in media_types
    }
    return {"responses": {200: {"content": content}}}


@api.post("/trace", response=TraceAnswer, tags=["questions"], openapi_extra=_also(GEOJSON), summary="Trace")
def trace(request: HttpRequest, question: Annotated[TraceQuestion, Body()]) -> HttpResponse:
    """Trace upstream, downstream, all connected, the feeder, the shortest way, loops, or isolation.

    `upstream` follows every simple path to a source, so loops count. With `Accept: application/geo+json` the
    answer is a FeatureCollection of what was found.
    """
    media_type = accepted(request, (JSON, GEOJSON))
    result = [*question.result, *(["geometry"] if media_type == GEOJSON else [])]
    answer = engine().trace(
        TraceAsked(
            kind=question.type,
            starts=question.start,
            targets=question.to,
            barriers=question.barriers,
            phases=question.phases,
            result=result,
        ),
        question.context(),
    )
    return (
        geojson_response(answer, "type", "length_m", "counts")
        if media_type == GEOJSON
        else json_response(answer)
    )


@api.get(
    "/supply-path/{path:customer_id}",
    response=SupplyPathAnswer,
    tags=["questions"],
    openapi_extra=_also(GEOJSON),
    summary="Supply path",
)
def supply_path(request: HttpRequest, customer_id: ElementId, query: Query[ContextQuery]) -> HttpResponse:
    """Which way is this customer supplied: the elements in order from source to customer."""
    return _supply_path(request, customer_id, context_of(request, query))


@api.post(
    "/supply-path/{path:customer_id}",
    response=SupplyPathAnswer,
    tags=["questions"],
    openapi_extra=_also(GEOJSON),
    summary="Supply path, with a what-if in the body",
)
def supply_path_if(
    request: HttpRequest, customer_id: ElementId, question: Annotated[SupplyPathQuestion, Body()]
) -> HttpResponse:
    """The same question, its world written in the body."""
    return _supply_path(request, customer_id, question.context())


def _supply_path(request: HttpRequest, customer_id: str, context: Context) -> HttpResponse:
    media_type = accepted(request, (JSON, GEOJSON))
    answer = engine().supply_path(customer_id, context)
    if media_type == GEOJSON:
        return geojson_response(answer, "customer", "supplied", "length_m", "meshed")
    return json_response(answer)


@api.post("/supply-area", response=SupplyAreaAnswer, tags=["questions"], summary="Supply area")
def supply_area(request: HttpRequest, question: Annotated[SupplyAreaQuestion, Body()]) -> HttpResponse:
    """What these sources, feeders, switches or transformers supply: customers, districts, kVA, an outline."""
    accepted(request, (JSON,))
    return json_response(engine().supply_area(question.start, question.context()))


@api.post(
    "/supply-radius",
    response=SupplyRadiusAnswer,
    tags=["questions"],
    openapi_extra=_also(GEOJSON),
    summary="Supply radius",
)
def supply_radius(request: HttpRequest, question: Annotated[SupplyRadiusQuestion, Body()]) -> HttpResponse:
    """The longest electrical path below an element, in metres, and the path."""
    media_type = accepted(request, (JSON, GEOJSON))
    answer = engine().supply_radius(question.start, question.mode, question.context())
    return geojson_response(answer, "mode", "length_m") if media_type == GEOJSON else json_response(answer)


@api.post("/supply-schemes", response=SupplySchemesAnswer, tags=["planning"], summary="Supply schemes")
def supply_schemes(request: HttpRequest, question: Annotated[SupplySchemesQuestion, Body()]) -> HttpResponse:
    """Where and how to connect a new customer: the cheapest schemes, each at another supply point.

    Each is proved by a power flow along its supply path and can be recomputed from the rules and the package.
    422 says what would make a request possible that is not.
    """
    accepted(request, (JSON,))
    asked = SchemeAsked(
        point=question.point,
        kva=question.kva,
        phases=phase_mask(question.phases),
        supplies=question.supplies,
        independence=question.independence,
        disjoint=question.disjoint,
        k=question.k,
        pareto=question.pareto,
        avoid=[one.model_dump() for one in question.avoid],
        must_pass=[one.model_dump() for one in question.must_pass],
        rules=question.rules,
    )
    return json_response(engine().supply_schemes(asked, question.context()))


@api.get("/headroom/{path:id}", response=HeadroomAnswer, tags=["planning"], summary="Headroom")
def headroom(request: HttpRequest, id: ElementId, query: Query[ContextQuery]) -> HttpResponse:
    """What can still be connected at this node, line, transformer, district or customer's node."""
    accepted(request, (JSON,))
    return json_response(engine().headroom(id, context_of(request, query)))


@api.post(
    "/outage-impact",
    response=OutageAnswer | OutageCasesAnswer,
    tags=["questions"],
    openapi_extra=_also(GEOJSON, CSV, LINES),
    summary="Outage impact",
)
def outage_impact(
    request: HttpRequest, question: Annotated[OutageQuestion, Body()]
) -> HttpResponse | StreamingHttpResponse:
    """Who loses supply when elements go out, faults are cleared, or an area is struck; one case or many.

    `affected` counts customers supplied before and not after; what was dark before is not counted. Comes as
    JSON, as GeoJSON (one case), as `text/csv`, the list of customers, or, for many cases, as
    `application/x-ndjson`: a line with the head, then a line for each case. Long answers are sent as they are
    written.
    """
    media_type = accepted(request, OUTAGE_TYPES)
    if question.cases is not None:
        if media_type == GEOJSON:
            fault = "cases: GeoJSON holds one case; ask for application/json, or one case at a time"
            raise InvalidInput(fault, [fault])
        scene, found = engine().find_outages([_case(one) for one in question.cases], question.context())
        if media_type == CSV:
            return customers_csv(scene.head(), _lists(found), numbered=True)
        if media_type == LINES:
            return text_response(lines_text(scene, found, question.include), LINES)
        return text_response(answers_text(scene, found, question.include))
    case = Case(
        out=question.out or (),
        faults=question.faults or (),
        area=question.area.model_dump() if question.area is not None else None,
    )
    one = engine().find_outage(case, question.context())
    if media_type == CSV:
        return customers_csv(one.scene.head(), _lists([one]))
    if media_type == GEOJSON:
        return text_response(geojson_text(one.scene, one), GEOJSON)
    if media_type == LINES:
        return text_response(lines_text(one.scene, [one], question.include), LINES)
    return text_response(answer_text(one.scene, one, question.include))


def _lists(outages: Sequence[Outage]) -> Iterator[tuple[int, list[Answer]]]:
    """The customers of each case, some thousand at a time."""
    for case, outage in enumerate(outages):
        for first in range(0, outage.customers.size, _CSV_ROWS):
            yield case, customers_of(outage.scene.world, outage.customers[first : first + _CSV_ROWS])


def _case(case: OutageCase) -> Case:
    return Case(
        out=case.out,
        faults=case.faults,
        area=case.area.model_dump() if case.area is not None else None,
        switching=_switching(case.switching),
    )


@api.get("/elements/{path:id}", response=ElementAnswer, tags=["questions"], summary="Element")
def element(request: HttpRequest, id: ElementId, query: Query[ContextQuery]) -> HttpResponse:
    """One element: its properties, geometry, and whether it is energised (a switch: whether it is open)."""
    accepted(request, (JSON,))
    return json_response(engine().element(id, context_of(request, query)))
