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
from dataclasses import dataclass

import numpy as np

from gis_service.ingest.spec import PROTECTIVE_KINDS
from gis_service.kernels.compiled import B1, I64
from gis_service.network.ids import Ref
from gis_service.network.switching import SwitchState, conducting
from gis_service.network.topology import EDGE_LAYERS, Topology
from gis_service.tracing.outs import nodes_of_substation, outs_of

MOST_PATHS = 5_000
"""Zone paths tried for one device before it is taken to open; only heavily meshed zones come near."""


def opened_by(topology: Topology, state: SwitchState, faults: list[Ref]) -> I64:
    """Rows of the switches that protection opens for these faults, sorted.

    All faults strike at once, on the network as `state` has it. Each phase is walked by itself; a device
    opens all of its phases together.
    """
    first = topology.first_edge("switch")
    protective = np.zeros(topology.n_edges, np.bool_)
    protective[first : first + state.open.size] = np.isin(
        topology.tables.switches.kind, np.array(PROTECTIVE_KINDS, np.object_)
    )
    mask = conducting(topology, state)
    opened: set[int] = set()
    for fault in faults:
        edges, nodes, phases = _fault_at(topology, fault)
        seen: list[B1] = []
        for bit in (1, 2, 4):
            if not phases & bit:
                continue
            conducts = (mask & bit) != 0
            conducts[edges] = False
            if any(np.array_equal(conducts, other) for other in seen):
                continue
            seen.append(conducts)
            opened |= _Walk(topology, conducts, protective, nodes).devices()
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


@dataclass
class _Walk:
    """One fault on one phase: `conducts` already lacks the faulted element."""

    topology: Topology
    conducts: B1
    protective: B1
    starts: list[int]

    def arcs(self, node: int) -> Iterator[tuple[int, int]]:
        """Conducting (edge, head) pairs at a node."""
        indptr, head, edge = self.topology.arcs
        for arc in range(indptr[node], indptr[node + 1]):
            if self.conducts[edge[arc]]:
                yield int(edge[arc]), int(head[arc])

    def flood(self, starts: list[int], blocked: set[int], *, through_protection: bool) -> set[int]:
        """Nodes reached from `starts` without entering `blocked`; the root is reached, never passed."""
        reached = {node for node in starts if node not in blocked}
        stack = list(reached)
        while stack:
            node = stack.pop()
            if node == self.topology.root:
                continue
            for edge, other in self.arcs(node):
                if other in reached or other in blocked:
                    continue
                if through_protection or not self.protective[edge]:
                    reached.add(other)
                    stack.append(other)
        return reached

    def devices(self) -> set[int]:
        """Protective edges that open."""
        root = self.topology.root
        zone = self.flood(self.starts, {root}, through_protection=False)
        gates = [
            (edge, node, other)
            for node in sorted(zone)
            for edge, other in self.arcs(node)
            if self.protective[edge] and other != node
        ]
        opened: set[int] = set()
        beyond: dict[int, tuple[bool, int]] = {}
        for edge, node, other in gates:
            if edge in opened:
                continue
            if other not in zone:
                if other not in beyond:
                    part = self.flood([other], zone, through_protection=True)
                    ways = sum(1 for _, _, far in gates if far in part)
                    beyond |= dict.fromkeys(part - {root}, (root in part, ways))
                has_source, ways = beyond[other]
                if has_source:
                    opened.add(edge)
                    continue
                if ways == 1:
                    continue
            if self._some_path(zone, node, other):
                opened.add(edge)
        return opened

    def _some_path(self, zone: set[int], node: int, other: int) -> bool:
        """Whether a simple path runs through the zone to `node`, over to `other` and on to a source."""
        tried = 0
        for start in self.starts:
            stack: list[tuple[int, frozenset[int]]] = [(start, frozenset((start,)))]
            while stack:
                here, walked = stack.pop()
                if here == node:
                    tried += 1
                    if tried > MOST_PATHS:
                        return True
                    if other not in walked and self.topology.root in self.flood(
                        [other], set(walked), through_protection=True
                    ):
                        return True
                    continue
                stack.extend(
                    (far, walked | {far})
                    for edge, far in self.arcs(here)
                    if far in zone and far not in walked and not self.protective[edge]
                )
        return False
