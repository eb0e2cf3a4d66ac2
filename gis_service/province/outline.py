"""The outline of a transformer district: the octagon around its poles, buildings and transformer.

Eight sides in eight fixed directions need minima and maxima only, so all districts are done at once and the
result is always a valid convex polygon.
"""

from __future__ import annotations

import numpy as np

from gis_service.province.plane import DECIMALS, Floats, Ints

_MARGIN = 1.4e-4
"""Degrees, some 15 m; less across the corners."""


def octagons(number: int, *groups: tuple[Ints, Floats]) -> Floats:
    """Closed rings, float64 `(number, 9, 2)`, around the lon/lat points of each owner.

    Each group gives the owner of its points, ascending, and the points; every owner has one in some group.
    """
    least = np.full((number, 4), np.inf)
    most = np.full((number, 4), -np.inf)
    for owner, xy in groups:
        if owner.size:
            first = np.flatnonzero(np.diff(owner, prepend=-1))
            there = owner[first]
            x, y = xy[:, 0], xy[:, 1]
            ways = np.column_stack([x, y, x + y, x - y])
            least[there] = np.minimum(least[there], np.minimum.reduceat(ways, first))
            most[there] = np.maximum(most[there], np.maximum.reduceat(ways, first))
    margin = _MARGIN * np.array([1.0, 1.0, 1.4, 1.4])
    west, south, sum_low, rise_low = (least - margin).T
    east, north, sum_high, rise_high = (most + margin).T
    # No corner is cut off beyond the corners of the box.
    sum_low, sum_high = np.maximum(sum_low, west + south), np.minimum(sum_high, east + north)
    rise_low, rise_high = np.maximum(rise_low, west - north), np.minimum(rise_high, east - south)
    corners = (
        (sum_low - south, south),
        (rise_high + south, south),
        (east, east - rise_high),
        (east, sum_high - east),
        (sum_high - north, north),
        (rise_low + north, north),
        (west, west - rise_low),
        (west, sum_low - west),
    )
    ring = np.empty((number, 9, 2))
    for k, (x, y) in enumerate(corners):
        ring[:, k, 0], ring[:, k, 1] = x, y
    ring[:, :8] = np.rint(ring[:, :8] * DECIMALS) / DECIMALS
    ring[:, 8] = ring[:, 0]
    return ring
