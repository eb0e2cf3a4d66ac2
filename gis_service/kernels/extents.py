"""The box around each geometry of many, from flat coordinates."""

from __future__ import annotations

import numpy as np

from gis_service.kernels.compiled import F64, I64, compiled


@compiled
def boxes_around(offsets: I64, coords: F64) -> F64:
    """West, south, east, north of each geometry, float64 `(n, 4)`; O(coordinates).

    nan where there is no coordinate, or one that is no number: such a geometry is nowhere.

    Parameters
    ----------
    offsets, coords
        Geometry `k` has the coordinates `coords[offsets[k] : offsets[k + 1]]`.
    """
    boxes = np.full((max(offsets.size - 1, 0), 4), np.nan)
    for k in range(offsets.size - 1):
        if offsets[k] == offsets[k + 1]:
            continue
        west = south = np.inf
        east = north = -np.inf
        known = True
        for at in range(offsets[k], offsets[k + 1]):
            x, y = coords[at, 0], coords[at, 1]
            known = known and np.isfinite(x) and np.isfinite(y)
            west, east = min(west, x), max(east, x)
            south, north = min(south, y), max(north, y)
        if known:
            boxes[k, 0], boxes[k, 1], boxes[k, 2], boxes[k, 3] = west, south, east, north
    return boxes
