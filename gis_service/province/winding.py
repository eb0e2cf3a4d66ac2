"""Straight streets as winding lines on earth.

A path of corners on the plane gets points in between, so that it bends as the plane does.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gis_service.province.drawing import Point
from gis_service.province.plane import Floats, Ints, Plane

_BEND_M = 250.0
"""There is a point at least this often."""


def wound(paths: Sequence[Sequence[Point]], plane: Plane) -> tuple[Floats, Ints]:
    """Paths of corners as lines in lon/lat: flat coordinates, and offsets int64 `(n + 1,)` into them.

    Corners stay exactly where the plane has them.
    """
    corners = np.array([point for path in paths for point in path])
    count = np.array([len(path) for path in paths])
    last = np.cumsum(count) - 1
    away = np.diff(corners, axis=0, append=corners[-1:])
    away[last] = 0.0
    far = np.sqrt((away * away).sum(axis=1))
    parts = np.maximum(1, np.ceil(far / _BEND_M)).astype(np.int64)
    parts[last] = 1
    corner = np.repeat(np.arange(len(corners)), parts)
    along = (np.arange(corner.size) - (np.cumsum(parts) - parts)[corner]) / parts[corner]
    places = corners[corner] + away[corner] * along[:, None]
    upto = np.cumsum(parts)
    return plane.lonlat(places), np.concatenate([[0], upto[last]])
