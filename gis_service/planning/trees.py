"""Supply trees that are kept: questions of one neighbourhood, in one switch state, share theirs."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import NamedTuple

import numpy as np

from gis_service.kernels.compiled import I64
from gis_service.network.switching import SwitchState
from gis_service.network.topology import Topology
from gis_service.planning.reckoned import Reckoned, reckon
from gis_service.planning.reserved import NOTHING_RESERVED, Reserved, with_reserved
from gis_service.planning.rules.book import Conductor, Limits, Load, Rules, SupplyVoltage
from gis_service.planning.supply_tree import supply_tree

_KEPT = 8


class _Key(NamedTuple):
    """Which tree, under which rules. Topology, state and loads are compared as objects: they are values."""

    topology: int
    state: int
    reserved: int
    pieces: tuple[int, ...]
    limits: Limits
    load: Load
    levels: tuple[SupplyVoltage, ...]
    conductors: tuple[Conductor, ...]


class Trees:
    """The trees of the last few neighbourhoods, reckoned; safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[_Key, tuple[Topology, SwitchState, Reserved, Reckoned]] = OrderedDict()

    def around(
        self,
        topology: Topology,
        state: SwitchState,
        nodes: I64,
        rules: Rules,
        reserved: Reserved = NOTHING_RESERVED,
    ) -> Reckoned:
        """The supply of all that is joined to some nodes, under these rules, with what is reserved there."""
        key = _Key(
            id(topology),
            id(state),
            id(reserved),
            _pieces(topology, nodes),
            rules.limits,
            rules.load,
            rules.supply_voltage,
            rules.conductor if reserved.size else (),
        )
        with self._lock:
            # what is held keeps its topology, state and loads alive, so an equal id is the same object
            kept = self._held.get(key)
            if kept is not None:
                self._held.move_to_end(key)
                return kept[3]
        made = reckon(with_reserved(supply_tree(topology, state, nodes), reserved), rules)
        with self._lock:
            self._held[key] = (topology, state, reserved, made)
            while len(self._held) > _KEPT:
                self._held.popitem(last=False)
        return made


def _pieces(topology: Topology, nodes: I64) -> tuple[int, ...]:
    """The pieces of the normal state that some nodes lie in: they decide what is joined to them."""
    if len(topology.forests) > 1:
        return ()
    place = topology.forests[0].forest.place[nodes]
    return tuple(np.unique(np.searchsorted(topology.pieces, place, side="right") - 1).tolist())
