"""Pandapower itself as the oracle of supply: `topology.unsupplied_buses` on the net that was imported.

A graph of the net is built once by pandapower's own `create_nxgraph`; an element out takes its edges from it
for as long as pandapower looks. `dark_from_scratch` changes the net instead and lets pandapower do everything
anew: it is 5 times slower, and checks the quicker way by sample.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pandapower.topology

EDGES_OF_SWITCH = {"l": "line", "t": "trafo", "t3": "trafo3w"}


class PandapowerSupply:
    """Which buses and loads of a net are dark, as it stands and with one element out."""

    def __init__(self, net: Any) -> None:
        self.net = net
        self.graph = pandapower.topology.create_nxgraph(net)
        self.edges: dict[tuple[str, int], list[tuple[int, int]]] = {}
        for a, b, (name, index) in self.graph.edges(keys=True):
            self.edges.setdefault((name, int(index)), []).append((a, b))
        # A bus out of service is not in the graph, hence in no answer; nothing on it is supplied.
        self.dead = {int(bus) for bus in net.bus.index[~net.bus.in_service.astype(bool)]}
        self.dark = self._dark_now()
        self._without: dict[frozenset[Any], set[int]] = {}

    def affected_loads(self, name: str, index: int) -> set[str]:
        """Loads (as `load-9`) that lose supply when the switch opens, or the line or transformer goes out."""
        return loads_at(self.net, self.dark_without(name, index) - self.dark)

    def dark_without(self, name: str, index: int) -> set[int]:
        """Buses without supply when this element is out; for a switch: when it is open."""
        edges = self._edges_of(name, index)
        # The switches of a line take out the same edge as the line: pandapower is asked once.
        asked = frozenset(edges)
        if asked not in self._without:
            with self._removed(edges):
                self._without[asked] = self._dark_now()
        return self._without[asked]

    def dark_from_scratch(self, name: str, index: int) -> set[int]:
        """The same, by changing a copy of the net."""
        net = copy.deepcopy(self.net)
        if name == "switch":
            net.switch.loc[index, "closed"] = False
        else:
            net[name].loc[index, "in_service"] = False
        return {int(bus) for bus in pandapower.topology.unsupplied_buses(net)} | self.dead

    def _dark_now(self) -> set[int]:
        return {int(bus) for bus in pandapower.topology.unsupplied_buses(self.net, mg=self.graph)} | self.dead

    def _edges_of(self, name: str, index: int) -> list[tuple[int, int, tuple[str, int]]]:
        key, only_at = (name, index), None
        if name == "switch" and self.net.switch.at[index, "et"] != "b":
            row = self.net.switch.loc[index]
            key = (EDGES_OF_SWITCH[row["et"]], int(row["element"]))
            only_at = int(row["bus"]) if row["et"] == "t3" else None
        return [(a, b, key) for a, b in self.edges.get(key, []) if only_at is None or only_at in (a, b)]

    @contextmanager
    def _removed(self, edges: list[tuple[int, int, tuple[str, int]]]) -> Iterator[None]:
        self.graph.remove_edges_from(edges)
        try:
            yield
        finally:
            self.graph.add_edges_from(edges)


def dark_loads(net: Any) -> set[str]:
    """Loads without supply in the net as it stands; one that is out of service itself counts as dark."""
    dead = set(net.bus.index[~net.bus.in_service.astype(bool)])
    dark = loads_at(net, {int(bus) for bus in pandapower.topology.unsupplied_buses(net) | dead})
    return dark | {f"load-{index}" for index in net.load.index[~net.load.in_service.astype(bool)]}


def loads_at(net: Any, buses: set[int]) -> set[str]:
    """Loads in service on these buses, by the ids the importer gives them."""
    there = net.load["bus"].isin(buses) & net.load["in_service"].astype(bool)
    return {f"load-{index}" for index in net.load.index[there]}
