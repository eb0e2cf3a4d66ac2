"""Where a change cuts a forest, and which cuts put everything below them out, whatever else happens.

What lies below a cut was live before and is dark after, as a whole, when no chord that conducts after leads
out of there, and nothing was cut around it before. Nearly every cut is of this kind; those within it need not
be looked at. What is left over are the few cuts around which a loop, a closed tie or a switch that already
stood open makes a difference: see `kernels.fragments`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from compiling.marks import next_mark, no_marks, put_marked
from gis_service.kernels.chords import Chords
from gis_service.kernels.compiled import I32, I64, U8, U64, borrowing, compiled
from gis_service.kernels.held import Held, Switches
from gis_service.kernels.step import AFTER, BEFORE, Step, conducts, first_not_below

DARK = 4
_WORTH_MARKING = 500  # bytes that are gone through in the time in which one number is sorted among others
_NO_RANKS = np.zeros(0, np.uint64)


class Cuts(NamedTuple):
    """Cuts that count, in order of position.

    position : int64 (n,), the positions right below them
    flags : uint8 (n,), `BEFORE` and `AFTER` in which states they cut; `DARK` those that put everything below
        them out as a whole and lie below no other
    dark : how many are `DARK`
    fed : how many rows hang below those that had supply
    """

    position: I64
    flags: U8
    dark: int
    fed: int


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
    for edge in step.gone:
        marks[np.uint64(rank[np.uint64(edge) - first_switch])] = 1
    for row in step.moved:
        if step.open_before[row]:
            marks[rank[row]] = 1


@borrowing
def _leads_out(chords: Chords, first: int, start: int, stop: int, step: Step) -> bool:
    """Whether a chord that conducts after leads out of some positions; `first` is its first end there."""
    i = first
    while i < chords.at.size and chords.at[i] < stop:
        c = chords.of[i]
        a, b = chords.a[c], chords.b[c]
        if (a < start or a >= stop or b < start or b >= stop) and conducts(step, chords.edge[c]) & AFTER:
            return True
        i += 1
    return False


@borrowing
def _sift(
    held: tuple[I32, I32, int, Chords, Switches],
    step: Step,
    standing: I64,
    ranks: U64,
    position: I64,
    flags: U8,
) -> tuple[int, int, int]:
    """Move to the front the cuts that count; how many they are, how many `DARK`, and what hangs on those.

    The cuts are the marked `ranks`, or, where there are none, `position`.
    """
    end, fed, first_island, chords, switches = held
    below, n_ranks = switches.below, switches.below.size
    n, n_dark, n_fed = 0, 0, 0
    k, rank, stood = 0, 0, 0
    until = 0  # what lies before has been dealt with …
    joined_until = 0  # … or lies below a cut that is left over …
    standing_until = 0  # … or below one that was there before
    by_rank = ranks.size > 0
    while True:
        if by_rank:
            rank = next_mark(ranks, rank)
            if rank >= n_ranks:
                break
            here = below[np.uint64(rank)]
            start, stop, chord = int(here["start"]), int(here["stop"]), int(here["chord"])
        else:
            while k < position.size and position[k] < until:
                k += 1
            if k == position.size:
                break
            start = int(position[k])
            stop = int(end[start])
            chord = first_not_below(chords.at, start)
            if chord < chords.at.size and chords.at[chord] >= stop:
                chord = -1
        while stood < standing.size and standing[stood] >> 2 < start:
            stood += 1
        alone = stood == standing.size or standing[stood] >> 2 >= stop
        position[n], flags[n] = start, AFTER
        if (
            alone
            and start >= standing_until
            and start < first_island
            and (chord < 0 or not _leads_out(chords, chord, start, stop, step))
        ):
            if start >= joined_until:
                flags[n] = AFTER | DARK
                n_dark += 1
                n_fed += here["fed"] if by_rank else fed[stop] - fed[start]
            until = stop
            if by_rank:
                rank = int(switches.beyond[np.uint64(rank)])
        else:
            joined_until = max(joined_until, stop)
            if not alone and standing[stood] >> 2 == start:
                flags[n] = standing[stood] & 3
                standing_until = max(standing_until, stop)
            until = start + 1
            rank += 1
        n += 1
    return n, n_dark, n_fed


@compiled
def cuts_of(held: Held, step: Step) -> Cuts:
    """The cuts that a change makes or finds, but for those that another one makes needless.

    O(cuts · log chords + chords below them); where many switches go, they are put in order by marking their
    ranks, which costs a pass over all switches, a byte for each.
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
        ranks = marks.view(np.uint64)
        position = np.empty(step.gone.size + standing.size, np.int64)
    else:
        ranks = _NO_RANKS
        position = _in_order(forest.below, step.gone, standing, forest.end.size)
    flags = np.empty(position.size, np.uint8)
    first_island = forest.trees[1] if forest.trees.size > 1 else forest.end.size
    of_forest = forest.end, held.hung.fed, first_island, held.chords, switches
    n, dark, fed = _sift(of_forest, step, standing, ranks, position, flags)
    return Cuts(position[:n], flags[:n], dark, fed)
