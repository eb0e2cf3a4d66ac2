"""What is told of tilesets: TileJSON 3, the tileset metadata of OGC 17-083r4, and lists of them.

Values in, plain objects out; addresses come in as texts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from layers.sheet import Drawable
from layers.source import Box, Counties, FieldType, GeometryType
from layers.tiles.detail import EVERYTHING, MOST_DETAIL, Detail
from layers.tiles.matrix import MATRIX_SETS, MERCATOR_LIMIT, MOST_ZOOM, TileMatrixSet
from layers.tiles.parameters import MVT, PNG

JSON = "application/json"
TILING_SCHEME = "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme"
TILING_SCHEMES = "http://www.opengis.net/def/rel/ogc/1.0/tiling-schemes"
TILESETS = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector"
TILESETS_OF_MAPS = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-map"
_CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
_GEODATA = "http://www.opengis.net/def/rel/ogc/1.0/geodata"

CONFORMANCE = tuple(
    f"http://www.opengis.net/spec/{one}"
    for one in (
        "ogcapi-tiles-1/1.0/conf/core",
        "ogcapi-tiles-1/1.0/conf/tileset",
        "ogcapi-tiles-1/1.0/conf/tilesets-list",
        "ogcapi-tiles-1/1.0/conf/dataset-tilesets",
        "ogcapi-tiles-1/1.0/conf/geodata-tilesets",
        "ogcapi-tiles-1/1.0/conf/collections-selection",
        "ogcapi-tiles-1/1.0/conf/datetime",
        "ogcapi-tiles-1/1.0/conf/mvt",
        "ogcapi-tiles-1/1.0/conf/png",
        "ogcapi-tiles-1/1.0/conf/oas30",
        "tms/2.0/conf/tilematrixset",
        "tms/2.0/conf/json-tilematrixset",
        "tms/2.0/conf/json-tilesetmetadata",
    )
)
"""What the service's list of conformance classes says of tiles."""

_TILEJSON_TYPES: Mapping[FieldType, str] = {
    "string": "String",
    "number": "Number",
    "integer": "Number",
    "boolean": "Boolean",
}
_DIMENSIONS: Mapping[GeometryType, int] = {
    "Point": 0,
    "LineString": 1,
    "MultiLineString": 1,
    "Polygon": 2,
    "MultiPolygon": 2,
}

Address = Callable[[str], str]
"""An address of the service by its path from the root of the tiles, with what every link carries."""


def link(href: str, rel: str, type: str, title: str, **more: Any) -> dict[str, Any]:
    """A link."""
    return {"href": href, "rel": rel, "type": type, "title": title, **more}


def bounds_of(sources: Sequence[Drawable], counties: Counties) -> Box | None:
    """A box around layers as far as a caller may see them."""
    boxes = [box for box in (source.extent(counties) for source in sources) if box is not None]
    if not boxes:
        return None
    west, south, east, north = zip(*boxes, strict=True)
    return Box(min(west), min(south), max(east), max(north))


def tilejson(
    sources: Sequence[Drawable], details: Mapping[str, Detail], *, tiles: str, bounds: Box | None
) -> dict[str, Any]:
    """TileJSON 3.0.0; `tiles` is the address of a tile with `{z}`, `{x}`, `{y}`."""
    shown = [_vector_layer(source, details.get(source.description.id, EVERYTHING)) for source in sources]
    first = min(one["minzoom"] for one in shown)
    document: dict[str, Any] = {
        "tilejson": "3.0.0",
        "name": ", ".join(source.description.title for source in sources),
        "scheme": "xyz",
        "tiles": [tiles],
        "minzoom": first,
        "maxzoom": MOST_DETAIL,
        "vector_layers": shown,
    }
    if bounds is not None:
        south, north = (
            min(max(one, -MERCATOR_LIMIT), MERCATOR_LIMIT) for one in (bounds.south, bounds.north)
        )
        document["bounds"] = [bounds.west, south, bounds.east, north]
        middle = (bounds.west + bounds.east) / 2, (south + north) / 2
        document["center"] = [*middle, max(first, min(10, MOST_DETAIL))]
    return document


