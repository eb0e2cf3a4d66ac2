"""Supply schemes in a made province: what is answered keeps its limits and adds up, in every kind of area."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from functools import cache

import numpy as np
import pytest
import shapely

from gis_service.engine.corridors import CorridorShelf
from gis_service.engine.schemes import Planner, SchemeAsked, supply_schemes
from gis_service.engine.shapes import Shapes
from gis_service.engine.world import CountyVersion, Scene, World
from gis_service.errors import Impossible
from gis_service.network.switching import loaded_state
from gis_service.planning.corridors import UNKNOWN, Corridors
from gis_service.planning.rules import Level, default_rules
from gis_service.planning.trees import Trees
from gis_service.store import CountyVersion as StoredVersion
from tests.province.provinces import two_counties

LOADED = datetime(2026, 1, 1, tzinfo=UTC)


def read_corridors(county: str) -> tuple[Corridors, StoredVersion]:
    rows = two_counties().counties[county]["corridor"].sort_by("id")
    shapes = shapely.from_wkb(np.array(rows["geom"].to_pylist(), np.object_))
    counts = shapely.get_num_coordinates(shapes)
    text = {
        name: np.array(rows[name].to_pylist(), np.object_)
        for name in ("id", "from_vertex", "to_vertex", "kind")
    }
    made = Corridors(
        county,
        **text,
        cost_per_m=np.array(rows["cost_per_m"].to_pylist(), np.float64),
        ducts_free=np.array(rows["ducts_free"].fill_null(UNKNOWN).to_pylist(), np.int64),
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        coords=shapely.get_coordinates(shapes),
    )
    return made, StoredVersion(1, 1, LOADED, LOADED, 0)


def read_areas(counties: Collection[str]) -> dict[str, shapely.Geometry]:
    made = two_counties().counties
    return {one: shapely.from_wkb(made[one]["county"]["geom"][0].as_py()) for one in counties}


@cache
def province() -> tuple[Scene, Planner]:
    topology = two_counties().topology
    versions = {county: CountyVersion(1, 1, LOADED) for county in two_counties().counties}
    world = World(topology, loaded_state(topology), versions, Shapes(topology.tables))
    shelf = CorridorShelf(read_corridors, read_areas)
    return Scene(world, world.current, LOADED), Planner(default_rules(), shelf, Trees())


@pytest.mark.parametrize("kva", [10.0, 120.0, 800.0])
def test_schemes_near_customers_keep_their_limits_and_add_up(kva: float) -> None:
    scene, planner = province()
    limits = planner.rules.limits
    customers = scene.tables.customers
    rng = np.random.default_rng(int(kva))
    schemes = 0
    for row in rng.integers(0, len(customers), 12).tolist():
        point = customers.xy[row] + rng.normal(0, 1e-4, 2)
        try:
            answer = supply_schemes(scene, SchemeAsked((float(point[0]), float(point[1])), kva), planner)
        except Impossible:  # no place within reach of this one
            continue
        totals = [one["cost"]["total"] for one in answer["schemes"]]
        assert totals == sorted(totals)
        assert answer["searched"]["whole"]
        for one in answer["schemes"]:
            schemes += 1
            level: Level = "low" if one["base_voltage_kv"] < 1 else "medium"
            parts = sum(part["amount"] for part in one["cost"]["parts"])
            assert one["cost"]["total"] == pytest.approx(parts, abs=0.005)
            assert all(loading["after"] <= 1.0 + 1e-6 for loading in one["loading"])
            assert one["voltage"]["customer_pu"] >= getattr(limits.lowest_pu, level)
            assert one["supply_radius_m"] <= limits.radius_m(level)
            along = sum(corridor["length_m"] for corridor in one["route"]["corridors"])
            assert along + one["route"]["off_corridor_m"] == pytest.approx(one["route"]["length_m"], abs=0.02)
    assert schemes >= 12


def test_a_point_outside_of_the_province_is_told_how_far_away_it_lies() -> None:
    scene, planner = province()
    with pytest.raises(Impossible, match=r"outside every loaded county .* km away"):
        supply_schemes(scene, SchemeAsked((100.0, 30.0), 10.0), planner)
