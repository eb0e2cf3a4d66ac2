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


@pytest.mark.parametrize(
    ("asked", "status", "word"),
    [
        ({"point": [0.0, 0.0], "kva": 10}, 422, "outside every loaded county"),
        ({"point": HERE, "kva": 1e9}, 422, "more than any voltage level takes"),
        ({"point": HERE, "kva": 0}, 400, "greater than 0"),
        ({"point": HERE, "kva": 400, "rules": {"limits": {"reach_m": {"medium": 1}}}}, 422, "within reach"),
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
