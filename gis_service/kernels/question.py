"""The outage question in one call. For a small question, the call itself is the cost."""

from __future__ import annotations

import numpy as np

from compiling.marks import in_order
from gis_service.kernels.compiled import B1, I32, I64, compiled
from gis_service.kernels.cuts import cuts_of
from gis_service.kernels.held import Held
from gis_service.kernels.lost import count_lost, lost_and_gained, rows_below
from gis_service.kernels.outermost import count_cuts
from gis_service.kernels.ranges import all_counted, changed_around, changed_left_over, nothing_left_over
from gis_service.kernels.step import Step


@compiled
def changed_in_question(held: Held, open_before: B1, moved: I64, gone: I64, come: I64) -> tuple[I32, I32]:
    """Rows that lose supply by a change, and that gain it, in no order; maybe read-only.

    For a forest of all phases. The arguments are those of `kernels.step.Step`.
    """
    step = Step(open_before, held.first_switch, moved, gone, come)
    cuts = cuts_of(held, step)
    hung, path = held.hung, held.forest.path
    dark = rows_below(hung, held.forest.end, path, cuts)
    if nothing_left_over(held, step, cuts):
        return dark, dark[:0]
    lost, gained = lost_and_gained(hung, path, held.bits, changed_left_over(held, step, cuts))
    return np.concatenate((dark, lost)), gained


@compiled
def lost_in_question(held: Held, open_before: B1, moved: I64, gone: I64) -> I32:
    """Rows that lose supply where nothing closes, and so none gains it, in no order; maybe read-only."""
    step = Step(open_before, held.first_switch, moved, gone, gone[:0])
    cuts = cuts_of(held, step)
    hung, path = held.hung, held.forest.path
    dark = rows_below(hung, held.forest.end, path, cuts)
    if nothing_left_over(held, step, cuts):
        return dark
    lost, _ = lost_and_gained(hung, path, held.bits, changed_left_over(held, step, cuts))
    return np.concatenate((dark, lost))


@compiled
def few_lost_in_question(held: Held, open_before: B1, moved: I64, gone: I64, most: int) -> tuple[bool, I64]:
    """Rows that lose supply where nothing closes, ascending.

    Gives up, and says False, where they are more than `most`, or something leads around a cut.
    """
    step = Step(open_before, held.first_switch, moved, gone, gone[:0])
    cuts = cuts_of(held, step)
    if cuts.fed > most or not nothing_left_over(held, step, cuts):
        return False, np.empty(0, np.int64)
    return True, in_order(rows_below(held.hung, held.forest.end, held.forest.path, cuts))


@compiled
def count_lost_in_question(held: Held, open_before: B1, moved: I64, gone: I64, come: I64) -> int:
    """How many rows lose supply by the change of `changed_in_question`."""
    step = Step(open_before, held.first_switch, moved, gone, come)
    cuts = count_cuts(held, step)
    if all_counted(held, step, cuts):
        return cuts.fed
    left, fed, apart = changed_around(held, step, cuts)
    if apart:
        fed += cuts.fed
    else:
        listed = cuts_of(held, step)
        left, fed = changed_left_over(held, step, listed), listed.fed
    return fed + count_lost(held.hung, held.forest.path, held.bits, left)
