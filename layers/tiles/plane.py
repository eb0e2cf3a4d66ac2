"""The plane of one tile: what compiled code is told to put lon/lat into it."""

from __future__ import annotations

import math

import numpy as np

from compiling import F64
from layers.tiles.matrix import EXTENT, Tile, TileMatrixSet

ACROSS, LEFT, DOWN, TOP, MERCATOR, LATITUDE, NEAR, SERIES = range(8)
"""What each number tells.

Units of the tile across the world, its left edge in them, units down the world, its upper edge; whether
latitudes are Web Mercator's (1) or degrees (0). Within `NEAR` degrees of `LATITUDE` the place down the tile
is the series in the degrees from there whose coefficients follow, which saves a sine and a logarithm for
each position.
"""

MARGIN = 64
"""Units beyond each side of a tile that its features reach, so that lines of some width meet."""

ORDER = 5
_MOST_ERROR = 1e-9  # units: less than what the formula itself leaves open in doubles
_MOST_LATITUDE = 80.0


def plane_of(grid: TileMatrixSet, tile: Tile) -> F64:
    """What `placing.place_path` is told of a tile, float64 `(SERIES + ORDER + 1,)`."""
    columns, rows = grid.size(tile.z)
    told = np.zeros(SERIES + ORDER + 1)
    told[NEAR] = -1.0
    told[: MERCATOR + 1] = columns * EXTENT, tile.x * EXTENT, rows * EXTENT, tile.y * EXTENT, grid.mercator
    if grid.mercator:
        told[LATITUDE:] = _series(rows * EXTENT, tile.y * EXTENT, (tile.y + 0.5) / rows)
    return told


def _series(units: float, top: float, share: float) -> list[float]:
    """Middle latitude, how far the series holds, and Taylor's coefficients there of the inverse Gudermannian.

    Its derivatives with s the secant and t the tangent: s; st; 2s³ − s; st(6s² − 1); 24s⁵ − 20s³ + s. The
    sixth is st(120s⁴ − 60s² + 1), at most 120 s⁶.
    """
    middle = math.atan(math.sinh(math.pi * (1 - 2 * share)))
    s, t = 1 / math.cos(middle), math.tan(middle)
    degree = math.pi / 180
    scale = -units / (2 * math.pi)
    rest = _MOST_ERROR * math.factorial(6) / (120 * (1.1 * s) ** 6 * abs(scale))
    near = 0.0 if abs(middle) > _MOST_LATITUDE * degree else min(rest ** (1 / 6), 0.05) / degree
    derivatives = (s, s * t, 2 * s**3 - s, s * t * (6 * s * s - 1), 24 * s**5 - 20 * s**3 + s)
    steps = [scale * one * degree**k / math.factorial(k) for k, one in enumerate(derivatives, start=1)]
    return [middle / degree, near, share * units - top, *steps]
