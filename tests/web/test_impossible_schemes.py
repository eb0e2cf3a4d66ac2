"""Questions about supply schemes that cannot be answered, each by name: what is told, and that it helps.

Where the answer says what would make it possible, that is done, and the question asked again is answered.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gis_service.ingest.demo import demo_package
from tests.grid_database import GridDatabase
from tests.live import LiveEngine, empty, load
from tests.web.test_problems import problem
from tests.web.test_supply_schemes import HERE, box_around, ring_around

SCHEMES = "/v1/supply-schemes"
AMID_WATER = [7.8913, 48.4493]
"""Some 240 m from the nearest corridor of the demo grid, as a point in a lake would be."""


@pytest.fixture(scope="module")
def engine(
    migrated_database: GridDatabase, shared_engine: LiveEngine, django_db_blocker: Any
) -> Iterator[LiveEngine]:
    with django_db_blocker.unblock():
        empty(migrated_database)
        load(demo_package())
        shared_engine.catch_up()
        yield shared_engine


def refused(engine: LiveEngine, status: int, **asked: Any) -> str:
    """What is told, in one sentence."""
    answer = engine.post(SCHEMES, {"point": HERE, "kva": 10, **asked})
    detail: str = problem(answer, status)["detail"]
    assert "\n" not in detail
    return detail


def answered(engine: LiveEngine, **asked: Any) -> Any:
    return engine.ask(SCHEMES, {"point": HERE, "kva": 10, **asked})


def posted(engine: LiveEngine, body: str) -> httpx.Response:
    """The answer to a body as it stands, which no JSON library would write."""
    headers = {"Content-Type": "application/json"}
    return engine.client.post(SCHEMES, content=body.encode(), headers=headers)


@pytest.mark.parametrize(("kva", "written"), [(1e9, "1,000,000,000"), (1234567.5, "1,234,567.5")])
def test_a_load_is_told_digit_by_digit(engine: LiveEngine, kva: float, written: str) -> None:
    told = refused(engine, 422, kva=kva)
    assert f"kva: {written} kVA is more than any voltage level takes (10,000 kVA)" in told


def test_a_load_that_no_transformer_carries_is_told_so_and_not_that_no_level_takes_it(
    engine: LiveEngine,
) -> None:
    wider = {"supply_voltage": {"medium": {"largest_kva": 50000}}}
    told = refused(engine, 422, kva=12000, rules=wider)
    assert "12,000 kVA is more than any transformer of the rules carries (10,000 kVA)" in told
    assert "rules.transformer" in told
    another = [
        {"rated_kva": 16000, "uk_percent": 8, "pk_kw": 70, "p0_kw": 12, "cost": 1_300_000},
    ]
    answer = answered(engine, kva=12000, rules={**wider, "transformer": another})
    assert answer["schemes"] or answer["rejected"]


def test_a_point_outside_every_county_is_told_the_nearest_and_the_order_of_coordinates(
    engine: LiveEngine,
) -> None:
    swapped = HERE[::-1]
    told = refused(engine, 422, point=swapped)
    assert "outside every loaded county" in told
    assert "km away" in told
    assert "longitude, then latitude" in told
    assert answered(engine, point=swapped[::-1])["schemes"]


def test_a_point_in_a_lake_is_told_how_far_the_nearest_corridor_is(engine: LiveEngine) -> None:
    told = refused(engine, 422, point=AMID_WATER)
    assert "no corridor lies within 60 m of the point (the nearest is 2" in told
    assert "rules.limits.off_corridor_m" in told
    more = {"limits": {"off_corridor_m": 300, "reach_m": {"low": 2000}}}
    found = answered(engine, point=AMID_WATER, rules=more)
    assert found["schemes"] or found["rejected"]


@pytest.mark.parametrize("kva", [0, -5, 1e13])
def test_a_load_that_is_none_is_refused_as_malformed(engine: LiveEngine, kva: float) -> None:
    assert "kva" in refused(engine, 400, kva=kva)


def test_a_load_beyond_every_level_is_told_the_largest_and_what_to_set(engine: LiveEngine) -> None:
    told = refused(engine, 422, kva=1e9)
    assert "more than any voltage level takes (10,000 kVA)" in told
    assert "rules.supply_voltage" in told
    assert "rules.transformer" in told
    larger = {
        "supply_voltage": {"medium": {"largest_kva": 2e9}},
        "transformer": [
            {"rated_kva": 2e9, "uk_percent": 6, "pk_kw": 1e6, "p0_kw": 1e5, "cost": 1e9},
        ],
    }
    found = answered(engine, kva=1e9, rules=larger)
    assert found["schemes"] == []
    assert {one["limit"] for one in found["rejected"]}  # no place carries that, and each says why


def test_an_area_to_pass_inside_one_to_avoid_is_a_contradiction(engine: LiveEngine) -> None:
    inner, outer = box_around(7.8837, 48.45835), box_around(7.8837, 48.45835, 60)
    told = refused(engine, 422, avoid=outer, must_pass=inner)
    assert "must_pass[0]: this area lies wholly inside `avoid`" in told
    wide = {"limits": {"reach_m": {"low": 3000}, "supply_radius_m": {"low": {"town": 9000}}}}
    assert answered(engine, must_pass=inner, rules=wide)["searched"]["attach_points"]


def test_a_ring_to_avoid_around_the_point_closes_every_way(engine: LiveEngine) -> None:
    assert "avoid: every way from the point" in refused(engine, 422, avoid=ring_around(*HERE))
    assert answered(engine)["schemes"]


def test_no_corridor_within_reach_is_told_what_to_raise(engine: LiveEngine) -> None:
    told = refused(engine, 422, kva=400, rules={"limits": {"reach_m": {"medium": 1}}})
    assert "within reach (1 m at medium voltage)" in told
    assert "rules.limits.reach_m" in told
    assert answered(engine, kva=400, rules={"limits": {"reach_m": {"medium": 2000}}})["schemes"]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("kva", "NaN"),
        ("kva", "Infinity"),
        ("kva", '"much"'),
        ("kva", '"10"'),
        ("kva", "null"),
        ("kva", "[10]"),
        ("kva", "true"),
        ("point", "[NaN, 48.4588]"),
        ("point", '["7.88", "48.45"]'),
        ("point", '"here"'),
        ("point", "[7.88]"),
        ("point", "[7.88, 48.45, 0]"),
        ("point", "[48.4588, 97.8828]"),
        ("phases", '"XYZ"'),
        ("supplies", "3"),
        ("independence", '"town"'),
        ("disjoint", '"yes"'),
        ("rules", '"cheap"'),
    ],
)
def test_what_is_no_number_or_no_place_is_named(engine: LiveEngine, field: str, text: str) -> None:
    asked = {"point": json.dumps(HERE), "kva": "10", field: text}
    body = "{" + ", ".join(f'"{name}": {value}' for name, value in asked.items()) + "}"
    told = problem(posted(engine, body), 400)
    assert field in told["detail"] or "JSON" in told["detail"]


@pytest.mark.parametrize("text", ["0", "-1", "21", "2.5", '"3"', "true", "null", "1e3"])
def test_k_out_of_range_is_told_its_range(engine: LiveEngine, text: str) -> None:
    body = f'{{"point": {json.dumps(HERE)}, "kva": 10, "k": {text}}}'
    told = problem(posted(engine, body), 400)
    assert "k" in told["detail"]
    assert told["errors"][0]["pointer"] == "#/k"


@pytest.mark.parametrize("k", [1, 20])
def test_the_ends_of_the_range_of_k_are_answered(engine: LiveEngine, k: int) -> None:
    assert 1 <= len(answered(engine, k=k)["schemes"]) <= k
