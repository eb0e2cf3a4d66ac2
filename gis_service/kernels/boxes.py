"""What can meet a box: points inside, and lines whose own box meets it.

One pass over flat coordinates; or, where the same lines are asked for again and again, an index of them in
square cells, which is asked at the cost of the answer.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gis_service.kernels.compiled import F64, I64, compiled
from gis_service.kernels.feet import MOST_CELLS, cells_of


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


class LineIndex(NamedTuple):
    """Lines by the square cells that their boxes meet.

    boxes : float64 (n, 4), west, south, east, north
    first, held : those of cell `row * columns + column` are `held[first[cell] : first[cell + 1]]`
    """

    boxes: F64
    west: float
    south: float
    cell: float
    columns: int
    rows: int
    first: I64
    held: I64


def index_lines(offsets: I64, coords: F64) -> LineIndex:
    """The index of some lines, each of one vertex at least: O(vertices)."""
    if offsets.size < 2:
        return LineIndex(np.empty((0, 4)), 0.0, 0.0, 1.0, 1, 1, np.zeros(2, np.int64), np.empty(0, np.int64))
    starts = offsets[:-1]
    boxes = np.column_stack([np.minimum.reduceat(coords, starts), np.maximum.reduceat(coords, starts)])
    west, south = boxes[:, :2].min(axis=0).tolist()
    east, north = boxes[:, 2:].max(axis=0).tolist()
    cell = max((east - west) / MOST_CELLS, (north - south) / MOST_CELLS, 1e-9)
    columns, rows = int((east - west) / cell) + 1, int((north - south) / cell) + 1
    return LineIndex(
        boxes, west, south, cell, columns, rows, *cells_of(boxes, west, south, cell, columns, rows)
    )


@compiled
def _indexed(index: LineIndex, west: float, south: float, east: float, north: float) -> I64:
    low_c = max(0, int(np.floor((west - index.west) / index.cell)))
    high_c = min(index.columns - 1, int(np.floor((east - index.west) / index.cell)))
    low_r = max(0, int(np.floor((south - index.south) / index.cell)))
    high_r = min(index.rows - 1, int(np.floor((north - index.south) / index.cell)))
    found = np.empty(64, np.int64)
    n = 0
    for row in range(low_r, high_r + 1):
        for column in range(low_c, high_c + 1):
            c = row * index.columns + column
            for i in range(index.first[c], index.first[c + 1]):
                k = index.held[i]
                x, y, to_x, to_y = index.boxes[k, 0], index.boxes[k, 1], index.boxes[k, 2], index.boxes[k, 3]
                if x > east or to_x < west or y > north or to_y < south:
                    continue
                # a line in several cells is told in the first of them that is looked at
                first_c = min(index.columns - 1, int((x - index.west) / index.cell))
                first_r = min(index.rows - 1, int((y - index.south) / index.cell))
                if max(first_c, low_c) != column or max(first_r, low_r) != row:
                    continue
                if n == found.size:
                    found = np.append(found, np.empty(n, np.int64))
                found[n] = k
                n += 1
    return np.sort(found[:n])


def indexed_lines_in_box(index: LineIndex, west: float, south: float, east: float, north: float) -> I64:
    """As `lines_in_box`, out of an index: O(lines near the box)."""
    return _indexed(index, float(west), float(south), float(east), float(north))
