"""Polygons in the plane of a tile, cut at its margin, and as its drawing commands; compiled.

Rings are cut after Sutherland and Hodgman, which can lay two edges upon one another along the margin; what is
not seen to be simple is left for `mending`. A ring is written the way round that clause 4.3.4.4 of the Mapbox
Vector Tile specification 2.1 demands.
"""

from __future__ import annotations

import numpy as np

from compiling import F64, I64, U8, borrowing, compiled
from layers.tiles.lines import CLOSE_PATH, LINE_TO, MOVE_TO_ONE
from layers.tiles.placing import ANCHOR, box_of, place_path, simplify, whole
from layers.tiles.wire import put_signed, put_varint

_LOOKED_AT = 96
"""Edges of a ring up to which each is compared with each: a few microseconds."""

_MOST_BYTES = 20


@compiled
def shape_rings(
    coords: F64,
    rings: I64,
    polygons: I64,
    multis: I64,
    rows: I64,
    plane: F64,
    low: float,
    high: float,
    tolerance: float,
) -> tuple[I64, I64, I64, I64, U8, F64]:
    """Polygons within the margin in whole units, rings open.

    Parameters
    ----------
    multis
        Offsets into `polygons`; empty where row and polygon are the same.

    Returns
    -------
    tuple
        Positions `(m, 2)`; ends of rings in them; ends of polygons in the rings; the number in `rows` of each
        polygon; whether it is still to be looked at (1); the longer side of each row's box.
    """
    longest, count, polygon_count = 4, 0, 0
    for number in range(len(rows)):
        row = rows[number]
        begin, end = (multis[row], multis[row + 1]) if len(multis) else (row, row + 1)
        polygon_count += end - begin
        for ring in range(polygons[begin], polygons[end]):
            longest = max(longest, rings[ring + 1] - rings[ring])
            count += 1
    # each of the four edges adds half as many positions again at most
    room = 6 * longest + 16
    x, y, other_x, other_y = np.empty(room), np.empty(room), np.empty(room), np.empty(room)
    keep, stack, box = np.empty(longest, np.uint8), np.empty(4 * ANCHOR + 8, np.int64), np.empty(4)
    positions = np.empty((max(4 * longest, 1024), 2), np.int64)
    ring_ends, polygon_ends = np.empty(count, np.int64), np.empty(polygon_count, np.int64)
    owners, doubtful = np.empty(polygon_count, np.int64), np.empty(polygon_count, np.uint8)
    sizes = np.zeros(len(rows))
    at = ring_at = polygon_at = 0
    for number in range(len(rows)):
        row = rows[number]
        begin, end = (multis[row], multis[row + 1]) if len(multis) else (row, row + 1)
        for polygon in range(begin, end):
            ring_first = ring_at
            doubt = polygons[polygon + 1] - polygons[polygon] > 1
            for ring in range(polygons[polygon], polygons[polygon + 1]):
                n = rings[ring + 1] - rings[ring]
                if n < 4 or not place_path(coords, rings[ring], rings[ring + 1], plane, x, y):
                    n = 0
                box_of(x, y, n, box)
                outside = n == 0 or box[0] > high or box[1] > high or box[2] < low or box[3] < low
                if not outside:
                    if ring == polygons[polygon]:
                        sizes[number] = max(sizes[number], max(box[2] - box[0], box[3] - box[1]))
                    n = simplify(x, y, n, tolerance, keep, stack) - 1  # without the closing position
                    if box[0] < low:
                        n = _cut(x, y, n, low, 1.0, other_x, other_y)
                    if box[2] > high:
                        n = _cut(x, y, n, high, -1.0, other_x, other_y)
                    if box[1] < low:
                        n = _cut(y, x, n, low, 1.0, other_y, other_x)
                    if box[3] > high:
                        n = _cut(y, x, n, high, -1.0, other_y, other_x)
                    if at + n > len(positions):
                        wider = np.empty((2 * (at + n), 2), np.int64)
                        wider[:at] = positions[:at]
                        positions = wider
                    n = _rounded(x, y, n, positions, at)
                    outside = n < 3 or twice_area(positions, at, at + n) == 0
                if outside:
                    if ring == polygons[polygon]:
                        break
                    continue
                doubt = doubt or n > _LOOKED_AT or not _simple(positions, at, n)
                at += n
                ring_ends[ring_at] = at
                ring_at += 1
            if ring_at > ring_first:
                polygon_ends[polygon_at] = ring_at
                owners[polygon_at] = number
                doubtful[polygon_at] = 1 if doubt else 0
                polygon_at += 1
    return (
        positions[:at],
        ring_ends[:ring_at],
        polygon_ends[:polygon_at],
        owners[:polygon_at],
        doubtful[:polygon_at],
        sizes,
    )


