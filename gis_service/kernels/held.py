"""A forest with all that belongs to it, as compiled code holds it.

Handing twenty arrays over to compiled code takes longer than a small question, so they are handed over once.
"""

from __future__ import annotations

from numba.experimental import structref

from compiling.structures import StructureType, define
from gis_service.kernels.chords import Chords, Loops, find_loops
from gis_service.kernels.compiled import B1, compiled
from gis_service.kernels.forest import Forest
from gis_service.kernels.hung import Hung
from gis_service.kernels.switches import Switches, order_switches


class _HeldType(StructureType):
    """Of `Held`."""


class Held(structref.StructRefProxy):
    """A forest of some phases (`bits`), held by compiled code; see `hold`."""

    forest: Forest
    chords: Chords
    loops: Loops
    hung: Hung
    switches: Switches
    bits: int
    first_switch: int


define(Held, _HeldType)


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
    switches = order_switches(forest, loops, hung, first_switch, normal_open.size)
    return _hold(forest, chords, loops, hung, switches, bits, first_switch)
