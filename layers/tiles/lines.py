"""Points and lines as drawing commands of a vector tile, cut at its margin; compiled.

Commands after the Mapbox Vector Tile specification 2.1, clause 4.3. Lines are cut segment by segment after
Liang and Barsky; what comes back in is another part of the same feature.
"""

from __future__ import annotations

import math

import numpy as np

from compiling import F64, I64, U8, borrowing, compiled
from compiling.addresses import numbers_at, places_at
from layers.addressed import COORDS, COORDS_SIZE, LINES, LINES_SIZE, PATHS, PATHS_SIZE, SHAPE
from layers.geojson_rows import MULTILINE, POINT
from layers.tiles.placing import ANCHOR, box_of, place_path, simplify, whole
from layers.tiles.wire import put_signed, put_varint

MOVE_TO_ONE = 9
LINE_TO, CLOSE_PATH = 2, 15

_MOST_BYTES = 20  # of a position: two deltas of ten bytes at most


@compiled
def with_commands(ends: I64) -> I64:
    """Ascending rows that have commands, by where each one's end."""
    found = np.empty(len(ends), np.int64)
    n = before = 0
    for row in range(len(ends)):
        if ends[row] > before:
            found[n] = row
            n += 1
        before = ends[row]
    return found[:n]


@compiled
def shape_rows(
    geometry: I64, rows: I64, plane: F64, low: float, high: float, tolerance: float
) -> tuple[U8, I64, F64, I64]:
    """The commands of points or lines, where each row's end, how large each one is, and which rows have any.

    `geometry` as `layers.addressed` says; the size of a line is the longer side of its box, a point has none.
    """
    coords = places_at(geometry[COORDS], geometry[COORDS_SIZE])
    if geometry[SHAPE] == POINT:
        return _shape_points(coords, rows, plane, low, high)
    paths = numbers_at(geometry[PATHS], geometry[PATHS_SIZE])
    lines = numbers_at(geometry[LINES], geometry[LINES_SIZE] if geometry[SHAPE] == MULTILINE else 0)
    return _shape_lines(coords, paths, lines, rows, plane, low, high, tolerance)


@compiled
def _shape_points(coords: F64, rows: I64, plane: F64, low: float, high: float) -> tuple[U8, I64, F64, I64]:
    """The commands of points within `[low, high]`, where each row's end, no size, and which rows have any."""
    ends = np.empty(len(rows), np.int64)
    out = np.empty(len(rows) * (1 + _MOST_BYTES), np.uint8)
    x, y = np.empty(1), np.empty(1)
    at = 0
    for number in range(len(rows)):
        row = rows[number]
        placed = place_path(coords, row, row + 1, plane, x, y)
        if not placed or max(abs(x[0]), abs(y[0])) > 2 * high:
            ends[number] = at
            continue
        across, down = whole(x[0]), whole(y[0])
        if low <= across <= high and low <= down <= high:
            at = put_varint(out, at, MOVE_TO_ONE)
            at = put_signed(out, at, across)
            at = put_signed(out, at, down)
        ends[number] = at
    return out[:at], ends, np.zeros(len(rows)), with_commands(ends)


