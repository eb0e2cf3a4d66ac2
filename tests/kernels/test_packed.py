"""Boxes found in a packed tree, held against comparing every one; the curve, against what makes it one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis_service.kernels.boxes import boxes_meeting
from gis_service.kernels.compiled import F64, I64
from gis_service.kernels.packed import FANOUT, Packed, hilbert_keys, nodes_over, rows_meeting
from gis_service.network.texts import frozen

Four = tuple[float, float, float, float]


def tree_of(places: F64, rows: I64) -> Packed:
    found = places[rows]
    west, south = found[:, :2].min(axis=0)
    east, north = found[:, -2:].max(axis=0)
    keys = hilbert_keys(places, rows, west, south, east, north)
    order = frozen(rows[np.argsort(keys, kind="stable")], np.int32)
    nodes, starts = nodes_over(places, order)
    return Packed(order, frozen(nodes, np.float64), frozen(starts, np.int64))


def met_one_by_one(places: F64, rows: I64, box: Four) -> list[int]:
    west, south, east, north = box
    return [
        row
        for row in rows.tolist()
        if places[row, 0] <= east
        and places[row, -2] >= west
        and places[row, 1] <= north
        and places[row, -1] >= south
    ]


numbers = st.integers(-20, 20).map(lambda k: k / 4)  # few, so that many lie on borders and on one another
boxes = st.tuples(numbers, numbers, st.integers(0, 30), st.integers(0, 30)).map(
    lambda it: (it[0], it[1], it[0] + it[2] / 4, it[1] + it[3] / 4)
)


@given(
    st.integers(1, 2 * FANOUT**2 + 40),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["points", "boxes", "long", "heap"]),
    st.lists(boxes, min_size=1, max_size=5),
)
def test_a_box_finds_what_it_meets_and_nothing_else(n: int, seed: int, kind: str, asked: list[Four]) -> None:
    stream = np.random.default_rng(seed)
    low = stream.integers(-20, 20, (n, 2)) / (4 if kind != "heap" else 1e9)
    size = {"points": 0, "boxes": 4, "long": 200, "heap": 1}[kind]
    places = low if kind == "points" else np.hstack([low, low + stream.integers(0, size, (n, 2)) / 4])
    places = frozen(places, np.float64)
    rows = frozen(np.flatnonzero(stream.random(n) < 0.9), np.int64)  # the others are nowhere
    if not rows.size:
        return
    tree = tree_of(places, rows)
    assert sorted(tree.order.tolist()) == rows.tolist()
    for box in asked:
        found = rows_meeting(places, tree, *map(float, box)).tolist()
        assert found == met_one_by_one(places, rows, box)


@given(st.lists(boxes, max_size=40), boxes)
def test_boxes_looked_at_one_by_one_are_the_same(some: list[Four], asked: Four) -> None:
    places = frozen(np.array([*some, (np.nan,) * 4], np.float64), np.float64)
    found = boxes_meeting(places, *map(float, asked)).tolist()
    assert found == met_one_by_one(places, np.arange(len(places)), asked)


@pytest.mark.parametrize("n", [1, FANOUT - 1, FANOUT, FANOUT + 1, FANOUT**2, FANOUT**2 + 1, FANOUT**3 + 1])
def test_trees_of_full_and_of_just_begun_levels(n: int) -> None:
    stream = np.random.default_rng(n)
    places = frozen(stream.random((n, 2)), np.float64)
    rows = frozen(np.arange(n), np.int64)
    tree = tree_of(places, rows)
    for box in ((0.0, 0.0, 1.0, 1.0), (0.2, 0.3, 0.6, 0.5), (0.5, 0.5, 0.5, 0.5), (2.0, 2.0, 3.0, 3.0)):
        assert rows_meeting(places, tree, *box).tolist() == met_one_by_one(places, rows, box)


def test_one_step_along_the_curve_is_one_step_to_the_side() -> None:
    """That makes it Hilbert's: it visits every cell of a grid once and never jumps."""
    k = np.arange(32)
    cells = np.array([(x, y) for x in k for y in k])
    middles = frozen((cells + 0.5) / 32, np.float64)
    keys = hilbert_keys(middles, frozen(np.arange(len(cells)), np.int64), 0.0, 0.0, 1.0, 1.0)
    steps = np.abs(np.diff(cells[np.argsort(keys)], axis=0)).sum(axis=1)
    assert np.unique(keys).size == len(cells)
    assert (steps == 1).all()


def test_a_few_rows_of_very_many_come_in_order_as_well() -> None:
    stream = np.random.default_rng(5)
    places = frozen(stream.random((70_000, 2)), np.float64)
    rows = frozen(np.arange(len(places)), np.int64)
    tree = tree_of(places, rows)
    for side in (0.0005, 0.02, 0.03, 0.2, 1.0):
        box = (0.4, 0.4, 0.4 + side, 0.4 + side)
        assert rows_meeting(places, tree, *box).tolist() == met_one_by_one(places, rows, box)
