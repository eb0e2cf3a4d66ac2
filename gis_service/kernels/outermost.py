"""Most of thousands of cuts: outermost, with no loop around them, all below them dark. They are counted only.

From one to the next is a wait that nothing can be done in, so parts of the forest are gone through in turn.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from compiling.fetching import fetch
from compiling.marks import next_mark
from gis_service.kernels.compiled import I64, U8, U64, borrowing, compiled
from gis_service.kernels.cuts import NO_RANKS, are_many_switches, in_order, joined_chords, standing_cuts
from gis_service.kernels.forest import first_island
from gis_service.kernels.held import Held
from gis_service.kernels.sifting import sift
from gis_service.kernels.step import Step, first_not_below
from gis_service.kernels.switches import PARTS, Below, Switches, busy_ranks, marked

_AHEAD = np.uint64(512)
"""Records that are fetched ahead: a page, which processors leave to us."""


class Counted(NamedTuple):
    """Cuts that are to be joined, in order of position, and what hangs below all others.

    position, flags : as in `kernels.cuts.Cuts`
    fed : how many rows hang below the cuts that put everything below them out and lie below no other
    within : int64 (n,), how many rows hang below those of this kind that lie in the piece that one cuts off
    """

    position: I64
    flags: U8
    fed: int
    within: I64


@borrowing
def _past(below: Below, busy: I64, noted: I64, place: int) -> tuple[int, int]:
    """What comes after all that is below a rank, and how many rows that is; 0 where it is `noted` instead."""
    here = below[np.uint64(place)]
    fetch(below, np.uint64(place) + _AHEAD)
    past = int(here["beyond"])
    while busy[noted[1]] < place:
        noted[1] += 1
    if 0 <= past <= busy[noted[1]]:
        return past, int(here["fed"])
    noted[2 + noted[0]] = place
    noted[0] += 1
    return (past if past >= 0 else ~past), 0


@borrowing
def _count(below: Below, ranks: U64, busy: I64, place: I64, stop: I64, noted: I64) -> int:
    """Go from each `place` on to its `stop`, in turn."""
    fed, all_on = 0, True
    for part in range(place.size):
        place[part] = next_mark(ranks, place[part])
        all_on &= place[part] < stop[part]
    while all_on:
        for part in range(PARTS):
            past, here = _past(below, busy, noted[part], place[part])
            place[part] = next_mark(ranks, past)
            all_on &= place[part] < stop[part]
            fed += here
    for part in range(place.size):
        while place[part] < stop[part]:
            past, here = _past(below, busy, noted[part], place[part])
            place[part] = next_mark(ranks, past)
            fed += here
    return fed


@compiled
def _outermost(switches: Switches, ranks: U64, busy: I64, n_loops: int, island: int) -> tuple[int, I64]:
    """How many rows lie below the outermost of the marked `ranks`, but for those that have to be looked at.

    Where these lie, as `kernels.sifting.sift` takes it, and what lies from the rank of the first `island` on.
    """
    n = switches.below.size
    most = n_loops + busy.size
    noted = np.empty((PARTS, 2 + most), np.int64)
    noted[:, :2] = 0
    place, stop = np.empty(PARTS, np.int64), np.empty(PARTS, np.int64)
    for part in range(PARTS):
        place[part] = min(switches.borders[part], island)
        stop[part] = min(switches.borders[part + 1], island)
    fed = _count(switches.below, ranks, busy, place, stop, noted)
    spans = np.empty(2 * (noted[:, 0].sum() + 1), np.int64)
    n_spans = 0
    for part in range(PARTS):
        for first in noted[part, 2 : 2 + noted[part, 0]]:
            past = int(switches.below[first]["beyond"])
            spans[n_spans], spans[n_spans + 1] = first, (past if past >= 0 else ~past)
            n_spans += 2
    if island < n:
        spans[n_spans], spans[n_spans + 1] = island, n
        n_spans += 2
    return fed, spans[:n_spans]


@compiled
def count_cuts(held: Held, step: Step) -> Counted:
    """What a change cuts off, counted as far as that can be without listing it.

    The cost is that of `kernels.cuts.cuts_of`, less what that writes down.
    """
    forest, switches = held.forest, held.switches
    island = first_island(forest)
    standing = standing_cuts(forest.below, step) if step.moved.size else step.moved
    joined = joined_chords(held.chords, step) if step.moved.size + step.come.size else step.come
    counted = 0
    if are_many_switches(switches, step):
        ranks, busy = marked(switches, step), busy_ranks(switches.start, standing, joined)
        island_rank = first_not_below(switches.start, island)
        counted, spans = _outermost(switches, ranks, busy, held.loops.at.size, island_rank)
        room = min(step.gone.size + standing.size, spans[1::2].sum() - spans[::2].sum())
        position = np.empty(room, np.int64)
    else:
        ranks, busy = NO_RANKS, standing
        position = in_order(forest.below, step.gone, standing, forest.end.size)
        spans = position[:0]
    flags = np.empty(position.size, np.uint8)
    nest = np.empty(3 * position.size, np.int64)
    of_forest = forest.end, held.hung.fed, island, held.loops, switches
    n, _, fed = sift(of_forest, step, standing, joined, busy, ranks, spans, position, flags, nest, False)
    return Counted(position[:n], flags[:n], counted + fed, nest[:n])
