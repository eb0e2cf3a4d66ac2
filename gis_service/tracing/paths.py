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
from gis_service.network.part import Part, around
from gis_service.network.switching import SwitchState
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
    at = topology.customer_node[customer : customer + 1].astype(np.int64)
    needs = int(topology.customer_needs[customer]) or ALL_PHASES
    if at[0] < 0 or not has_supply:
        return SupplyPath(has_supply, NOTHING, NOTHING, 0, 0.0, False, -1)
    part = around(topology, state, at, NOTHING)
    node = int(part.nodes_of(at)[0])
    for wanted in (needs, *(bit for bit in (1, 2, 4) if needs & bit and bit != needs)):
        conducts: B1 = (part.mask & wanted) == wanted
        tree = _tree(part, conducts, np.array([part.root], np.int64), goal=[node])
        nodes, edges = path_to(tree, node)
        if edges:
            return SupplyPath(
                supplied=True,
                edges=part.edge[edges],
                nodes=part.node[nodes[1:]],
                phases=wanted,
                length_m=float(tree.distance[node]),
                meshed=_is_meshed(part, conducts, node, len(edges)),
                feeder_switch=_last_head(part, edges),
            )
    return SupplyPath(has_supply, NOTHING, NOTHING, 0, 0.0, False, -1)


def _is_meshed(part: Part, conducts: B1, node: int, on_path: int) -> bool:
    start = Starts(np.array([node], np.int64), NOTHING)
    ways = Ways(part, conducts, part.nodes_allowed(root=True)).upstream(start)
    return int(np.count_nonzero(ways.edges)) > on_path


def _last_head(part: Part, edges: list[int]) -> int:
    heads = set(part.heads.tolist())
    passed = [edge for edge in edges if edge in heads]
    return int(part.rows("switch", np.array(passed[-1:]))[0]) if passed else -1


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
    named = starts_of(topology, [start])
    part = around(topology, state, named.nodes, named.edges)
    begin = Starts(part.nodes_of(named.nodes), part.edges_of(named.edges))
    mask = part.mask.copy()
    mask[part.edges_of(outs.edges)] = 0
    left = np.ones(part.n_nodes + 1, np.bool_)
    left[part.nodes_of(outs.nodes)] = False
    best = SupplyRadius(0.0, NOTHING, NOTHING)
    best_id = ""
    for _, conducts in phase_layers(mask, ALL_PHASES):
        below = Ways(part, conducts, left).downstream(begin)
        ends = np.concatenate([part.edge_from[begin.edges], part.edge_to[begin.edges]])
        seeds = np.union1d(begin.nodes, ends[ends >= 0].astype(np.int64))
        seeds = seeds[below.nodes[seeds]]
        walk = conducts & below.edges
        walk[begin.edges] = False
        if mode == "trunk":
            walk[part.is_layer("power_transformer")] = False
        tree = _tree(part, walk, seeds, allowed=below.nodes)
        reached = np.flatnonzero(np.isfinite(tree.distance))
        if not reached.size:
            continue
        farthest = float(tree.distance[reached].max())
        node = min(reached[tree.distance[reached] == farthest].tolist(), key=part.node_id)
        if best_id == "" or (-farthest, part.node_id(node)) < (-best.length_m, best_id):
            nodes, edges = path_to(tree, node)
            best, best_id = SupplyRadius(farthest, part.edge[edges], part.node[nodes]), part.node_id(node)
    return best


def shortest_path(
    part: Part, mask: U8, allowed: U8, start: Starts, goal: Starts, phases: int
) -> tuple[I64, I64, float, int]:
    """The shortest way from any start to any goal that one phase conducts throughout.

    Returns edges and nodes in order, the length in metres, and the phases that find this way. Elements
    named as start or goal belong to the path, with their whole length. No way: empty arrays, inf, 0.
    """
    best: tuple[I64, I64, float, int] = (NOTHING, NOTHING, np.inf, 0)
    for bits, conducts in phase_layers(mask, phases):
        may = (allowed & bits) != 0
        may[part.root] = False
        found = _shortest_on_phase(part, conducts, may, start, goal)
        if found is not None and found[2] < best[2]:
            best = (*found, bits)
    return best


def _shortest_on_phase(
    part: Part, conducts: B1, allowed: B1, start: Starts, goal: Starts
) -> tuple[I64, I64, float] | None:
    both = np.intersect1d(start.edges, goal.edges)
    if both.size:
        edge = int(both[np.argmin(part.edge_rank[both])])
        return np.array([edge], np.int64), NOTHING, float(part.edge_length_m[edge])
    seeds, at, by = _entries(part, start)
    targets, extra, out_by = _entries(part, goal)
    tree = _tree(part, conducts, seeds, allowed=allowed, at=at)
    total = tree.distance[targets] + extra
    if not total.size or not np.isfinite(total.min()):
        return None
    ranked = np.flatnonzero(total == total.min()).tolist()
    last = min(ranked, key=lambda k: (out_by[k], part.node_id(int(targets[k]))))
    nodes, edges = path_to(tree, int(targets[last]))
    head = by[int(tree.seed[targets[last]])]
    whole = [*([head] if head >= 0 else []), *edges, *([out_by[last]] if out_by[last] >= 0 else [])]
    return np.array(whole, np.int64), np.array(nodes, np.int64), float(total[last])


def _entries(part: Part, points: Starts) -> tuple[I64, F64, list[int]]:
    """Nodes at which points are entered, the length of the element that is one, and its edge or -1."""
    rows = [(int(node), 0.0, -1) for node in points.nodes]
    rows += [
        (end, float(part.edge_length_m[edge]), edge)
        for edge in points.edges.tolist()
        for end in (int(part.edge_from[edge]), int(part.edge_to[edge]))
        if end >= 0 and end != part.root
    ]
    rows.sort(key=lambda row: (row[1], part.edge_rank[row[2]] if row[2] >= 0 else -1, part.node_id(row[0])))
    return (
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.float64),
        [row[2] for row in rows],
    )


def hops_from_root(part: Part, mask: U8, allowed: U8) -> F64:
    """Elements between each node and its nearest source, float64 `(n_nodes + 1,)`; inf without supply."""
    tree = shortest_tree(
        *part.arcs,
        weight=np.ones(part.n_edges),
        conducts=mask != 0,
        allowed=allowed != 0,
        rank=part.edge_rank,
        seeds=np.array([part.root], np.int64),
    )
    return tree.distance


def _tree(
    part: Part,
    conducts: B1,
    seeds: I64,
    *,
    allowed: B1 | None = None,
    at: F64 | None = None,
    goal: list[int] | None = None,
) -> ShortestTree:
    stop = None
    if goal is not None:
        stop = np.zeros(part.n_nodes + 1, np.bool_)
        stop[goal] = True
    return shortest_tree(
        *part.arcs,
        weight=part.edge_length_m,
        conducts=conducts,
        allowed=part.nodes_allowed(root=True) if allowed is None else allowed,
        rank=part.edge_rank,
        seeds=seeds,
        at=at,
        goal=stop,
    )
