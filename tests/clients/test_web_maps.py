"""MapLibre GL, OpenLayers and Leaflet in a real Chromium read the service; compared with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import shapely

from tests.clients.conftest import BOX, COLLECTIONS, Served
from tests.clients.programs import run_browser

SCRIPT = Path(__file__).parent / "web_reads.mjs"


@pytest.fixture(scope="module")
def seen(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the three saw, and nothing was complained of."""
    kinds = {
        name: next(shape.geom_type for shape in served.truth[name].values() if shape is not None)
        for name in COLLECTIONS
    }
    asked = {
        "engine": served.url,
        "clients": ["maplibre", "openlayers", "leaflet"],
        "collections": kinds,
        "box": BOX,
    }
    told = run_browser(SCRIPT, asked, tmp_path_factory.mktemp("web"))
    assert told["errors"] == []
    return told["clients"]


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_maplibre_shows_vector_tiles(served: Served, seen: Any, collection: str) -> None:
    told = seen["maplibre"][collection]
    truth = served.truth[collection]
    assert seen["maplibre"]["faults"] == []
    assert told["drawn"] > 0
    if collection in ("line_section", "switch", "customer_point", "power_transformer", "corridor"):
        found: dict[str, list[Any]] = {}
        for one in told["source"]:
            found.setdefault(one["properties"]["id"], []).append(shapely.geometry.shape(one["geometry"]))
        assert found.keys() == truth.keys()
        for id, parts in found.items():
            assert shapely.hausdorff_distance(shapely.union_all(parts), truth[id]) < 1e-5
    if collection == "customer_point":
        lit = {one["properties"]["id"]: one["properties"]["energised"] for one in told["source"]}
        assert lit["C6"] is False
        assert lit["C1"] is True


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_openlayers_reads_features_maps_and_tiles(served: Served, seen: Any, collection: str) -> None:
    told, truth = seen["openlayers"], served.truth[collection]
    features = {one["id"]: one["at"] for one in told["features"][collection]}
    assert features.keys() == truth.keys()
    for id, at in features.items():
        if at is not None:
            assert shapely.distance(truth[id], shapely.Point(at)) < 1e-7
    assert 0 < told["pictures"][collection]["all"] <= 512 * 512
    assert told["tiles"][collection]


@pytest.mark.parametrize("collection", COLLECTIONS)
@pytest.mark.parametrize("version", ["1.1.1", "1.3.0"])
def test_leaflet_shows_maps_of_either_version(seen: Any, collection: str, version: str) -> None:
    told = seen["leaflet"][f"{collection} {version}"]
    assert told["faults"] == []
    assert told["painted"] > 0
