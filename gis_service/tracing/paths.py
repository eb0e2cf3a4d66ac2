"""Single paths: how a customer is supplied, how far supply reaches, the way between two points.

Length is that of lines; switches and transformers have none. Of equally long ways the one with fewer
elements is taken, then the one whose elements come first by layer and id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gis_service.kernels.compiled import B1, F64, I64, U8
from gis_service.kernels.shortest import ShortestTree, path_to, shortest_tree
from gis_service.network.ids import Ref
from gis_service.network.switching import SwitchState, conducting
from gis_service.network.tables import ALL_PHASES
from gis_service.network.topology import Topology
from gis_service.tracing.change import supplied_among
from gis_service.tracing.outs import NOTHING, NOTHING_OUT, Outs, Starts, starts_of
from gis_service.tracing.ways import Ways, phase_layers

RadiusMode = Literal["trunk", "full"]


@dataclass(frozen=True, eq=False)
class SupplyPath:
    """One customer's supply path.

    edges : int64, from the source (an edge itself) to the customer; empty when no way leads there
    nodes : int64, from the source's node to the customer's; one per edge
    phases : the phases that the whole path carries
    meshed : other ways exist; this is the shortest
    feeder_switch : row of the head switch passed last, or -1
    """

    supplied: bool
    edges: I64
    nodes: I64
    phases: int
    length_m: float
    meshed: bool
    feeder_switch: int


def supply_path(topology: Topology, state: SwitchState, customer: int) -> SupplyPath:
    """Which way a customer is supplied now: the shortest way from a source that carries all its phases.

    Where no single way carries them all, the longest-standing rule of the field applies: the way of the
    first phase (A, B, C) is given, and `phases` says which it carries.
    """
    has_supply = bool(supplied_among(topology, state, np.array([customer]))[0])
    node = int(topology.customer_node[customer])
    needs = int(topology.customer_needs[customer]) or ALL_PHASES
    mask = conducting(topology, state)
    for wanted in (needs, *(bit for bit in (1, 2, 4) if needs & bit and bit != needs)):
        if node < 0 or not has_supply:
            break
        conducts: B1 = (mask & wanted) == wanted
        tree = _tree(topology, conducts, np.array([topology.root], np.int64), goal=[node])
        nodes, edges = path_to(tree, node)
        if edges:
            return SupplyPath(
                supplied=True,
                edges=np.array(edges, np.int64),
                nodes=np.array(nodes[1:], np.int64),
                phases=wanted,
                length_m=float(tree.distance[node]),
                meshed=_is_meshed(topology, conducts, node, len(edges)),
                feeder_switch=_last_head(topology, edges),
            )
    return SupplyPath(has_supply, NOTHING, NOTHING, 0, 0.0, False, -1)


def _is_meshed(topology: Topology, conducts: B1, node: int, on_path: int) -> bool:
    start = Starts(np.array([node], np.int64), NOTHING)
    ways = Ways(topology, conducts, topology.nodes_allowed(root=True)).upstream(start)
    return int(np.count_nonzero(ways.edges)) > on_path


def _last_head(topology: Topology, edges: list[int]) -> int:
    heads = set((topology.first_edge("switch") + topology.feeders.head_row).tolist())
    passed = [edge for edge in edges if edge in heads]
    return passed[-1] - topology.first_edge("switch") if passed else -1


@dataclass(frozen=True, eq=False)
class SupplyRadius:
    """The longest way below an element: edges and nodes in order, from the element outwards."""

    length_m: float
    edges: I64
    nodes: I64


def supply_radius(
    topology: Topology, state: SwitchState, start: Ref, mode: RadiusMode = "full", outs: Outs = NOTHING_OUT
) -> SupplyRadius:
    """The longest electrical path below an element, its own length left out.

    `trunk` stays on the element's voltage level (no transformer is passed); `full` goes on through
    transformers to the last node. In a loop a node is as far as its shortest way.
    """
    begin = starts_of(topology, [start])
    mask = outs.applied_to(conducting(topology, state))
    first = topology.first_edge("power_transformer")
    best = SupplyRadius(0.0, NOTHING, NOTHING)
    best_id = ""
    for _, conducts in phase_layers(mask, ALL_PHASES):
        below = Ways(topology, conducts, outs.nodes_left(topology) != 0).downstream(begin)
        ends = np.concatenate([topology.edge_from[begin.edges], topology.edge_to[begin.edges]])
        seeds = np.union1d(begin.nodes, ends[ends >= 0].astype(np.int64))
        seeds = seeds[below.nodes[seeds]]
        walk = conducts & below.edges
        walk[begin.edges] = False
        if mode == "trunk":
            walk[first : first + len(topology.tables.transformers)] = False
        tree = _tree(topology, walk, seeds, allowed=below.nodes)
        reached = np.flatnonzero(np.isfinite(tree.distance))
        if not reached.size:
            continue
        farthest = float(tree.distance[reached].max())
        ids = topology.tables.nodes.id
        node = min(reached[tree.distance[reached] == farthest].tolist(), key=lambda row: str(ids[row]))
        if best_id == "" or (-farthest, ids[node]) < (-best.length_m, best_id):
            nodes, edges = path_to(tree, node)
            best, best_id = (
                SupplyRadius(farthest, np.array(edges, np.int64), np.array(nodes, np.int64)),
                ids[node],
            )
    return best


def shortest_path(
    topology: Topology, mask: U8, allowed: U8, start: Starts, goal: Starts, phases: int
) -> tuple[I64, I64, float, int]:
    """The shortest way from any start to any goal that one phase conducts throughout.

    Returns edges and nodes in order, the length in metres, and the phases that find this way. Elements
    named as start or goal belong to the path, with their whole length. No way: empty arrays, inf, 0.
    """
    best: tuple[I64, I64, float, int] = (NOTHING, NOTHING, np.inf, 0)
    for bits, conducts in phase_layers(mask, phases):
        may = (allowed & bits) != 0
        may[topology.root] = False
        found = _shortest_on_phase(topology, conducts, may, start, goal)
        if found is not None and found[2] < best[2]:
            best = (*found, bits)
    return best


def _shortest_on_phase(
    topology: Topology, conducts: B1, allowed: B1, start: Starts, goal: Starts
) -> tuple[I64, I64, float] | None:
    both = np.intersect1d(start.edges, goal.edges)
    if both.size:
        edge = int(both[np.argmin(topology.edge_rank[both])])
        return np.array([edge], np.int64), NOTHING, float(topology.edge_length_m[edge])
    seeds, at, by = _entries(topology, start)
    targets, extra, out_by = _entries(topology, goal)
    tree = _tree(topology, conducts, seeds, allowed=allowed, at=at)
    total = tree.distance[targets] + extra
    if not total.size or not np.isfinite(total.min()):
        return None
    ranked = np.flatnonzero(total == total.min()).tolist()
    ids = topology.tables.nodes.id
    last = min(ranked, key=lambda k: (out_by[k], str(ids[targets[k]])))
    nodes, edges = path_to(tree, int(targets[last]))
    head = by[int(tree.seed[targets[last]])]
    whole = [*([head] if head >= 0 else []), *edges, *([out_by[last]] if out_by[last] >= 0 else [])]
    return np.array(whole, np.int64), np.array(nodes, np.int64), float(total[last])


def _entries(topology: Topology, points: Starts) -> tuple[I64, F64, list[int]]:
    """Nodes at which points are entered, the length of the element that is one, and its edge or -1."""
    rows = [(int(node), 0.0, -1) for node in points.nodes]
    rows += [
        (end, float(topology.edge_length_m[edge]), edge)
        for edge in points.edges.tolist()
        for end in (int(topology.edge_from[edge]), int(topology.edge_to[edge]))
        if end >= 0 and end != topology.root
    ]
    ids = topology.tables.nodes.id
    rows.sort(key=lambda row: (row[1], topology.edge_rank[row[2]] if row[2] >= 0 else -1, str(ids[row[0]])))
    return (
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.float64),
        [row[2] for row in rows],
    )


def hops_from_root(topology: Topology, mask: U8, allowed: U8) -> F64:
    """Elements between each node and its nearest source, float64 `(n_nodes + 1,)`; inf without supply."""
    tree = shortest_tree(
        *topology.arcs,
        weight=np.ones(topology.n_edges),
        conducts=mask != 0,
        allowed=allowed != 0,
        rank=topology.edge_rank,
        seeds=np.array([topology.root], np.int64),
    )
    return tree.distance


def _tree(
    topology: Topology,
    conducts: B1,
    seeds: I64,
    *,
    allowed: B1 | None = None,
    at: F64 | None = None,
    goal: list[int] | None = None,
) -> ShortestTree:
    stop = None
    if goal is not None:
        stop = np.zeros(topology.n_nodes + 1, np.bool_)
        stop[goal] = True
    return shortest_tree(
        *topology.arcs,
        weight=topology.edge_length_m,
        conducts=conducts,
        allowed=topology.nodes_allowed(root=True) if allowed is None else allowed,
        rank=topology.edge_rank,
        seeds=seeds,
        at=at,
        goal=stop,
    )
