"""The map layers over HTTP, on the hand-drawn grid: pages, boxes, live state; expected from the package."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import shapely
from shapely.geometry import shape

from gis_service.network.text import parse_grid
from layers.features.documents import QUERYABLES
from tests.drawn import DRAWN, NORTH, SOUTH, drawn_package
from tests.live import LiveEngine
from tests.web.test_problems import problem

PACKAGE = drawn_package()
STORED = {
    "county": 2,
    "substation": 1,
    "line_section": 5,
    "switch": 5,
    "power_transformer": 2,
    "transformer_district": 2,
    "customer_point": 6,
    "corridor": 5,
}
COUNTS = {**STORED, "feeder": 2, "outage_area": 0, "topology_issue": 16}


def pages(engine: LiveEngine, path: str) -> list[dict[str, Any]]:
    """Every feature, following the next links."""
    found: list[dict[str, Any]] = []
    while path:
        answer = engine.get(path)
        assert answer.headers["content-type"] == "application/geo+json"
        page = answer.json()
        assert page["numberReturned"] == len(page["features"])
        found += page["features"]
        path = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
    return found


def test_the_collections_are_those_of_the_grid(still_engine: LiveEngine) -> None:
    listed = still_engine.ask("/ogc/collections")["collections"]
    assert [one["id"] for one in listed] == list(COUNTS)
    for one in listed:
        assert still_engine.ask(f"/ogc/collections/{one['id']}") == one
        rels = {link["rel"] for link in one["links"]}
        assert {"self", "alternate", "items", QUERYABLES} <= rels


@pytest.mark.parametrize(("layer", "count"), COUNTS.items())
@pytest.mark.parametrize("limit", [1, 2, 100])
def test_pages_give_every_feature_once_in_order(
    still_engine: LiveEngine, layer: str, count: int, limit: int
) -> None:
    found = pages(still_engine, f"/ogc/collections/{layer}/items?limit={limit}")
    keys = [(one["properties"].get("county_code", ""), one["id"]) for one in found]
    assert len(found) == count
    assert keys == sorted(set(keys))


def test_features_are_the_package(still_engine: LiveEngine) -> None:
    for layer in STORED:
        frame = PACKAGE[layer]
        key = "code" if layer == "county" else "id"
        by_id = {row[key]: row for _, row in frame.iterrows()}
        for feature in pages(still_engine, f"/ogc/collections/{layer}/items"):
            row = by_id[feature["id"]]
            if row["geom"] is None:
                assert feature["geometry"] is None
            else:
                assert shapely.equals_exact(shape(feature["geometry"]), row["geom"], 1e-9)
            for name in ("county_code", "kind", "length_m", "rated_kva", "contracted_kva", "critical_grade"):
                if name in frame.columns:
                    assert feature["properties"][name] == row[name], (layer, name)


@pytest.mark.parametrize("layer", ["line_section", "switch", "customer_point", "corridor", "county"])
def test_a_box_gives_what_meets_it(still_engine: LiveEngine, layer: str) -> None:
    west, south, east, north = 107.9995, 22.7995, 108.0015, 22.8025
    found = pages(still_engine, f"/ogc/collections/{layer}/items?limit=2&bbox={west},{south},{east},{north}")
    area = shapely.box(west, south, east, north)
    frame = PACKAGE[layer]
    key = "code" if layer == "county" else "id"
    assert sorted(one["id"] for one in found) == sorted(frame[key][frame.geometry.intersects(area)])
    assert len(found) > 0
    nowhere = still_engine.ask(f"/ogc/collections/{layer}/items", params={"bbox": "0,0,1,1"})
    assert nowhere["features"] == []


def test_an_element_outside_its_county_is_found_where_it_lies(still_engine: LiveEngine) -> None:
    """The areas lie side by side, and elements of the southern county lie in the northern area."""
    tables = parse_grid(DRAWN)
    row = tables.customers.id.tolist().index("C5")
    x, y = tables.customers.xy[row]
    assert tables.customers.county[row] == SOUTH
    assert not PACKAGE["county"].set_index("code").geom[SOUTH].intersects(shapely.Point(x, y))
    box = f"{x - 1e-6},{y - 1e-6},{x + 1e-6},{y + 1e-6}"
    found = still_engine.ask("/ogc/collections/customer_point/items", params={"bbox": box})["features"]
    assert "C5" in [one["id"] for one in found]


def test_a_feature_stands_alone_under_its_id(still_engine: LiveEngine) -> None:
    answer = still_engine.get("/ogc/collections/switch/items/TIE")
    assert answer.headers["content-type"] == "application/geo+json"
    feature = answer.json()
    assert (feature["id"], feature["properties"]["county_code"]) == ("TIE", SOUTH)
    assert feature["properties"]["open"] is True
    assert feature["grid_version"] == {NORTH: 1, SOUTH: 1}


def test_live_state_follows_switch_operations(drawn_engine: LiveEngine) -> None:
    def state(layer: str) -> dict[str, bool]:
        return {
            one["id"]: one["properties"]["energised"]
            for one in pages(drawn_engine, f"/ogc/collections/{layer}/items")
        }

    assert set(state("customer_point").values()) == {True}
    drawn_engine.operate({"id": "FU1", "open": True})
    assert {id for id, live in state("customer_point").items() if not live} == {"C3", "C4"}
    assert {id for id, live in state("line_section").items() if not live} == {"L4"}
    assert state("power_transformer") == {"T1": True, "T2": False}
    assert state("transformer_district") == {"D1": True, "D2": False}
    # an open switch with one live side has voltage
    assert state("switch")["FU1"] is True
    drawn_engine.operate({"id": "CB1", "open": True})
    assert state("substation") == {"ST1": True}
    assert drawn_engine.ask("/ogc/collections/switch/items/FU1")["properties"]["energised"] is False


def test_outages_and_feeders_are_told_as_of_a_moment(drawn_engine: LiveEngine) -> None:
    """Expected from the drawing: FU1 has C3 and C4 behind it, and F1 all customers but C6."""

    def told(layer: str, **asked: str) -> list[dict[str, Any]]:
        answer = drawn_engine.ask(f"/ogc/collections/{layer}/items", params=asked)
        return [one["properties"] for one in answer["features"]]

    before = datetime.now(UTC).isoformat()
    drawn_engine.operate({"id": "FU1", "open": True})
    out = datetime.now(UTC).isoformat()
    drawn_engine.operate({"id": "FU1", "open": False}, {"id": "CB2", "open": True})
    (now,) = told("outage_area")
    assert (now["customers"], now["cause"], now["county_codes"]) == (1, "CB2", f"{NORTH},{SOUTH}")
    (then,) = told("outage_area", datetime=out)
    assert (then["customers"], then["critical_special"], then["cause"]) == (2, 1, "FU1")
    assert before < then["since"] < out
    assert told("outage_area", datetime=before) == []
    assert [one["customers"] for one in told("feeder")] == [5, 0]
    assert [one["customers"] for one in told("feeder", datetime=out)] == [3, 1]
    assert [one["customers"] for one in told("feeder", datetime=before)] == [5, 1]


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/ogc/collections/nothing", 404, "customer_point"),
        ("/ogc/collections/connectivity_node/items", 404, "connectivity_node"),
        ("/ogc/collections/switch/items/nothing", 404, "nothing"),
        ("/ogc/collections/switch/items?bbox=1,2,3", 400, "bbox"),
        ("/ogc/collections/switch/items?limit=0", 400, "limit"),
        ("/ogc/collections/switch/items?after=1", 400, "after"),
        ("/ogc/collections/switch/items?colour=red", 400, "colour"),
        ("/ogc/collections?f=xml", 400, "json or html"),
        ("/ogc/collections/switch/items?f=gml", 400, "geojson or html or csv or fgb or parquet"),
        ("/ogc/collections/switch/items?filter=nosuch=1", 400, "no property 'nosuch'; it has id"),
        ("/ogc/collections/switch/items?filter=open&filter-lang=sql", 400, "cql2-text or cql2-json"),
        ("/ogc/collections/switch/items?crs=EPSG:27700", 400, "crs: 'EPSG:27700' is not offered"),
        ("/ogc/collections/switch/items?datetime=yesterday", 400, "datetime: 'yesterday'"),
        ("/ogc/collections/switch/items?datetime=2999-01-01T00:00:00Z", 400, "lies ahead"),
        ("/ogc/collections/switch/items?properties=id,colour", 400, "has no colour; it has id"),
        ("/ogc/collections/switch/items?open=maybe", 400, "neither true nor false"),
        ("/ogc/collections/line_section/items?length_m=long", 400, "length_m: 'long' is no number"),
        ("/ogc/nothing", 404, "/ogc/nothing"),
    ],
)
def test_faults_are_problem_documents(still_engine: LiveEngine, path: str, status: int, said: str) -> None:
    assert said in problem(still_engine.get(path), status)["detail"]
