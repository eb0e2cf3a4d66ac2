"""Flat coordinates of some rows brought onto pixels, compiled: gathered and turned in one pass.

Trusts offsets. What has no place, or none in the reference system, comes out as NaN.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from compiling import F64, I64, compiled

DEGREES, MERCATOR, GIVEN = range(3)
"""Kinds of reference systems: lon/lat itself, spherical Mercator, and those whose coordinates are given."""

RADIUS_M = 6378137.0
_HIGHEST = 89.9999


class Placing(NamedTuple):
    """How a position comes to lie on a pixel: `x · x_scale + x_shift`, likewise y, after what `kind` says."""

    kind: int
    x_scale: float
    x_shift: float
    y_scale: float
    y_shift: float


@compiled
def place_points(rows: I64, coords: F64, placing: Placing) -> F64:
    """Pixels of the points of some rows, `(n, 2)`."""
    found = np.empty((rows.size, 2))
    for k in range(rows.size):
        found[k, 0], found[k, 1] = _placed(coords[rows[k], 0], coords[rows[k], 1], placing)
    return found


@compiled
def place_paths(paths: I64, offsets: I64, coords: F64, placing: Placing) -> tuple[I64, F64]:
    """Offsets `(n + 1,)` and pixels of the lines or rings of some paths."""
    found_offsets = np.empty(paths.size + 1, np.int64)
    found_offsets[0] = 0
    for k in range(paths.size):
        found_offsets[k + 1] = found_offsets[k] + offsets[paths[k] + 1] - offsets[paths[k]]
    found = np.empty((found_offsets[-1], 2))
    for k in range(paths.size):
        at = found_offsets[k]
        for source in range(offsets[paths[k]], offsets[paths[k] + 1]):
            found[at, 0], found[at, 1] = _placed(coords[source, 0], coords[source, 1], placing)
            at += 1
    return found_offsets, found


@compiled
def ranges_of(rows: I64, offsets: I64) -> tuple[I64, I64]:
    """All members `offsets[row] … offsets[row + 1]` of some rows, and where each row's begin `(n + 1,)`."""
    starts = np.empty(rows.size + 1, np.int64)
    starts[0] = 0
    for k in range(rows.size):
        starts[k + 1] = starts[k] + offsets[rows[k] + 1] - offsets[rows[k]]
    members = np.empty(starts[-1], np.int64)
    for k in range(rows.size):
        for j in range(starts[k + 1] - starts[k]):
            members[starts[k] + j] = offsets[rows[k]] + j
    return starts, members


@compiled
def _placed(x: float, y: float, placing: Placing) -> tuple[float, float]:
    if placing.kind == 1:
        x = x * (math.pi / 180 * RADIUS_M)
        y = min(max(y, -_HIGHEST), _HIGHEST) if y == y else y
        y = math.log(math.tan(math.pi / 4 + y * (math.pi / 360))) * RADIUS_M
    px = x * placing.x_scale + placing.x_shift
    py = y * placing.y_scale + placing.y_shift
    if not (math.isfinite(px) and math.isfinite(py)):
        return math.nan, math.nan
    return px, py
