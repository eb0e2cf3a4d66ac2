"""Where a change cuts a forest, and which cuts put everything below them out, whatever else happens.

What lies below a cut was live before and is dark after, as a whole, when no chord that conducts after leads
out of there, and nothing was cut around it before. Nearly every cut is of this kind; those within it need not
be looked at. What is left over are the few cuts around which a loop, a closed tie or a switch that already
stood open makes a difference: see `kernels.fragments`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from compiling.fetching import fetch
from compiling.marks import in_bits, next_mark, no_marks, put_marked
from gis_service.kernels.chords import Chords, Loops
from gis_service.kernels.compiled import I32, I64, U8, U64, borrowing, compiled
from gis_service.kernels.held import Held, Switches
from gis_service.kernels.step import AFTER, BEFORE, Step, conducts, first_not_below

DARK = 4
_WORTH_MARKING = 500  # bytes that are gone through in the time in which one number is sorted among others
_IN_LINE, _AHEAD = np.uint64(8), np.uint64(512)
"""Edges of a question that are fetched at once, and how far ahead: a page, which processors leave to us."""
_TWICE_AHEAD = np.uint64(1024)
"""The same distance in numbers of half their size."""
_NO_RANKS = np.zeros(0, np.uint64)


class Cuts(NamedTuple):
    """Cuts that count, in order of position.

    position : int64 (n,), the positions right below them
    flags : uint8 (n,), `BEFORE` and `AFTER` in which states they cut; `DARK` those that put everything below
        them out as a whole and lie below no other
    left : how many are not `DARK`
    fed : how many rows hang below the `DARK` ones that had supply
    within : int64 (n,), how many rows hang below cuts that are not among these: cuts that put everything below
        them out as a whole, and lie in the piece that this one cuts off. 0 where all were to be listed
    """

    position: I64
    flags: U8
    left: int
    fed: int
    within: I64


@compiled
def _standing(below: I32, step: Step) -> I64:
    """Ascending `4 · position + flags` of the cuts that were there before."""
    found = np.empty(step.moved.size, np.int64)
    n = 0
    for row in step.moved:
        edge = step.first_switch + row
        if step.open_before[row] and below[edge] >= 0:
            found[n] = 4 * below[edge] + (BEFORE if conducts(step, edge) else BEFORE | AFTER)
            n += 1
    return np.sort(found[:n]) if n > 1 else found[:n]


@compiled
def _in_order(below: I32, gone: I64, standing: I64, n_nodes: int) -> I64:
    """Ascending positions of all cuts; one may come twice."""
    found = np.empty(gone.size + standing.size, np.int64)
    n = 0
    for edge in gone:
        if below[edge] >= 0:
            found[n] = below[edge]
            n += 1
    for key in standing:
        found[n] = key >> 2
        n += 1
    if n < 2:
        return found[:n]
    if n < n_nodes // _WORTH_MARKING:
        return np.sort(found[:n])
    marks = no_marks(n_nodes)
    for k in range(n):
        marks[found[k]] = 1
    return found[: put_marked(marks.view(np.uint64), found)]


@borrowing
def _mark(marks: U8, rank: I32, step: Step) -> None:
    """Mark the ranks of all cuts, where all are switches."""
    first_switch = np.uint64(step.first_switch)
    for k in range(np.uint64(step.gone.size)):
        row = np.uint64(step.gone[k]) - first_switch
        if k % _IN_LINE == 0:
            fetch(step.gone, k + _AHEAD)
            fetch(rank, row + _TWICE_AHEAD)
        marks[np.uint64(rank[row])] = 1
    for row in step.moved:
        if step.open_before[row]:
            marks[rank[row]] = 1


@compiled
def _joined(chords: Chords, step: Step) -> I64:
    """Ends of the chords that conduct after and normally do not, ascending: `2³² · position + the other`."""
    found = np.empty(2 * (step.moved.size + step.come.size), np.int64)
    n = 0
    for k in range(step.moved.size + step.come.size):
        edge = step.come[k] if k < step.come.size else step.first_switch + step.moved[k - step.come.size]
        c = first_not_below(chords.edge, edge)
        if c < chords.edge.size and chords.edge[c] == edge and conducts(step, edge) & AFTER:
            a, b = np.int64(chords.a[c]), np.int64(chords.b[c])
            found[n], found[n + 1] = (a << 32) + b, (b << 32) + a
            n += 2
    return np.sort(found[:n])


@borrowing
def _leads_out(loops: Loops, joined: I64, start: int, stop: int, step: Step) -> bool:
    """Whether a chord that conducts after leads out of some positions."""
    i = first_not_below(loops.at, start)
    while i < loops.at.size and loops.at[i] < stop:
        other = loops.other[i]
        if (other < start or other >= stop) and conducts(step, loops.edge[i]) & AFTER:
            return True
        i += 1
    if joined.size:
        i = first_not_below(joined, start << 32)
        while i < joined.size and joined[i] >> 32 < stop:
            other = joined[i] & 0xFFFFFFFF
            if other < start or other >= stop:
                return True
            i += 1
    return False


@compiled
def _busy(start: I32, standing: I64, joined: I64) -> I64:
    """Ascending ranks of what was there before and what joins now, one beyond all behind them.

    A cut below which none of them lies need not be looked at for their sake.
    """
    found = np.empty(standing.size + joined.size + 1, np.int64)
    n = 0
    for key in standing:
        found[n] = first_not_below(start, key >> 2)
        n += 1
    for key in joined:  # the last one that it can lie below; all others that it does are above that
        found[n] = first_not_below(start, (key >> 32) + 1) - 1
        n += 1
    found[n] = start.size + 1
    return np.sort(found) if n > 1 else found


@borrowing
def _sift(
    held: tuple[I32, I32, int, Loops, Switches],
    step: Step,
    standing: I64,
    joined: I64,
    busy: I64,
    ranks: U64,
    position: I64,
    flags: U8,
    nest: I64,
    listed: bool,
) -> tuple[int, int, int]:
    """Move to the front the cuts that count: how many, how many not `DARK`, and what hangs on the others.

    The cuts are the marked `ranks`, or, where there are none, `position`; places are numbers of either. Most
    of thousands of cuts take a few nanoseconds: what is rarely needed is read where it is needed. `DARK` ones
    are left out unless `listed`, and so are those that would be, did they not lie below others: what hangs on
    them is added up in `nest`, which has three numbers for each cut.
    """
    end, fed, first_island, loops, switches = held
    below, n_ranks, by_rank = switches.below, switches.below.size, ranks.size > 0
    island = first_not_below(switches.start, first_island) if by_rank else first_island
    within, until, above = nest
    innermost = -1  # of what is left over
    n, n_left, n_fed, n_here = 0, 0, 0, 0
    k, stood, next_busy = 0, 0, 0
    place = 0  # what lies before has been dealt with …
    joined_until = 0  # … or lies below a cut that is left over …
    standing_until = 0  # … or below one that was there before
    while True:
        if by_rank:
            place = next_mark(ranks, place)
            if place >= n_ranks:
                break
            here = below[np.uint64(place)]
            fetch(below, np.uint64(place) + _AHEAD)
            past, n_here = int(here["beyond"]), int(here["fed"])
            while busy[next_busy] < place:
                next_busy += 1
            plain = 0 <= past <= busy[next_busy]
            past = past if past >= 0 else ~past
        else:
            while k < position.size and position[k] < place:
                k += 1
            if k == position.size:
                break
            place = int(position[k])
            past, plain = int(end[place]), False
            n_here = int(fed[past] - fed[place])
        alone, leads = True, False
        if not plain:
            start = int(switches.start[place]) if by_rank else place
            stop = int(end[start])
            while stood < standing.size and standing[stood] >> 2 < start:
                stood += 1
            alone = stood == standing.size or standing[stood] >> 2 >= stop
            leads = _leads_out(loops, joined, start, stop, step)
        how = AFTER
        if alone and not leads and place >= standing_until and place < island:
            after = past
            if place >= joined_until:
                how = AFTER | DARK
                n_fed += n_here
            elif not listed:
                while until[innermost] <= place:
                    innermost = above[innermost]
                within[innermost] += n_here
                place = after
                continue
        else:
            after = place + 1
            joined_until = max(joined_until, past)
            if not alone and standing[stood] >> 2 == (switches.start[place] if by_rank else place):
                how = int(standing[stood] & 3)
                standing_until = max(standing_until, past)
        if how & DARK == 0:
            n_left += 1
            if not listed:
                while innermost >= 0 and until[innermost] <= place:
                    innermost = above[innermost]
                within[n], until[n], above[n] = 0, past, innermost
                innermost = n
        if listed or how & DARK == 0:
            position[n], flags[n] = switches.start[place] if by_rank else place, how
            if how & DARK == 0:  # what is left over is looked at once all are known: it comes meanwhile
                fetch(end, position[n])
                fetch(fed, position[n])
            n += 1
        place = after
    return n, n_left, n_fed


@compiled
def cuts_of(held: Held, step: Step, listed: bool) -> Cuts:
    """The cuts that a change makes or finds, but for those that another one makes needless.

    Where they are not to be `listed`, what hangs below those that put everything out is counted only.
    O(cuts · log loops + closed chords below them); where many switches go, they are put in order by marking
    their ranks, which costs a pass over all switches, a byte for each.
    """
    forest, switches = held.forest, held.switches
    standing = _standing(forest.below, step) if step.moved.size else step.moved
    by_rank = (
        step.gone.size > 1
        and step.gone.size >= switches.below.size // _WORTH_MARKING
        and step.gone[0] >= step.first_switch
        and step.gone[-1] < step.first_switch + switches.rank.size
    )
    if by_rank:
        marks = no_marks(switches.below.size + 1)
        _mark(marks, switches.rank, step)
        ranks = in_bits(marks)
        position = np.empty(step.gone.size + standing.size, np.int64)
    else:
        ranks = _NO_RANKS
        position = _in_order(forest.below, step.gone, standing, forest.end.size)
    flags = np.empty(position.size, np.uint8)
    first_island = forest.trees[1] if forest.trees.size > 1 else forest.end.size
    of_forest = forest.end, held.hung.fed, first_island, held.loops, switches
    joined = _joined(held.chords, step) if step.moved.size + step.come.size else step.come[:0]
    busy = _busy(switches.start, standing, joined) if by_rank else standing
    nest = np.empty((3, 0 if listed else position.size), np.int64)
    n, left, fed = _sift(of_forest, step, standing, joined, busy, ranks, position, flags, nest, listed)
    return Cuts(position[:n], flags[:n], left, fed, np.zeros(n, np.int64) if listed else nest[0, :n])
