"""Lines and areas on pixels as chunks of Well-Known Binary, compiled: Mapnik reads it at once.

What lies wholly beside the picture is left out, lines are cut at its edges, vertices that move less than a
third of a pixel are dropped, and of what is smaller than a pixel one is kept for each pixel. Chunks are
short, because AGG silently stops drawing when one feature fills its 1024 blocks of 4096 cells, and because it
sorts the cells of a feature, which costs more than in proportion.
"""

from __future__ import annotations

import math

import numpy as np

from compiling import F64, I32, I64, U8, borrowing, compiled

_MULTILINE, _LINE, _MULTIPOLYGON, _POLYGON = 5, 2, 6, 3  # OGC 06-103r4, table 7
_PARTS_AT_ONCE = 64
_PIXELS_AT_ONCE = 8_000.0
_NEAR = 0.35 * 0.35
_HEADER = 9
_PATH = 9
_POSITION = 16


@borrowing
def _put_header(out: U8, at: int, kind: int, count: int) -> int:
    """Byte order (little-endian), type and number of parts."""
    out[at] = 1
    for k in range(4):
        out[at + 1 + k] = (kind >> (8 * k)) & 255
        out[at + 5 + k] = (count >> (8 * k)) & 255
    return at + 9


@borrowing
def _put_count(out: U8, at: int, count: int) -> None:
    for k in range(4):
        out[at + k] = (count >> (8 * k)) & 255


@borrowing
def _put_position(out: U8, at: int, x: float, y: float, pair: F64, bytes_: U8) -> int:
    pair[0] = x
    pair[1] = -y  # up, as on a map
    for k in range(16):
        out[at + k] = bytes_[k]
    return at + 16


@borrowing
def _cut(x0: float, y0: float, x1: float, y1: float, box: F64, ends: F64) -> bool:
    """The part of a segment inside a box (Liang and Barsky), into `ends`: whether there is one."""
    low, high = 0.0, 1.0
    dx, dy = x1 - x0, y1 - y0
    for side in range(4):
        if side == 0:
            p, q = -dx, x0 - box[0]
        elif side == 1:
            p, q = dx, box[2] - x0
        elif side == 2:
            p, q = -dy, y0 - box[1]
        else:
            p, q = dy, box[3] - y0
        if p == 0:
            if q < 0:
                return False
        elif p < 0:
            low = max(low, q / p)
        else:
            high = min(high, q / p)
    if low > high:
        return False
    ends[0], ends[1] = x0 + low * dx, y0 + low * dy
    ends[2], ends[3] = x0 + high * dx, y0 + high * dy
    return True


@compiled
def line_chunks(some: I64, offsets: I64, xy: F64, box: F64, seen: I32, mark: int) -> tuple[U8, I64]:
    """Lines of some places as chunks of MultiLineStrings: the bytes, and where each chunk ends.

    Parameters
    ----------
    box
        Left, top, right, bottom: the picture with a margin as wide as what is drawn.
    seen, mark
        One number for each pixel of the picture, `(height, width)`: set to `mark` where something smaller
        than a pixel has been drawn.
    """
    vertices = 0
    for k in range(some.size):
        vertices += offsets[some[k] + 1] - offsets[some[k]]
    out = np.empty(_HEADER * (some.size + 2) + vertices * (_PATH + 2 * _POSITION) + 64, np.uint8)
    ends_of_chunks = np.empty(some.size + vertices + 1, np.int64)
    pair, ends = np.empty(2), np.empty(4)
    bytes_ = pair.view(np.uint8)
    chunks, at, start, parts, length = 0, 0, 0, 0, 0.0
    for k in range(some.size):
        first, stop = offsets[some[k]], offsets[some[k] + 1]
        if _hidden(xy, first, stop, box, seen, mark):
            continue
        path, count, last_x, last_y = -1, 0, math.nan, math.nan
        for v in range(first, stop - 1):
            x0, y0, x1, y1 = xy[v, 0], xy[v, 1], xy[v + 1, 0], xy[v + 1, 1]
            whole = x0 == x0 and x1 == x1 and _cut(x0, y0, x1, y1, box, ends)
            if not whole:
                continue
            if path < 0 or ends[0] != x0 or ends[1] != y0 or v == first:
                # a new run begins where the line comes in
                if path >= 0:
                    _put_count(out, path + 5, count)
                if parts == 0:
                    start = at
                    at = _put_header(out, at, _MULTILINE, 0)
                path, count = at, 1
                at = _put_header(out, at, _LINE, 0)
                at = _put_position(out, at, ends[0], ends[1], pair, bytes_)
                last_x, last_y = ends[0], ends[1]
                parts += 1
            dx, dy = ends[2] - last_x, ends[3] - last_y
            leaves = v == stop - 2 or ends[2] != x1 or ends[3] != y1
            if dx * dx + dy * dy >= _NEAR or leaves:
                if count == 1 and dx * dx + dy * dy < 0.09:
                    ends[2] = last_x + 0.5  # what has no length would not be drawn
                at = _put_position(out, at, ends[2], ends[3], pair, bytes_)
                length += math.sqrt(dx * dx + dy * dy)
                last_x, last_y = ends[2], ends[3]
                count += 1
        if path >= 0:
            _put_count(out, path + 5, count)
        if parts >= _PARTS_AT_ONCE or length > _PIXELS_AT_ONCE:
            _put_count(out, start + 5, parts)
            ends_of_chunks[chunks] = at
            chunks += 1
            parts, length = 0, 0.0
    if parts:
        _put_count(out, start + 5, parts)
        ends_of_chunks[chunks] = at
        chunks += 1
    return out[:at], ends_of_chunks[:chunks]


