"""What hangs on the nodes (customers), in the order of a forest's positions, and what a change means to it.

Sequential in memory where it counts: what lies below a cut is one run of each array.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gis_service.kernels.compiled import I32, I64, U8, compiled
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


@compiled
def _supplied(needs: int, phases: int) -> bool:
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
            if _supplied(ordered[k], path[p]):
                fed[p + 1] += 1
    return offset, row, ordered, fed


def hang(forest: Forest, node: I32, needs: U8) -> Hung:
    """Rows ordered by the position of their node, then by row; those at node -1 are left out. Read-only."""
    hung = Hung(*_hang(forest.place, forest.path, node, needs))
    for array in hung:
        array.setflags(write=False)
    return hung


@compiled
def lost_and_gained(
    hung: Hung, path: U8, bits: int, starts: I64, stops: I64, had: U8, has: U8
) -> tuple[I32, I32]:
    """Rows supplied before and not after, and the other way round, in order of position.

    For a forest of all phases (`bits`); the ranges are those of `kernels.fragments.changed_ranges`. A range
    that loses everything, and in which all had supply, is copied as a whole.
    """
    total, mixed = 0, 0
    whole = np.zeros(starts.size, np.bool_)
    for r in range(starts.size):
        first, last = hung.offset[starts[r]], hung.offset[stops[r]]
        fed = hung.fed[stops[r]] - hung.fed[starts[r]]
        whole[r] = had[r] == bits and not has[r] and fed == last - first
        total += last - first
        if not whole[r]:
            mixed += last - first
    lost = np.empty(total, np.int32)
    gained = np.empty(mixed, np.int32)
    n_lost, n_gained = 0, 0
    for r in range(starts.size):
        k = hung.offset[starts[r]]
        if whole[r]:
            count = hung.offset[stops[r]] - k
            lost[n_lost : n_lost + count] = hung.row[k : k + count]
            n_lost += count
            continue
        for p in range(starts[r], stops[r]):
            before, after = had[r] & path[p], has[r] & path[p]
            while k < hung.offset[p + 1]:
                was, is_now = _supplied(hung.needs[k], before), _supplied(hung.needs[k], after)
                if was and not is_now:
                    lost[n_lost] = hung.row[k]
                    n_lost += 1
                elif is_now and not was:
                    gained[n_gained] = hung.row[k]
                    n_gained += 1
                k += 1
    return lost[:n_lost], gained[:n_gained]


@compiled
def count_lost(hung: Hung, path: U8, bits: int, starts: I64, stops: I64, had: U8, has: U8) -> int:
    """How many are supplied before, not after, in a forest of all phases; reads no row where all is lost."""
    count = 0
    for r in range(starts.size):
        if had[r] == bits and not has[r]:
            count += hung.fed[stops[r]] - hung.fed[starts[r]]
            continue
        for p in range(starts[r], stops[r]):
            for k in range(hung.offset[p], hung.offset[p + 1]):
                was = _supplied(hung.needs[k], had[r] & path[p])
                if was and not _supplied(hung.needs[k], has[r] & path[p]):
                    count += 1
    return count


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
