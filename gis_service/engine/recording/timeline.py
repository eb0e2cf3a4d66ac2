"""Who was interrupted when: switch operations played in the order of time, supply worked out at each moment.

Knows operations, the topology and a state to start from; refuses to know where intervals are stored.
Operations of one moment take effect together. The grid is the one loaded now, whatever moment is played.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import numpy as np
import numpy.typing as npt

from gis_service.network.switching import SwitchState
from gis_service.network.topology import Topology
from gis_service.tracing.change import moved

Bools = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Event:
    """One operation on the time line; `key` is (county, number), which orders what happens at one moment."""

    at: datetime
    key: tuple[str, int]
    switch: int
    open: bool


@dataclass(frozen=True, slots=True)
class Moment:
    """The grid just after the operations of one time.

    lost, regained : customer rows, by comparison with the moment before
    cause : the operation that stands for the change
    """

    at: datetime
    state: SwitchState
    lost: Rows
    regained: Rows
    cause: tuple[str, int]


def play(topology: Topology, state: SwitchState, events: Sequence[Event]) -> Iterator[Moment]:
    """One moment per time at which something was operated, in order; `state` is how switches stood before."""
    for at, together in groupby(sorted(events, key=lambda one: (one.at, one.key)), key=lambda one: one.at):
        batch = list(together)
        operated = [one for one in batch if bool(state.open[one.switch]) != one.open]
        before = state
        state = state.with_switching([one.switch for one in batch], [one.open for one in batch])
        lost, regained = moved(topology, before, state)
        yield Moment(at=at, state=state, lost=lost, regained=regained, cause=_cause(operated or batch))


def _cause(batch: Sequence[Event]) -> tuple[str, int]:
    """The first operation that opened something, else the first one."""
    return next((one.key for one in batch if one.open), batch[0].key)


def which_changed(state: SwitchState, events: Sequence[Event]) -> dict[tuple[str, int], bool]:
    """For each operation, whether its switch stood the other way just before."""
    open_ = state.open.copy()
    changed: dict[tuple[str, int], bool] = {}
    for one in sorted(events, key=lambda one: (one.at, one.key)):
        changed[one.key] = bool(open_[one.switch]) != one.open
        open_[one.switch] = one.open
    return changed


@dataclass(frozen=True, slots=True)
class Interval:
    """A customer row without supply in `[began, ended)`; `ended` None: it lasts."""

    customer: int
    began: datetime
    ended: datetime | None
    cause: tuple[str, int] | None


def intervals(start: datetime, dark: Rows, moments: Sequence[Moment], among: Bools) -> list[Interval]:
    """The intervals of some customers from `start` on.

    Parameters
    ----------
    dark
        Customers whose interval goes on from before `start`; theirs begins at `start` here, without a cause.
    moments
        What `play` gave from `start` on.
    among
        Customers the question is about, bool `(n_customers,)`.
    """
    running: dict[int, tuple[datetime, tuple[str, int] | None]] = dict.fromkeys(dark.tolist(), (start, None))
    done: list[Interval] = []
    for moment in moments:
        # at the start itself an interval that goes on may end: then it never reached into this time
        for row in moment.regained[among[moment.regained]].tolist():
            if row in running:
                began, cause = running.pop(row)
                if began < moment.at:
                    done.append(Interval(row, began, moment.at, cause))
        for row in moment.lost[among[moment.lost]].tolist():
            running.setdefault(row, (moment.at, moment.cause))
    done.extend(Interval(row, began, None, cause) for row, (began, cause) in running.items())
    return sorted(done, key=lambda one: (one.customer, one.began))
