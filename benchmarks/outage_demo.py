"""Who loses supply when an element of the demo grid is out: ours beside networkx.

The peer gets its graph ready made, and one element at a time is taken out of it; what the work leaves to it
is the search itself and the reading off of customers.
"""

from __future__ import annotations

from collections.abc import Iterator

import networkx as nx
import numpy as np

from benchmarks.pairing import Contest
from benchmarks.setting import Setting
from gis_service.ingest.demo import demo_package
from gis_service.ingest.package import tables_from_package
from gis_service.network.build import build_topology
from gis_service.network.ids import Ref
from gis_service.network.switching import conducting, loaded_state
from gis_service.network.topology import Topology
from gis_service.tracing.outage import outage_impact
from gis_service.tracing.outs import outs_of
from gis_service.tracing.supply import supplied

NAMES = ("outage-demo-networkx",)
ELEMENTS = 200
SEED = 20


def contests(setting: Setting) -> Iterator[Contest]:
    """The contest on the demo grid."""
    topology = build_topology(tables_from_package(demo_package()))
    state = loaded_state(topology)
    choice = np.random.default_rng(SEED).choice(
        topology.first_edge("energy_source"), setting.some(ELEMENTS), replace=False
    )
    refs = [topology.ref_of_edge(int(edge)) for edge in choice]

    def ours(_: None) -> list[list[int]]:
        return [outage_impact(topology, state, outs_of(topology, [ref])).customers.tolist() for ref in refs]

    graph = _conducting_graph(topology)
    before = supplied(topology, state)
    customers = [
        (row, int(node)) for row, node in enumerate(topology.customer_node) if before[row] and node >= 0
    ]

    def theirs(_: None) -> list[list[int]]:
        return [_lost(graph, topology, customers, ref) for ref in refs]

    yield Contest(
        name="outage-demo-networkx",
        work=f"customers lost by each of {len(refs)} elements of the demo grid",
        peer="networkx, graph ready made, node_connected_component from the supply",
        ours=ours,
        theirs=theirs,
    )


def _conducting_graph(topology: Topology) -> nx.MultiGraph:
    graph = nx.MultiGraph()
    graph.add_nodes_from(range(topology.n_nodes + 1))
    mask = conducting(topology, loaded_state(topology))
    for edge in np.flatnonzero(mask).tolist():
        graph.add_edge(int(topology.edge_from[edge]), int(topology.edge_to[edge]), key=edge)
    return graph


def _lost(graph: nx.MultiGraph, topology: Topology, customers: list[tuple[int, int]], ref: Ref) -> list[int]:
    edge = topology.edge_of(ref.layer, ref.row)
    ends = int(topology.edge_from[edge]), int(topology.edge_to[edge])
    there = graph.has_edge(*ends, key=edge)
    if there:
        graph.remove_edge(*ends, key=edge)
    live = nx.node_connected_component(graph, topology.root)
    if there:
        graph.add_edge(*ends, key=edge)
    return [row for row, node in customers if node not in live]
