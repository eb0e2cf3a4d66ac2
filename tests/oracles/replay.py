"""Switch states, supply and interruptions from the operations alone, by definition, moment by moment.

Knows nothing of the log, the time line or the kernels: at each moment the grid is looked at afresh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gis_service.network.tables import GridTables
from tests.oracles.brute import BruteGrid


@dataclass(frozen=True)
class Done:
    """One operation, in the order in which it was recorded."""

    switch: str
    open: bool
    at: datetime


def open_at(tables: GridTables, done: Sequence[Done], at: datetime) -> set[str]:
    """Switches open at a moment: as loaded, or by the latest operation until then, the last of equals."""
    opened = {id for id, is_open in zip(tables.switches.id, tables.switches.open, strict=True) if is_open}
    for id in tables.switches.id:
        mine = [(one.at, k, one.open) for k, one in enumerate(done) if one.switch == id and one.at <= at]
        if mine:
            opened -= {id}
            opened |= {id} if max(mine)[2] else set()
    return opened


def supplied_at(tables: GridTables, done: Sequence[Done], at: datetime) -> set[str]:
    """Customers with supply at a moment."""
    return BruteGrid(tables, open_at(tables, done, at)).supplied()


def interruptions(tables: GridTables, done: Sequence[Done]) -> set[tuple[str, datetime, datetime | None]]:
    """(customer, from, to) for each time a customer was without supply that it had before; `to` None lasts.

    Who was without supply as the grid was loaded counts from the first time it had some.
    """
    times = sorted({one.at for one in done})
    loaded = {id for id, is_open in zip(tables.switches.id, tables.switches.open, strict=True) if is_open}
    states = [BruteGrid(tables, loaded).supplied(), *(supplied_at(tables, done, at) for at in times)]
    found: set[tuple[str, datetime, datetime | None]] = set()
    for id in tables.customers.id:
        began: datetime | None = None
        for at, before, after in zip(times, states[:-1], states[1:], strict=True):
            if id in before and id not in after:
                began = at
            elif id in after and began is not None:
                found.add((id, began, at))
                began = None
        if began is not None:
            found.add((id, began, None))
    return found
