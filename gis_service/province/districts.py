"""Transformer districts: streets of low voltage with poles, buildings on them, and customers in these.

All districts of an area at once, in whole arrays. Around each transformer up to four arms of street go out;
an arm that becomes long turns off after its second pole. Everything is on the plane, in metres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gis_service.network.tables import ALL_PHASES
from gis_service.province.drawing import Slot
from gis_service.province.kinds import AreaKind
from gis_service.province.siting import portions

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_EAST = np.array([1.0, 0.0, -1.0, 0.0])
_NORTH = np.array([0.0, 1.0, 0.0, -1.0])
_STRAIGHT = 4
"""Poles of an arm before it turns off."""
_TURN = 1
"""The pole of an arm at which it turns off."""
_SINGLE_PHASE_SHARE = 0.3
"""A single-phase transformer has this part of the customers that a three-phase one would have."""
_MESHED = 0.02
"""Part of the cabled districts where two arms are joined."""


@dataclass(frozen=True)
class Districts:
    """The districts of an area; positions in these arrays stand for elements.

    customers : of each district
    parent : of each pole, the pole it is fed from, or -1 for the transformer's low-voltage board
    mesh : pairs of poles that are joined besides
    pole_district, building_district, customer_district : ascending
    """

    customers: Ints
    dedicated: Bools
    phases: npt.NDArray[np.uint8]
    feeder: Ints
    transformer_xy: Floats
    board_xy: Floats
    pole_district: Ints
    pole_xy: Floats
    parent: Ints
    mesh: Ints
    building_district: Ints
    building_pole: Ints
    building_xy: Floats
    customer_district: Ints
    customer_building: Ints
    customer_xy: Floats


def make_districts(
    slots: list[Slot],
    high_xy: Floats,
    customers: int,
    dedicated: Bools,
    kind: AreaKind,
    stream: np.random.Generator,
) -> Districts:
    """A district at each slot, with `customers` in all of them together and at least one in each."""
    n = len(slots)
    place = np.array([(slot.x, slot.y) for slot in slots])
    phases = np.array([slot.phases for slot in slots], np.uint8)
    up = np.sign(high_xy[:, 1] - place[:, 1])
    up[up == 0.0] = 1.0
    each = _customers_of(customers, dedicated, phases, stream)

    per_building = kind.per_building * (0.7 + 0.6 * stream.random(n))
    buildings = np.maximum(1, np.ceil(each / per_building)).astype(np.int64)
    buildings[dedicated] = 1
    poles = -(-buildings // kind.per_pole)
    arms = np.minimum(poles, 2 + (stream.random(n) * 3.0).astype(np.int64))
    arms = np.where(poles > 10, 4, np.where(poles > 5, np.maximum(arms, 3), arms))
    first_way = (stream.random(n) * 4.0).astype(np.int64)
    span = kind.span_m * (0.85 + 0.3 * stream.random(n))

    pole_district, at = _spread(poles)
    arm, along = at % arms[pole_district], at // arms[pole_district]
    opposite = arms[pole_district] == 2
    way = (np.where(opposite, 2 * arm, arm) + first_way[pole_district]) % 4
    turned = along >= _STRAIGHT
    street = (way + turned) % 4
    step = span[pole_district]
    straight = np.where(turned, _TURN + 1, along + 1) * step
    aside = np.where(turned, along - _STRAIGHT + 1, 0) * step
    pole_xy = place[pole_district] + np.column_stack(
        [
            straight * _EAST[way] + aside * _EAST[street],
            straight * _NORTH[way] + aside * _NORTH[street],
        ]
    )
    first_pole = np.cumsum(poles) - poles
    back = np.where(along == _STRAIGHT, (_STRAIGHT - _TURN) * arms[pole_district], arms[pole_district])
    parent = np.where(along == 0, -1, first_pole[pole_district] + at - back)

    building_district, k = _spread(buildings)
    pole_of = first_pole[building_district] + k % poles[building_district]
    turn_of_pole = k // poles[building_district]
    side = np.where((turn_of_pole + pole_of) % 2 == 0, 1.0, -1.0)
    away = side * (11.0 + 9.0 * stream.random(k.size))
    back_along = (turn_of_pole // 2 + 0.3 + 0.5 * stream.random(k.size)) * 9.0
    on = street[pole_of]
    across = (on + 1) % 4
    building_xy = pole_xy[pole_of] + np.column_stack(
        [
            away * _EAST[across] - back_along * _EAST[on],
            away * _NORTH[across] - back_along * _NORTH[on],
        ]
    )

    customer_district, at = _spread(each)
    first_building = np.cumsum(buildings) - buildings
    customer_building = first_building[customer_district] + at % buildings[customer_district]
    scatter = 8.0 * (stream.random((at.size, 2)) - 0.5)
    return Districts(
        customers=each,
        dedicated=dedicated,
        phases=phases,
        feeder=np.array([slot.feeder for slot in slots], np.int64),
        transformer_xy=np.column_stack([high_xy[:, 0], high_xy[:, 1] + 2.0 * up]),
        board_xy=np.column_stack([high_xy[:, 0], high_xy[:, 1] + 4.0 * up]),
        pole_district=pole_district,
        pole_xy=pole_xy,
        parent=parent,
        mesh=_meshes(poles, arms, first_pole, kind, stream),
        building_district=building_district,
        building_pole=pole_of,
        building_xy=building_xy,
        customer_district=customer_district,
        customer_building=customer_building,
        customer_xy=building_xy[customer_building] + scatter,
    )


def choose_dedicated(slots: list[Slot], number: int, stream: np.random.Generator) -> Bools:
    """Which transformers belong to a single customer; three-phase ones."""
    mark = stream.random(len(slots))
    mark[[slot.phases != ALL_PHASES for slot in slots]] = 2.0
    chosen = np.zeros(len(slots), np.bool_)
    chosen[np.argsort(mark, kind="stable")[:number]] = True
    return chosen & (mark < 2.0)


def _customers_of(
    customers: int, dedicated: Bools, phases: npt.NDArray[np.uint8], stream: np.random.Generator
) -> Ints:
    """Customers by district: about as many in each public one, one to three in the others."""
    weight = 0.45 + 1.1 * stream.random(dedicated.size)
    weight[phases != ALL_PHASES] *= _SINGLE_PHASE_SHARE
    few = 1 + (stream.random(dedicated.size) * 1.4).astype(np.int64)
    spare = customers - dedicated.size
    each = np.ones(dedicated.size, np.int64)
    if spare > 2 * dedicated.sum() and not dedicated.all():
        each[dedicated] = few[dedicated]
        spare = customers - int(each.sum())
        weight[dedicated] = 0.0
    return each + portions(spare, np.rint(weight * 1e6).astype(np.int64))


def _spread(numbers: Ints) -> tuple[Ints, Ints]:
    """For each of `numbers[i]` things of owner `i`, in order: the owner, and its place among its own."""
    owner = np.repeat(np.arange(numbers.size), numbers)
    first = np.cumsum(numbers) - numbers
    return owner, np.arange(owner.size) - first[owner]


def _meshes(poles: Ints, arms: Ints, first_pole: Ints, kind: AreaKind, stream: np.random.Generator) -> Ints:
    """Pairs of poles on different arms that are joined besides, int64 `(k, 2)`."""
    chance = stream.random(poles.size)
    meshed = (chance < _MESHED) & (arms >= 2) & (poles >= 2 * arms) & kind.cabled
    last = first_pole[meshed] + poles[meshed] - 1
    return np.column_stack([last - 1, last])
