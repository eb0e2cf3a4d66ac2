"""What is reserved, placed in the grid that a question is asked of.

The record is looked at for every planning question, so what any engine reserved counts from its commit on.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gis_service.network.topology import Topology
from gis_service.planning.reserved import NOTHING_RESERVED, Reserved
from gis_service.store.reservations import NOTHING_HELD, Held, ReservedSupply

_KEPT = 4


@dataclass(frozen=True, eq=False)
class Counted:
    """What a question counts: the loads that have a place, and why others have none.

    version : of the record, to tell which reservations an answer has counted
    without_place : (reservation, number of the supply) → what is missing
    """

    version: int
    reserved: Reserved
    without_place: Mapping[tuple[int, int], str]


NOTHING_COUNTED = Counted(0, NOTHING_RESERVED, {})


def nothing_held(_known: Held) -> Held:
    """The record of a grid without a database."""
    return NOTHING_HELD


class ReservationBook:
    """What is reserved, as of the moment it is asked; safe between threads.

    Parameters
    ----------
    read
        Looks at the record, given what was read last.
    """

    def __init__(self, read: Callable[[Held], Held] = nothing_held) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._held = NOTHING_HELD
        self._placed: OrderedDict[tuple[int, int], tuple[Topology, Held, Counted]] = OrderedDict()

    def counted(self, topology: Topology) -> Counted:
        """What is reserved now, placed in a topology.

        Raises
        ------
        NotReady
            When the record cannot be read: an answer without it would promise what is taken.
        """
        return self.place(topology, self.held())

    def held(self) -> Held:
        """What is reserved now."""
        held = self._read(self._held)
        self._held = held
        return held

    @property
    def known(self) -> Held:
        """What was read last."""
        return self._held

    def place(self, topology: Topology, held: Held) -> Counted:
        """What is reserved in a topology; the same object for the same two, which trees are kept by."""
        if held is NOTHING_HELD:
            return NOTHING_COUNTED
        key = id(topology), id(held)
        with self._lock:
            kept = self._placed.get(key)
            if kept is not None:
                self._placed.move_to_end(key)
                return kept[2]
            counted = placed_in(topology, held)
            self._placed[key] = topology, held, counted
            while len(self._placed) > _KEPT:
                self._placed.popitem(last=False)
            return counted


def placed_in(topology: Topology, held: Held) -> Counted:
    """The rows of a topology that reserved supplies join at; those whose element is gone have no place."""
    without: dict[tuple[int, int], str] = {}
    rows: list[tuple[int, int, int, float, float, str, float]] = []
    for supply in (one for of in held.supplies.values() for one in of):
        why = missing(topology, supply)
        if why is not None:
            without[supply.reservation, supply.number] = why
            continue
        node, edge = -1, -1
        if supply.node_id is not None:
            node = _row(topology, "connectivity_node", supply.node_id)
        else:
            edge = topology.edge_of("line_section", _row(topology, "line_section", supply.attach_id))
        own_line = supply.conductor, supply.length_m
        rows.append((supply.reservation, node, edge, supply.fraction or 0.0, supply.reckoned_kva, *own_line))
    if not rows:
        return Counted(held.mark.version, NOTHING_RESERVED, without)
    of, nodes, edges, fractions, kva, conductors, lengths = zip(*rows, strict=True)
    reserved = Reserved(
        np.array(of, np.int64),
        np.array(nodes, np.int64),
        np.array(edges, np.int64),
        np.array(fractions, np.float64),
        np.array(kva, np.float64),
        conductors,
        np.array(lengths, np.float64),
    )
    return Counted(held.mark.version, reserved, without)


def missing(topology: Topology, supply: ReservedSupply) -> str | None:
    """What a supply joins at and the grid has not; None where it has its place."""
    if supply.node_id is not None:
        if topology.ids.row("connectivity_node", supply.node_id) is None:
            return f"node {supply.node_id!r} of county {supply.county_code} is not in the grid"
    elif topology.ids.row("line_section", supply.attach_id) is None:
        return f"line {supply.attach_id!r} of county {supply.county_code} is not in the grid"
    return None


def sentences_without_place(without: Mapping[tuple[int, int], str]) -> Sequence[str]:
    """A sentence for each reserved supply that has no place, by reservation."""
    return [
        f"reservation {id} holds capacity for supply {number}, and {why}: it counts nowhere; withdraw it and "
        "reserve again, or load the element"
        for (id, number), why in sorted(without.items())
    ]


def _row(topology: Topology, layer: str, id: str) -> int:
    row = topology.ids.row(layer, id)
    assert row is not None
    return row
