"""Whose live state changed, held against asking of every element before and after; and where that is."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import shape

from gis_service.atlas import Atlas
from gis_service.atlas.touched import touched_rows
from gis_service.engine import Engine
from gis_service.engine.columns import geometries_of, table_of
from gis_service.engine.following.current import CurrentWorld
from gis_service.engine.following.held import HeldTables
from gis_service.engine.live import energised
from gis_service.engine.world import CountyVersion, Scene, World
from gis_service.network.tables import GridTables
from gis_service.network.text import parse_grid
from tests.drawn import DRAWN
from tests.strategies import grids

LIVE = ("substation", "line_section", "switch", "power_transformer", "transformer_district", "customer_point")
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def atlas_of(tables: GridTables) -> Atlas:
    return Atlas(Engine(CurrentWorld(HeldTables(tables))))


def world_of(tables: GridTables) -> World:
    return CurrentWorld(HeldTables(tables)).get()


def switched(world: World, rows: Any, open: Any) -> World:
    return world.switched(world.current.with_switching(rows, open), {})


def states(world: World, layer: str) -> list[tuple[bool, ...]]:
    """The live state of every element of a layer, asked of all of them."""
    rows = np.arange(len(table_of(world.topology.tables, layer)))
    lit = energised(Scene(world, world.current, NOW), layer, rows)
    if layer == "switch":
        return list(zip(lit.tolist(), world.current.open.tolist(), strict=True))
    return [(one,) for one in lit.tolist()]


def compared(before: World, after: World) -> dict[str, list[int]]:
    """The rows of each layer whose state differs, one by one."""
    found = {}
    for layer in LIVE:
        pairs = zip(states(before, layer), states(after, layer), strict=True)
        if rows := [row for row, (was, is_now) in enumerate(pairs) if was != is_now]:
            found[layer] = rows
    return found


@given(grids(), st.data())
def test_what_is_touched_is_what_differs_when_all_are_asked(tables: GridTables, data: st.DataObject) -> None:
    world = world_of(tables)
    n = len(tables.switches)
    worlds = [world]
    for _ in range(2):  # the second change begins where switches do not stand as they normally do
        open = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
        worlds.append(switched(worlds[-1], range(n), open))
    for before, after in pairwise(worlds):
        found = touched_rows(before, after)
        assert {layer: rows.tolist() for layer, rows in found.items()} == compared(before, after)


@pytest.mark.parametrize(
    ("opened", "expected"),
    [
        (
            ["FU1"],
            {
                "switch": ["FU1"],
                "line_section": ["L4"],
                "power_transformer": ["T2"],
                "transformer_district": ["D2"],
                "customer_point": ["C3", "C4"],
            },
        ),
        ([], {}),
    ],
)
def test_a_fuse_touches_what_hangs_below_it(opened: list[str], expected: dict[str, list[str]]) -> None:
    """Read off the drawing; the open fuse itself keeps voltage on its upper side."""
    world = world_of(parse_grid(DRAWN))
    rows = [world.topology.ids.row("switch", id) for id in opened]
    found = touched_rows(world, switched(world, rows, [True] * len(rows)))
    tables = world.topology.tables
    assert {layer: table_of(tables, layer).id[rows].tolist() for layer, rows in found.items()} == expected


def test_a_dead_substation_is_touched() -> None:
    world = world_of(parse_grid("A substation kv=110\nn1 node substation=A\nS source n0\nQ breaker n0 n1"))
    found = touched_rows(world, switched(world, [0], [True]))
    assert {layer: rows.tolist() for layer, rows in found.items()} == {"switch": [0], "substation": [0]}


def test_boxes_are_those_of_the_touched_elements() -> None:
    """Expected from shapely, element by element."""
    atlas = atlas_of(parse_grid(DRAWN))
    world = atlas.engine.current.get()
    tables = world.topology.tables
    after = switched(world, [world.topology.ids.row("switch", "CB1")], [True])
    rows = touched_rows(world, after)
    found = atlas.touched(world, after)
    del rows["transformer_district"]  # the tables hold no polygons
    assert {"line_section", "customer_point", "switch"} <= rows.keys()
    for layer in rows:
        shapes = [shape(one or {}) for one in geometries_of(tables, layer, rows[layer])]
        assert found[layer].tolist() == [list(one.bounds) for one in shapes]
    assert len(found["customer_point"]) == 5


def test_what_is_nowhere_touches_nothing() -> None:
    tables = parse_grid(DRAWN)
    tables.customers.xy[:] = np.nan
    atlas = atlas_of(tables)
    world = atlas.engine.current.get()
    found = atlas.touched(world, switched(world, [world.topology.ids.row("switch", "CB1")], [True]))
    assert "customer_point" not in found
    assert "line_section" in found


def test_after_a_load_the_county_and_those_tied_to_it_are_touched() -> None:
    """The second county's grid hangs on the first's; the third stands for itself."""
    text = "@450101\nS source n1\nL1 line n1 n2\n@450102\nL2 line n2 n3\n@450103\nR source m1\nL3 line m1 m2"
    before, other = world_of(parse_grid(text)), world_of(parse_grid(text.replace("n1 n2", "n1 n9")))
    versions = {**before.versions, "450101": CountyVersion(2, 2)}
    after = World(other.topology, other.current, versions, other.shapes)
    found = atlas_of(parse_grid(text)).touched(before, after)
    boxes = {
        run.box
        for world in (before, after)
        for run in world.shapes.counties["line_section"]
        if run.county != "450103"
    }
    assert {tuple(box) for box in found["line_section"].tolist()} == boxes
    assert found.keys() == {"line_section"}
