"""Paths from lon/lat into the plane of a tile, and with no more positions than show there; compiled.

Simplification looks at a whole path and not at what a tile holds of it, so that tiles side by side agree at
their border. It is Douglas and Peucker's, between anchors: at most `ANCHOR` steps for each position, however
a path winds.
"""

from __future__ import annotations

import math

import numpy as np

from compiling import F64, I64, U8, borrowing
from layers.tiles.plane import ACROSS, DOWN, LATITUDE, LEFT, MERCATOR, NEAR, ORDER, SERIES, TOP

ANCHOR = 256
"""Positions after which one is kept whatever it shows."""


@borrowing
def place_path(coords: F64, first: int, last: int, plane: F64, x: F64, y: F64) -> bool:
    """Put positions into a tile's plane; False when one of them is no number.

    Parameters
    ----------
    plane
        See `plane.plane_of`.
    """
    for place in range(first, last):
        lon, lat = coords[place, 0], coords[place, 1]
        if not (math.isfinite(lon) and math.isfinite(lat)):
            return False
        x[place - first] = (lon + 180.0) / 360.0 * plane[ACROSS] - plane[LEFT]
        away = lat - plane[LATITUDE]
        if abs(away) <= plane[NEAR]:
            down = plane[SERIES + ORDER]
            for power in range(ORDER - 1, -1, -1):
                down = plane[SERIES + power] + away * down
            y[place - first] = down
            continue
        if plane[MERCATOR] != 0.0:
            sine = math.sin(lat * (math.pi / 180.0))
            sine = min(max(sine, -1.0 + 1e-15), 1.0 - 1e-15)
            down = 0.5 - math.log((1.0 + sine) / (1.0 - sine)) * (0.25 / math.pi)
        else:
            down = (90.0 - lat) / 180.0
        y[place - first] = down * plane[DOWN] - plane[TOP]
    return True


@borrowing
def simplify(x: F64, y: F64, n: int, tolerance: float, keep: U8, stack: I64) -> int:
    """Leave out positions nearer than `tolerance` to the path without them, in place; how many are left.

    The first and the last one stay. `keep` has room for all, `stack` for twice `ANCHOR`.
    """
    if n < 3 or tolerance <= 0.0:
        return n
    for place in range(n):
        keep[place] = 0
    limit = tolerance * tolerance
    start = 0
    while start < n - 1:
        stop = min(start + ANCHOR, n - 1)
        keep[start] = keep[stop] = 1
        stack[0], stack[1] = start, stop
        depth = 1
        while depth:
            depth -= 1
            low, high = stack[2 * depth], stack[2 * depth + 1]
            ax, ay = x[low], y[low]
            dx, dy = x[high] - ax, y[high] - ay
            length = dx * dx + dy * dy
            furthest, at = limit, -1
            for place in range(low + 1, high):
                px, py = x[place] - ax, y[place] - ay
                if length > 0.0:
                    along = min(max((px * dx + py * dy) / length, 0.0), 1.0)
                    px -= along * dx
                    py -= along * dy
                distance = px * px + py * py
                if distance > furthest:
                    furthest, at = distance, place
            if at >= 0:
                keep[at] = 1
                # the longer half waits: the stack is as deep as halving goes
                if at - low > high - at:
                    stack[2 * depth], stack[2 * depth + 1] = low, at
                    stack[2 * depth + 2], stack[2 * depth + 3] = at, high
                else:
                    stack[2 * depth], stack[2 * depth + 1] = at, high
                    stack[2 * depth + 2], stack[2 * depth + 3] = low, at
                depth += 2
        start = stop
    left = 0
    for place in range(n):
        if keep[place]:
            x[left], y[left] = x[place], y[place]
            left += 1
    return left


@borrowing
def whole(value: float) -> int:
    """The nearest whole number, halves upwards."""
    return int(math.floor(value + 0.5))  # noqa: RUF046  # compiled, it is a float


@borrowing
def box_of(x: F64, y: F64, n: int, box: F64) -> None:
    """Write the least x and y and the greatest x and y of some positions."""
    box[0] = box[1] = np.inf
    box[2] = box[3] = -np.inf
    for place in range(n):
        box[0], box[2] = min(box[0], x[place]), max(box[2], x[place])
        box[1], box[3] = min(box[1], y[place]), max(box[3], y[place])