def _vector_layer(source: Drawable, detail: Detail) -> dict[str, Any]:
    description = source.description
    told = set(detail.fields(description, MOST_ZOOM))
    return {
        "id": description.id,
        "description": description.title,
        "minzoom": detail.since,
        "maxzoom": MOST_DETAIL,
        "fields": {one.name: _TILEJSON_TYPES[one.type] for one in description.fields if one.name in told},
    }


def matrix_set_list(address: Address) -> dict[str, Any]:
    """The tile matrix sets served."""
    return {
        "tileMatrixSets": [
            {
                "id": one.id,
                "title": one.title,
                "uri": one.uri,
                "crs": one.crs,
                "links": [link(address(f"tileMatrixSets/{one.id}"), "self", JSON, one.title)],
            }
            for one in MATRIX_SETS.values()
        ]
    }


def tileset_list(title: str, path: str, address: Address) -> dict[str, Any]:
    """The tilesets of a collection or of all; `path` is where they are, such as `tiles`."""
    return {
        "links": [link(address(f"{path}?f=json"), "self", JSON, f"Tiles of {title}")],
        "tilesets": [
            {
                **_begun(title, one),
                "links": [
                    link(address(f"{path}/{one.id}?f=json"), "self", JSON, f"{title} in {one.id}"),
                    *_tile_links(path, one, address),
                ],
            }
            for one in MATRIX_SETS.values()
        ],
    }


def tileset(
    title: str,
    path: str,
    grid: TileMatrixSet,
    sources: Sequence[Drawable],
    details: Mapping[str, Detail],
    *,
    bounds: Box | None,
    address: Address,
) -> dict[str, Any]:
    """The metadata of one tileset."""
    document = {
        **_begun(title, grid),
        "links": [
            link(address(f"{path}/{grid.id}?f=json"), "self", JSON, f"{title} in {grid.id}"),
            *_tile_links(path, grid, address),
        ],
        "layers": [
            _layer(source, details.get(source.description.id, EVERYTHING), address) for source in sources
        ],
    }
    if bounds is not None:
        document["boundingBox"] = {
            "lowerLeft": [bounds.west, bounds.south],
            "upperRight": [bounds.east, bounds.north],
            "crs": _CRS84,
            "orderedAxes": ["Lon", "Lat"],
        }
        middle = [(bounds.west + bounds.east) / 2, (bounds.south + bounds.north) / 2]
        document["centerPoint"] = {"coordinates": middle, "crs": _CRS84, "tileMatrix": "10"}
    return document


def _begun(title: str, grid: TileMatrixSet) -> dict[str, Any]:
    return {
        "title": title,
        "dataType": "vector",
        "crs": grid.crs,
        "tileMatrixSetId": grid.id,
        "tileMatrixSetURI": grid.uri,
        "tileMatrixSetLimits": grid.limits(),
    }


def _tile_links(path: str, grid: TileMatrixSet, address: Address) -> list[dict[str, Any]]:
    tile = f"{path}/{grid.id}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}"
    return [
        link(address(f"tileMatrixSets/{grid.id}"), TILING_SCHEME, JSON, grid.title),
        link(address(f"{tile}?f=mvt"), "item", MVT, "Vector tiles", templated=True),
        link(address(f"{tile}?f=png"), "item", PNG, "Pictures", templated=True),
    ]


def _layer(source: Drawable, detail: Detail, address: Address) -> dict[str, Any]:
    description = source.description
    told = set(detail.fields(description, MOST_ZOOM))
    return {
        "id": description.id,
        "title": description.title,
        "description": description.description,
        "dataType": "vector",
        "geometryDimension": _DIMENSIONS[description.geometry],
        "minTileMatrix": str(detail.since),
        "maxTileMatrix": str(MOST_ZOOM),
        "propertiesSchema": {
            "type": "object",
            "properties": {
                one.name: {"type": one.type, **({"title": one.title} if one.title else {})}
                for one in description.fields
                if one.name in told
            },
        },
        "links": [link(address(f"collections/{description.id}"), _GEODATA, JSON, description.title)],
    }
