"""QGIS reads the service through its own providers; what it reads is compared with the package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import shapely

from tests.clients.conftest import BOX, COLLECTIONS, STORED, Served, assert_read
from tests.clients.programs import run_qgis

SCRIPT = Path(__file__).parent / "qgis_reads.py"
FRAME = {"box": BOX, "size": [300, 300], "crs": "OGC:CRS84"}


@pytest.fixture(scope="module")
def seen(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What one run of QGIS reads: all features, and pictures of a few layers by each provider."""
    features = {
        name: f"url='{served.url}/ogc/' typename='{name}' version='OGC_API_FEATURES'" for name in COLLECTIONS
    }
    maps: dict[str, Any] = {}
    for name in ("line_section", "town:parks"):
        wms = (
            f"crs=EPSG:4326&format=image/png&layers={name}&styles=&url={quote(served.url + '/wms', safe='')}"
        )
        about = quote(f"{served.url}/wmts?SERVICE=WMTS&REQUEST=GetCapabilities", safe="")
        wmts = (
            f"crs=EPSG:3857&format=image/png&layers={name}&styles=&tileMatrixSet=WebMercatorQuad&url={about}"
        )
        tiles = f"type=xyz&zmin=0&zmax=16&url={quote(served.url, safe='')}/tiles/{name}/{{z}}/{{x}}/{{y}}.mvt"
        maps[f"wms {name}"] = {**FRAME, "provider": "wms", "uri": wms}
        maps[f"wmts {name}"] = {**FRAME, "provider": "wms", "uri": wmts}
        maps[f"tiles {name}"] = {**FRAME, "provider": "vectortile", "uri": tiles}
    asked = json.dumps({"features": features, "maps": maps})
    told = run_qgis(SCRIPT, asked, folder=tmp_path_factory.mktemp("qgis"))
    return json.loads(told.splitlines()[-1])


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_every_feature_of_a_collection_is_read(served: Served, seen: Any, collection: str) -> None:
    told = seen["features"][collection]
    key = "code" if collection == "county" else "id"
    shapes = [one["geometry"] and shapely.from_wkt(one["geometry"]) for one in told["features"]]
    ids = [one.get(key) for one in told["features"]]
    if collection in STORED:
        assert_read(dict(zip(ids, shapes, strict=True)), served.truth[collection])
    else:
        truth = shapely.union_all(list(served.truth[collection].values()))
        assert len(shapes) == len(served.truth[collection])
        assert shapely.hausdorff_distance(shapely.union_all(shapes), truth) < 1e-6


def test_layers_are_drawn_by_each_provider(seen: Any) -> None:
    for name, one in seen["maps"].items():
        assert one["errors"] == [], name
        assert sum(one["colours"].values()) == 300 * 300
        painted = 300 * 300 - one["colours"].get("#ffffff", 0)
        assert 100 < painted < 60_000, name
