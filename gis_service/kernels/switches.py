"""A forest's switches in order of position: thousands that go at once are put in order by marking them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from compiling.fetching import fetch
from compiling.marks import in_bits, no_marks
from gis_service.kernels.chords import Loops, lead_out
from gis_service.kernels.compiled import I32, I64, U8, U64, borrowing, compiled
from gis_service.kernels.forest import Forest
from gis_service.kernels.hung import Hung
from gis_service.kernels.step import Step, first_not_below

Below = npt.NDArray[np.void]
_BELOW = np.dtype([(name, np.int32) for name in ("beyond", "fed")])

_IN_LINE, _AHEAD = np.uint64(8), np.uint64(512)
"""Edges of a question that are fetched at once, and how far ahead: a page, which processors leave to us."""
_TWICE_AHEAD = np.uint64(1024)
"""The same distance in numbers of half their size."""


PARTS = 4
"""Parts of a forest that are gone through side by side."""


class Switches(NamedTuple):
    """The switches that are edges of the forest, in order of the position below them.

    So thousands of cuts are put in order by marking them, and what is asked of most of them is eight bytes.

    rank : int32 (n_switches,), by row: which one in that order; n for one that is no edge of the forest
    start : int32 (n,), by rank: the position below it
    below : records (n,), by rank: `beyond`, the first rank that is not below it, or the complement of that
        (`~beyond`) where one of `Loops` leads out of there; `fed`, how many rows there have supply when the
        forest has it everywhere
    borders : PARTS + 1 ascending ranks from 0 to n that make parts of about one size: no switch of one part
        lies below one of another
    """

    rank: I32
    start: I32
    below: Below
    borders: tuple[int, ...]


def order_switches(forest: Forest, loops: Loops, hung: Hung, first_switch: int, n_switches: int) -> Switches:
    """The switches of a forest, which are its edges from `first_switch` on."""
    position = forest.below[first_switch : first_switch + n_switches]
    rows = np.flatnonzero(position >= 0)
    rows = rows[np.argsort(position[rows], kind="stable")]
    rank = np.full(n_switches, rows.size, np.int32)
    rank[rows] = np.arange(rows.size)
    start = position[rows]
    stop = forest.end[start]
    beyond = np.searchsorted(start, stop).astype(np.int32)
    below = np.empty(rows.size, _BELOW)
    below["beyond"] = np.where(lead_out(loops, start, stop), ~beyond, beyond)
    below["fed"] = hung.fed[stop] - hung.fed[start]
    return Switches(rank, start, below, _borders(beyond))


def _borders(beyond: I32) -> tuple[int, ...]:
    ranks = np.arange(beyond.size)
    reached = np.maximum.accumulate(np.append(0, beyond))[:-1]  # by what comes before
    free = np.append(ranks[reached <= ranks], beyond.size)
    even = np.arange(PARTS) * beyond.size // PARTS
    near: list[int] = free[np.abs(free - even[:, None]).argmin(axis=1)].tolist()
    return (*near, beyond.size)


@borrowing
def _mark(marks: U8, rank: I32, step: Step) -> None:
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
def marked(switches: Switches, step: Step) -> U64:
    """Ranks of the switches that are gone or stood open before, and maybe one beyond all, as bits.

    Nothing but switches is gone. A pass over all switches, a byte for each.
    """
    marks = no_marks(switches.below.size + 1)
    _mark(marks, switches.rank, step)
    return in_bits(marks)


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