@compiled
def _shape_lines(
    coords: F64, paths: I64, lines: I64, rows: I64, plane: F64, low: float, high: float, tolerance: float
) -> tuple[U8, I64, F64, I64]:
    """The commands of lines, where each row's end, the longer side of its box, and which rows have any.

    A row whose line is elsewhere, or no longer than a unit, has no commands. `lines`: offsets into `paths` of
    rows that have several, else nothing.
    """
    several = len(lines) > 0
    longest = 2
    for number in range(len(rows)):
        row = rows[number]
        begin, stop = (lines[row], lines[row + 1]) if several else (row, row + 1)
        for line in range(begin, stop):
            longest = max(longest, paths[line + 1] - paths[line])
    x, y = np.empty(longest), np.empty(longest)
    keep = np.empty(longest, np.uint8)
    # a segment has two ends at most within the margin
    across, down = np.empty(2 * longest, np.int64), np.empty(2 * longest, np.int64)
    stack = np.empty(4 * ANCHOR + 8, np.int64)
    box, cut, cursor = np.empty(4), np.empty(2), np.empty(2, np.int64)
    around = np.empty(4)
    ends, sizes = np.empty(len(rows), np.int64), np.zeros(len(rows))
    out = np.empty(1 << 16, np.uint8)
    at = 0
    for number in range(len(rows)):
        row = rows[number]
        begin, stop = (lines[row], lines[row + 1]) if several else (row, row + 1)
        cursor[0] = cursor[1] = 0
        around[0] = around[1] = np.inf
        around[2] = around[3] = -np.inf
        for line in range(begin, stop):
            first, last = paths[line], paths[line + 1]
            n = last - first
            if n < 2 or not place_path(coords, first, last, plane, x, y):
                continue
            box_of(x, y, n, box)
            if box[0] > high + 1 or box[1] > high + 1 or box[2] < low - 1 or box[3] < low - 1:
                continue
            room = at + (2 * n + 2) * (_MOST_BYTES + 12)
            if room > len(out):
                wider = np.empty(room + room // 2, np.uint8)
                wider[:at] = out[:at]
                out = wider
            around[0], around[1] = min(around[0], box[0]), min(around[1], box[1])
            around[2], around[3] = max(around[2], box[2]), max(around[3], box[3])
            sizes[number] = max(around[2] - around[0], around[3] - around[1])
            n = simplify(x, y, n, tolerance, keep, stack)
            _snap(x, y, n)
            if n == 2 and x[0] == x[1] and y[0] == y[1]:
                # it winds back to where it began: shown as it is, if there is anything to see within it
                n = last - first
                place_path(coords, first, last, plane, x, y)
                _snap(x, y, n)
                if _is_flat(x, y, n):
                    continue
            box_of(x, y, n, box)
            if box[0] >= low and box[1] >= low and box[2] <= high and box[3] <= high:
                count = 0
                for place in range(n):
                    count = _add(across, down, count, x[place], y[place])
                at = _put_part(out, at, across, down, count, cursor)
            else:
                count = 0
                for place in range(n - 1):
                    if not _cut(x, y, place, low, high, cut):
                        continue
                    dx, dy = x[place + 1] - x[place], y[place + 1] - y[place]
                    if cut[0] > 0.0 or count == 0:
                        at = _put_part(out, at, across, down, count, cursor)
                        count = _add(across, down, 0, x[place] + cut[0] * dx, y[place] + cut[0] * dy)
                    count = _add(across, down, count, x[place] + cut[1] * dx, y[place] + cut[1] * dy)
                    if cut[1] < 1.0:
                        at = _put_part(out, at, across, down, count, cursor)
                        count = 0
                at = _put_part(out, at, across, down, count, cursor)
        ends[number] = at
    return out[:at], ends, sizes, with_commands(ends)


@borrowing
def _snap(x: F64, y: F64, n: int) -> None:
    """Bring positions onto whole units, before they are cut: what is left does not hang on fractions."""
    for place in range(n):
        x[place], y[place] = math.floor(x[place] + 0.5), math.floor(y[place] + 0.5)


@borrowing
def _is_flat(x: F64, y: F64, n: int) -> bool:
    """Whether all positions lie on one line through the first one."""
    far = 0
    for place in range(n):
        dx, dy = x[place] - x[0], y[place] - y[0]
        if dx * dx + dy * dy > (x[far] - x[0]) ** 2 + (y[far] - y[0]) ** 2:
            far = place
    for place in range(n):
        if (x[place] - x[0]) * (y[far] - y[0]) != (y[place] - y[0]) * (x[far] - x[0]):
            return False
    return True


@borrowing
def _cut(x: F64, y: F64, place: int, low: float, high: float, cut: F64) -> bool:
    """Which share of a segment lies within the margin, from where to where; False for none."""
    enter, leave = 0.0, 1.0
    for axis in range(2):
        start = x[place] if axis == 0 else y[place]
        step = (x[place + 1] if axis == 0 else y[place + 1]) - start
        if step == 0.0:
            if start < low or start > high:
                return False
            continue
        one, other = (low - start) / step, (high - start) / step
        enter, leave = max(enter, min(one, other)), min(leave, max(one, other))
    cut[0], cut[1] = enter, leave
    return enter <= leave


@borrowing
def _add(across: I64, down: I64, count: int, x: float, y: float) -> int:
    """Append a position in whole units, unless it is the last one again."""
    px, py = whole(x), whole(y)
    if count and across[count - 1] == px and down[count - 1] == py:
        return count
    across[count], down[count] = px, py
    return count + 1


@borrowing
def _put_part(out: U8, at: int, across: I64, down: I64, count: int, cursor: I64) -> int:
    """Write one line; nothing for a single position."""
    if count < 2:
        return at
    at = put_varint(out, at, MOVE_TO_ONE)
    for place in range(count):
        if place == 1:
            at = put_varint(out, at, ((count - 1) << 3) | LINE_TO)
        at = put_signed(out, at, across[place] - cursor[0])
        at = put_signed(out, at, down[place] - cursor[1])
        cursor[0], cursor[1] = across[place], down[place]
    return at
