"""Normally open ties on the trunks: between streets, in rings of cables, from substation to substation.

Also the second supply of a few critical customers. A tie to a neighbour's area belongs to the southern area.
"""

from __future__ import annotations

import numpy as np

from gis_service.province.drawing import Drawing, Foreign, Slot, Streets
from gis_service.province.equipment import SPUR_CABLE, TRUNK_CABLE, TRUNK_OVERHEAD
from gis_service.province.feeders import LOAD_BREAK_SWITCH, Feeder, tie_row
from gis_service.province.kinds import AreaKind
from gis_service.province.layout import Layout, Trunk, layout
from gis_service.province.plan import Area, Plan
from gis_service.province.streets import DUCT, POLE_LINE

_REMOTE = 0.4
_SECOND = 0.35
"""Part of the single customers on cable that have a second supply, where the next street allows it."""
_REACH_M = 4_500.0
"""How far along the border between two areas a tie goes."""


def tie_streets(
    pen: Drawing, shape: Layout, feeders: list[Feeder], kind: AreaKind, stream: np.random.Generator
) -> None:
    """Ties between a trunk and the one beside it: at mid-trunk overhead, at the end for rings of cables."""
    for feeder in feeders:
        beside = shape.beside(feeder.trunk)
        if beside is None:
            continue
        other = feeders[beside.number]
        remote = bool(stream.random() < _REMOTE)
        if kind.cabled:
            if feeder.trunk.column % 2 == 0 and feeder.trunk.rows == beside.rows:
                _close_ring(pen, feeder.trunk, beside, kind, remote)
        elif (
            feeder.middle is not None
            and other.middle is not None
            and tie_row(beside) == tie_row(feeder.trunk)
        ):
            x = (feeder.trunk.x + beside.x) / 2.0
            y = pen.node_xy[feeder.middle][1]
            near, far = pen.node(x - 2.0, y), pen.node(x + 2.0, y)
            pen.line(feeder.middle, near, TRUNK_OVERHEAD, feeder=feeder.trunk.number)
            pen.switch(LOAD_BREAK_SWITCH, near, far, 630.0, normal_open=True, remote=remote)
            pen.line(far, other.middle, TRUNK_OVERHEAD, feeder=beside.number)


def _close_ring(pen: Drawing, trunk: Trunk, beside: Trunk, kind: AreaKind, remote: bool) -> None:
    """From the last ring main unit to the one beside; the ring is open at the first of the two."""
    y = trunk.end(kind)[1]
    near, far = pen.node(trunk.x + 3.0, y), pen.node(beside.x - 3.0, y)
    pen.switch(LOAD_BREAK_SWITCH, trunk.number, near, 630.0, normal_open=True, remote=remote)
    pen.line(near, far, TRUNK_CABLE, feeder=beside.number)
    pen.switch(LOAD_BREAK_SWITCH, beside.number, far, 630.0, remote=remote)


def tie_areas(
    pen: Drawing, streets: Streets, plan: Plan, area: Area, shape: Layout, stream: np.random.Generator
) -> None:
    """Ties from trunks that reach the area's northern edge to those of the next area that meet them."""
    kind = area.kind
    taken: set[tuple[int, int]] = set()
    for trunk in shape.trunks:
        if trunk.up < 0 or not trunk.complete(kind):
            continue
        edge = area.site.centre[1] + kind.side_m / 2.0
        north = plan.area_at(trunk.x, edge + 1.0)
        remote = bool(stream.random() < _REMOTE)
        if north is None or north is area:
            continue
        met = _meeting(north, trunk, taken)
        if met is None:
            continue
        taken.add((north.number, met.number))
        x, y = met.end(north.kind)
        cabled = kind.cabled and north.kind.cabled
        conductor = TRUNK_CABLE if cabled else TRUNK_OVERHEAD
        county = int(plan.locate(north, plan.plane.lonlat(np.array([[x, y]])))[0])
        other = Foreign(north.number, met.number, county)
        near, far = pen.node(trunk.x, edge - 2.0), pen.node(trunk.x, edge + 2.0)
        pen.line(trunk.number, near, conductor, feeder=trunk.number)
        pen.switch(LOAD_BREAK_SWITCH, near, far, 630.0, normal_open=True, remote=remote)
        bend = [(x, edge + 2.0)] if abs(x - trunk.x) > 1.0 else []
        pen.line(far, pen.neighbour(other), conductor, via=bend, end_xy=(x, y))
        kind_of_street = DUCT if cabled else POLE_LINE
        here = streets.vertex(*trunk.end(kind))
        between = streets.vertex(trunk.x, edge)
        streets.edge(here, between, kind_of_street)
        streets.edge(between, streets.neighbour(other), kind_of_street, via=bend, end_xy=(x, y))


def _meeting(north: Area, trunk: Trunk, taken: set[tuple[int, int]]) -> Trunk | None:
    """The nearest trunk of the next area that comes down to the common edge and is still free."""
    edge_is_whole = [
        (abs(one.x - trunk.x), one.number, one)
        for one in layout(north).trunks
        if one.up < 0 and one.complete(north.kind) and (north.number, one.number) not in taken
    ]
    near = [one for far, _, one in sorted(edge_is_whole, key=lambda found: found[:2]) if far <= _REACH_M]
    return near[0] if near else None


def second_supplies(
    pen: Drawing,
    shape: Layout,
    feeders: list[Feeder],
    kind: AreaKind,
    dedicated: np.ndarray,
    stream: np.random.Generator,
) -> list[int]:
    """Give some single customers on cable a second supply from the next street; returns their slots."""
    chosen = []
    for k in np.flatnonzero(dedicated).tolist():
        slot: Slot = pen.slots[k]
        if not kind.cabled or slot.side < 0 or stream.random() > _SECOND:
            continue
        beside = shape.beside(shape.trunks[slot.feeder])
        if beside is None or len(feeders[beside.number].units) <= slot.row:
            continue
        unit = feeders[beside.number].units[slot.row]
        x, y = pen.node_xy[unit]
        near, far = pen.node(x - 2.0, y - 2.0), pen.node(slot.x + 3.0, slot.y)
        pen.switch(LOAD_BREAK_SWITCH, unit, near, 630.0)
        pen.line(near, far, SPUR_CABLE, feeder=beside.number)
        pen.switch(LOAD_BREAK_SWITCH, slot.node, far, 630.0, normal_open=True, remote=True)
        chosen.append(k)
    return chosen
