"""What a tile shows of a layer at which level: from where on, which rows, which attributes; and how exactly.

Declarations and arithmetic on them. What the layers of the grid show is data at the end; a layer that is not
named there is shown at every level with all its attributes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from layers.source import Description

Level = int

MOST_DETAIL = 16
"""The level after which a tile shows nothing new: map clients enlarge those of this one."""

_TOLERANCES: tuple[tuple[Level, float], ...] = ((0, 4.0), (14, 1.0), (MOST_DETAIL, 0.0))
"""Units (4096 of them across a tile) by which a path may be off, from a level on: half a pixel at most."""


@dataclass(frozen=True, slots=True)
class Detail:
    """What tiles show of one layer.

    Parameters
    ----------
    since
        The first level that shows it at all.
    attributes
        Each with the first level that tells it; None for all that the layer has.
    at_least
        By column, from which level on a row needs which value to be shown; the last that applies counts.
    """

    since: Level = 0
    attributes: Mapping[str, Level] | None = None
    at_least: Mapping[str, Sequence[tuple[Level, float]]] = field(default_factory=dict)

    def fields(self, description: Description, z: Level) -> tuple[str, ...]:
        """The attributes told at a level, in the order in which the layer has them."""
        names = (one.name for one in description.fields)
        if self.attributes is None:
            return tuple(names)
        told = self.attributes
        return tuple(name for name in names if name in told and told[name] <= z)

    def least(self, z: Level) -> dict[str, float]:
        """By column, the value that a row needs at a level."""
        found = {}
        for column, steps in self.at_least.items():
            values = [value for level, value in steps if level <= z]
            if values:
                found[column] = values[-1]
        return found


def tolerance(z: Level) -> float:
    """Units by which a path may be off at a level."""
    return [value for level, value in _TOLERANCES if level <= z][-1]


EVERYTHING = Detail()

_STATE = {"id": 0, "energised": 0}

GRID: Mapping[str, Detail] = {
    "county": Detail(0, {"code": 0, "name": 0}),
    "substation": Detail(
        0,
        {**_STATE, "base_voltage_kv": 0, "name": 9},
        {"base_voltage_kv": [(0, 200.0), (6, 100.0), (8, 30.0), (10, 0.0)]},
    ),
    "feeder": Detail(8),
    "line_section": Detail(
        5,
        {**_STATE, "base_voltage_kv": 0, "construction": 11, "name": 15},
        {"base_voltage_kv": [(5, 200.0), (7, 100.0), (8, 30.0), (11, 1.0), (13, 0.0)]},
    ),
    "switch": Detail(13, {**_STATE, "kind": 0, "open": 0, "normal_open": 0, "name": 15}),
    "power_transformer": Detail(13, {**_STATE, "rated_kva": 0, "name": 15}),
    "transformer_district": Detail(12, {**_STATE, "name": 15}),
    "customer_point": Detail(14, {**_STATE, "customer_class": 0, "critical_grade": 0, "contracted_kva": 16}),
    "corridor": Detail(13, {"id": 0, "kind": 0}),
    "topology_issue": Detail(8),
}
"""The layers of the grid."""
