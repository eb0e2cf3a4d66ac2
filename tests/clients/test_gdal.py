"""GDAL's drivers read the service; what they write down is compared with the package that was loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pyogrio
import pytest
import shapely
from PIL import Image

from layers.source import Box
from layers.tiles.matrix import MATRIX_SETS
from tests.clients.conftest import BOX, COLLECTIONS, Served, assert_read
from tests.clients.pictures import assert_drawn
from tests.clients.programs import run_gdal

WINDOW = [str(edge) for edge in (BOX[0], BOX[3], BOX[2], BOX[1])]


@pytest.fixture(scope="module")
def features_file(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All collections as the driver for OGC API – Features reads them, in a GeoPackage."""
    folder = tmp_path_factory.mktemp("oapif")
    source = f"OAPIF:{served.url}/ogc"
    run_gdal("ogr2ogr", "-f", "GPKG", "features.gpkg", source, "-oo", "PAGE_SIZE=3", folder=folder)
    return folder / "features.gpkg"


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_every_feature_of_a_collection_is_read_over_pages(
    served: Served, features_file: Path, collection: str
) -> None:
    frame = pyogrio.read_dataframe(features_file, layer=collection)

    assert_read(dict(zip(frame["id"], frame.geometry, strict=True)), served.truth[collection])


def picture(source: str, folder: Path, *arguments: str) -> Any:
    """Where a source is not white, as GDAL brings it to a PNG of the box."""
    run_gdal(
        "gdal_translate", "-q", "-of", "PNG", "-b", "1", "-b", "2", "-b", "3", "-outsize", "500", "500",
        "-projwin", *WINDOW, "-projwin_srs", "OGC:CRS84", *arguments, source, "out.png", folder=folder,
    )  # fmt: skip
    return np.asarray(Image.open(folder / "out.png").convert("RGB"))


@pytest.fixture(scope="module")
def maps(served: Served, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The source of each layer, as the driver for WMS reads it off the capabilities."""
    about = f"WMS:{served.url}/wms?SERVICE=WMS&VERSION=1.3.0&REQUEST=GetCapabilities"
    told = json.loads(run_gdal("gdalinfo", "-json", about, folder=tmp_path_factory.mktemp("wms")))
    sources = [value for key, value in told["metadata"]["SUBDATASETS"].items() if key.endswith("_NAME")]
    return {unquote(source.split("LAYERS=")[1].split("&")[0]): source for source in sources}


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_a_map_shows_features_where_they_are(
    served: Served, maps: dict[str, str], collection: str, tmp_path: Path
) -> None:
    source = maps[collection].split("&BBOX=")[0] + f"&BBOX={','.join(map(str, BOX))}"

    pixels = picture(source, tmp_path)

    assert_drawn((pixels != 255).any(axis=2), BOX, served.truth[collection])


def test_picture_tiles_show_features_where_they_are(served: Served, tmp_path: Path) -> None:
    about = f"WMTS:{served.url}/wmts?SERVICE=WMTS&REQUEST=GetCapabilities"
    for collection in ("line_section", "town:parks"):
        for matrix in MATRIX_SETS:
            source = f"{about},layer={collection},tilematrixset={matrix},extendbeyonddateline=no"
            run_gdal(
                "gdalwarp", "-q", "-overwrite", "-t_srs", "OGC:CRS84", "-te", *map(str, BOX), "-ts", "500",
                "500", source, "out.tif", folder=tmp_path,
            )  # fmt: skip
            alpha = np.asarray(Image.open(tmp_path / "out.tif").convert("RGBA"))[:, :, 3]
            assert_drawn(alpha > 0, BOX, served.truth[collection])


def test_vector_tiles_hold_features_where_they_are(served: Served, tmp_path: Path) -> None:
    grid = MATRIX_SETS["WebMercatorQuad"]
    for collection in ("line_section", "switch", "customer_point", "town:parks"):
        found: dict[str, list[Any]] = {}
        for tile in grid.tiles(Box(*BOX), 16):
            answer = served.engine.get(f"/tiles/{collection}/16/{tile.x}/{tile.y}.mvt")
            if answer.status_code == 204:
                continue  # nothing shows in it
            file = tmp_path / "16" / str(tile.x) / f"{tile.y}.mvt"  # where a tile lies is in its name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(answer.content)
            told = run_gdal(
                "ogr2ogr", "-f", "GeoJSON", "-t_srs", "OGC:CRS84", "/vsistdout/",
                str(file), folder=tmp_path,
            )  # fmt: skip
            for feature in json.loads(told)["features"]:
                properties = feature["properties"]
                id = properties.get("id") or properties["name"]
                found.setdefault(id, []).append(shapely.geometry.shape(feature["geometry"]))
        truth = served.truth[collection]
        if collection == "town:parks":
            truth = {"ABC"[int(id) - 1]: shape for id, shape in truth.items()}
        assert found.keys() == truth.keys()
        for id, parts in found.items():
            assert shapely.hausdorff_distance(shapely.union_all(parts), truth[id]) < 1e-5
