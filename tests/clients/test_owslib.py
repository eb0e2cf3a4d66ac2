"""OWSLib reads the service; what it reads is compared with the package that was loaded."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import shapely
from owslib.ogcapi.features import Features
from owslib.wms import WebMapService
from owslib.wmts import WebMapTileService
from PIL import Image

from layers.source import Box
from layers.tiles.matrix import MATRIX_SETS
from tests.clients.conftest import BOX, COLLECTIONS, Served, assert_read, shape_of
from tests.clients.pictures import assert_drawn, is_painted_at


def pixels(answer: Any) -> Any:
    return np.asarray(Image.open(io.BytesIO(answer.read())).convert("RGBA"))


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_features_are_read_with_their_live_state(served: Served, collection: str) -> None:
    service = Features(f"{served.url}/ogc/")

    told = service.collection_items(collection, limit=1000)

    assert collection in service.feature_collections()
    assert_read(
        {one["id"]: shape_of(one) for one in told["features"]},
        served.truth[collection],
    )
    if collection == "customer_point":
        lit = {one["id"]: one["properties"]["energised"] for one in told["features"]}
        assert lit == {**dict.fromkeys(("C1", "C2", "C3", "C4", "C5"), True), "C6": False}


def test_features_are_filtered_and_queryables_told(served: Served) -> None:
    service = Features(f"{served.url}/ogc/")

    assert {"energised", "contracted_kva"} <= set(
        service.collection_queryables("customer_point")["properties"]
    )
    dark = service.collection_items("customer_point", filter="energised = FALSE", limit=10)
    assert [one["id"] for one in dark["features"]] == ["C6"]


@pytest.mark.parametrize("version", ["1.1.1", "1.3.0"])
def test_every_layer_is_drawn_in_either_order_of_axes(served: Served, version: str) -> None:
    service = WebMapService(f"{served.url}/wms", version=version)

    assert set(COLLECTIONS) <= set(service.contents)
    for collection in COLLECTIONS:
        for crs in ("EPSG:4326", "CRS:84") if version == "1.3.0" else ("EPSG:4326",):
            # OWSLib turns the box for a system that has north first
            answer = service.getmap(
                layers=[collection],
                srs=crs,
                bbox=BOX,
                size=(300, 300),
                format="image/png",
                transparent=True,
            )
            assert_drawn(pixels(answer)[:, :, 3] > 0, BOX, served.truth[collection])


def test_information_is_told_of_the_feature_at_a_pixel(served: Served) -> None:
    service = WebMapService(f"{served.url}/wms", version="1.3.0")
    spot = served.truth["customer_point"]["C6"]
    west, south, east, north = BOX
    at = (int((spot.x - west) / (east - west) * 300), int((north - spot.y) / (north - south) * 300))

    told = service.getfeatureinfo(
        layers=["customer_point"],
        srs="CRS:84",
        bbox=BOX,
        size=(300, 300),
        format="image/png",
        query_layers=["customer_point"],
        info_format="application/json",
        xy=at,
    ).read()

    assert b"C6" in told


def test_picture_tiles_are_where_the_capabilities_say(served: Served) -> None:
    service = WebMapTileService(f"{served.url}/wmts")

    assert set(COLLECTIONS) <= set(service.contents)
    for collection in COLLECTIONS:
        shapes = [shape for shape in served.truth[collection].values() if shape is not None]
        spot = shapely.point_on_surface(shapely.intersection(shapes[0], shapely.box(*BOX)))
        for name, grid in MATRIX_SETS.items():
            tile = next(iter(grid.tiles(Box(spot.x, spot.y, spot.x, spot.y), 16)))
            answer = service.gettile(
                layer=collection,
                tilematrixset=name,
                tilematrix="16",
                row=tile.y,
                column=tile.x,
                format="image/png",
            )
            box = grid.bounds(tile)
            assert answer.info()["Content-Type"] == "image/png"
            assert is_painted_at(pixels(answer)[:, :, 3] > 0, box, spot)
