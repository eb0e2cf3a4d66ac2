"""What can still be connected at a place of the grid: as far as loading goes, and as far as voltage does.

Voltage ends it for the customer himself, or for those admitted before, whichever comes first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gis_service.planning.reckoned import Reckoned
from gis_service.planning.reliefs import OF_OTHERS
from gis_service.planning.rules.book import Level
from gis_service.planning.standing import Broken, Joining

_HALVINGS = 40


@dataclass(frozen=True)
class Headroom:
    """How large a three-phase customer may still come.

    limit : what ends it: `loading` (of the edge at `position`), `voltage_drop`, `lowest_voltage`, either
        `…_of_others`, or `supply_voltage`, the largest load of the level
    value, allowed : what stands against that limit at present, and what it allows
    position : where the limit is
    harmed : of others, who would come to miss it first
    """

    kva: float
    limit: str
    value: float
    allowed: float
    position: int
    harmed: Broken | None = None


def headroom_at(reckoned: Reckoned, position: int) -> Headroom:
    """The headroom at a position of the tree, directly at the node there; never below 0."""
    tree, rules = reckoned.tree, reckoned.rules
    level = rules.level_of(float(tree.kv[position]))
    least, where = reckoned.room
    room, tightest = float(least[position]), int(where[position])
    largest = next((one.largest_kva for one in rules.supply_voltage if one.level == level), np.inf)
    if room <= largest:
        found = Headroom(
            max(room, 0.0),
            "loading",
            float(reckoned.before[tightest]),
            float(reckoned.capacity[tightest]),
            tightest,
        )
    else:
        found = Headroom(largest, "supply_voltage", 0.0, largest, position)
    if level is None or found.kva <= 0.0:
        return found
    if _broken(reckoned, position, level, found.kva) is None:
        return found
    low, high = 0.0, found.kva
    limit = _broken(reckoned, position, level, 0.0)
    if limit is None:
        for _ in range(_HALVINGS):
            middle = (low + high) / 2.0
            broken = _broken(reckoned, position, level, middle)
            if broken is None:
                low = middle
            else:
                high, limit = middle, broken
    assert limit is not None
    if isinstance(limit, Broken):
        return Headroom(low, f"{limit.limit}{OF_OTHERS}", limit.before, limit.allowed, position, limit)
    return Headroom(low, limit[0], _present(reckoned, position, limit[0]), limit[1], position)


def _broken(reckoned: Reckoned, position: int, level: Level, kva: float) -> tuple[str, float] | Broken | None:
    """The limit of voltage that a customer would break, and what it allows."""
    drop, end, spare = _voltages(reckoned, position, kva)
    limits = reckoned.rules.limits
    if end < limits.lowest_pu.of(level):
        return "lowest_voltage", limits.lowest_pu.of(level)
    if drop > limits.voltage_drop_percent.of(level):
        return "voltage_drop", limits.voltage_drop_percent.of(level)
    there = Joining(position, 1.0, 0.0, 0.0)
    if kva > 0.0 and not reckoned.standing.spares(there, kva, spare):
        broken = reckoned.standing.broken([there], kva)
        # who is at the very node stands at the same voltage: it is the new customer's limit as well
        here = int(reckoned.tree.node[position])
        own = next(((one.limit, one.allowed) for one in broken if one.node == here), None)
        return own or next(iter(broken), None)
    return None


def _present(reckoned: Reckoned, position: int, limit: str) -> float:
    drop, end, _ = _voltages(reckoned, position, 0.0)
    return drop if limit == "voltage_drop" else end


def _voltages(reckoned: Reckoned, position: int, kva: float) -> tuple[float, float, float]:
    """Fall along the lines of the level in per cent, the voltage, and what others could spare."""
    none = np.zeros(1)
    chains = reckoned.chains(np.array([position]), np.ones(1), kva, kva, none, none)
    return 100.0 * float(chains.level[0] - chains.end[0]), float(chains.end[0]), float(chains.spare[0])
