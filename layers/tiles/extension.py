"""What OGC API – Tiles adds to the service of features: conformance, links, and its addresses in the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from layers.features.addresses import collection_path
from layers.features.extension import Extension, Related
from layers.source import Description
from layers.tiles.documents import CONFORMANCE, JSON, TILESETS, TILESETS_OF_MAPS, TILING_SCHEMES
from layers.tiles.matrix import MATRIX_SETS, MOST_ZOOM
from layers.tiles.parameters import FORMATS, MOST_LAYERS, MVT, PNG

_GRID: dict[str, Any] = {
    "name": "tileMatrixSetId",
    "in": "path",
    "schema": {"type": "string", "enum": list(MATRIX_SETS)},
}
_COLLECTION: dict[str, Any] = {"name": "collectionId", "in": "path", "schema": {"type": "string"}}
_PLACE: list[dict[str, Any]] = [
    {"name": "tileMatrix", "in": "path", "schema": {"type": "integer", "minimum": 0, "maximum": MOST_ZOOM}},
    {"name": "tileRow", "in": "path", "schema": {"type": "integer", "minimum": 0}},
    {"name": "tileCol", "in": "path", "schema": {"type": "integer", "minimum": 0}},
]
_COLLECTIONS: dict[str, Any] = {
    "name": "collections",
    "in": "query",
    "description": "The layers wanted, with commas between; all of them where it is absent.",
    "schema": {
        "type": "array",
        "items": {"type": "string", "pattern": "^[^,]+$"},
        "minItems": 1,
        "maxItems": MOST_LAYERS,
        "uniqueItems": True,
    },
    "style": "form",
    "explode": False,
}
_OF_TILES: list[dict[str, Any]] = [
    {
        "name": "f",
        "in": "query",
        "description": "The form; where it is absent, what `Accept` names.",
        "schema": {"type": "string", "enum": list(FORMATS)},
    },
    {
        "name": "properties",
        "in": "query",
        "description": "The attributes of vector tiles, with commas between, instead of those of the level.",
        "schema": {"type": "array", "items": {"type": "string"}},
        "style": "form",
        "explode": False,
    },
    {
        "name": "datetime",
        "in": "query",
        "description": "The moment for which live state is told (RFC 3339); now where it is absent.",
        "schema": {"type": "string"},
    },
]
_AS_JSON: list[dict[str, Any]] = [
    {"name": "f", "in": "query", "schema": {"type": "string", "enum": ["json"]}}
]
_PROBLEMS = {
    "400": "A parameter is unknown or has a value that cannot be; `detail` names it.",
    "401": "A token is needed, or this one cannot be read.",
    "404": "There is no such collection, tile matrix set or tile.",
    "422": "The moment lies where the grid is not known.",
    "503": "The data cannot be read now; ask again after `Retry-After` seconds.",
}


def _links(path: str) -> list[Related]:
    return [
        Related(f"{path}/tiles?f=json", TILESETS, JSON, "Vector tiles"),
        Related(f"{path}/tiles?f=json", TILESETS_OF_MAPS, JSON, "Tiles as pictures"),
    ]


def _of_collection(description: Description) -> list[Related]:
    return _links(collection_path(description.id))


def _paths() -> Mapping[str, Any]:
    # operations are called as OGC 20-057, requirement 23 and its table say
    paths = {
        "/tileMatrixSets": _get("getTileMatrixSetsList", "Tile matrix sets", [], _AS_JSON),
        "/tileMatrixSets/{tileMatrixSetId}": _get("getTileMatrixSet", "A tile matrix set", [_GRID], _AS_JSON),
    }
    for begin, prefix, path, query in (
        ("", "dataset", [], [_COLLECTIONS]),
        ("/collections/{collectionId}", "collection", [_COLLECTION], []),
    ):
        paths[f"{begin}/tiles"] = _get(
            f"{prefix}.vector.getTileSetsList", "Tilesets", path, [*_AS_JSON, *query]
        )
        paths[f"{begin}/tiles/{{tileMatrixSetId}}"] = _get(
            f"{prefix}.vector.getTileSet", "A tileset", [*path, _GRID], [*_AS_JSON, *query]
        )
        paths[f"{begin}/tiles/{{tileMatrixSetId}}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}"] = _get(
            f"{prefix}.vector.getTile", "A tile", [*path, _GRID, *_PLACE], [*_OF_TILES, *query], (MVT, PNG)
        )
    return paths


def _get(
    operation: str,
    summary: str,
    path: list[dict[str, Any]],
    query: list[dict[str, Any]],
    types: tuple[str, ...] = (JSON,),
) -> dict[str, Any]:
    as_json = types == (JSON,)
    schema = {"type": "object"} if as_json else {"type": "string", "format": "binary"}
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/problem"}}}
    responses: dict[str, Any] = {
        "200": {"description": summary, "content": {type: {"schema": schema} for type in types}}
    }
    if not as_json:
        responses["204"] = {"description": "A vector tile in which nothing shows."}
        responses["304"] = {"description": "The tile is the one that `If-None-Match` names."}
    return {
        "get": {
            "operationId": operation,
            "summary": summary,
            "tags": ["tiles"],
            "parameters": [*({**one, "required": True} for one in path), *query],
            "responses": responses
            | {status: {"description": said, "content": problem} for status, said in _PROBLEMS.items()},
        }
    }


TILES = Extension(
    conformance=CONFORMANCE,
    landing=[
        *_links(""),
        Related("/tileMatrixSets?f=json", TILING_SCHEMES, JSON, "Tile matrix sets"),
    ],
    of_collection=_of_collection,
    paths=_paths(),
)