@compiled
def _hidden(xy: F64, first: int, stop: int, box: F64, seen: I32, mark: int) -> bool:
    """Whether a path lies beside the picture, or is smaller than a pixel on one that has been drawn."""
    left, top, right, bottom = math.inf, math.inf, -math.inf, -math.inf
    for v in range(first, stop):
        x, y = xy[v, 0], xy[v, 1]
        left, right = min(left, x), max(right, x)
        top, bottom = min(top, y), max(bottom, y)
    if not (left <= box[2] and right >= box[0] and top <= box[3] and bottom >= box[1]):
        return True
    if right - left < 1 and bottom - top < 1:
        px, py = math.floor((left + right) / 2), math.floor((top + bottom) / 2)
        if 0 <= px < seen.shape[1] and 0 <= py < seen.shape[0]:
            if seen[py, px] == mark:
                return True
            seen[py, px] = mark
    return False


@compiled
def area_chunks(
    some: I64, multis: I64, polygons: I64, offsets: I64, xy: F64, box: F64, seen: I32, mark: int
) -> tuple[U8, I64]:
    """Areas of some places as chunks of MultiPolygons; `multis` into `polygons` into `offsets` into `xy`."""
    room = 64
    for k in range(some.size):
        for p in range(multis[some[k]], multis[some[k] + 1]):
            room += 2 * _HEADER
            for r in range(polygons[p], polygons[p + 1]):
                room += _PATH + (offsets[r + 1] - offsets[r] + 1) * _POSITION
    out = np.empty(room, np.uint8)
    ends_of_chunks = np.empty(room // _HEADER + 1, np.int64)
    pair = np.empty(2)
    bytes_ = pair.view(np.uint8)
    chunks, at, start, parts, length = 0, 0, 0, 0, 0.0
    for k in range(some.size):
        for p in range(multis[some[k]], multis[some[k] + 1]):
            outer = polygons[p]
            if outer == polygons[p + 1] or _hidden(xy, offsets[outer], offsets[outer + 1], box, seen, mark):
                continue
            if parts == 0:
                start = at
                at = _put_header(out, at, _MULTIPOLYGON, 0)
            polygon, rings = at, 0
            at = _put_header(out, at, _POLYGON, 0)
            for r in range(polygons[p], polygons[p + 1]):
                ring, count, last_x, last_y = at, 0, math.nan, math.nan
                at += 4
                for v in range(offsets[r], offsets[r + 1]):
                    x, y = xy[v, 0], xy[v, 1]
                    if not (x == x and y == y):
                        continue
                    dx, dy = x - last_x, y - last_y
                    if count == 0 or v == offsets[r + 1] - 1 or dx * dx + dy * dy >= _NEAR:
                        at = _put_position(out, at, x, y, pair, bytes_)
                        length += 0.0 if count == 0 else min(math.sqrt(dx * dx + dy * dy), 4000.0)
                        last_x, last_y = x, y
                        count += 1
                if count < 4 and r != outer:
                    at = ring  # a hole that nobody sees
                    continue
                _put_count(out, ring, count)
                rings += 1
            _put_count(out, polygon + 5, rings)
            parts += 1
            if parts >= _PARTS_AT_ONCE or length > _PIXELS_AT_ONCE:
                _put_count(out, start + 5, parts)
                ends_of_chunks[chunks] = at
                chunks += 1
                parts, length = 0, 0.0
    if parts:
        _put_count(out, start + 5, parts)
        ends_of_chunks[chunks] = at
        chunks += 1
    return out[:at], ends_of_chunks[:chunks]
