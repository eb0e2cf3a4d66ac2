"""The part of a network that a question can concern, as a small network of its own.

Below the supply the network falls into pieces that only meet in the supply itself: what each source feeds, as
it normally stands, and the islands. A question about one element stays within its piece and those that closed
ties join to it, so its cost is that of a few substations whatever the size of the province.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gis_service.kernels.arcs import Arcs, arcs_of, build_arcs
from gis_service.kernels.compiled import B1, F64, I32, I64, U8
from gis_service.network.switching import SwitchState, conducting
from gis_service.network.topology import EDGE_LAYERS, Topology


@dataclass(frozen=True, eq=False)
class Part:
    """Nodes and edges under numbers of their own; the root comes after the last node, as in a topology.

    node : int64 (n_nodes,), rows in the topology
    edge : int64 (n_edges,), edges of the topology, ascending
    edge_from, edge_to : int32 (n_edges,), -1 where the end is unknown or outside
    edge_rank, edge_length_m, edge_phases, arcs : as in a topology
    mask : uint8 (n_edges,), phases that each edge conducts in the state that the part was taken in
    first : int64 (5,), the first edge of each edge layer, and the number of edges
    """

    topology: Topology
    node: I64
    edge: I64
    edge_from: I32
    edge_to: I32
    edge_phases: U8
    edge_length_m: F64
    edge_rank: I32
    arcs: Arcs
    mask: U8
    first: I64

    @property
    def n_nodes(self) -> int:
        """Connectivity nodes, the root not counted."""
        return int(self.node.size)

    @property
    def root(self) -> int:
        """The node that stands for the supply."""
        return int(self.node.size)

    @property
    def n_edges(self) -> int:
        """Lines, switches, transformers and sources."""
        return int(self.edge.size)

    def first_edge(self, layer: str) -> int:
        """The first edge of a layer; those of a layer come together."""
        return int(self.first[EDGE_LAYERS.index(layer)])

    def is_layer(self, layer: str) -> B1:
        """Which edges are of a layer, bool `(n_edges,)`."""
        k = EDGE_LAYERS.index(layer)
        found = np.zeros(self.n_edges, np.bool_)
        found[self.first[k] : self.first[k + 1]] = True
        return found

    def rows(self, layer: str, edges: I64) -> I64:
        """Rows in their layer's table of some edges of the part."""
        return self.edge[edges] - self.topology.first_edge(layer)

    def edges_of(self, edges: I64) -> I64:
        """The part's numbers of edges of the topology, those outside left out."""
        at = np.minimum(np.searchsorted(self.edge, edges), max(self.edge.size - 1, 0))
        return at[self.edge[at] == edges] if self.edge.size else at[:0]

    def nodes_of(self, nodes: I64) -> I64:
        """The part's numbers of nodes of the topology, those outside left out."""
        local = self._places(nodes)
        return local[local >= 0].astype(np.int64)

    def node_id(self, node: int) -> str:
        """The utility's id of a node of the part."""
        return str(self.topology.tables.nodes.id[int(self.node[node])])

    @property
    def heads(self) -> I64:
        """Edges of the feeders' head switches, ascending."""
        return self.edges_of(np.sort(self.topology.first_edge("switch") + self.topology.feeders.head_row))

    @property
    def bolted(self) -> B1:
        """Which edges are jumpers, bool `(n_edges,)`."""
        found = np.zeros(self.n_edges, np.bool_)
        low, high = self.first[1], self.first[2]
        rows = self.edge[low:high] - self.topology.first_edge("switch")
        found[low:high] = self.topology.switchgear.bolted[rows]
        return found

    def nodes_allowed(self, *, root: bool) -> B1:
        """All nodes, with or without the root."""
        allowed = np.ones(self.n_nodes + 1, np.bool_)
        allowed[self.root] = root
        return allowed

    def _places(self, nodes: Any) -> I64:
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class _Whole(Part):
    def _places(self, nodes: Any) -> I64:
        return np.asarray(nodes, np.int64)


@dataclass(frozen=True, eq=False)
class _Around(Part):
    """Ranges of positions of the forest, one after another; `begins` says where each begins in the part."""

    starts: I64
    stops: I64
    begins: I64

    def _places(self, nodes: Any) -> I64:
        return _places(self.topology, np.asarray(nodes), self.starts, self.stops, self.begins)


