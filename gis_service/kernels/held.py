"""A forest with all that belongs to it, as compiled code holds it, and its switches in order of position.

Handing twenty arrays over to compiled code takes longer than a small question, so they are handed over once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba.core import types
from numba.experimental import structref

from gis_service.kernels.chords import Chords, Loops, find_loops, lead_out
from gis_service.kernels.compiled import B1, I32, compiled
from gis_service.kernels.forest import Forest
from gis_service.kernels.hung import Hung

Below = npt.NDArray[np.void]
_BELOW = np.dtype([(name, np.int32) for name in ("beyond", "fed")])


class Switches(NamedTuple):
    """The switches that are edges of the forest, in order of the position below them.

    So thousands of cuts are put in order by marking them, and what is asked of most of them is eight bytes.

    rank : int32 (n_switches,), by row: which one in that order; n for one that is no edge of the forest
    start : int32 (n,), by rank: the position below it
    below : records (n,), by rank: `beyond`, the first rank that is not below it, or the complement of that
        (`~beyond`) where one of `Loops` leads out of there; `fed`, how many rows there have supply when the
        forest has it everywhere
    """

    rank: I32
    start: I32
    below: Below


def _switches(forest: Forest, loops: Loops, hung: Hung, first_switch: int, n_switches: int) -> Switches:
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
    return Switches(rank, start, below)


@structref.register
class _HeldType(types.StructRef):
    def preprocess_fields(self, fields: Any) -> Any:
        return tuple((name, types.unliteral(kind)) for name, kind in fields)  # type: ignore[no-untyped-call]


class Held(structref.StructRefProxy):
    """A forest of some phases (`bits`), held by compiled code; see `hold`."""

    forest: Forest
    chords: Chords
    loops: Loops
    hung: Hung
    switches: Switches
    bits: int
    first_switch: int


structref.define_proxy(  # type: ignore[no-untyped-call]
    Held, _HeldType, ["forest", "chords", "loops", "hung", "switches", "bits", "first_switch"]
)


@compiled
def _hold(
    forest: Forest, chords: Chords, loops: Loops, hung: Hung, switches: Switches, bits: int, first_switch: int
) -> Held:
    return Held(forest, chords, loops, hung, switches, bits, first_switch)  # type: ignore[no-untyped-call]


def hold(
    forest: Forest, chords: Chords, hung: Hung, bits: int, *, first_switch: int, normal_open: B1
) -> Held:
    """Hand a forest over for good; its switches are the edges from `first_switch` on."""
    row = chords.edge - first_switch
    is_switch = (row >= 0) & (row < normal_open.size)
    conducting = ~is_switch
    conducting[is_switch] = ~normal_open[row[is_switch]]
    loops = find_loops(chords, conducting)
    switches = _switches(forest, loops, hung, first_switch, normal_open.size)
    return _hold(forest, chords, loops, hung, switches, bits, first_switch)
