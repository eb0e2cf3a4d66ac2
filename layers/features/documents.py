"""The JSON documents beside features: landing page, collections, queryables.

OGC 17-069r4 (core), 18-058r1 (reference systems), 19-079r2 (queryables).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from layers.features.addresses import Addresses, Link, collection_path
from layers.features.crs import CRS84, systems
from layers.features.extension import Extension, Related
from layers.features.media import DOCUMENT, HTML, ITEMS, JSON, OPENAPI, SCHEMA, TITLES, by_media_type
from layers.filter.check import queryables
from layers.filter.tree import GEOMETRY
from layers.source import Counties, Description, Source

QUERYABLES = "http://www.opengis.net/def/rel/ogc/1.0/queryables"
TITLE = "Map layers"
SUMMARY = "The electricity grid as layers, as it is now or was at a moment."

QUERYABLES_FORMS = {"json": SCHEMA, "html": HTML}
API_FORMS = {"json": OPENAPI, "html": HTML}


def landing(addresses: Addresses, chosen: str, extensions: Iterable[Extension]) -> dict[str, Any]:
    """The landing page (17-069r4, 7.2)."""
    return {
        "title": TITLE,
        "description": SUMMARY,
        "links": [
            *addresses.forms("/", DOCUMENT, chosen),
            addresses.link("/api", "service-desc", OPENAPI, "The API as OpenAPI 3.0"),
            addresses.link("/api", "service-doc", HTML, "The API, to be read", {"f": "html"}),
            addresses.link("/conformance", "conformance", JSON, "Standards that are met"),
            addresses.link("/collections", "data", JSON, "Collections"),
            *_related(addresses, (one for extension in extensions for one in extension.landing)),
        ],
    }


def conformance(classes: Iterable[str], links: Iterable[Link]) -> dict[str, Any]:
    """The declaration of conformance (17-069r4, 7.4)."""
    return {"conformsTo": list(dict.fromkeys(classes)), "links": list(links)}


def collections(
    addresses: Addresses,
    sources: Sequence[Source],
    counties: Counties,
    chosen: str,
    extensions: Sequence[Extension],
) -> dict[str, Any]:
    """All collections (17-069r4, 7.13)."""
    listed = [collection(addresses, one, counties, JSON, extensions) for one in sources]
    return {
        "title": TITLE,
        "links": list(addresses.forms("/collections", DOCUMENT, chosen)),
        "crs": list(dict.fromkeys(uri for one in listed for uri in one["crs"])),
        "collections": listed,
    }


def collection(
    addresses: Addresses,
    source: Source,
    counties: Counties,
    chosen: str,
    extensions: Iterable[Extension],
) -> dict[str, Any]:
    """One collection (17-069r4, 7.14; 18-058r1, 6.2)."""
    description = source.description
    path, extent = collection_path(description.id), source.extent(counties)
    document: dict[str, Any] = {
        "id": description.id,
        "title": description.title,
        "description": description.description,
        "itemType": "feature",
        "crs": list(systems(extent)),
        "storageCrs": CRS84,
        "links": [
            *addresses.forms(path, DOCUMENT, chosen),
            *(
                addresses.link(
                    f"{path}/items", "items", type, f"{description.title} as {TITLES[type]}", {"f": f}
                )
                for type, f in by_media_type(ITEMS).items()
            ),
            addresses.link(f"{path}/queryables", QUERYABLES, SCHEMA, "What can be asked for"),
            *_related(addresses, (one for by in extensions for one in by.of_collection(description))),
        ],
    }
    if extent is not None:
        document["extent"] = {"spatial": {"bbox": [list(extent)], "crs": CRS84}}
    return document


def _related(addresses: Addresses, related: Iterable[Related]) -> list[dict[str, Any]]:
    return [
        {
            **addresses.link(one.path, one.rel, one.type, one.title),
            **({"templated": True} if one.templated else {}),
        }
        for one in related
    ]


def queryables_schema(addresses: Addresses, description: Description) -> dict[str, Any]:
    """What a filter may name, as JSON Schema (19-079r2, clause 6); no value of any feature is in it."""
    titles = {one.name: one.title for one in description.fields}
    properties: dict[str, Any] = {}
    for name, one in queryables(description).items():
        if name == GEOMETRY:
            kind = f"geometry-{description.geometry.lower()}"
            properties[name] = {"title": "Geometry", "format": kind, "x-ogc-role": "primary-geometry"}
        else:
            properties[name] = {"title": titles[name] or name, "type": one.type}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": addresses.of(f"{collection_path(description.id)}/queryables"),
        "type": "object",
        "title": description.title,
        "description": description.description,
        "properties": properties,
        "additionalProperties": False,
    }
