"""What a question takes out of the network, and where it starts, in dense indices.

An element that is out stops conducting. A node that is out takes its elements and its own customers with
it. A substation stands for its nodes, a feeder for its head switches, a transformer district for its
transformer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from gis_service.kernels.compiled import I64, U8
from gis_service.network.ids import Ref
from gis_service.network.tables import ALL_PHASES
from gis_service.network.topology import EDGE_LAYERS, Topology


@dataclass(frozen=True, eq=False)
class Outs:
    """Sorted, unique rows; `edges` are edges of the topology, sources among them."""

    nodes: I64
    edges: I64
    customers: I64

    def __or__(self, other: Outs) -> Outs:
        """All that is out in either."""
        return Outs(
            np.union1d(self.nodes, other.nodes),
            np.union1d(self.edges, other.edges),
            np.union1d(self.customers, other.customers),
        )

    def applied_to(self, mask: U8) -> U8:
        """Edge phase masks with the out edges set to 0; a copy when anything is out."""
        if not self.edges.size:
            return mask
        left = mask.copy()
        left[self.edges] = 0
        return left

    def nodes_left(self, topology: Topology) -> U8:
        """Phases that may stand at each node, uint8 `(n_nodes + 1,)`: all, or none where it is out."""
        left = np.full(topology.n_nodes + 1, ALL_PHASES, np.uint8)
        left[self.nodes] = 0
        return left


NOTHING = np.empty(0, np.int64)
NOTHING_OUT = Outs(NOTHING, NOTHING, NOTHING)


def _rows(values: list[int]) -> I64:
    if not values:
        return NOTHING
    rows = np.array(values, np.int64)
    return np.unique(rows) if len(values) > 1 else rows


def outs_of(topology: Topology, refs: Iterable[Ref]) -> Outs:
    """The nodes, edges and customers that some elements stand for."""
    nodes: list[int] = []
    edges: list[int] = []
    customers: list[int] = []
    for layer, row in refs:
        if layer == "connectivity_node":
            nodes.append(row)
        elif layer in EDGE_LAYERS:
            edges.append(topology.edge_of(layer, row))
        elif layer == "customer_point":
            customers.append(row)
        elif layer == "substation":
            nodes.extend(nodes_of_substation(topology, row).tolist())
        elif layer == "feeder":
            heads = topology.feeders.head_row[topology.feeders.head_of == row]
            edges.extend(topology.first_edge("switch") + heads)
        elif layer == "transformer_district":
            transformer = int(topology.district_transformer[row])
            if transformer >= 0:
                edges.append(topology.edge_of("power_transformer", transformer))
        else:
            raise KeyError(layer)
    return Outs(_rows(nodes), _rows(edges), _rows(customers))


def outs_among(topology: Topology, rows: Mapping[str, I64]) -> Outs:
    """Nodes, conducting elements, sources and customers, given as ascending rows of their layers."""
    edges = [topology.first_edge(layer) + rows[layer] for layer in EDGE_LAYERS if layer in rows]
    return Outs(
        rows.get("connectivity_node", NOTHING),
        np.concatenate([NOTHING, *edges]),
        rows.get("customer_point", NOTHING),
    )


def nodes_of_substation(topology: Topology, row: int) -> I64:
    """The nodes inside a substation, sorted."""
    inside = topology.inside
    return inside.node[inside.first[row] : inside.first[row + 1]].astype(np.int64)


@dataclass(frozen=True, eq=False)
class Starts:
    """Where a trace begins: nodes, and edges (as if from their middle); sorted, unique."""

    nodes: I64
    edges: I64


def starts_of(topology: Topology, refs: Iterable[Ref]) -> Starts:
    """Starting points of some elements; a customer stands for its node."""
    outs = outs_of(topology, refs)
    at = topology.customer_node[outs.customers]
    return Starts(np.union1d(outs.nodes, at[at >= 0].astype(np.int64)), outs.edges)
