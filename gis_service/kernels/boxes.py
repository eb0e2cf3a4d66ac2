"""What can meet a box: points inside, and lines whose own box meets it. One pass over flat coordinates."""

from __future__ import annotations

import numpy as np

from gis_service.kernels.compiled import F64, I64, compiled


@compiled
def points_in_box(xy: F64, west: float, south: float, east: float, north: float) -> I64:
    """Ascending rows of the points inside or on the border; nan is nowhere."""
    found = np.empty(xy.shape[0], np.int64)
    n = 0
    for row in range(xy.shape[0]):
        x, y = xy[row, 0], xy[row, 1]
        if west <= x <= east and south <= y <= north:
            found[n] = row
            n += 1
    return found[:n].copy()


@compiled
def lines_in_box(offsets: I64, coords: F64, west: float, south: float, east: float, north: float) -> I64:
    """Ascending rows of the lines whose box meets the box, border included.

    Parameters
    ----------
    offsets, coords
        Line `row` has the vertices `coords[offsets[row] : offsets[row + 1]]`, counted from `offsets[0]`.
    """
    found = np.empty(max(offsets.size - 1, 0), np.int64)
    n = 0
    for row in range(offsets.size - 1):
        first, stop = offsets[row] - offsets[0], offsets[row + 1] - offsets[0]
        if first == stop:
            continue
        low_x = high_x = coords[first, 0]
        low_y = high_y = coords[first, 1]
        for k in range(first + 1, stop):
            low_x, high_x = min(low_x, coords[k, 0]), max(high_x, coords[k, 0])
            low_y, high_y = min(low_y, coords[k, 1]), max(high_y, coords[k, 1])
        if low_x <= east and high_x >= west and low_y <= north and high_y >= south:
            found[n] = row
            n += 1
    return found[:n].copy()


@compiled
def boxes_meeting(boxes: F64, west: float, south: float, east: float, north: float) -> I64:
    """Ascending rows of the boxes, float64 `(n, 4)`, that meet a box, borders included; nan is nowhere."""
    found = np.empty(boxes.shape[0], np.int64)
    n = 0
    for row in range(boxes.shape[0]):
        if (
            boxes[row, 0] <= east
            and boxes[row, 2] >= west
            and boxes[row, 1] <= north
            and boxes[row, 3] >= south
        ):
            found[n] = row
            n += 1
    return found[:n]
