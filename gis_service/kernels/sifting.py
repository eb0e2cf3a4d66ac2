"""Cuts looked at one by one, outermost first: which put everything below them out, and which are left over.

Knows that nothing is to be seen below a cut that puts everything out, and does not go there.
"""

from __future__ import annotations

import numpy as np

from compiling.fetching import fetch
from compiling.marks import next_mark
from gis_service.kernels.chords import Loops
from gis_service.kernels.compiled import I32, I64, U8, U64, borrowing
from gis_service.kernels.step import AFTER, Step, conducts, first_not_below
from gis_service.kernels.switches import Switches

DARK = 4
"""A flag beside `BEFORE` and `AFTER`."""


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


@borrowing
def sift(
    of_forest: tuple[I32, I32, int, Loops, Switches],
    step: Step,
    standing: I64,
    joined: I64,
    busy: I64,
    ranks: U64,
    spans: I64,
    position: I64,
    flags: U8,
    nest: I64,
    listed: bool,
) -> tuple[int, int, int]:
    """Move to the front the cuts that count: how many, how many not `DARK`, and what hangs on the others.

    Most of thousands of cuts take a few nanoseconds: what is rarely needed is read where it is needed.

    Parameters
    ----------
    of_forest
        `end`, `fed` of its rows, the first position without supply, loops, switches.
    standing, joined, busy
        As in `kernels.cuts` and `kernels.outermost`.
    ranks, spans
        The cuts are the marked `ranks`, or, where there are none, `position`; places are numbers of either.
        Where `listed`, or there are no ranks, all are looked at, else those from the first of `spans` to the
        second, and so on.
    position, flags
        Get the cuts.
    nest
        Room for three numbers for each cut, where they are not `listed`.
    listed
        Whether `DARK` ones are among them. Else they are left out, and so are those that would be, did they
        not lie below others: the first third of `nest` gets what hangs on them, for each of these others.
    """
    end, fed, first_island, loops, switches = of_forest
    below, by_rank = switches.below, ranks.size > 0
    island = first_not_below(switches.start, first_island) if by_rank else first_island
    room = nest.size // 3
    within, until, above = nest[:room], nest[room : 2 * room], nest[2 * room :]
    innermost = -1  # of what is left over
    n, n_left, n_fed, n_here = 0, 0, 0, 0
    k, stood, next_busy = 0, 0, 0
    joined_until = 0  # what lies before lies below a cut that is left over …
    standing_until = 0  # … or below one that was there before
    everywhere = listed or not by_rank
    for span in range(1 if everywhere else spans.size >> 1):
        place, last = 0, below.size if by_rank else end.size
        if not everywhere:
            place, last = int(spans[2 * span]), int(spans[2 * span + 1])
        while True:
            if by_rank:
                place = next_mark(ranks, place)
            else:
                while k < position.size and position[k] < place:
                    k += 1
                place = int(position[k]) if k < position.size else last
            if place >= last:
                break
            start, plain = place, False
            if by_rank:
                here = below[np.uint64(place)]
                past, n_here = int(here["beyond"]), int(here["fed"])
                while busy[next_busy] < place:
                    next_busy += 1
                plain = 0 <= past <= busy[next_busy] and standing_until <= place < island
                past = past if past >= 0 else ~past
                if listed or not plain:
                    start = int(switches.start[place])
            else:
                past = int(end[place])
                n_here = int(fed[past] - fed[place])
            alone, leads = True, False
            if not plain:
                stop = int(end[start])
                while stood < standing.size and standing[stood] >> 2 < start:
                    stood += 1
                alone = stood == standing.size or standing[stood] >> 2 >= stop
                leads = _leads_out(loops, joined, start, stop, step)
            how, whole = AFTER, alone and not leads and place >= standing_until and place < island
            if whole and place >= joined_until:
                how = AFTER | DARK
                n_fed += n_here
            elif whole and not listed:
                while until[innermost] <= place:
                    innermost = above[innermost]
                within[innermost] += n_here
            else:
                n_left += 1
                fetch(end, start)  # what is left over is looked at once all are known: it comes meanwhile
                fetch(fed, start)
            if not whole:
                joined_until = max(joined_until, past)
                if not alone and standing[stood] >> 2 == start:
                    how = int(standing[stood] & 3)
                    standing_until = max(standing_until, past)
                if not listed:
                    while innermost >= 0 and until[innermost] <= place:
                        innermost = above[innermost]
                    within[n], until[n], above[n] = 0, past, innermost
                    innermost = n
            if listed or not whole:
                position[n], flags[n] = start, how
                n += 1
            place = past if whole else place + 1
    return n, n_left, n_fed
