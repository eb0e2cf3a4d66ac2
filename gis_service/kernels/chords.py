"""Edges that a forest leaves out (ties, the second half of a loop): they join pieces that cuts took apart."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gis_service.kernels.compiled import B1, I32, I64, U8, compiled
from gis_service.kernels.forest import Forest


class Chords(NamedTuple):
    """Edges outside the forest, and where their ends are.

    edge : int32 (n_chords,), ascending
    a, b : int32 (n_chords,), positions of the two ends
    mask : uint8 (n_chords,), phases that the edge carries and that both its ends can have
    at : int32 (2 · n_chords,), positions of all ends, ascending
    of : int32 (2 · n_chords,), the chord behind each of `at`
    """

    edge: I32
    a: I32
    b: I32
    mask: U8
    at: I32
    of: I32


def find_chords(edge_from: I32, edge_to: I32, edge_phases: U8, forest: Forest, bits: int) -> Chords:
    """The edges that the forest leaves out, of those that carry one of its phases; read-only."""
    known: B1 = (edge_from >= 0) & (edge_to >= 0) & (forest.below < 0) & ((edge_phases & np.uint8(bits)) != 0)
    edge = np.flatnonzero(known).astype(np.int32)
    a, b = forest.place[edge_from[edge]], forest.place[edge_to[edge]]
    mask = edge_phases[edge] & np.uint8(bits) & forest.path[a] & forest.path[b]
    ends = np.concatenate([a, b])
    order = np.argsort(ends, kind="stable")
    of = np.tile(np.arange(edge.size, dtype=np.int32), 2)[order]
    chords = Chords(edge, a, b, mask, ends[order], of)
    for array in chords:
        array.setflags(write=False)
    return chords


class Loops(NamedTuple):
    """Ends of the chords that conduct in the normal state: few, for the others are ties that stand open.

    at : int32 (n,), positions, ascending
    other : int32 (n,), the position of the other end
    edge : int32 (n,)
    of : int32 (n,), which of the chords
    """

    at: I32
    other: I32
    edge: I32
    of: I32


def find_loops(chords: Chords, conducting: B1) -> Loops:
    """The ends of some chords, a bool for each of them; read-only."""
    which = chords.of[conducting[chords.of]]
    at = chords.at[conducting[chords.of]]
    a, b = chords.a[which], chords.b[which]
    # both ends on one position are no way out of anywhere, whichever is called the other one
    loops = Loops(at, np.where(a == at, b, a), chords.edge[which], which)
    for array in loops:
        array.setflags(write=False)
    return loops


def lead_out(loops: Loops, start: I32, stop: I32) -> B1:
    """Whether a chord leads out of each of some intervals; most that have an end of one in them have both."""
    first, last = np.searchsorted(loops.at, start), np.searchsorted(loops.at, stop)
    found: B1 = first < last
    if found.any():
        between = np.stack([first[found], last[found]], axis=1).ravel()
        other = np.append(loops.other, np.int32(0))  # so that the last interval may stop behind all
        lowest, highest = (rule.reduceat(other, between)[::2] for rule in (np.minimum, np.maximum))
        found[found] = (lowest < start[found]) | (highest >= stop[found])
    return found


@compiled
def chords_in(at: I32, of: I32, starts: I64, stops: I64) -> I32:
    """Chords with an end in some disjoint, ascending intervals; one with both ends there may come twice."""
    low = np.empty(starts.size, np.int64)
    high = np.empty(starts.size, np.int64)
    total = 0
    if starts.size * 8 > at.size:
        i = 0
        for k in range(starts.size):
            while i < at.size and at[i] < starts[k]:
                i += 1
            low[k] = i
            while i < at.size and at[i] < stops[k]:
                i += 1
            high[k] = i
            total += high[k] - low[k]
    else:
        for k in range(starts.size):
            low[k] = np.searchsorted(at, starts[k])
            high[k] = low[k]
            if low[k] < at.size and at[low[k]] < stops[k]:
                high[k] = np.searchsorted(at, stops[k])
            total += high[k] - low[k]
    found = np.empty(total, np.int32)
    n = 0
    for k in range(starts.size):
        for i in range(low[k], high[k]):
            found[n] = of[i]
            n += 1
    return found
