"""The `/v1` interface as one object: how bodies are read, how faults are told, what OpenAPI says."""

from __future__ import annotations

from typing import Any

import orjson
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.parser import Parser
from ninja.types import DictStrAny

from gis_service.web.problems import KINDS, PROBLEM_JSON, problem_of
from gis_service.web.told.common import Problem

DESCRIPTION = """Questions about an electricity grid, and the answer of who is affected.

Ids are the utility's own, unique within their layer; an id that stands in several layers is written
`layer:id`. Lists come in the order (county, layer, id). Units: metres, kV, kVA; times are RFC 3339 with a
zone; coordinates are lon/lat. Every answer names the `grid_version` it was given at; every question takes
`switching`, `state` and `at`. Errors are problem documents (RFC 9457)."""


class StrictJson(Parser):
    """Bodies by the letter of RFC 8259: no NaN, no lone surrogates."""

    def parse_body(self, request: HttpRequest) -> Any:
        """The body as plain values; ninja turns a ValueError into a 400."""
        return orjson.loads(request.body)


class EngineApi(NinjaAPI):
    """ninja, with problem documents in its OpenAPI and the addresses outside `/v1` listed."""

    def get_openapi_schema(self, *args: Any, **kwargs: Any) -> OpenAPISchema:
        """The OpenAPI 3.1 document."""
        document = super().get_openapi_schema(*args, **kwargs)
        document["components"]["schemas"]["Problem"] = Problem.model_json_schema(
            ref_template="#/components/schemas/{model}"
        )
        for methods in document["paths"].values():
            for operation in methods.values():
                operation["responses"] |= _problem_responses(operation)
        document["paths"] |= PLAIN_PATHS
        document["paths"] = dict(sorted(document["paths"].items()))
        return document


def _problem_responses(operation: DictStrAny) -> DictStrAny:
    statuses = [400, 404, 406, 503]
    if "requestBody" in operation:
        statuses += [413, 415]
    statuses += operation.pop("x-problems", [])
    return {str(status): _problem_response(status) for status in sorted({*statuses, 422})}


def _problem_response(status: int) -> DictStrAny:
    meanings = [meaning for own, _, meaning in KINDS.values() if own == status]
    return {
        "description": " ".join(meanings),
        "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def _plain(operation_id: str, summary: str, media_type: str, *, not_ready: bool = False) -> DictStrAny:
    schema = {"type": "string"} if media_type == "text/plain" else {"type": "object"}
    responses: DictStrAny = {"200": {"description": "OK", "content": {media_type: {"schema": schema}}}}
    if not_ready:
        responses["503"] = {"description": "Not ready", "content": {media_type: {"schema": schema}}}
    return {
        "get": {"operationId": operation_id, "summary": summary, "tags": ["health"], "responses": responses}
    }


PLAIN_PATHS: DictStrAny = {
    "/healthz": _plain("healthz", "Is the process alive", "application/json"),
    "/readyz": _plain(
        "readyz", "Can questions be answered, by county and node", "application/json", not_ready=True
    ),
    "/metrics": _plain("metrics", "Counters for Prometheus", "text/plain"),
}

api = EngineApi(
    title="GridGIS engine",
    version="1.0.0",
    description=DESCRIPTION,
    urls_namespace="v1",
    docs_url=None,
    parser=StrictJson(),
)


def _tell(request: HttpRequest, error: Exception | type[Exception]) -> HttpResponse:
    assert isinstance(error, Exception)  # ninja's signature allows classes, it passes none
    if isinstance(error, HttpError) and error.status_code == 400:
        # ninja repeats the decoder's own words only when DEBUG is on
        error = HttpError(400, _json_fault(request))
    return problem_of(request, error)


def _json_fault(request: HttpRequest) -> str:
    if not request.body:
        return "body: the request has no body; send the question as a JSON object"
    try:
        orjson.loads(request.body)
    except orjson.JSONDecodeError as fault:
        return f"body: not valid JSON: {fault}"
    return "body: the request cannot be read"


for _class in (Exception, Http404, HttpError, ValidationError):
    api.add_exception_handler(_class, _tell)
