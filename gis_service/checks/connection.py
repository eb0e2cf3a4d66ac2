"""How the elements hang together: unknown references, lone nodes, loops, parallels, islands."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from gis_service.checks.subject import Subject, counted
from gis_service.kernels.blocks import find_blocks
from gis_service.kernels.reach import components
from gis_service.network.switching import normal_state
from gis_service.network.tables import Text
from gis_service.tracing.trace import trace


def unknown_references(subject: Subject) -> None:
    """Elements that name a node, substation, district or transformer of a county that is not there."""
    tables = subject.topology.tables
    known = {
        "node": set(tables.nodes.id.tolist()),
        "substation": set(tables.substations.id.tolist()),
        "district": set(tables.districts.id.tolist()),
        "transformer": set(tables.transformers.id.tolist()),
    }
    places: list[tuple[str, str, str, Text]] = [
        (layer, column, "node", getattr(subject.table(layer), column))
        for layer in ("line_section", "switch", "power_transformer")
        for column in ("from_node", "to_node")
    ]
    places += [
        ("energy_source", "node_id", "node", tables.sources.node_id),
        ("customer_point", "node_id", "node", tables.customers.node_id),
        ("customer_point", "district_id", "district", tables.customers.district_id),
        ("connectivity_node", "substation_id", "substation", tables.nodes.substation_id),
        ("transformer_district", "transformer_id", "transformer", tables.districts.transformer_id),
    ]
    for layer, column, target, values in places:
        for row, id in enumerate(values.tolist()):
            if id and id not in known[target]:
                subject.find(
                    "unknown_reference",
                    layer,
                    row,
                    f"names the {target} {id!r} in {column}, which is not loaded",
                )


def lone_nodes(subject: Subject) -> None:
    """Nodes at which no element ends."""
    topology = subject.topology
    ends = np.concatenate([topology.edge_from, topology.edge_to])
    degree = np.bincount(ends[(ends >= 0) & (ends < topology.n_nodes)], minlength=topology.n_nodes)
    at = np.bincount(topology.customer_node[topology.customer_node >= 0], minlength=topology.n_nodes)
    for node in np.flatnonzero(degree == 0).tolist():
        customers = f", and {counted(int(at[node]), 'customer')} on it" if at[node] else ""
        subject.find("isolated_node", "connectivity_node", node, f"has no element{customers}")


def self_loops_and_parallels(subject: Subject) -> None:
    """Elements that end where they begin, and elements that join the same two nodes."""
    topology = subject.topology
    conducting = topology.first_edge("energy_source")
    beside: dict[tuple[int, int], list[int]] = defaultdict(list)
    ends = zip(topology.edge_from[:conducting].tolist(), topology.edge_to[:conducting].tolist(), strict=True)
    for edge, (start, end) in enumerate(ends):
        if start == end and start >= 0:
            subject.find_edge("self_loop", edge, f"begins and ends at node {subject.node_id(start)}")
        elif start >= 0 and end >= 0:
            beside[min(start, end), max(start, end)].append(edge)
    for (start, end), edges in beside.items():
        for edge in edges if len(edges) > 1 else ():
            others = subject.named_edges(edges, but=edge)
            nodes = f"{subject.node_id(start)} and {subject.node_id(end)}"
            subject.find_edge("parallel", edge, f"joins nodes {nodes} beside {others}")


def loops(subject: Subject) -> None:
    """Elements on a cycle in the normal state, each loop by itself: what shares no more than a node is two.

    Self-loops, and loops of nothing but parallel elements, have rules of their own.
    """
    topology = subject.topology
    on_cycle = trace(topology, normal_state(topology), "loops", []).edges
    on_cycle = on_cycle[topology.edge_from[on_cycle] != topology.edge_to[on_cycle]]
    among = np.zeros(topology.n_edges, np.bool_)
    among[on_cycle] = True
    allowed = np.ones(topology.n_nodes + 1, np.bool_)
    allowed[topology.root] = False  # two sources are no loop
    nodes = np.unique(topology.edge_from[on_cycle]).astype(np.int64)
    block = find_blocks(*topology.arcs, among, allowed, nodes).edge_block
    order = on_cycle[np.argsort(block[on_cycle], kind="stable")]
    for edges in np.split(order, np.flatnonzero(np.diff(block[order])) + 1):
        nodes = np.union1d(topology.edge_from[edges], topology.edge_to[edges])
        if nodes.size <= 2:
            continue
        for edge in edges.tolist():
            subject.find_edge("loop", edge, f"lies on a loop of {edges.size} elements in the normal state")


def islands(subject: Subject) -> None:
    """Connected parts, with every switch closed, that have no source."""
    topology = subject.topology
    label = components(*topology.arcs, np.ones(topology.n_edges, np.uint8))
    apart = np.flatnonzero(label[: topology.n_nodes] != label[topology.root])
    for part in parts(subject, label, apart):
        nodes = np.asarray(part.nodes)
        if nodes.size == 1 and not part.elements:
            continue  # a lone node
        subject.find_part(
            "island",
            part.nodes,
            f"an island of {part.size} around node {subject.node_id(part.nodes[0])} has no source",
        )


class Part:
    """A connected set of nodes, with what hangs on it."""

    def __init__(self, nodes: list[int], elements: int, customers: int) -> None:
        self.nodes = nodes
        self.elements = elements
        self.customers = customers

    @property
    def size(self) -> str:
        """Its size in words."""
        return (
            f"{counted(len(self.nodes), 'node')}, {counted(self.elements, 'element')} and "
            f"{counted(self.customers, 'customer')}"
        )


def parts(subject: Subject, label: np.ndarray, nodes: np.ndarray) -> list[Part]:
    """The labelled parts among `nodes`, in the order of their first nodes; elements inside are counted."""
    topology = subject.topology
    among = np.zeros(topology.n_nodes + 1, np.bool_)
    among[nodes] = True
    inside = np.flatnonzero(
        (topology.edge_from >= 0)
        & (topology.edge_to >= 0)
        & among[topology.edge_from]
        & among[topology.edge_to]
        & (label[topology.edge_from] == label[topology.edge_to])
    )
    n_labels = int(label.max()) + 1
    elements = np.bincount(label[topology.edge_from[inside]], minlength=n_labels)
    at = topology.customer_node[topology.customer_node >= 0]
    customers = np.bincount(label[at[among[at]]], minlength=n_labels)
    order = nodes[np.argsort(label[nodes], kind="stable")]
    cuts = np.flatnonzero(np.diff(label[order])) + 1
    found = [
        Part(group.tolist(), int(elements[label[group[0]]]), int(customers[label[group[0]]]))
        for group in np.split(order, cuts)
        if group.size
    ]
    return sorted(found, key=lambda part: part.nodes[0])
