"""Feet of points on lines, against shapely asked of every pair."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import shapely

from gis_service.kernels.feet import find_feet


@pytest.mark.parametrize("seed", range(20))
def test_feet_are_the_nearest_places_of_the_nearest_lines(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.integers(2, 6, 30)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    starts = np.repeat(rng.uniform(-1000, 1000, (30, 2)), counts, axis=0)
    coords = starts + rng.uniform(-200, 200, (offsets[-1], 2))
    points = rng.uniform(-1100, 1100, (40, 2))
    usable = rng.random(30) < 0.8
    found = find_feet(points, offsets, coords, usable, within=120.0, most=3)
    lines = [shapely.LineString(coords[a:b]) for a, b in pairwise(offsets.tolist())]
    for k, xy in enumerate(points):
        point = shapely.Point(xy)
        near = sorted(
            (shapely.distance(line, point), edge)
            for edge, line in enumerate(lines)
            if usable[edge] and shapely.distance(line, point) <= 120.0
        )[:3]
        mine = slice(int(found.first[k]), int(found.first[k + 1]))
        assert found.edge[mine].tolist() == [edge for _, edge in near]
        assert found.off[mine] == pytest.approx([far for far, _ in near])
        at = [shapely.line_locate_point(lines[edge], point) for _, edge in near]
        assert found.at[mine] == pytest.approx(at)


def test_points_without_lines_and_lines_without_points_have_no_feet() -> None:
    line = np.array([[0.0, 0.0], [0.0, 0.0]])
    on = np.array([True])
    offsets = np.array([0, 2])
    assert find_feet(np.zeros((2, 2)), offsets, line, ~on, within=5, most=1).first.tolist() == [0, 0, 0]
    assert find_feet(np.empty((0, 2)), offsets, line, on, within=5, most=1).first.tolist() == [0]
    dot = find_feet(np.array([[3.0, 4.0]]), offsets, line, on, within=5, most=1)
    assert (dot.off.tolist(), dot.at.tolist()) == ([5.0], [0.0])
