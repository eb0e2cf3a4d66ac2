"""Rings cut down to a box: shapely says what is left of them."""

from __future__ import annotations

import time

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from layers.raster.clipping import clipped_rings, reaches_far
from tests.layers.wms.handmade_service import MAP, HandService, hand_layer

BOX = np.array([-2.0, -1.0, 12.0, 9.0])
_SIDES = st.lists(st.floats(0.2, 60.0), min_size=3, max_size=12)


def star(reaches: list[float], centre: tuple[float, float]) -> shapely.Polygon:
    """A simple polygon: corners around a centre, each as far away as it is told."""
    angles = np.linspace(0, 2 * np.pi, len(reaches), endpoint=False)
    return shapely.Polygon(
        np.column_stack([np.cos(angles), np.sin(angles)]) * np.array(reaches)[:, None] + centre
    )


@given(st.lists(st.tuples(_SIDES, st.tuples(st.floats(-30, 30), st.floats(-30, 30))), min_size=1, max_size=4))
def test_what_is_left_of_a_ring_is_what_shapely_leaves(
    drawn: list[tuple[list[float], tuple[float, float]]],
) -> None:
    rings = [shapely.get_coordinates(star(*one)) for one in drawn]
    offsets = np.cumsum([0, *map(len, rings)])
    found_offsets, found = clipped_rings(offsets, np.concatenate(rings), BOX)
    for place, ring in enumerate(rings):
        left = found[found_offsets[place] : found_offsets[place + 1]]
        wanted = shapely.intersection(shapely.Polygon(ring), shapely.box(*BOX)).area
        # edges that run to and fro along the box enclose nothing
        area = (
            0.5 * abs(np.sum(left[:-1, 0] * left[1:, 1] - left[1:, 0] * left[:-1, 1])) if len(left) else 0.0
        )
        assert area == pytest.approx(wanted, abs=1e-6)
        if len(left):
            assert (left[0] == left[-1]).all()
            assert (left.min(axis=0) >= BOX[:2]).all()
            assert (left.max(axis=0) <= BOX[2:]).all()


def test_positions_that_are_no_numbers_are_passed_over() -> None:
    ring = np.array([[0.0, 0.0], [np.nan, np.nan], [5.0, 0.0], [5.0, 5.0], [0.0, 0.0]])
    offsets, found = clipped_rings(np.array([0, 5]), ring, BOX)
    assert offsets.tolist() == [0, len(found)]
    assert {*map(tuple, found.tolist())} == {(0.0, 0.0), (5.0, 0.0), (5.0, 5.0)}
    assert not reaches_far(ring, BOX)
    assert reaches_far(np.array([[1e6, 0.0]]), BOX)


@pytest.mark.parametrize("across", [1e-3, 1e-8])
def test_a_county_with_a_dashed_outline_is_drawn_on_a_map_of_any_scale(across: float) -> None:
    """At 1e-8 degrees a map shows a millimetre of a county whose outline is a billion pixels long."""
    service = HandService([hand_layer("county", [shapely.box(108.0, 22.0, 109.0, 23.0)], name=["X"])])
    began = time.monotonic()
    inside, edge = (
        service.picture({**MAP, "LAYERS": "county", "BBOX": f"{west},22.5,{west + across},{22.5 + across}"})
        for west in (108.4, 108.0 - across / 2)
    )
    assert time.monotonic() - began < 20
    assert inside[50, 100].tolist() == inside[5, 5].tolist() != [255, 255, 255, 255]
    # the border stands in the middle: paper on its left, the county on its right
    assert edge[50, 20].tolist() == [255, 255, 255, 255]
    assert edge[50, 180].tolist() == inside[50, 100].tolist()


def test_a_map_a_millionth_as_wide_as_it_is_high_is_drawn() -> None:
    """The middle of an area is looked for in squares of its width: here in ten millions of them."""
    service = HandService(
        [hand_layer("county", [shapely.box(108.0, 22.0, 109.0, 23.0)], name=["A long name"])]
    )
    began = time.monotonic()
    found = service.picture({**MAP, "LAYERS": "county", "BBOX": "108.4,22.4,108.40000001,22.6"})
    assert time.monotonic() - began < 20
    assert found[5, 5].tolist() == found[95, 195].tolist() != [255, 255, 255, 255]


def test_an_area_is_labelled_where_its_middle_lies_and_nowhere_else() -> None:
    """Else every tile within a county would have its name in the middle."""
    service = HandService(
        [hand_layer("county", [shapely.box(108.0, 22.0, 109.0, 23.0)], name=["A long name"])]
    )
    for west, south, named in ((108.45, 22.45, True), (108.1, 22.1, False)):
        box = f"{west},{south},{west + 0.1},{south + 0.1}"
        found = service.picture({**MAP, "LAYERS": "county", "BBOX": box})
        assert (len(np.unique(found.reshape(-1, 4), axis=0)) > 5) == named
