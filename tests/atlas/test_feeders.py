"""Feeders as features; what they supply is expected from every simple path on sets (`oracles.brute`)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gis_service.atlas import Atlas
from gis_service.atlas.derived import DerivedLayer
from gis_service.atlas.feeders import FEEDER, Feeders
from gis_service.engine import Engine
from gis_service.engine.following.current import CurrentWorld
from gis_service.engine.following.held import HeldTables
from gis_service.engine.world import Scene
from gis_service.network.tables import GridTables
from gis_service.network.text import parse_grid
from layers.geojson_writer import feature_collection
from layers.sheet import Sight
from layers.source import Box, Counties, Key, Query
from tests.atlas.read import ids_in, values_of
from tests.drawn import DRAWN, NORTH, SOUTH
from tests.oracles.brute import SUPPLY, BruteGrid, simple_paths
from tests.strategies import cut_grids

CODES = ["450101", "450102", "450103"]


def layer_over(tables: GridTables) -> DerivedLayer:
    atlas = Atlas(Engine(CurrentWorld(HeldTables(tables))))
    return DerivedLayer(FEEDER, atlas, Feeders().parts, lambda _: None)


def features(layer: DerivedLayer, counties: Counties = None, **more: Any) -> list[dict[str, Any]]:
    page = layer.page(Query(1000, counties=counties, **more))
    assert page.after is None
    found: list[dict[str, Any]] = orjson.loads(b"".join(feature_collection([page.features], {})))["features"]
    return found


def brute(tables: GridTables) -> BruteGrid:
    return BruteGrid(tables, set(tables.switches.id[tables.switches.open]))


def by_paths(tables: GridTables, seen: Counties) -> dict[str, tuple[list[str], set[str], list[str]]]:
    """Feeder → the lines and customers that it supplies, path by path, and the lines that it is drawn as."""
    grid = brute(tables)
    normal = BruteGrid(tables, set(tables.switches.id[tables.switches.normal_open]))
    supplied = grid.supplied()
    heads: dict[str, list[int]] = {}
    for row, feeder in enumerate(tables.switches.feeder_id.tolist()):
        if feeder:
            heads.setdefault(feeder, []).append(row)
    found = {}
    for feeder, rows in heads.items():
        if seen is not None and tables.switches.county[rows[0]] not in seen:
            continue
        keys = {f"switch:{tables.switches.id[row]}" for row in rows}
        lines, normally = (
            [
                id
                for id, county in zip(tables.lines.id, tables.lines.county, strict=True)
                if (seen is None or county in seen) and keys & state.upstream(key=f"line_section:{id}")
            ]
            for state in (grid, normal)
        )
        customers = set()
        c = tables.customers
        for id, county, node, phases in zip(c.id, c.county, c.node_id, c.phases.tolist(), strict=True):
            needs = phases or normal.live_phases(node) or 7
            ways = (
                path
                for bit in (1, 2, 4)
                if needs & bit
                for path in simple_paths(grid.graph(bit), node, SUPPLY)
            )
            if id in supplied and (seen is None or county in seen) and any(keys & set(way) for way in ways):
                customers.add(id)
        found[feeder] = lines, customers, lines or normally
    return found


@settings(max_examples=40)
@given(cut_grids().map(lambda it: it[1]), st.none() | st.frozensets(st.sampled_from(CODES)))
def test_a_feeder_has_the_lines_and_customers_that_a_path_leads_to(
    tables: GridTables, seen: Counties
) -> None:
    expected = by_paths(tables, seen)
    drawn = features(layer_over(tables), seen)
    assert {one["id"] for one in drawn} == set(expected)
    lines = {id: row for row, id in enumerate(tables.lines.id)}
    for one in drawn:
        ids, customers, shown = expected[one["id"]]
        parts = [
            tables.lines.coords[tables.lines.offsets[lines[id]] : tables.lines.offsets[lines[id] + 1]]
            .round(7)  # as many decimals as are written
            .tolist()
            for id in shown
        ]
        told = one["geometry"] and one["geometry"]["coordinates"]
        assert sorted(told or []) == sorted(parts)
        assert one["properties"]["customers"] == len(customers)
        assert one["properties"]["length_m"] == sum(float(tables.lines.length_m[lines[id]]) for id in ids)


def test_a_feeder_that_is_switched_off_is_drawn_as_it_normally_is() -> None:
    tables = parse_grid(DRAWN)
    (head,) = (tables.switches.id == "CB1").nonzero()[0]
    open = tables.switches.open.copy()
    open[head] = True
    off, _ = features(layer_over(replace(tables, switches=replace(tables.switches, open=open))))
    on, _ = features(layer_over(tables))
    assert (off["properties"]["energised"], off["properties"]["length_m"]) == (True, 0.0)
    assert off["geometry"] == on["geometry"]


def test_the_drawn_feeders_are_told_whole() -> None:
    one, two = features(layer_over(parse_grid(DRAWN)))
    assert one["properties"] == {
        "id": "F1",
        "county_code": NORTH,
        "name": None,
        "base_voltage_kv": 10.0,
        "head_switch": "CB1",
        "substation_id": "ST1",
        "customers": 5,
        "districts": 2,
        "length_m": 450.0,
        "energised": True,
    }
    assert one["geometry"]["type"] == "MultiLineString"
    assert len(one["geometry"]["coordinates"]) == 4
    assert (two["id"], two["properties"]["customers"], two["properties"]["substation_id"]) == ("F2", 1, None)


def test_who_may_see_one_county_is_told_of_its_part_of_a_feeder() -> None:
    layer = layer_over(parse_grid(DRAWN))
    one, two = features(layer, frozenset({NORTH}))
    assert (one["properties"]["customers"], one["properties"]["districts"]) == (2, 1)
    assert one["properties"]["length_m"] == 200.0
    assert (two["properties"]["customers"], two["geometry"]) == (0, None)
    assert features(layer, frozenset({SOUTH})) == []
    assert layer.feature("F1", frozenset({SOUTH})) is None
    assert layer.feature("F1", frozenset({NORTH})) is not None


def test_pages_boxes_and_looks_agree() -> None:
    layer = layer_over(parse_grid(DRAWN))
    world = Box(-180, -90, 180, 90)
    first = layer.page(Query(1))
    assert first.after == Key(NORTH, "F1")
    second = layer.page(Query(1, after=first.after))
    assert (second.after, values_of(second.features.properties["id"])) == (None, ["F2"])
    assert layer.page(Query(1, after=Key(NORTH, "F2"))).features.geometry.length == 0
    seen = layer.look(Sight(world, ("id", "energised", "customers", "nothing")))
    assert ids_in(seen) == [(NORTH, "F1"), (NORTH, "F2")]
    (patch,) = seen.patches
    assert values_of(patch.live["energised"]) == [True, True]
    assert set(patch.columns) == {"id"}
    assert values_of(patch.live["customers"]) == [5, 1]
    for box in (Box(0, 0, 1, 1), Box(107.9, 22.7, 108.0005, 22.8005), world):
        met = layer.page(Query(10, box=box)).features
        assert set(values_of(met.properties["id"])) <= {id for _, id in ids_in(layer.look(Sight(box)))}
        counted = layer.count(Query(1, box=box), 10)
        assert counted is not None
        assert (counted.number, counted.exact) == (len(met), True)


@pytest.mark.parametrize("counties", [None, frozenset({NORTH})])
def test_what_was_made_is_kept(counties: Counties, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def counting(*asked: Any) -> Any:
        made.append(1)
        return Feeders().parts(*asked)

    layer = layer_over(parse_grid(DRAWN))
    monkeypatch.setattr(layer, "_make", counting)
    stamp = layer.stamp(Sight(Box(0, 0, 1, 1), counties=counties))
    for _ in range(3):
        features(layer, counties)
        assert layer.stamp(Sight(Box(0, 0, 1, 1), counties=counties)) == stamp
    assert len(made) == 1
    assert layer.stamp(Sight(Box(0, 0, 1, 1), counties=frozenset({SOUTH}))) != stamp


def test_a_grid_without_feeders_has_none() -> None:
    layer = layer_over(parse_grid("@450101\nS1 source n1\nL1 line n1 n2"))
    assert features(layer) == []
    assert layer.look(Sight(Box(-180, -90, 180, 90))).patches == []
    assert np.size(layer.page(Query(1)).features.geometry.coords) == 0


@settings(max_examples=150)
@given(
    cut_grids().map(lambda it: it[1]),
    st.none() | st.frozensets(st.sampled_from(CODES)),
    st.lists(st.lists(st.integers(0, 20), min_size=1, max_size=3), min_size=1, max_size=5),
)
def test_feeders_after_operations_are_those_made_from_nothing(
    tables: GridTables, seen: Counties, operations: list[list[int]]
) -> None:
    """Whatever is switched, and in loops and islands: what is kept is what would be made anew."""
    world = Engine(CurrentWorld(HeldTables(tables))).current.get()
    kept = Feeders()
    state = world.current
    for rows in [[], *operations]:
        switches = sorted({row % len(tables.switches) for row in rows} if len(tables.switches) else ())
        state = state.with_switching(switches, [not state.open[row] for row in switches])
        scene = Scene(world.switched(state, {}), state, world.last_load)
        assert told(kept, scene, seen) == told(Feeders(), scene, seen)


def told(made: Feeders, scene: Scene, seen: Counties) -> list[Any]:
    return [
        (part.county, orjson.loads(b"".join(feature_collection([part.features], {})))["features"])
        for part in made.parts(scene, seen)
    ]


def test_an_operation_makes_again_what_its_county_shows_and_leaves_the_others() -> None:
    tables = parse_grid(TWO_COUNTIES)
    world = Engine(CurrentWorld(HeldTables(tables))).current.get()
    kept = Feeders()
    before = kept.parts(Scene(world, world.current, world.last_load), None)
    (row,) = (tables.switches.id == "FU2").nonzero()[0].tolist()
    state = world.current.with_switching([row], [True])
    after = kept.parts(Scene(world.switched(state, {}), state, world.last_load), None)
    assert [part.county for part in before] == ["450101", "450102"]
    assert after[0] is before[0]
    assert values_of(before[1].features.properties["customers"]) == [1]
    assert values_of(after[1].features.properties["customers"]) == [0]


TWO_COUNTIES = """
@450101
S1 source n1
CB1 breaker n1 n2 feeder=F1
L1 line n2 n3
C1 customer n3
@450102
S2 source m1
CB2 breaker m1 m2 feeder=F2
FU2 fuse m2 m3
L2 line m3 m4
C2 customer m4
"""
