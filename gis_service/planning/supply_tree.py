"""How the part of the grid around some nodes is supplied: a tree with what hangs on it and what it carries.

One supply path to every node, the shortest in length; where the grid is meshed the others are passed over,
which puts the whole load on one of them. Knows the grid as it is; what a rule book makes of it is `Reckoned`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from gis_service.kernels.compiled import B1, F64, I32, I64, U8
from gis_service.kernels.hung import rows_in
from gis_service.kernels.radial import common_down, last_down, preorder, sum_up
from gis_service.kernels.shortest import shortest_tree
from gis_service.network.part import Part, around
from gis_service.network.switching import SwitchState
from gis_service.network.tables import ALL_PHASES
from gis_service.network.topology import EDGE_LAYERS, Topology

if TYPE_CHECKING:
    from gis_service.planning.reserved import Reserved

LINE, SWITCH, TRANSFORMER, SOURCE, OWN_LINE = range(5)
"""What leads to a position; `OWN_LINE` is none of the grid's, but that of a customer who is reserved."""


@dataclass(frozen=True, eq=False)
class SupplyTree:
    """Positions in preorder, the supply first; all arrays are by position.

    parent : int32, position; -1 at the supply
    node : int64, row of the node; -1 at the supply and at the end of an own line
    edge : int64, edge of the topology that leads here; -1 at the supply and along an own line
    kind : int64, `LINE` … `OWN_LINE`; -1 at the supply
    carries : uint8, phases that the whole way carries
    kva, customers : contracted power and number of customers at and below
    kv : base voltage of the node
    loops : whether edges conduct here that are not in the tree
    part, part_node, part_edge : the part of the network that it is of, and its numbers of nodes and edges
    node_rows, node_places : rows of the nodes that are here, ascending, and the position of each
    since, upto : portions of the edge between which a position stands for it: a line that what is reserved
        taps is several positions one after the other, else 0 and 1
    reserved_kva : what is reserved at and below, which `kva` and `customers` count too
    reserved, reserved_at : the loads that are reserved, and the position of each, which is the end of its own
        line; -1 where it is not here
    """

    topology: Topology
    state: SwitchState
    parent: I32
    node: I64
    edge: I64
    kind: I64
    carries: U8
    kva: F64
    customers: I64
    kv: F64
    loops: bool
    bare: B1
    part: Part
    part_node: I32
    part_edge: I64
    node_rows: I64
    node_places: I64
    since: F64
    upto: F64
    reserved_kva: F64
    reserved: Reserved | None = None
    reserved_at: I64 = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def size(self) -> int:
        """Positions, the supply counted."""
        return int(self.parent.size)

    def positions(self, nodes: I64) -> I64:
        """Positions of some nodes of the topology; -1 where they are not supplied or not here."""
        at = np.minimum(np.searchsorted(self.node_rows, nodes), max(self.node_rows.size - 1, 0))
        if not self.node_rows.size:
            return np.full(nodes.size, -1, np.int64)
        return np.where(self.node_rows[at] == nodes, self.node_places[at], -1)

    @cached_property
    def by_edge(self) -> tuple[I64, I64]:
        """Edges of the tree ascending, and the position at the far end of each."""
        order = np.argsort(self.edge[1:], kind="stable") + 1
        order = order[(self.upto[order] == 1.0) & (self.edge[order] >= 0)]
        return self.edge[order], order.astype(np.int64)

    def positions_of_edges(self, edges: I64) -> I64:
        """The position below each of some edges; -1 for those that are not in the tree."""
        held, places = self.by_edge
        if not held.size:
            return np.full(edges.size, -1, np.int64)
        at = np.minimum(np.searchsorted(held, edges), held.size - 1)
        return np.where(held[at] == edges, places[at], -1)

    def rows(self, kind: int, positions: I64) -> I64:
        """Rows in their table of the edges at some positions, all of one kind."""
        return self.edge[positions] - self.topology.first_edge(EDGE_LAYERS[kind])

    @cached_property
    def transformer(self) -> I32:
        """Position of the last transformer on the way to each; -1 without one."""
        return last_down(self.parent, self.kind == TRANSFORMER)

    @cached_property
    def head(self) -> I32:
        """Position of the last feeder head on the way to each; -1 without one."""
        marked = np.zeros(self.size, np.bool_)
        switches = np.flatnonzero(self.kind == SWITCH)
        marked[switches] = np.isin(self.rows(SWITCH, switches), self.topology.feeders.head_row)
        return last_down(self.parent, marked)

    @cached_property
    def length_m(self) -> F64:
        """Length of the edge that leads to each position; of an own line 0, no other's radius has it."""
        length: F64 = np.zeros(self.size)
        some = np.flatnonzero(self.edge >= 0)
        length[some] = self.topology.edge_length_m[self.edge[some]] * self.share_of_edge[some]
        return length

    @cached_property
    def source_pu(self) -> F64:
        """The voltage of the source that leads to each position, 1 where it is not given; nan at all else."""
        volts: F64 = np.full(self.size, np.nan)
        sources = np.flatnonzero(self.kind == SOURCE)
        given = self.topology.tables.sources.voltage_pu[self.rows(SOURCE, sources)]
        volts[sources] = np.where(np.isnan(given) | (given <= 0), 1.0, given)
        return volts

    @property
    def share_of_edge(self) -> F64:
        """How much of its edge each position stands for."""
        share: F64 = self.upto - self.since
        return share

    def place_on_edge(self, position: int, portion: float) -> tuple[int, float]:
        """Where a portion of an edge lies, given the position at its far end: a position and its portion."""
        while portion <= self.since[position] and self.since[position] > 0.0:
            position = int(self.parent[position])
        since = float(self.since[position])
        return position, (portion - since) / (float(self.upto[position]) - since)

    def edge_begins(self, position: int) -> int:
        """The first of the positions that the edge to a position is divided into."""
        while self.since[position] > 0.0:
            position = int(self.parent[position])
        return position


