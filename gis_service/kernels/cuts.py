"""Where a change cuts a forest, and which cuts put everything below them out, whatever else happens.

What lies below a cut was live before and is dark after, as a whole, when no chord that conducts after leads
out of there, and nothing was cut around it before. Nearly every cut is of this kind; those within it need not
be looked at. What is left over are the few cuts around which a loop, a closed tie or a switch that already
stood open makes a difference: see `kernels.fragments`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from compiling.marks import no_marks, put_marked
from gis_service.kernels.chords import Chords
from gis_service.kernels.compiled import I32, I64, U8, borrowing, compiled
from gis_service.kernels.forest import first_island
from gis_service.kernels.held import Held
from gis_service.kernels.sifting import sift
from gis_service.kernels.step import AFTER, BEFORE, Step, conducts, first_not_below
from gis_service.kernels.switches import Switches, busy_ranks, marked

_WORTH_MARKING = 500  # bytes that are gone through in the time in which one number is sorted among others
NO_RANKS = np.zeros(0, np.uint64)


class Cuts(NamedTuple):
    """Cuts that count, in order of position.

    position : int64 (n,), the positions right below them
    flags : uint8 (n,), `BEFORE` and `AFTER` in which states they cut; `DARK` those that put everything below
        them out as a whole and lie below no other
    left : how many are not `DARK`
    fed : how many rows hang below the `DARK` ones that had supply
    """

    position: I64
    flags: U8
    left: int
    fed: int


@compiled
def standing_cuts(below: I32, step: Step) -> I64:
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
def in_order(below: I32, gone: I64, standing: I64, n_nodes: int) -> I64:
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


@compiled
def joined_chords(chords: Chords, step: Step) -> I64:
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
def are_many_switches(switches: Switches, step: Step) -> bool:
    """Whether nothing but switches goes, so many that they are put in order by marking their ranks.

    That costs a pass over all switches, a byte for each.
    """
    return bool(
        step.gone.size > 1
        and step.gone.size >= switches.below.size // _WORTH_MARKING
        and step.gone[0] >= step.first_switch
        and step.gone[-1] < step.first_switch + switches.rank.size
    )


@compiled
def cuts_of(held: Held, step: Step) -> Cuts:
    """The cuts that a change makes or finds, but for those that another one makes needless.

    O(cuts · log loops + closed chords below them), and see `are_many_switches`.
    """
    forest, switches = held.forest, held.switches
    standing = standing_cuts(forest.below, step) if step.moved.size else step.moved
    joined = joined_chords(held.chords, step) if step.moved.size + step.come.size else step.come
    if are_many_switches(switches, step):
        ranks, busy = marked(switches, step), busy_ranks(switches.start, standing, joined)
        position = np.empty(step.gone.size + standing.size, np.int64)
    else:
        ranks, busy = NO_RANKS, standing
        position = in_order(forest.below, step.gone, standing, forest.end.size)
    flags = np.empty(position.size, np.uint8)
    of_forest = forest.end, held.hung.fed, first_island(forest), held.loops, switches
    none = position[:0]
    n, left, fed = sift(of_forest, step, standing, joined, busy, ranks, none, position, flags, none, True)
    return Cuts(position[:n], flags[:n], left, fed)
