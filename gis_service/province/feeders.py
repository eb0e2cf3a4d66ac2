"""Feeders of 10 kV along the streets: overhead trunks with laterals, or cables from ring main unit to unit.

Knows where lines, sectionalizers, fuses and places for transformers go; ties are another module's, and what
hangs on a place as well.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gis_service.ingest.spec import SWITCH_KINDS
from gis_service.network.tables import ALL_PHASES
from gis_service.province.drawing import Drawing, Slot
from gis_service.province.equipment import (
    LATERAL_OVERHEAD,
    SPUR_CABLE,
    SPUR_OVERHEAD,
    TRUNK_CABLE,
    TRUNK_OVERHEAD,
)
from gis_service.province.kinds import AreaKind
from gis_service.province.layout import Trunk
from gis_service.province.substation import Yard

LOAD_BREAK_SWITCH = SWITCH_KINDS.index("load_break_switch")
RECLOSER = SWITCH_KINDS.index("recloser")
FUSE = SWITCH_KINDS.index("fuse")

_SINGLE_PHASE = 0.04
"""Part of the country's laterals that have one phase."""
_TWIN = 0.03
"""Part of the overhead feeders that leave the substation on two circuits in parallel."""
_REMOTE = 0.5


@dataclass
class Feeder:
    """What others connect to: the node at mid-trunk for a tie, and the busbar of each ring main unit."""

    trunk: Trunk
    middle: int | None = None
    units: list[int] = field(default_factory=list)
    twin: bool = False


def slot_places(trunk: Trunk, kind: AreaKind, stream: np.random.Generator) -> list[tuple[int, int, int]]:
    """The places that are used, as (row, side, place on the lateral), in the order of building."""
    every = [
        (row, side, place) for row in range(trunk.rows) for side in (-1, 1) for place in range(kind.slots)
    ]
    left_out = len(every) - trunk.districts
    order = np.argsort(stream.random(len(every)), kind="stable")
    return [every[k] for k in sorted(order[left_out:].tolist())]


def slot_x(trunk: Trunk, kind: AreaKind, side: int, place: int) -> float:
    """The x of a place for a transformer."""
    return trunk.x + side * (place + 0.5) / kind.slots * kind.column_m / 2.0


def tie_row(trunk: Trunk) -> int | None:
    """The row before which a trunk can be tied to the one beside it; None for a short one."""
    return trunk.rows // 2 if trunk.rows >= 4 else None


def draw_feeder(
    pen: Drawing, trunk: Trunk, kind: AreaKind, yard: Yard, stream: np.random.Generator
) -> Feeder:
    """Draw one feeder from its head breaker to the end of its trunk."""
    feeder = Feeder(trunk)
    head = yard.heads[trunk.number]
    start = pen.node(trunk.x, trunk.y + trunk.up * 12.0)
    road = [(pen.node_xy[head][0], trunk.y), (trunk.x, trunk.y)]
    pen.line(head, start, TRUNK_CABLE, feeder=trunk.number, via=road)
    feeder.twin = not kind.cabled and bool(stream.random() < _TWIN)
    if feeder.twin:
        pen.line(head, start, TRUNK_CABLE, feeder=trunk.number, via=road)
    places = slot_places(trunk, kind, stream)
    draw = _cables if kind.cabled else _overhead
    draw(pen, feeder, kind, start, places, stream)
    return feeder


def _overhead(
    pen: Drawing,
    feeder: Feeder,
    kind: AreaKind,
    at: int,
    places: list[tuple[int, int, int]],
    stream: np.random.Generator,
) -> None:
    trunk = feeder.trunk
    sections = {max(1, round(trunk.rows / 3)), max(1, round(2 * trunk.rows / 3))}
    tied = tie_row(trunk)
    for row in range(trunk.rows):
        between = trunk.at_row(row - 0.5, kind)
        if row == tied:
            feeder.middle = pen.node(trunk.x, between)
            pen.line(at, feeder.middle, TRUNK_OVERHEAD, feeder=trunk.number)
            at = feeder.middle
        elif row in sections:
            near = pen.node(trunk.x, between - trunk.up * 2.0)
            far = pen.node(trunk.x, between + trunk.up * 2.0)
            pen.line(at, near, TRUNK_OVERHEAD, feeder=trunk.number)
            kind_of_switch = RECLOSER if stream.random() < 0.4 else LOAD_BREAK_SWITCH
            pen.switch(kind_of_switch, near, far, 630.0, remote=bool(stream.random() < _REMOTE))
            at = far
        y = trunk.at_row(row, kind)
        here = trunk.number if row == trunk.rows - 1 else pen.node(trunk.x, y)
        pen.line(at, here, TRUNK_OVERHEAD, feeder=trunk.number)
        at = here
        for side in (-1, 1):
            there = [place for of_row, of_side, place in places if of_row == row and of_side == side]
            if there:
                _lateral(pen, trunk, kind, at, row, side, there, stream)


def _lateral(
    pen: Drawing,
    trunk: Trunk,
    kind: AreaKind,
    at: int,
    row: int,
    side: int,
    places: list[int],
    stream: np.random.Generator,
) -> None:
    y = trunk.at_row(row, kind)
    chance = stream.random()
    phases = ALL_PHASES
    if kind.per_building < 2.0 and chance < _SINGLE_PHASE:
        phases = 1 << int(chance / _SINGLE_PHASE * 3.0)
    conductor = LATERAL_OVERHEAD if len(places) > 1 else SPUR_OVERHEAD
    if len(places) > 1 or phases != ALL_PHASES:
        first = pen.node(trunk.x + side * 3.0, y)
        pen.switch(FUSE, at, first, 100.0, phases=phases)
        at = first
    for place in places:
        x = slot_x(trunk, kind, side, place)
        tap = pen.node(x, y)
        pen.line(at, tap, conductor, phases=phases, feeder=trunk.number)
        high = pen.node(x, y + trunk.up * 4.0)
        pen.switch(FUSE, tap, high, 63.0, phases=phases)
        pen.slots.append(Slot(x, y, high, phases, trunk.number, row, side))
        at = tap


def _cables(
    pen: Drawing,
    feeder: Feeder,
    kind: AreaKind,
    at: int,
    places: list[tuple[int, int, int]],
    stream: np.random.Generator,
) -> None:
    trunk = feeder.trunk
    for row in range(trunk.rows):
        y = trunk.at_row(row, kind)
        come = pen.node(trunk.x, y - trunk.up * 3.0)
        pen.line(at, come, TRUNK_CABLE, feeder=trunk.number)
        unit = trunk.number if row == trunk.rows - 1 else pen.node(trunk.x, y)
        remote = bool(stream.random() < _REMOTE)
        pen.switch(LOAD_BREAK_SWITCH, come, unit, 630.0, remote=remote)
        feeder.units.append(unit)
        for of_row, side, place in places:
            if of_row == row:
                fused = pen.node(trunk.x + side * 2.0, y + trunk.up * 2.0)
                pen.switch(FUSE, unit, fused, 125.0)
                x = slot_x(trunk, kind, side, place)
                high = pen.node(x, y)
                pen.line(fused, high, SPUR_CABLE, feeder=trunk.number)
                pen.slots.append(Slot(x, y, high, ALL_PHASES, trunk.number, row, side))
        if row < trunk.rows - 1:
            at = pen.node(trunk.x, y + trunk.up * 3.0)
            pen.switch(LOAD_BREAK_SWITCH, unit, at, 630.0, remote=remote)
