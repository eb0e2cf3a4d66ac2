"""The description of the interface is true: valid, complete; its examples answer, answers fit its schemas."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # ships no types
import pytest
from django.urls import URLPattern, URLResolver
from openapi_spec_validator import validate

from gis_service import urls
from gis_service.ingest.demo import demo_package
from gis_service.web.api import api
from tests.grid_database import GridDatabase
from tests.live import LiveEngine, empty, load

DOCUMENT: dict[str, Any] = api.get_openapi_schema(path_prefix="/v1/")


@pytest.fixture(scope="module")
def demo_engine(
    migrated_database: GridDatabase, shared_engine: LiveEngine, django_db_blocker: Any
) -> Iterator[LiveEngine]:
    """The engine over the demo grid, which the examples of the documentation are about."""
    with django_db_blocker.unblock():
        empty(migrated_database)
        load(demo_package())
        shared_engine.catch_up()
        yield shared_engine


def _addresses() -> Iterator[str]:
    """Every address the code answers at, as OpenAPI writes it, outside the map layers."""

    def walk(patterns: list[Any], before: str) -> Iterator[str]:
        for one in patterns:
            route = before + str(one.pattern)
            if isinstance(one, URLResolver):
                yield from walk(one.url_patterns, route)
            elif isinstance(one, URLPattern):
                yield re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", f"/{route}")

    yield from walk(urls.urlpatterns, "")


def test_the_description_is_valid_openapi(shared_engine: LiveEngine) -> None:
    served = shared_engine.get("/v1/openapi.json")
    assert served.headers["content-type"].startswith("application/json")
    document = served.json()
    assert document["openapi"].startswith("3.1")
    validate(document)


def test_every_address_is_described() -> None:
    answered = set(_addresses())
    undescribed = {"/v1/openapi.json", "/v1/docs", "/v1/"}
    layers = {one for one in answered if one.startswith(("/ogc", "/tiles/", "/wms", "/wmts"))}
    assert answered - undescribed - layers == set(DOCUMENT["paths"])


def test_every_operation_tells_its_problems_and_its_answer() -> None:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            responses = {str(status): response for status, response in operation["responses"].items()}
            assert responses["200"]["content"], (path, method)
            if path.startswith("/v1/"):
                assert list(responses["404"]["content"]) == ["application/problem+json"], (path, method)
                assert {"400", "503"} <= responses.keys()


def _bodies() -> Iterator[tuple[str, Any]]:
    for path, methods in DOCUMENT["paths"].items():
        for operation in methods.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                schema = content["schema"]
                name = schema.get("$ref", "").rpartition("/")[2]
                examples = schema.get("examples") or DOCUMENT["components"]["schemas"][name].get("examples")
                assert examples, f"{path} has no example"
                for example in examples:
                    yield path, example


_NAMED = {"{customer_id}": "load-0", "{id}/built": "1/built", "{id}/withdraw": "2/withdraw"}
"""What stands in an address; the examples before these reserve twice."""


@pytest.mark.parametrize(("path", "body"), list(_bodies()))
def test_every_example_answers_on_the_demo_grid(demo_engine: LiveEngine, path: str, body: Any) -> None:
    address = path
    for part, named in _NAMED.items():
        address = address.replace(part, named)
    answer = demo_engine.post(address, body)
    assert answer.status_code == 200, answer.text
    schema = DOCUMENT["paths"][path]["post"]["responses"][200]["content"]
    _fits(answer.json(), schema["application/json"]["schema"])


@pytest.mark.parametrize(
    ("path", "described"),
    [
        ("/v1/elements/switch-99", "/v1/elements/{id}"),
        ("/v1/elements/bus-319", "/v1/elements/{id}"),
        ("/v1/elements/load-10012", "/v1/elements/{id}"),
        ("/v1/supply-path/load-10012", "/v1/supply-path/{customer_id}"),
        ("/v1/headroom/district-trafo-10006", "/v1/headroom/{id}"),
        ("/v1/switch-operations", "/v1/switch-operations"),
        ("/v1/interruptions?limit=3", "/v1/interruptions"),
        ("/v1/reservations?limit=3", "/v1/reservations"),
    ],
)
def test_what_is_got_fits_its_schema(demo_engine: LiveEngine, path: str, described: str) -> None:
    schema = DOCUMENT["paths"][described]["get"]["responses"][200]["content"]["application/json"]["schema"]
    _fits(demo_engine.ask(path), schema)


def test_a_problem_fits_its_schema(demo_engine: LiveEngine) -> None:
    answer = demo_engine.post("/v1/outage-impact", {"out": ["nowhere"], "faults": [""]})
    _fits(answer.json(), {"$ref": "#/components/schemas/Problem"})


def _fits(answer: Any, schema: dict[str, Any]) -> None:
    whole = {**schema, "components": DOCUMENT["components"]}
    jsonschema.Draft202012Validator(whole).validate(answer)


def test_the_first_query_of_the_demo_counts_its_households(demo_engine: LiveEngine) -> None:
    # knowledge of the data: T_idx_35 is the largest district of Schutterwald, with 177 households
    answer = demo_engine.ask("/v1/outage-impact", {"out": ["trafo-10003"], "include": ["districts"]})
    assert answer["affected"]["customers"] == 177
    assert [one["customers"] for one in answer["districts"]] == [177]


def test_the_docs_page_asks_nobody_else(shared_engine: LiveEngine) -> None:
    page = shared_engine.get("/v1/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "<script" not in page.text
    addresses = re.findall(r"(?:src|href)='([^']+)'", page.text)
    assert addresses
    assert all(one.startswith(("#", "/v1/")) for one in addresses)
    for path in DOCUMENT["paths"]:
        assert path in page.text


def test_the_fixed_names_are_there() -> None:
    """Written by hand from the description of the interface."""
    schemas = DOCUMENT["components"]["schemas"]
    assert {"type", "from", "to", "barriers", "phases", "result", "switching", "state", "at"} <= set(
        schemas["TraceQuestion"]["properties"]
    )
    assert {"out", "faults", "area", "include", "cases", "switching", "state", "at"} <= set(
        schemas["OutageQuestion"]["properties"]
    )
    assert {"id", "open", "at", "reason", "operator", "idempotency_key"} == set(
        schemas["SwitchOperation"]["properties"]
    )
