"""Supply schemes over HTTP, on the demo grid."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gis_service.ingest.demo import demo_package
from tests.grid_database import GridDatabase
from tests.live import LiveEngine, empty, load

HERE = [7.8828, 48.4588]


@pytest.fixture(scope="module")
def demo_engine(
    migrated_database: GridDatabase, shared_engine: LiveEngine, django_db_blocker: Any
) -> Iterator[LiveEngine]:
    with django_db_blocker.unblock():
        empty(migrated_database)
        load(demo_package())
        shared_engine.catch_up()
        yield shared_engine


@pytest.mark.parametrize("kva", [10, 400])
def test_schemes_come_cheapest_first_and_their_parts_sum_to_the_total(
    demo_engine: LiveEngine, kva: float
) -> None:
    answer = demo_engine.ask("/v1/supply-schemes", {"point": HERE, "kva": kva})
    totals = [one["cost"]["total"] for one in answer["schemes"]]
    assert totals == sorted(totals)
    assert len({(one["attach"]["kind"], one["attach"]["id"]) for one in answer["schemes"]}) == 3
    for one in answer["schemes"]:
        assert one["base_voltage_kv"] == (0.4 if kva == 10 else 20.0)
        parts = one["cost"]["parts"]
        assert round(sum(part["amount"] for part in parts), 2) == one["cost"]["total"]
        for part in parts:
            assert part["amount"] == round(part["quantity"] * part["unit_cost"], 2)
        route = one["route"]
        along = sum(corridor["length_m"] for corridor in route["corridors"]) + route["off_corridor_m"]
        assert along == pytest.approx(route["length_m"], abs=0.01)
        assert route["geometry"]["coordinates"][0] == HERE
        assert all(loading["after"] <= 1.0 for loading in one["loading"])
        assert all(loading["after"] >= loading["before"] for loading in one["loading"])
        assert one["voltage"]["customer_pu"] >= one["voltage"]["worst_pu"]


def test_a_scheme_stays_out_of_what_a_switch_leaves_dark(demo_engine: LiveEngine) -> None:
    asked = {"point": HERE, "kva": 400, "k": 20}
    feeders = {one["feeder"] for one in demo_engine.ask("/v1/supply-schemes", asked)["schemes"]}
    assert "feeder-switch-265" in feeders
    dark = {**asked, "switching": [{"id": "switch-265", "open": True}]}
    after = {one["feeder"] for one in demo_engine.ask("/v1/supply-schemes", dark)["schemes"]}
    assert after == feeders - {"feeder-switch-265"}


def test_the_two_of_a_pair_leave_by_different_feeders(demo_engine: LiveEngine) -> None:
    answer = demo_engine.ask("/v1/supply-schemes", {"point": HERE, "kva": 400, "supplies": 2})
    assert answer["pairs"]
    for pair in answer["pairs"]:
        first, second = pair["supplies"]
        assert first["feeder"] != second["feeder"]
        assert pair["cost"] == round(first["cost"]["total"] + second["cost"]["total"], 2)


def test_what_is_rejected_breaks_a_limit(demo_engine: LiveEngine) -> None:
    answer = demo_engine.ask("/v1/supply-schemes", {"point": HERE, "kva": 150, "k": 20})
    accepted = {(one["attach"]["kind"], one["attach"]["id"]) for one in answer["schemes"]}
    rejected = {(one["attach"]["kind"], one["attach"]["id"]) for one in answer["rejected"]}
    assert rejected
    assert not accepted & rejected


def test_headroom_of_an_overloaded_transformer_is_nothing(demo_engine: LiveEngine) -> None:
    # knowledge of the data: trafo-0 has 400 kVA and one aggregate load of 408.16 kVA behind it
    answer = demo_engine.ask("/v1/headroom/bus-218")
    assert answer["kva_free"] == 0
    assert answer["binding"] == {"limit": "loading", "id": "trafo-0", "value": 408.163265, "allowed": 400.0}
    missing = demo_engine.get("/v1/headroom/nowhere")
    assert (missing.status_code, missing.json()["errors"][0]["id"]) == (404, "nowhere")
    assert demo_engine.get("/v1/headroom/substation-39").status_code == 400


@pytest.mark.parametrize(
    ("asked", "status", "word"),
    [
        ({"point": [0.0, 0.0], "kva": 10}, 422, "outside every loaded county"),
        ({"point": HERE, "kva": 1e9}, 422, "more than any voltage level takes"),
        ({"point": HERE, "kva": 0}, 400, "greater than 0"),
        ({"point": HERE, "kva": 400, "rules": {"limits": {"reach_m": {"medium": 1}}}}, 422, "within reach"),
        # amid fields, some 240 m from the nearest corridor
        ({"point": [7.8913, 48.4493], "kva": 10}, 422, "no corridor lies within 60 m"),
        ({"point": HERE, "kva": 10, "rules": {"limits": {"bus": 1}}}, 400, "rules.limits.bus"),
        ({"point": HERE, "kva": 10, "rules": {"conductor": {"rope": {}}}}, 400, "rules.conductor.rope"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(
    demo_engine: LiveEngine, asked: dict[str, Any], status: int, word: str
) -> None:
    answer = demo_engine.post("/v1/supply-schemes", asked)
    assert answer.status_code == status, answer.text
    assert word in answer.json()["detail"]