def supply_tree(topology: Topology, state: SwitchState, nodes: I64) -> SupplyTree:
    """The supply of all that is joined to some nodes, as switches stand: O(part · log part)."""
    part = around(topology, state, np.unique(nodes), np.empty(0, np.int64))
    shortest = shortest_tree(
        *part.arcs,
        weight=part.edge_length_m,
        conducts=part.mask != 0,
        allowed=part.nodes_allowed(root=True),
        rank=part.edge_rank,
        seeds=np.array([part.root], np.int64),
    )
    local, parent = preorder(shortest.previous, part.root)
    last = shortest.edge[local].astype(np.int64)
    last[0] = -1
    mask = np.zeros(local.size, np.uint8)
    mask[1:] = part.mask[last[1:]]
    node = np.full(local.size, -1, np.int64)
    node[1:] = part.node[local[1:]]
    edge = np.full(local.size, -1, np.int64)
    edge[1:] = part.edge[last[1:]]
    kind = np.searchsorted(part.first[1:4], last, side="right").astype(np.int64)
    kind[0] = -1
    kva, customers, bare = _hung(topology, part, local)
    kv = np.full(local.size, np.nan)
    kv[1:] = topology.tables.nodes.base_voltage_kv[node[1:]]
    order = np.argsort(node[1:], kind="stable") + 1
    return SupplyTree(
        topology,
        state,
        parent,
        node,
        edge,
        kind,
        common_down(parent, mask, ALL_PHASES),
        sum_up(parent, kva),
        sum_up(parent, customers).round().astype(np.int64),
        kv,
        bool(_in_tree(part, shortest.edge, local)),
        bare,
        part,
        local,
        last,
        node[order],
        order.astype(np.int64),
        np.zeros(local.size),
        np.ones(local.size),
        np.zeros(local.size),
    )


def _in_tree(part: Part, last: I32, local: I32) -> bool:
    """Whether an edge between two supplied nodes conducts without being in the tree."""
    reached = np.zeros(part.n_nodes + 1, np.bool_)
    reached[local] = True
    closed = (part.mask != 0) & (part.edge_from >= 0) & (part.edge_from != part.edge_to)
    closed &= reached[part.edge_from]
    return int(np.count_nonzero(closed)) > local.size - 1


def _hung(topology: Topology, part: Part, local: I32) -> tuple[F64, F64, B1]:
    """By position: contracted kVA and customers at the node, and whether it is a line's bare terminal."""
    forest = topology.forests[0]
    starts, stops = _runs(np.sort(forest.forest.place[part.node]).astype(np.int64))
    rows = rows_in(forest.customers, starts, stops).astype(np.int64)
    place = np.full(topology.n_nodes + 1, -1, np.int64) if part.n_nodes == topology.n_nodes else None
    at_node = topology.customer_node[rows].astype(np.int64)
    if place is None:
        order = np.argsort(part.node, kind="stable")
        where = np.searchsorted(part.node[order], at_node)
        at = order[where]
    else:
        place[part.node] = np.arange(part.n_nodes)
        at = place[at_node]
    contracted = np.asarray(topology.tables.customers.contracted_kva[rows], np.float64)
    kva: F64 = np.bincount(at, weights=contracted, minlength=part.n_nodes + 1).astype(np.float64)
    customers: F64 = np.bincount(at, minlength=part.n_nodes + 1).astype(np.float64)
    ends = [np.bincount(_ends(part, layer), minlength=part.n_nodes + 1) for layer in EDGE_LAYERS]
    bare: B1 = (
        (ends[LINE] == 1) & (ends[SWITCH] >= 1) & (ends[TRANSFORMER] + ends[SOURCE] == 0) & (customers == 0)
    )
    return kva[local], customers[local], bare[local]


def _ends(part: Part, layer: str) -> I64:
    edges = np.flatnonzero(part.is_layer(layer))
    ends = np.concatenate([part.edge_from[edges], part.edge_to[edges]]).astype(np.int64)
    return ends[ends >= 0]


def _runs(sorted_values: I64) -> tuple[I64, I64]:
    """Ranges `[start, stop)` of consecutive values."""
    if not sorted_values.size:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    breaks = np.flatnonzero(np.diff(sorted_values) != 1)
    starts = sorted_values[np.concatenate([[0], breaks + 1])]
    stops = sorted_values[np.concatenate([breaks, [sorted_values.size - 1]])] + 1
    return starts.astype(np.int64), stops.astype(np.int64)
