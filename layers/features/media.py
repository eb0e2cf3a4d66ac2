"""Which form of an answer a request wants: by the parameter `f`, else by its `Accept` header."""

from __future__ import annotations

from collections.abc import Mapping

from django.http import HttpRequest

from layers.source import BadQuery, NotAcceptable

JSON = "application/json"
GEOJSON = "application/geo+json"
HTML = "text/html"
SCHEMA = "application/schema+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
CSV = "text/csv"
FLATGEOBUF = "application/flatgeobuf"
PARQUET = "application/vnd.apache.parquet"

DOCUMENT: Mapping[str, str] = {"json": JSON, "html": HTML}
FEATURE: Mapping[str, str] = {"json": GEOJSON, "geojson": GEOJSON, "html": HTML}
ITEMS: Mapping[str, str] = {**FEATURE, "csv": CSV, "fgb": FLATGEOBUF, "parquet": PARQUET}

TITLES = {
    JSON: "JSON",
    GEOJSON: "GeoJSON",
    HTML: "HTML",
    CSV: "CSV",
    FLATGEOBUF: "FlatGeobuf",
    PARQUET: "GeoParquet",
    SCHEMA: "JSON Schema",
    OPENAPI: "OpenAPI 3.0",
}


def by_media_type(offered: Mapping[str, str]) -> dict[str, str]:
    """Media type → value of `f`, the first where a type has several."""
    found: dict[str, str] = {}
    for f, type in offered.items():
        found.setdefault(type, f)
    return found


def media_type_of(request: HttpRequest, given: Mapping[str, str], offered: Mapping[str, str]) -> str:
    """The media type of the answer, one of those offered; the first where the request does not mind.

    Raises
    ------
    BadQuery
        For an `f` that is not offered.
    NotAcceptable
        When `Accept` names none of them.
    """
    if "f" in given:
        if given["f"] not in offered:
            raise BadQuery(f"f: {given['f']!r} is not written here; use {' or '.join(offered)}")
        return offered[given["f"]]
    first = next(iter(offered.values()))
    # JSON is also what those mean who ask for one of its kinds by the general name
    types = [*dict.fromkeys(offered.values()), JSON]
    found = request.get_preferred_type(types)
    if found is None:
        raise NotAcceptable(
            f"Accept: {request.headers.get('Accept', '')[:100]!r} names nothing that is written here; "
            f"there are {', '.join(dict.fromkeys(offered.values()))}"
        )
    return first if found == JSON else found
