"""One state of the network and the next: what stood open, what goes, what comes. Knows edges, no forest."""

from __future__ import annotations

from typing import NamedTuple

from gis_service.kernels.compiled import B1, I32, I64, borrowing

BEFORE, AFTER = 1, 2
"""Of the two states, as flags."""


class Step(NamedTuple):
    """A change, and what it starts from.

    open_before : bool (n_switches,), how switches stand before
    first_switch : the edge of the switch in row 0
    moved : int64, ascending rows of the switches that before the change stand otherwise than normally
    gone : int64, ascending, unique edges that do not conduct after
    come : int64, ascending, unique edges of switches that close
    """

    open_before: B1
    first_switch: int
    moved: I64
    gone: I64
    come: I64


@borrowing
def first_not_below(ascending: I32 | I64, value: int) -> int:
    """The index of the first number that is not below a value, as `np.searchsorted` gives it."""
    low, high = 0, ascending.size
    while low < high:
        middle = (low + high) >> 1
        if ascending[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


@borrowing
def _holds(ascending: I64, value: int) -> bool:
    if not ascending.size or value < ascending[0] or value > ascending[-1]:
        return False  # as for a line where thousands of switches go
    at = first_not_below(ascending, value)
    return bool(at < ascending.size and ascending[at] == value)


@borrowing
def conducts(step: Step, edge: int) -> int:
    """Flags of the states in which an edge conducts. O(log changes)."""
    row = edge - step.first_switch
    flags = BEFORE | AFTER
    if 0 <= row < step.open_before.size and step.open_before[row]:
        flags = AFTER if _holds(step.come, edge) else 0
    if flags & AFTER and _holds(step.gone, edge):
        flags &= BEFORE
    return flags
