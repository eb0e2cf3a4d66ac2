"""Where supply changes: ranges of positions, each with the phases that it had and has."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gis_service.kernels.compiled import I64, U8, compiled
from gis_service.kernels.cuts import Cuts, cuts_of
from gis_service.kernels.fragments import Fragments, joined
from gis_service.kernels.held import Held
from gis_service.kernels.islands import may_reach_islands
from gis_service.kernels.outermost import Counted
from gis_service.kernels.sifting import DARK
from gis_service.kernels.step import Step


class Ranges(NamedTuple):
    """Disjoint ranges of positions; what a node has is this and the phases of its path.

    starts, stops : int64 (n,)
    had, has : uint8 (n,), phases before and after
    """

    starts: I64
    stops: I64
    had: U8
    has: U8


@compiled
def _room(n: int) -> Ranges:
    return Ranges(np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.uint8), np.empty(n, np.uint8))


@compiled
def _of_pieces(pieces: Fragments, n_nodes: int) -> Ranges:
    """The ranges whose piece changed its phases, ascending."""
    start, stop = pieces.start, pieces.stop
    n = start.size
    starts, stops, had, has = _room(2 * n + 1)
    stack = np.empty(n, np.int64)
    found, height, at = 0, 0, 0
    for k in range(n + 1):
        until = start[k] if k < n else n_nodes
        while height and stop[stack[height - 1]] <= until:
            top = stack[height - 1]
            b, a = pieces.before[top + 1], pieces.after[top + 1]
            if b != a and at < stop[top]:
                starts[found], stops[found], had[found], has[found] = at, stop[top], b, a
                found += 1
            at = max(at, stop[top])
            height -= 1
        if k == n:
            break
        if height:
            top = stack[height - 1]
            b, a = pieces.before[top + 1], pieces.after[top + 1]
            if b != a and at < until:
                starts[found], stops[found], had[found], has[found] = at, until, b, a
                found += 1
        at = until
        stack[height] = k
        height += 1
    return Ranges(starts[:found], stops[:found], had[:found], has[:found])


@compiled
def nothing_left_over(held: Held, step: Step, cuts: Cuts) -> bool:
    """Whether supply changes nowhere but below the cuts that are `DARK`, as it mostly is. O(1)."""
    return cuts.left == 0 and not may_reach_islands(held.forest, step)


@compiled
def all_counted(held: Held, step: Step, cuts: Counted) -> bool:
    """The same for cuts that were counted. O(1)."""
    return cuts.position.size == 0 and not may_reach_islands(held.forest, step)


@compiled
def changed_left_over(held: Held, step: Step, cuts: Cuts) -> Ranges:
    """Where supply changes apart from what lies below the cuts that are `DARK`, ascending."""
    position, flags = np.empty(cuts.left, np.int64), np.empty(cuts.left, np.uint8)
    n, k = 0, 0
    while n < cuts.left:
        if not cuts.flags[k] & DARK:
            position[n], flags[n] = cuts.position[k], cuts.flags[k]
            n += 1
        k += 1
    return _of_pieces(joined(held, step, position, flags), held.forest.end.size)


@compiled
def changed_around(held: Held, step: Step, cuts: Counted) -> tuple[Ranges, int, bool]:
    """The same for cuts that were counted, without those `within` the pieces that keep their supply.

    Returns
    -------
    ranges
        As `changed_left_over` gives them, but that what is dark whatever becomes of the piece around it is
        part of that piece.
    within
        How many rows are lost in pieces that keep their supply.
    apart
        False where a piece keeps some phases only: then this does not say what is lost within it.
    """
    pieces = joined(held, step, cuts.position, cuts.flags)
    lost = 0
    for k in range(cuts.within.size):  # islands come behind them all
        if cuts.within[k] and pieces.after[k + 1]:
            if pieces.after[k + 1] != held.bits:
                return _room(0), 0, False
            lost += cuts.within[k]
    return _of_pieces(pieces, held.forest.end.size), lost, True


@compiled
def changed_ranges(held: Held, step: Step) -> Ranges:
    """Where supply changes, in no order."""
    cuts = cuts_of(held, step)
    left = changed_left_over(held, step, cuts)
    ranges = _room(cuts.position.size - cuts.left + left.starts.size)
    n = 0
    for k in range(cuts.position.size):
        if cuts.flags[k] & DARK:
            ranges.starts[n], ranges.stops[n] = cuts.position[k], held.forest.end[cuts.position[k]]
            ranges.had[n], ranges.has[n] = held.bits, 0
            n += 1
    for k in range(left.starts.size):
        ranges.starts[n], ranges.stops[n] = left.starts[k], left.stops[k]
        ranges.had[n], ranges.has[n] = left.had[k], left.has[k]
        n += 1
    return ranges
