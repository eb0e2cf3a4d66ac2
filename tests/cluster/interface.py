"""What can be asked of the engine, read from its own description, and which of it questions have asked.

Addresses come from the code's routes, fields, values, parameters and forms of answers from OpenAPI and the
layers' declared parameters: what is added there and asked nowhere is missing here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from django.urls import URLPattern, URLResolver

from gis_service import urls
from gis_service.web.api import api
from layers.features.parameters import ITEM_PARAMETERS
from tests.cluster.asking import COLLECTIONS, Question

DOCUMENT: dict[str, Any] = api.get_openapi_schema(path_prefix="/v1/")
LAYERS = "/ogc/"
ENDLESS = {"/tiles/events"}
"""Addresses whose answer has no end; `tests/layers/tiles` asks them."""


def addresses() -> set[str]:
    """Every address the code answers at, as OpenAPI writes it."""

    def walk(patterns: list[Any], before: str) -> Iterator[str]:
        for one in patterns:
            route = before + str(one.pattern)
            if isinstance(one, URLResolver):
                yield from walk(one.url_patterns, route)
            elif isinstance(one, URLPattern):
                yield re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", f"/{route}")

    return set(walk(urls.urlpatterns, ""))


def all_that_can_be_asked() -> set[str]:
    """One line for each address with its method, field, value, parameter and form of answer."""
    found: set[str] = set()
    for route, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            name = f"{method.upper()} {route}"
            found.add(name)
            found |= {
                f"{name} ?{one['name']}" for one in operation.get("parameters", ()) if one["in"] == "query"
            }
            ok = next(one for status, one in operation["responses"].items() if str(status) == "200")
            found |= {f"{name} as {media_type}" for media_type in ok["content"] if route.startswith("/v1/")}
            for content in operation.get("requestBody", {}).get("content", {}).values():
                found |= {f"{name} {field}" for field in _fields(content["schema"], "")}
    for route in addresses() - DOCUMENT["paths"].keys() - ENDLESS:
        found.add(f"GET {route}")
    items = f"GET {LAYERS}collections/{{collection}}/items"
    for layer in COLLECTIONS:
        found |= {f"{items} ?{parameter} of {layer}" for parameter in ITEM_PARAMETERS}
        found |= {f"{items}/{{id}} of {layer}", f"GET {LAYERS}collections/{{collection}} of {layer}"}
    return found


def asked(questions: Iterable[Question], *, pages_followed: bool = True) -> set[str]:
    """The same lines for what these questions ask; following pages asks with `after`."""
    found: set[str] = set()
    for one in questions:
        name = f"{one.method} {one.route}"
        lines = {name, f"{name} as {one.accept}"}
        lines |= {f"{name} ?{parameter}" for parameter, _ in one.query}
        if any(parameter == "limit" for parameter, _ in one.query) and pages_followed:
            lines.add(f"{name} ?after")
        if isinstance(one.body, dict | list):
            lines |= {f"{name} {field}" for field in _used(one.body, "")}
        if one.route.startswith(LAYERS) and "{collection}" in one.route:
            layer = one.path.split("/")[3]
            lines |= {f"{line} of {layer}" for line in lines}
        found |= lines
    return found


def statuses() -> set[tuple[str, str, int]]:
    """(method, address, status) for every answer that the description promises."""
    return {
        (method.upper(), route, int(status))
        for route, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
        for status in operation["responses"]
    }


def _fields(schema: dict[str, Any], path: str) -> Iterator[str]:
    """Paths of the fields of a body, and their values where these are listed one by one."""
    if "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for part in ("anyOf", "oneOf"):
        for one in schema.get(part, ()):
            yield from _fields(one, path)
    for value in schema.get("enum", [schema["const"]] if "const" in schema else []):
        yield f"{path}={value}"
    if "items" in schema:
        yield from _fields(schema["items"], f"{path}[]")
    for name, field in schema.get("properties", {}).items():
        yield f"{path}.{name}"
        yield from _fields(field, f"{path}.{name}")


def _used(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield f"{path}.{name}"
            yield from _used(one, f"{path}.{name}")
    elif isinstance(value, list):
        for one in value:
            yield from _used(one, f"{path}[]")
    else:
        yield f"{path}={value}"
