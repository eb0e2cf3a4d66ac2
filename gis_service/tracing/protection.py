"""Which protective devices a fault opens: the nearest on every path from the fault towards a source.

A path is simple and starts at the faulted element. What is walked before the first protective device is
the fault's *zone*. A closed device at the zone's edge opens when such a path goes on through it to a
source; a lateral fuse with nothing but load behind it does not.

::

    S ──[Q1]──┬──x──┬──[F2]── load        fault at x: Q1 opens, first on the way from x's left end;
              └─[F3]┘                     F3 opens, first from its right end; F2 stays: no source behind
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gis_service.kernels.compiled import I64
from gis_service.network.ids import Ref
from gis_service.network.switching import SwitchState
from gis_service.network.topology import EDGE_LAYERS, Topology
from gis_service.tracing.change import Change
from gis_service.tracing.outs import NOTHING, Outs, nodes_of_substation, outs_of

MOST_PATHS = 5_000
"""Zone paths tried for one device before it is taken to open; only heavily meshed zones come near."""


def opened_by(topology: Topology, state: SwitchState, faults: list[Ref]) -> I64:
    """Rows of the switches that protection opens for these faults, sorted.

    All faults strike at once, on the network as `state` has it. Each phase is walked by itself; a device
    opens all of its phases together.
    """
    first = topology.first_edge("switch")
    opened: set[int] = set()
    for fault in faults:
        edges, nodes, phases = _fault_at(topology, fault)
        for bit in (1, 2, 4):
            if phases & bit:
                opened |= _Zone(topology, state, edges, nodes, bit).devices()
    return np.array(sorted(edge - first for edge in opened), np.int64)


def _fault_at(topology: Topology, fault: Ref) -> tuple[list[int], list[int], int]:
    """Edges that the fault takes from the walk, nodes that it starts from, and its phases."""
    if fault.layer == "connectivity_node":
        return [], [fault.row], 7
    if fault.layer == "customer_point":
        node = int(topology.customer_node[fault.row])
        return [], [node] if node >= 0 else [], int(topology.customer_needs[fault.row]) or 7
    if fault.layer == "substation":
        return [], nodes_of_substation(topology, fault.row).tolist(), 7
    edges = outs_of(topology, [fault]).edges.tolist()
    ends = {int(end) for edge in edges for end in (topology.edge_from[edge], topology.edge_to[edge])}
    phases = int(np.bitwise_or.reduce(topology.edge_phases[edges])) if edges else 0
    if fault.layer == EDGE_LAYERS[-1]:
        phases = phases or 7
    return edges, sorted(ends - {-1, topology.root}), phases


class _Zone:
    """One fault on one phase: what is walked before the first protective device, and what lies around it."""

    def __init__(
        self, topology: Topology, state: SwitchState, faulted: list[int], starts: list[int], bit: int
    ) -> None:
        self._topology = topology
        self._state = state
        self._first_switch = topology.first_edge("switch")
        self._faulted = faulted
        self._starts = starts
        self._bit = bit
        self._nodes: set[int] = set()

    def devices(self) -> set[int]:
        """Protective edges that open."""
        self._nodes = self._flood(self._starts, {self._topology.root}, through_protection=False)
        gates = [
            (edge, node, other)
            for node in sorted(self._nodes)
            for edge, other in self._arcs(node)
            if self._is_protective(edge) and other != node
        ]
        around = sorted({other for _, _, other in gates} - self._nodes)
        fed = dict(zip(around, self._fed(around, self._nodes), strict=True))
        opened: set[int] = set()
        for edge, node, other in gates:
            if edge in opened:
                continue
            if other not in self._nodes:
                if fed[other]:
                    opened.add(edge)
                    continue
                part = self._flood([other], self._nodes, through_protection=True)
                if sum(1 for _, _, far in gates if far in part) == 1:
                    continue
            if self._some_path(node, other):
                opened.add(edge)
        return opened

    def _arcs(self, node: int) -> Iterator[tuple[int, int]]:
        """Conducting (edge, head) pairs at a node."""
        topology, open_ = self._topology, self._state.open
        indptr, head, edge = topology.arcs
        around = slice(int(indptr[node]), int(indptr[node + 1]))
        for e, other in zip(edge[around].tolist(), head[around].tolist(), strict=True):
            switch = e - self._first_switch
            is_open = 0 <= switch < open_.size and open_[switch]
            if topology.edge_phases[e] & self._bit and not is_open and e not in self._faulted:
                yield e, other

    def _is_protective(self, edge: int) -> bool:
        switch = edge - self._first_switch
        protective = self._topology.switchgear.protective
        return 0 <= switch < protective.size and bool(protective[switch])

    def _flood(self, starts: list[int], blocked: set[int], *, through_protection: bool) -> set[int]:
        """Nodes reached from `starts` without entering `blocked`; the root is reached, never passed."""
        reached = {node for node in starts if node not in blocked}
        stack = list(reached)
        while stack:
            node = stack.pop()
            if node == self._topology.root:
                continue
            for edge, other in self._arcs(node):
                if other in reached or other in blocked:
                    continue
                if through_protection or not self._is_protective(edge):
                    reached.add(other)
                    stack.append(other)
        return reached

    def _fed(self, nodes: list[int], without: set[int]) -> list[bool]:
        """Which nodes have a source when some others are taken out, and the faulted element."""
        if not nodes:
            return []
        outs = Outs(
            np.array(sorted(without - {self._topology.root}), np.int64),
            np.array(sorted(self._faulted), np.int64),
            NOTHING,
        )
        is_root = np.array(nodes) == self._topology.root
        _, after = Change(self._topology, self._state, outs=outs).phases(np.array(nodes, np.int32))
        return [bool(fed) for fed in ((after & self._bit) != 0) | is_root]

    def _some_path(self, node: int, other: int) -> bool:
        """Whether a simple path runs through the zone to `node`, over to `other` and on to a source."""
        tried = 0
        for start in self._starts:
            stack: list[tuple[int, frozenset[int]]] = [(start, frozenset((start,)))]
            while stack:
                here, walked = stack.pop()
                if here == node:
                    tried += 1
                    if tried > MOST_PATHS:
                        return True
                    if other not in walked and self._fed([other], set(walked))[0]:
                        return True
                    continue
                stack.extend(
                    (far, walked | {far})
                    for edge, far in self._arcs(here)
                    if far in self._nodes and far not in walked and not self._is_protective(edge)
                )
        return False