@borrowing
def _cut(along: F64, across: F64, n: int, limit: float, side: float, new_along: F64, new_across: F64) -> int:
    """Keep of a ring what lies on one side of a line across an axis, in place; how many positions it has.

    `side` is 1 to keep what is greater than `limit`, -1 what is less.
    """
    count = 0
    for place in range(n):
        before = place - 1 if place else n - 1
        here, there = (along[place] - limit) * side, (along[before] - limit) * side
        if (here >= 0.0) != (there >= 0.0):
            share = there / (there - here)
            new_along[count] = limit
            new_across[count] = across[before] + share * (across[place] - across[before])
            count += 1
        if here >= 0.0:
            new_along[count], new_across[count] = along[place], across[place]
            count += 1
    for place in range(count):
        along[place], across[place] = new_along[place], new_across[place]
    return count


@borrowing
def _rounded(x: F64, y: F64, n: int, positions: I64, at: int) -> int:
    """Write positions in whole units, none of them twice in turn; how many."""
    count = 0
    for place in range(n):
        px, py = whole(x[place]), whole(y[place])
        if count and positions[at + count - 1, 0] == px and positions[at + count - 1, 1] == py:
            continue
        positions[at + count, 0], positions[at + count, 1] = px, py
        count += 1
    while count > 1 and (
        positions[at, 0] == positions[at + count - 1, 0] and positions[at, 1] == positions[at + count - 1, 1]
    ):
        count -= 1
    return count


@borrowing
def twice_area(positions: I64, first: int, last: int) -> int:
    """Twice a ring's area, positive where it goes clockwise with y pointing down."""
    area = 0
    ox, oy = positions[first, 0], positions[first, 1]
    for place in range(first + 1, last - 1):
        area += (positions[place, 0] - ox) * (positions[place + 1, 1] - oy) - (
            positions[place + 1, 0] - ox
        ) * (positions[place, 1] - oy)
    return area


@borrowing
def _turn(positions: I64, a: int, b: int, c: int) -> int:
    ax, ay = positions[a, 0], positions[a, 1]
    turn = (positions[b, 0] - ax) * (positions[c, 1] - ay) - (positions[c, 0] - ax) * (positions[b, 1] - ay)
    return int(turn > 0) - int(turn < 0)


@borrowing
def _between(positions: I64, a: int, b: int, c: int) -> bool:
    """Whether c, which is in line with a and b, lies between them."""
    for axis in range(2):
        low, high = positions[a, axis], positions[b, axis]
        if low > high:
            low, high = high, low
        if positions[c, axis] < low or positions[c, axis] > high:
            return False
    return True


@borrowing
def _simple(positions: I64, at: int, n: int) -> bool:
    """Whether no two edges of a ring meet but in the position that they share."""
    for one in range(n):
        a, b = at + one, at + (one + 1) % n
        c = at + (one + 2) % n
        if _turn(positions, a, b, c) == 0 and (_between(positions, a, b, c) or _between(positions, b, c, a)):
            return False  # it goes back the way it came
        for other in range(one + 2, n if one else n - 1):
            c, d = at + other, at + (other + 1) % n
            abc, abd = _turn(positions, a, b, c), _turn(positions, a, b, d)
            cda, cdb = _turn(positions, c, d, a), _turn(positions, c, d, b)
            if abc * abd < 0 and cda * cdb < 0:
                return False
            if (
                (abc == 0 and _between(positions, a, b, c))
                or (abd == 0 and _between(positions, a, b, d))
                or (cda == 0 and _between(positions, c, d, a))
                or (cdb == 0 and _between(positions, c, d, b))
            ):
                return False
    return True


@compiled
def write_rings(positions: I64, ring_ends: I64, polygon_ends: I64, owners: I64, count: int) -> tuple[U8, I64]:
    """The commands of polygons, whose owners ascend, and where each of `count` owners' end."""
    out = np.empty(len(positions) * _MOST_BYTES + 24 * len(ring_ends) + 16, np.uint8)
    ends = np.zeros(count, np.int64)
    at = polygon = ring = first = 0
    for number in range(count):
        x = y = 0
        while polygon < len(owners) and owners[polygon] == number:
            outer = True
            while ring < polygon_ends[polygon]:
                last = ring_ends[ring]
                n = last - first
                as_it_goes = (twice_area(positions, first, last) > 0) == outer
                at = put_varint(out, at, MOVE_TO_ONE)
                for step in range(n):
                    if step == 1:
                        at = put_varint(out, at, ((n - 1) << 3) | LINE_TO)
                    place = first + (step if as_it_goes else n - 1 - step)
                    at = put_signed(out, at, positions[place, 0] - x)
                    at = put_signed(out, at, positions[place, 1] - y)
                    x, y = positions[place, 0], positions[place, 1]
                at = put_varint(out, at, CLOSE_PATH)
                outer = False
                first = last
                ring += 1
            polygon += 1
        ends[number] = at
    return out[:at], ends
