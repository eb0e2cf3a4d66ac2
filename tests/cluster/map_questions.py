"""Questions to the maps about any grid: pictures, feature information, tiles in all their forms.

Boxes come from the grid. What a picture shows is not known here: two services are asked, and compared.
"""

from __future__ import annotations

from collections.abc import Iterator

from layers.source import Box
from layers.tiles.matrix import WEB_MERCATOR
from tests.cluster.asking import COLLECTIONS, Question, get

DRAWN = ("line_section", "switch", "power_transformer", "transformer_district", "customer_point")
_SIZE = (("width", "300"), ("height", "240"))


def map_questions(box: Box) -> Iterator[Question]:
    """About the pictures and tiles of a box around the whole grid."""
    yield from _wms(box)
    yield from _tiles(box)
    yield from _wmts(box)


def _wms(box: Box) -> Iterator[Question]:
    for version in ("1.3.0", "1.1.1"):
        yield get(
            "/wms", ("service", "WMS"), ("version", version), ("request", "GetCapabilities"), accept="*/*"
        )
    around = ("bbox", ",".join(f"{edge:.6f}" for edge in box))
    for layer in COLLECTIONS:
        asked = (
            ("version", "1.1.1"),
            ("layers", layer),
            ("styles", ""),
            ("srs", "EPSG:4326"),
            around,
            *_SIZE,
        )
        yield get("/wms", ("request", "GetMap"), *asked, ("format", "image/png"), accept="*/*")
        info = (("query_layers", layer), ("x", "150"), ("y", "120"), ("feature_count", "5"))
        yield get(
            "/wms",
            ("request", "GetFeatureInfo"),
            *asked,
            *info,
            ("info_format", "application/json"),
            accept="*/*",
        )


def _tiles(box: Box) -> Iterator[Question]:
    grid = WEB_MERCATOR
    yield get("/ogc/tileMatrixSets")
    yield get("/ogc/tileMatrixSets/{grid}", grid=grid.id)
    yield get("/ogc/tiles")
    yield get("/ogc/tiles/{grid}", grid=grid.id)
    x, y = (box.west + box.east) / 2, (box.south + box.north) / 2
    for z in (10, 15):
        tile = next(grid.tiles(Box(x, y, x, y), z))
        parts = {"z": str(tile.z), "y": str(tile.y), "x": str(tile.x)}
        yield get("/ogc/tiles/{grid}/{z}/{y}/{x}", grid=grid.id, accept="*/*", **parts)
        for layers in (",".join(DRAWN), "outage_area,feeder", "county,corridor"):
            yield get("/tiles/{layers}/{z}/{x}/{y}.mvt", layers=layers, accept="*/*", **parts)
        for layer in COLLECTIONS:
            route = "/ogc/collections/{collection}/tiles/{grid}/{z}/{y}/{x}"
            for form in ("mvt", "png"):
                yield get(route, ("f", form), collection=layer, grid=grid.id, accept="*/*", **parts)
    for layer in COLLECTIONS:
        yield get("/ogc/collections/{collection}/tiles", collection=layer)
        yield get("/ogc/collections/{collection}/tiles/{grid}", collection=layer, grid=grid.id)
        yield get("/tiles/{layers}.json", layers=layer)


def _wmts(box: Box) -> Iterator[Question]:
    yield get("/wmts", ("service", "WMTS"), ("request", "GetCapabilities"), accept="*/*")
    yield get("/wmts/1.0.0/WMTSCapabilities.xml", accept="*/*")
    x, y = (box.west + box.east) / 2, (box.south + box.north) / 2
    tile = next(WEB_MERCATOR.tiles(Box(x, y, x, y), 14))
    parts = {"z": str(tile.z), "y": str(tile.y), "x": str(tile.x)}
    for layer in DRAWN:
        yield get(
            "/wmts/1.0.0/{layer}/{style}/{grid}/{z}/{y}/{x}.png",
            layer=layer,
            style="default",
            grid=WEB_MERCATOR.id,
            accept="*/*",
            **parts,
        )
        for ending in ("json", "html", "txt", "gml"):
            yield get(
                "/wmts/1.0.0/{layer}/{style}/{grid}/{z}/{y}/{x}/{j}/{i}.{ending}",
                layer=layer,
                style="default",
                grid=WEB_MERCATOR.id,
                accept="*/*",
                j="128",
                i="128",
                ending=ending,
                **parts,
            )
