"""Most of thousands of cuts: outermost, with no loop around them, all below them dark. They are counted only.

From one to the next is a wait that nothing can be done in, so parts of the forest are gone through in turn.
"""

from __future__ import annotations

import numpy as np

from compiling.fetching import fetch
from compiling.marks import next_mark
from gis_service.kernels.compiled import I32, I64, U64, borrowing, compiled
from gis_service.kernels.step import first_not_below
from gis_service.kernels.switches import PARTS, Below, Switches

_AHEAD = np.uint64(512)
"""Records that are fetched ahead: a page, which processors leave to us."""


@compiled
def busy_ranks(start: I32, standing: I64, joined: I64) -> I64:
    """Ascending ranks at which something was cut before, or is joined now; one beyond all behind them.

    A cut that has none of them below itself need not be looked at for their sake. `standing` and `joined` are
    as in `kernels.cuts`.
    """
    found = np.empty(standing.size + joined.size + 1, np.int64)
    n = 0
    for key in standing:
        found[n] = first_not_below(start, key >> 2)
        n += 1
    for key in joined:  # the last one that it may lie below: the others are around that
        found[n] = max(0, first_not_below(start, (key >> 32) + 1) - 1)
        n += 1
    found[n] = start.size + 1
    return np.sort(found) if n else found


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
def count_outermost(
    switches: Switches, ranks: U64, busy: I64, n_loops: int, first_island: int
) -> tuple[int, I64]:
    """How many rows lie below the outermost cuts, but for those that have to be looked at.

    Parameters
    ----------
    ranks
        Of all cuts, as `kernels.switches.marked` gives them.
    n_loops
        How many ends `Loops` has.
    first_island
        The position from which on nothing normally has supply.

    Returns
    -------
    fed
    spans : int64 `(2, n)`, ascending ranks from which to which there are cuts to be looked at.
    """
    n = switches.below.size
    island = first_not_below(switches.start, first_island)
    most = n_loops + busy.size
    noted = np.empty((PARTS, 2 + most), np.int64)
    noted[:, :2] = 0
    borders = np.minimum(switches.borders, island)
    fed = _count(switches.below, ranks, busy, borders[:-1].copy(), borders[1:], noted)
    spans = np.empty((2, noted[:, 0].sum() + 1), np.int64)
    k = 0
    for part in range(PARTS):
        for place in noted[part, 2 : 2 + noted[part, 0]]:
            past = int(switches.below[place]["beyond"])
            spans[0, k], spans[1, k] = place, (past if past >= 0 else ~past)
            k += 1
    if island < n:
        spans[0, k], spans[1, k] = island, n
        k += 1
    return fed, spans[:, :k]
