"""Boxes in a static tree: packed in the order of a Hilbert curve, searched without recursion.

A point is a box without extent: of a row of `places`, float64 `(n, 2)` or `(n, 4)`, the first two numbers are
west and south, the last two east and north.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from gis_service.kernels.compiled import F64, I32, I64, compiled

if TYPE_CHECKING:

    def trailing_zeros(word: np.uint64) -> int:
        """Bits that are 0 below the lowest that is 1."""
        ...

else:
    from numba.cpython.unsafe.numbers import trailing_zeros

U32 = npt.NDArray[np.uint32]

FANOUT = 16
"""Boxes that a node holds, and nodes that one above it holds."""

_FEW = 1 << 10  # rows that there is room for at first: to take memory for all costs more than to find a few
_BITS = 16  # of each axis of the curve
_SPARSE = 1 << 10  # rows that are passed over as bits in the time in which one is sorted among others
_ONE = np.uint64(1)


class Packed(NamedTuple):
    """The tree.

    order : int32 (n,), rows of `places` along the curve
    nodes : float64 (m, 4), the box around each node, level by level; of a level, node `k` holds the nodes
        (on level 0: places of `order`) from `FANOUT * k` on of the one below
    starts : int64 (levels + 1,), where each level begins in `nodes`, and its end
    """

    order: I32
    nodes: F64
    starts: I64


@compiled
def hilbert_keys(places: F64, rows: I64, west: float, south: float, east: float, north: float) -> U32:
    """Where the middle of each of some boxes lies on the curve over an area, uint32 `(len(rows),)`.

    The curve of Hilbert (1891), a level of quarters for each bit; O(rows).
    """
    keys = np.empty(rows.size, np.uint32)
    last = places.shape[1] - 1
    side = (1 << _BITS) - 1
    wide = side / (east - west) if east > west else 0.0
    high = side / (north - south) if north > south else 0.0
    for k in range(rows.size):
        row = rows[k]
        x = int(((places[row, 0] + places[row, last - 1]) / 2 - west) * wide)
        y = int(((places[row, 1] + places[row, last]) / 2 - south) * high)
        key = 0
        for bit in range(_BITS - 1, -1, -1):
            right, upper = (x >> bit) & 1, (y >> bit) & 1
            key = key << 2 | ((3 * right) ^ upper)
            if not upper:  # the lower quarters are run through turned
                if right:
                    x, y = side - x, side - y
                x, y = y, x
        keys[k] = key
    return keys


@compiled
def nodes_over(places: F64, order: I32) -> tuple[F64, I64]:
    """The nodes over rows in an order, and where each level begins; O(rows)."""
    levels, count, every = 0, order.size, 0
    while True:
        count = (count + FANOUT - 1) // FANOUT
        levels += 1
        every += count
        if count <= 1:
            break
    nodes = np.empty((every, 4))
    starts = np.zeros(levels + 1, np.int64)
    last = places.shape[1] - 1
    below = order.size
    for level in range(levels):
        count = (below + FANOUT - 1) // FANOUT
        start = starts[level]
        starts[level + 1] = start + count
        for node in range(count):
            west = south = np.inf
            east = north = -np.inf
            for k in range(node * FANOUT, min((node + 1) * FANOUT, below)):
                if level:
                    at = starts[level - 1] + k
                    w, s, e, n = nodes[at, 0], nodes[at, 1], nodes[at, 2], nodes[at, 3]
                else:
                    row = order[k]
                    w, s, e, n = (
                        places[row, 0],
                        places[row, 1],
                        places[row, last - 1],
                        places[row, last],
                    )
                west, south, east, north = min(west, w), min(south, s), max(east, e), max(north, n)
            nodes[start + node, 0], nodes[start + node, 1] = west, south
            nodes[start + node, 2], nodes[start + node, 3] = east, north
        below = count
    return nodes, starts


@compiled
def rows_meeting(places: F64, tree: Packed, west: float, south: float, east: float, north: float) -> I64:
    """Ascending rows whose box meets a box, borders included.

    O(rows found + the nodes that the border of the box cuts + places / 64). A node that lies inside is taken
    whole, so that places are looked up along the border only.
    """
    order, nodes, starts = tree
    found = np.empty(min(order.size, _FEW), np.int64)
    n = 0
    last = places.shape[1] - 1
    top = starts.size - 2
    stack = np.empty((FANOUT * (top + 1) + 1, 2), np.int64)
    stack[0, 0], stack[0, 1] = top, 0
    height = 1 if order.size else 0
    while height:
        height -= 1
        level, node = stack[height, 0], stack[height, 1]
        at = starts[level] + node
        if nodes[at, 0] > east or nodes[at, 2] < west or nodes[at, 1] > north or nodes[at, 3] < south:
            continue
        inside = (
            nodes[at, 0] >= west and nodes[at, 2] <= east and nodes[at, 1] >= south and nodes[at, 3] <= north
        )
        span = FANOUT ** (level + 1) if inside else FANOUT
        if n + span > found.size and found.size < order.size:
            wider = np.empty(min(order.size + FANOUT, 2 * (n + span)), np.int64)
            wider[:n] = found[:n]
            found = wider
        if inside:
            for k in range(node * span, min((node + 1) * span, order.size)):
                found[n] = order[k]
                n += 1
        elif level:
            below = starts[level] - starts[level - 1]
            for k in range(node * FANOUT, min((node + 1) * FANOUT, below)):
                stack[height, 0], stack[height, 1] = level - 1, k
                height += 1
        else:
            for k in range(node * FANOUT, min((node + 1) * FANOUT, order.size)):
                row = order[k]
                if (
                    places[row, 0] <= east
                    and places[row, last - 1] >= west
                    and places[row, 1] <= north
                    and places[row, last] >= south
                ):
                    found[n] = row
                    n += 1
    return _ascending(found[:n], len(places))


@compiled
def _ascending(rows: I64, below: int) -> I64:
    """Different rows in order: a bit for each that there can be, unless they are very few of very many."""
    if len(rows) * _SPARSE < below:
        return np.sort(rows)
    words = np.zeros(below // 64 + 1, np.uint64)
    for k in range(len(rows)):
        words[rows[k] >> 6] |= _ONE << np.uint64(rows[k] & 63)
    out = np.empty(len(rows), np.int64)
    n = 0
    for place in range(len(words)):
        word = words[place]
        while word:
            out[n] = 64 * place + np.int64(trailing_zeros(word))
            word &= word - _ONE
            n += 1
    return out
