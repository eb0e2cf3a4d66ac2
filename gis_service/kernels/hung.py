"""What hangs on the nodes (customers), in the order of a forest's positions, and what a change means to it.

Sequential in memory where it counts: what lies below a cut is one run of each array.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gis_service.kernels.compiled import I32, I64, U8, borrowing, compiled
from gis_service.kernels.forest import Forest


class Hung(NamedTuple):
    """Rows by position: those at position `p` are `row[offset[p] : offset[p + 1]]`.

    offset : int32 (n_nodes + 1,)
    row : int32 (n,)
    needs : uint8 (n,), phases that each needs; 0: any one will do
    fed : int32 (n_nodes + 1,), how many before each position have supply when the forest has it everywhere
    """

    offset: I32
    row: I32
    needs: U8
    fed: I32


@borrowing
def supplied_by(needs: int, phases: int) -> bool:
    """Whether phases that stand at a node are enough for a row that needs some; 0: any one will do."""
    return (phases & needs) == needs if needs else phases != 0


@compiled
def _hang(place: I32, path: U8, node: I32, needs: U8) -> tuple[I32, I32, U8, I32]:
    offset = np.zeros(place.size + 1, np.int32)
    for at in node:
        if at >= 0:
            offset[place[at] + 1] += 1
    for p in range(place.size):
        offset[p + 1] += offset[p]
    row = np.empty(offset[place.size], np.int32)
    ordered = np.empty(offset[place.size], np.uint8)
    filled = offset[:-1].copy()
    for k in range(node.size):
        if node[k] >= 0:
            at = filled[place[node[k]]]
            filled[place[node[k]]] += 1
            row[at] = k
            ordered[at] = needs[k]
    fed = np.zeros(place.size + 1, np.int32)
    for p in range(place.size):
        fed[p + 1] = fed[p]
        for k in range(offset[p], offset[p + 1]):
            if supplied_by(ordered[k], path[p]):
                fed[p + 1] += 1
    return offset, row, ordered, fed


def hang(forest: Forest, node: I32, needs: U8) -> Hung:
    """Rows ordered by the position of their node, then by row; those at node -1 are left out. Read-only."""
    hung = Hung(*_hang(forest.place, forest.path, node, needs))
    for array in hung:
        array.setflags(write=False)
    return hung


@compiled
def rows_in(hung: Hung, starts: I64, stops: I64) -> I32:
    """All rows on the positions of some disjoint ranges, in order of position."""
    total = 0
    for r in range(starts.size):
        total += hung.offset[stops[r]] - hung.offset[starts[r]]
    found = np.empty(total, np.int32)
    n = 0
    for r in range(starts.size):
        for k in range(hung.offset[starts[r]], hung.offset[stops[r]]):
            found[n] = hung.row[k]
            n += 1
    return found


@compiled
def rows_at(hung: Hung, positions: I32) -> tuple[I32, I64]:
    """Rows on some positions, one position after another, and for each row which of `positions` it is on."""
    total = 0
    for p in positions:
        total += hung.offset[p + 1] - hung.offset[p]
    found = np.empty(total, np.int32)
    on = np.empty(total, np.int64)
    n = 0
    for i in range(positions.size):
        for k in range(hung.offset[positions[i]], hung.offset[positions[i] + 1]):
            found[n] = hung.row[k]
            on[n] = i
            n += 1
    return found, on
