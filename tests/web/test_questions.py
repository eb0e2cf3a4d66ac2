"""Each question on the hand-drawn grid (`tests/drawn.py`); the expected answers are read off the drawing."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from tests.drawn import KVA, NORTH, SOUTH
from tests.live import LiveEngine

LOST = {
    "L1": ["C1", "C2", "C3", "C4", "C5"],
    "CB1": ["C1", "C2", "C3", "C4", "C5"],
    "S1": ["C1", "C2", "C3", "C4", "C5"],
    "T1": ["C1", "C2"],
    "L2": ["C3", "C4", "C5"],
    "FU1": ["C3", "C4"],
    "L4": ["C3", "C4"],
    "T2": ["C3", "C4"],
    "SW2": ["C5"],
    "L3": ["C5"],
    "TIE": [],
    "L5": ["C6"],
    "n4": ["C3", "C4", "C5"],
    "n9": ["C3", "C4"],
    "C5": ["C5"],
    "D1": ["C1", "C2"],
    "F1": ["C1", "C2", "C3", "C4", "C5"],
}
"""Element → the customers that lose supply when it is out."""


def _ids(customers: list[dict[str, Any]]) -> list[str]:
    return [one["id"] for one in customers]


@pytest.mark.parametrize(("element", "lost"), LOST.items())
def test_an_element_that_is_out_takes_what_hangs_behind_it(
    still_engine: LiveEngine, element: str, lost: list[str]
) -> None:
    answer = still_engine.ask("/v1/outage-impact", {"out": [element]})
    assert _ids(answer["customers"]) == lost
    assert answer["affected"]["customers"] == len(lost)
    assert answer["affected"]["contracted_kva"] == sum(KVA[id] for id in lost)


def test_a_moment_before_the_load_is_answered_and_said_to_be(still_engine: LiveEngine) -> None:
    before = still_engine.ask("/v1/outage-impact", {"out": ["L1"], "at": "2001-01-01T00:00:00Z"})
    assert before["loaded_later"] == [NORTH, SOUTH]
    assert still_engine.ask("/v1/outage-impact", {"out": ["L1"]})["loaded_later"] == []


def test_an_outage_counts_by_county_and_grade(still_engine: LiveEngine) -> None:
    answer = still_engine.ask("/v1/outage-impact", {"out": ["L1"]})
    assert answer["grid_version"] == {NORTH: 1, SOUTH: 1}
    assert (answer["partial"], answer["missing_counties"]) == (False, [])
    assert answer["affected"] == {
        "customers": 5,
        "critical": {"special": 1, "first": 1, "second": 0, "temporary": 0},
        "transformer_districts": 2,
        "contracted_kva": 165.5,
    }
    assert {county: one["customers"] for county, one in answer["by_county"].items()} == {NORTH: 2, SOUTH: 3}
    assert answer["by_county"][SOUTH]["critical"] == {"special": 1, "first": 1, "second": 0, "temporary": 0}
    assert answer["opened"] == []
    assert answer["districts"] == [
        {
            "id": "D1",
            "county_code": NORTH,
            "name": "Village",
            "transformer_id": "T1",
            "customers": 2,
            "customers_total": 2,
            "contracted_kva": 13.5,
        },
        {
            "id": "D2",
            "county_code": SOUTH,
            "name": "Mill",
            "transformer_id": "T2",
            "customers": 2,
            "customers_total": 2,
            "contracted_kva": 140.0,
        },
    ]
    assert answer["customers"][1] | {"point": None} == {
        "id": "C2",
        "county_code": NORTH,
        "district_id": "D1",
        "node_id": "n5",
        "customer_class": "residential",
        "critical_grade": None,
        "contracted_kva": 5.5,
        "point": None,
    }
    assert "elements" not in answer
    assert "geometry" not in answer


@pytest.mark.parametrize(
    ("fault", "opened", "lost"),
    [
        ("L4", ["FU1"], ["C3", "C4"]),
        ("L3", ["CB1"], ["C1", "C2", "C3", "C4", "C5"]),
        ("L5", ["CB2"], ["C6"]),
        ("T1", ["CB1"], ["C1", "C2", "C3", "C4", "C5"]),
    ],
)
def test_a_fault_opens_the_nearest_protection_towards_the_source(
    still_engine: LiveEngine, fault: str, opened: list[str], lost: list[str]
) -> None:
    answer = still_engine.ask("/v1/outage-impact", {"faults": [fault]})
    assert (answer["opened"], _ids(answer["customers"])) == (opened, lost)


def test_everything_that_meets_an_area_is_out(still_engine: LiveEngine) -> None:
    at = still_engine.ask("/v1/elements/n8")["geometry"]["coordinates"]
    area = {"type": "Polygon", "coordinates": [_square(at, 1e-5)]}
    answer = still_engine.ask("/v1/outage-impact", {"area": area})
    assert _ids(answer["customers"]) == ["C3", "C4"]
    many = {"type": "MultiPolygon", "coordinates": [area["coordinates"]]}
    assert still_engine.ask("/v1/outage-impact", {"area": many})["customers"] == answer["customers"]


def test_an_area_that_covers_the_customers_alone_puts_them_out(still_engine: LiveEngine) -> None:
    at = still_engine.ask("/v1/elements/C5")["geometry"]["coordinates"]
    answer = still_engine.ask(
        "/v1/outage-impact", {"area": {"type": "Polygon", "coordinates": [_square(at, 1e-5)]}}
    )
    assert "C5" in _ids(answer["customers"])


def _square(at: list[float], half: float) -> list[list[float]]:
    x, y = at
    return [
        [x - half, y - half],
        [x + half, y - half],
        [x + half, y + half],
        [x - half, y + half],
        [x - half, y - half],
    ]


def test_the_parts_asked_for_are_given_and_no_others(still_engine: LiveEngine) -> None:
    answer = still_engine.ask("/v1/outage-impact", {"out": ["L3"], "include": ["elements", "geometry"]})
    assert "customers" not in answer
    assert "districts" not in answer
    assert answer["elements"] == {"connectivity_node": ["n10"], "line_section": ["L3"]}
    features = answer["geometry"]["features"]
    assert [feature["id"] for feature in features] == [
        "connectivity_node:n10",
        "line_section:L3",
        "customer_point:C5",
    ]
    assert [feature["geometry"]["type"] for feature in features] == ["Point", "LineString", "Point"]


def test_a_what_if_sets_the_world_before_and_after(still_engine: LiveEngine) -> None:
    moved = [{"id": "SW2", "open": True}, {"id": "TIE", "open": False}]
    answer = still_engine.ask("/v1/outage-impact", {"out": ["L1"], "switching": moved})
    assert _ids(answer["customers"]) == ["C1", "C2", "C3", "C4"]
    # dark before as well as after: nobody is lost by what is dark already
    dark = still_engine.ask("/v1/outage-impact", {"out": ["L3"], "switching": [{"id": "SW2", "open": True}]})
    assert dark["customers"] == []


def test_many_cases_are_answered_each_for_itself(still_engine: LiveEngine) -> None:
    answer = still_engine.ask(
        "/v1/outage-impact",
        {
            "cases": [
                {"out": ["L3"]},
                {"faults": ["L4"]},
                {"out": ["L1"], "switching": [{"id": "SW2", "open": True}, {"id": "TIE", "open": False}]},
                {},
            ],
            "include": ["customers"],
        },
    )
    assert [_ids(case["customers"]) for case in answer["cases"]] == [
        ["C5"],
        ["C3", "C4"],
        ["C1", "C2", "C3", "C4"],
        [],
    ]
    assert answer["grid_version"] == {NORTH: 1, SOUTH: 1}


def test_the_customer_list_comes_as_csv(still_engine: LiveEngine) -> None:
    answer = still_engine.post("/v1/outage-impact", {"out": ["T2"]}, headers={"Accept": "text/csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["grid-version"] == f"{NORTH}=1, {SOUTH}=1"
    assert answer.text.endswith("\r\n")
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["id"] for row in rows] == ["C3", "C4"]
    assert rows[0] | {"lon": "", "lat": ""} == {
        "id": "C3",
        "county_code": SOUTH,
        "district_id": "D2",
        "node_id": "n9",
        "customer_class": "residential",
        "critical_grade": "first",
        "contracted_kva": "40.0",
        "lon": "",
        "lat": "",
    }
    cases = still_engine.post(
        "/v1/outage-impact", {"cases": [{"out": ["L3"]}, {"out": ["L5"]}]}, headers={"Accept": "text/csv"}
    )
    assert [(row["case"], row["id"]) for row in csv.DictReader(io.StringIO(cases.text))] == [
        ("0", "C5"),
        ("1", "C6"),
    ]


def test_an_outage_comes_as_geojson(still_engine: LiveEngine) -> None:
    answer = still_engine.post(
        "/v1/outage-impact", {"out": ["L3"]}, headers={"Accept": "application/geo+json"}
    )
    assert answer.headers["content-type"] == "application/geo+json"
    document = answer.json()
    assert document["type"] == "FeatureCollection"
    assert document["affected"]["customers"] == 1
    assert [feature["properties"]["layer"] for feature in document["features"]] == [
        "connectivity_node",
        "line_section",
        "customer_point",
    ]


TRACES: list[tuple[dict[str, Any], dict[str, list[str]]]] = [
    (
        {"type": "downstream", "from": ["FU1"]},
        {
            "connectivity_node": ["n7", "n8", "n9"],
            "line_section": ["L4"],
            "switch": ["FU1"],
            "power_transformer": ["T2"],
        },
    ),
    (
        {"type": "upstream", "from": ["C5"]},
        {
            "connectivity_node": ["n1", "n2", "n3", "n10", "n4", "n6"],
            "line_section": ["L1", "L2", "L3"],
            "switch": ["CB1", "SW2"],
            "energy_source": ["S1"],
        },
    ),
    (
        {"type": "connected", "from": ["L5"]},
        {
            "connectivity_node": ["m1", "m2", "m3"],
            "line_section": ["L5"],
            "switch": ["CB2"],
            "energy_source": ["S2"],
        },
    ),
    (
        {"type": "downstream", "from": ["L2"], "barriers": ["SW2", "FU1"]},
        {"connectivity_node": ["n4"], "line_section": ["L2"]},
    ),
]


@pytest.mark.parametrize(("question", "elements"), TRACES)
def test_a_trace_lists_elements_by_layer(
    still_engine: LiveEngine, question: dict[str, Any], elements: dict[str, list[str]]
) -> None:
    answer = still_engine.ask("/v1/trace", question)
    found = {layer: ids for layer, ids in answer["elements"].items() if ids}
    assert {layer: sorted(ids) for layer, ids in found.items()} == {
        layer: sorted(ids) for layer, ids in elements.items()
    }


def test_the_shortest_path_is_in_order(still_engine: LiveEngine) -> None:
    answer = still_engine.ask("/v1/trace", {"type": "shortest_path", "from": ["n2"], "to": ["n10"]})
    assert answer["found"] is True
    assert [step["id"] for step in answer["path"]] == ["L1", "L2", "SW2", "L3"]
    assert answer["length_m"] == 400.0
    nowhere = still_engine.ask("/v1/trace", {"type": "shortest_path", "from": ["n2"], "to": ["m3"]})
    assert (nowhere["found"], nowhere["path"], nowhere["length_m"]) == (False, [], None)


def test_a_trace_tells_customers_districts_and_geometry_where_asked(still_engine: LiveEngine) -> None:
    answer = still_engine.ask(
        "/v1/trace", {"type": "downstream", "from": ["L4"], "result": ["customers", "districts", "geometry"]}
    )
    assert _ids(answer["customers"]) == ["C3", "C4"]
    assert _ids(answer["districts"]) == ["D2"]
    assert "elements" not in answer
    assert "customer_point:C3" in [feature["id"] for feature in answer["geometry"]["features"]]
    geojson = still_engine.post(
        "/v1/trace", {"type": "downstream", "from": ["L4"]}, headers={"Accept": "application/geo+json"}
    )
    assert geojson.json()["features"] == answer["geometry"]["features"]


def test_isolation_names_the_switches_to_open(still_engine: LiveEngine) -> None:
    answer = still_engine.ask("/v1/trace", {"type": "isolation", "from": ["L2"]})
    assert answer["to_open"] == ["CB1"]
    closed = [{"id": "TIE", "open": False}]
    both = still_engine.ask("/v1/trace", {"type": "isolation", "from": ["L2"], "switching": closed})
    assert sorted(both["to_open"]) == ["CB1", "SW2"]


def test_closing_the_tie_makes_a_way_upstream_on_both_sides(still_engine: LiveEngine) -> None:
    closed = [{"id": "TIE", "open": False}]
    answer = still_engine.ask("/v1/trace", {"type": "upstream", "from": ["C5"], "switching": closed})
    assert sorted(answer["elements"]["energy_source"]) == ["S1", "S2"]
    assert sorted(answer["elements"]["switch"]) == ["CB1", "CB2", "SW2", "TIE"]


def test_a_supply_path_runs_from_the_source_to_the_customer(still_engine: LiveEngine) -> None:
    answer = still_engine.ask("/v1/supply-path/C5")
    assert [step["id"] for step in answer["elements"]] == ["S1", "CB1", "L1", "L2", "SW2", "L3"]
    assert answer["length_m"] == 400.0
    assert answer["feeder"] == {"id": "F1", "switch_id": "CB1", "county_code": NORTH}
    assert answer["substation"] == {"id": "ST1", "county_code": NORTH, "name": "Main"}
    assert answer["district"] is None
    assert (answer["supplied"], answer["meshed"], answer["phases"]) == (True, False, "ABC")
    ends = [still_engine.ask(f"/v1/elements/{id}")["geometry"]["coordinates"] for id in ("n1", "n10")]
    assert [answer["line"]["coordinates"][0], answer["line"]["coordinates"][-1]] == ends


def test_a_supply_path_takes_its_world_from_parameters_or_a_body(still_engine: LiveEngine) -> None:
    moved = ["SW2:open", "TIE:closed"]
    asked = still_engine.ask("/v1/supply-path/C5", params={"switching": moved})
    assert [step["id"] for step in asked["elements"]] == ["S2", "CB2", "L5", "TIE", "L3"]
    body = {"switching": [{"id": "SW2", "open": True}, {"id": "TIE", "open": False}]}
    told = still_engine.ask("/v1/supply-path/C5", body)
    assert told["elements"] == asked["elements"]
    dark = still_engine.ask("/v1/supply-path/C5", params={"switching": "SW2:open"})
    assert (dark["supplied"], dark["elements"], dark["length_m"], dark["feeder"]) == (False, [], 0.0, None)


def test_a_single_phase_customer_has_its_own_phase_of_the_path(still_engine: LiveEngine) -> None:
    answer = still_engine.ask("/v1/supply-path/C2")
    assert answer["phases"] == "A"
    assert answer["district"]["id"] == "D1"
    assert [step["layer"] for step in answer["elements"]] == [
        "energy_source",
        "switch",
        "line_section",
        "power_transformer",
    ]


def test_a_supply_area_holds_what_hangs_below(still_engine: LiveEngine) -> None:
    answer = still_engine.ask("/v1/supply-area", {"from": "L2"})
    assert _ids(answer["customers"]) == ["C3", "C4", "C5"]
    assert answer["supplied"]["contracted_kva"] == 152.0
    assert _ids(answer["districts"]) == ["D2"]
    assert answer["area"]["type"] == "Polygon"
    feeders = still_engine.ask("/v1/supply-area", {"from": ["F1", "F2"]})
    assert _ids(feeders["customers"]) == ["C1", "C2", "C3", "C4", "C5", "C6"]
    nothing = still_engine.ask("/v1/supply-area", {"from": "L3", "switching": [{"id": "SW2", "open": True}]})
    assert nothing["customers"] == []


def test_a_supply_radius_is_the_longest_path_below(still_engine: LiveEngine) -> None:
    answer = still_engine.ask("/v1/supply-radius", {"from": "CB1"})
    assert (answer["length_m"], answer["farthest_node"]) == (400.0, "n10")
    assert [step["id"] for step in answer["elements"]] == ["L1", "L2", "SW2", "L3"]
    trunk = still_engine.ask("/v1/supply-radius", {"from": "FU1", "mode": "trunk"})
    assert (trunk["length_m"], trunk["mode"]) == (50.0, "trunk")


def test_an_element_tells_properties_place_and_live_state(still_engine: LiveEngine) -> None:
    switch = still_engine.ask("/v1/elements/TIE")
    assert (switch["layer"], switch["county_code"], switch["open"], switch["energised"]) == (
        "switch",
        SOUTH,
        True,
        True,
    )
    assert switch["properties"]["kind"] == "load_break_switch"
    assert still_engine.ask("/v1/elements/n5")["energised_phases"] == "ABC"
    assert still_engine.ask("/v1/elements/F1")["properties"] == {"head_switches": ["CB1"]}
    assert still_engine.ask("/v1/elements/ST1")["energised"] is True
    dark = still_engine.ask("/v1/elements/C5", params={"switching": "SW2:open"})
    assert dark["energised"] is False
    qualified = still_engine.ask("/v1/elements/switch:TIE")
    assert qualified | {"as_of": None} == switch | {"as_of": None}


def test_the_normal_state_is_the_planned_one(drawn_engine: LiveEngine) -> None:
    drawn_engine.operate({"id": "SW2", "open": True})
    assert drawn_engine.ask("/v1/elements/SW2")["open"] is True
    assert drawn_engine.ask("/v1/elements/SW2", params={"state": "normal"})["open"] is False
    now = drawn_engine.ask("/v1/outage-impact", {"out": ["L3"]})
    assert now["affected"]["customers"] == 0
    planned = drawn_engine.ask("/v1/outage-impact", {"out": ["L3"], "state": "normal"})
    assert planned["affected"]["customers"] == 1


def test_an_empty_database_is_an_empty_grid(live_engine: LiveEngine) -> None:
    answer = live_engine.ask("/v1/outage-impact", {"out": []})
    assert (answer["grid_version"], answer["affected"]["customers"]) == ({}, 0)
    assert live_engine.ask("/v1/trace", {"type": "loops", "from": []})["elements"] == {}
    assert live_engine.get("/v1/elements/L1").status_code == 404
    assert live_engine.get("/ogc/collections/switch/items").json()["numberReturned"] == 0
