"""The API as OpenAPI 3.0, made of the declarations that the views check (OGC 17-069r4, 9.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from layers.features.addresses import collection_path
from layers.features.documents import API_FORMS, QUERYABLES_FORMS, SUMMARY, TITLE
from layers.features.extension import Extension
from layers.features.media import DOCUMENT, FEATURE, ITEMS
from layers.features.parameters import CRS, Parameter, format_parameter, items_parameters
from layers.source import Description

_PROBLEM = "application/problem+json"
_STATUSES = {
    "400": "A parameter is unknown or has a value that cannot be; `detail` names it.",
    "401": "A token is needed, or this one cannot be read.",
    "404": "There is no such collection or feature.",
    "406": "`Accept` names no form that is written here.",
    "503": "The data cannot be read now; ask again after `Retry-After` seconds.",
}


def document(address: str, layers: Iterable[Description], extensions: Iterable[Extension]) -> dict[str, Any]:
    """The OpenAPI document of a service at an address."""
    paths: dict[str, Any] = {
        "/": _get("landing", "Where to begin", "service", _documents(DOCUMENT), DOCUMENT),
        "/conformance": _get(
            "conformance", "Standards that are met", "service", _documents(DOCUMENT), DOCUMENT
        ),
        "/api": _get("api", "This document", "service", _documents(API_FORMS), API_FORMS),
        "/collections": _get("collections", "All collections", "service", _documents(DOCUMENT), DOCUMENT),
    }
    for one in layers:
        paths |= _of_collection(one)
    for extension in extensions:
        paths |= extension.paths or {}
    return {
        "openapi": "3.0.3",
        "info": {"title": TITLE, "description": SUMMARY, "version": "1.0.0"},
        "servers": [{"url": address}],
        "paths": paths,
        "components": {
            "schemas": {
                "problem": {
                    "type": "object",
                    "required": ["type", "title", "status", "detail"],
                    "properties": {
                        "type": {"type": "string"},
                        "title": {"type": "string"},
                        "status": {"type": "integer"},
                        "detail": {"type": "string"},
                    },
                },
                "object": {"type": "object"},
                "featureCollection": {
                    "type": "object",
                    "required": ["type", "features"],
                    "properties": {
                        "type": {"type": "string", "enum": ["FeatureCollection"]},
                        "features": {"type": "array", "items": {"$ref": "#/components/schemas/feature"}},
                        "links": {"type": "array", "items": {"type": "object"}},
                        "timeStamp": {"type": "string", "format": "date-time"},
                        "numberMatched": {"type": "integer", "minimum": 0},
                        "numberMatchedEstimate": {"type": "integer", "minimum": 0},
                        "numberReturned": {"type": "integer", "minimum": 0},
                    },
                },
                "feature": {
                    "type": "object",
                    "required": ["type", "geometry", "properties"],
                    "properties": {
                        "type": {"type": "string", "enum": ["Feature"]},
                        "id": {"type": "string"},
                        "geometry": {"type": "object", "nullable": True},
                        "properties": {"type": "object"},
                    },
                },
            }
        },
    }


def _of_collection(description: Description) -> dict[str, Any]:
    id, title = description.id, description.title
    path = collection_path(id)
    item = _get(
        f"{id}.feature", f"{title}: one feature", id, [CRS, format_parameter(FEATURE)], FEATURE, "feature"
    )
    item["get"]["parameters"].insert(
        0, {"name": "featureId", "in": "path", "required": True, "schema": {"type": "string"}}
    )
    return {
        path: _get(f"{id}.collection", title, id, _documents(DOCUMENT), DOCUMENT),
        f"{path}/queryables": _get(
            f"{id}.queryables",
            f"{title}: what can be asked for",
            id,
            _documents(QUERYABLES_FORMS),
            QUERYABLES_FORMS,
        ),
        f"{path}/items": _get(
            f"{id}.features",
            f"{title}: features",
            id,
            items_parameters(description, ITEMS),
            ITEMS,
            "featureCollection",
        ),
        f"{path}/items/{{featureId}}": item,
    }


def _documents(offered: Mapping[str, str]) -> list[Parameter]:
    return [format_parameter(offered)]


def _get(
    operation: str,
    summary: str,
    tag: str,
    parameters: Sequence[Parameter],
    offered: Mapping[str, str],
    schema: str = "object",
) -> dict[str, Any]:
    content = {
        type: {"schema": {"$ref": f"#/components/schemas/{schema}"}}
        if type.endswith("json") or "json" in type
        else {"schema": {"type": "string"}}
        for type in dict.fromkeys(offered.values())
    }
    problem = {_PROBLEM: {"schema": {"$ref": "#/components/schemas/problem"}}}
    responses = {"200": {"description": summary, "content": content}} | {
        status: {"description": said, "content": problem} for status, said in _STATUSES.items()
    }
    return {
        "get": {
            "operationId": operation,
            "summary": summary,
            "tags": [tag],
            "parameters": [one.document() for one in parameters],
            "responses": responses,
        }
    }
