"""What meets an area, held against asking shapely of each element; outlines hold what they surround."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point, box, mapping, shape

from gis_service.engine.shapes import Shapes, read_area
from gis_service.errors import InvalidInput
from gis_service.network.tables import GridTables
from gis_service.network.text import parse_grid
from tests.drawn import DRAWN
from tests.strategies import grids

DRAWN_TABLES = parse_grid(DRAWN)


def meeting_one_by_one(tables: GridTables, area: shapely.Polygon) -> set[tuple[str, int]]:
    """Asked of each element by itself."""
    found = set()
    for layer, table in (
        ("connectivity_node", tables.nodes),
        ("switch", tables.switches),
        ("power_transformer", tables.transformers),
        ("energy_source", tables.sources),
        ("customer_point", tables.customers),
    ):
        found |= {(layer, row) for row, xy in enumerate(table.xy) if area.intersects(Point(xy))}
    lines = tables.lines
    for row in range(len(lines)):
        line = shapely.LineString(lines.coords[lines.offsets[row] : lines.offsets[row + 1]])
        if area.intersects(line):
            found.add(("line_section", row))
    return found


@given(
    grids(),
    st.integers(-1, 4),
    st.integers(-1, 4),
    st.floats(0.1, 3),
)
def test_what_meets_an_area_is_what_shapely_says_of_each(
    tables: GridTables, x: int, y: int, size: float
) -> None:
    step = 0.001  # the text grid's mesh
    area = box(108 + x * step, 22.8 + y * step, 108 + (x + size) * step, 22.8 + (y + size) * step)
    found = Shapes(tables).meeting(read_area(mapping(area), field="area"))
    assert {(layer, row) for layer, rows in found.items() for row in rows.tolist()} == meeting_one_by_one(
        tables, area
    )
    assert all((np.diff(rows) > 0).all() for rows in found.values())


def test_a_hole_is_no_part_of_an_area() -> None:
    around, hole = box(107, 22, 109, 23), box(107.9, 22.7, 108.1, 22.9)
    assert Shapes(DRAWN_TABLES).meeting(read_area(mapping(around - hole), field="area")) == {}


def test_the_parts_of_an_area_may_overlap() -> None:
    parts = [box(107.9, 22.7, 108.002, 22.9), box(108.001, 22.7, 108.1, 22.9)]
    coordinates = [mapping(part)["coordinates"] for part in parts]
    found = Shapes(DRAWN_TABLES).meeting(
        read_area({"type": "MultiPolygon", "coordinates": coordinates}, field="area")
    )
    expected = meeting_one_by_one(DRAWN_TABLES, parts[0]) | meeting_one_by_one(DRAWN_TABLES, parts[1])
    assert {(layer, row) for layer, rows in found.items() for row in rows.tolist()} == expected
    assert expected


def test_a_part_that_crosses_itself_is_named() -> None:
    whole, crossed = [[[0, 0], [1, 0], [1, 1], [0, 0]]], [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]
    with pytest.raises(InvalidInput, match="Self-intersection") as refused:
        read_area({"type": "MultiPolygon", "coordinates": [whole, crossed]}, field="area")
    assert [fault.split(":")[0] for fault in refused.value.faults] == ["area.coordinates[1]"]


def test_an_area_of_too_many_positions_is_refused_at_once() -> None:
    """A saw of 200,000 teeth kept a thread busy for minutes."""
    saw = [[k / 1000, k % 2] for k in range(200_000)] + [[200, -1], [0, -1], [0, 0]]
    with pytest.raises(InvalidInput, match="20,000 positions at most, and this one has 200,003"):
        read_area({"type": "Polygon", "coordinates": [saw]}, field="area")


@pytest.mark.parametrize(
    ("coordinates", "said"),
    [
        ([[[0, 0], [1, 0], [1, 1], [0, 1]]], "not closed"),
        ([[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]], "Self-intersection"),
        ([[[0, 0], [0, 0], [0, 0], [0, 0]]], "Too few points"),
    ],
)
def test_a_polygon_that_is_none_is_refused_and_the_field_named(
    coordinates: list[list[list[float]]], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said) as refused:
        read_area({"type": "Polygon", "coordinates": coordinates}, field="cases[2].area")
    assert all(fault.startswith("cases[2].area") for fault in refused.value.faults)


def test_an_outline_holds_what_it_is_drawn_around() -> None:
    shapes = Shapes(DRAWN_TABLES)
    rows = np.arange(len(DRAWN_TABLES.lines))
    outline = shapes.outline(rows, DRAWN_TABLES.customers.xy)
    assert outline is not None
    polygon = shape(outline)
    assert polygon.is_valid
    for xy in [*DRAWN_TABLES.customers.xy, *DRAWN_TABLES.lines.coords]:
        assert polygon.contains(Point(xy))
    assert shapes.outline(rows[:0], DRAWN_TABLES.customers.xy[:0]) is None
    one = shapes.outline(rows[:0], DRAWN_TABLES.customers.xy[:1])
    assert one is not None
    assert shape(one).contains(Point(DRAWN_TABLES.customers.xy[0]))