def whole(topology: Topology, state: SwitchState) -> Part:
    """All of a network: O(edges)."""
    return _Whole(
        topology,
        np.arange(topology.n_nodes),
        np.arange(topology.n_edges),
        topology.edge_from,
        topology.edge_to,
        topology.edge_phases,
        topology.edge_length_m,
        topology.edge_rank,
        topology.arcs,
        conducting(topology, state),
        np.array([*map(topology.first_edge, EDGE_LAYERS), topology.n_edges]),
    )


def around(topology: Topology, state: SwitchState, nodes: I64, edges: I64) -> Part:
    """All that conducts to some nodes and edges in a state, and rather more; switches that stand open end it.

    Nodes -1 and the root are passed over.
    """
    if len(topology.forests) > 1:
        return whole(topology, state)  # a forest of one phase does not know the ways of the others
    forest = topology.forests[0].forest
    ends = np.concatenate([nodes, topology.edge_from[edges], topology.edge_to[edges]])
    ends = ends[(ends >= 0) & (ends != topology.root)]
    starts, stops = _joined(topology, state, np.unique(forest.place[ends]).astype(np.int64))
    node = np.concatenate(
        [np.empty(0, np.int64), *(forest.node[a:b] for a, b in zip(starts, stops, strict=True))]
    )
    begins = np.concatenate([[0], np.cumsum(stops - starts)]).astype(np.int64)
    edge = np.unique(np.concatenate([topology.arcs.edge[arcs_of(topology.arcs.indptr, node)], edges])).astype(
        np.int64
    )
    edge_from, edge_to = (
        _places(topology, of[edge], starts, stops, begins).astype(np.int32)
        for of in (topology.edge_from, topology.edge_to)
    )
    first = np.searchsorted(edge, [*map(topology.first_edge, EDGE_LAYERS), topology.n_edges])
    mask = topology.edge_phases[edge]
    switches = slice(int(first[1]), int(first[2]))
    mask[switches][state.open[edge[switches] - topology.first_edge("switch")]] = 0
    return _Around(
        topology,
        node,
        edge,
        edge_from,
        edge_to,
        topology.edge_phases[edge],
        topology.edge_length_m[edge],
        topology.edge_rank[edge],
        build_arcs(node.size + 1, edge_from, edge_to),
        mask,
        first,
        starts,
        stops,
        begins,
    )


def _places(topology: Topology, nodes: Any, starts: I64, stops: I64, begins: I64) -> I64:
    """Numbers in the part: the root's is the last; -1 outside."""
    is_root = nodes == topology.root
    position = topology.forests[0].forest.place[nodes].astype(np.int64)
    if not starts.size:
        return np.where(is_root, begins[-1], -1)
    k = np.searchsorted(starts, position, side="right") - 1
    inside = (k >= 0) & (position < stops[k]) & (nodes >= 0)
    local = np.where(inside, position - starts[k] + begins[k], -1)
    return np.where(is_root, begins[-1], local)


def _joined(topology: Topology, state: SwitchState, positions: I64) -> tuple[I64, I64]:
    """Ascending ranges of the pieces that hold some positions, and of those that closed ties join to them."""
    one, pieces = topology.forests[0], topology.pieces
    chords = one.chords
    first = topology.first_edge("switch")
    found = set((np.searchsorted(pieces, positions, side="right") - 1).tolist())
    waiting = list(found)
    while waiting:
        k = waiting.pop()
        low, high = np.searchsorted(chords.at, [pieces[k], pieces[k + 1]])
        near = np.unique(chords.of[low:high])
        switch = chords.edge[near] - first
        is_open = np.zeros(near.size, np.bool_)
        among = (switch >= 0) & (switch < state.open.size)
        is_open[among] = state.open[switch[among]]
        beyond = np.concatenate([chords.a[near[~is_open]], chords.b[near[~is_open]]])
        beyond = beyond[beyond > 0]  # position 0 is the supply, in which pieces meet without being joined
        for other in np.unique(np.searchsorted(pieces, beyond, side="right") - 1).tolist():
            if other not in found:
                found.add(other)
                waiting.append(other)
    order = np.array(sorted(found), np.int64)
    return pieces[order], pieces[order + 1]
