"""Shortest paths from several seeds at once: Dijkstra's algorithm with a fixed way to break ties.

Labels are compared by (distance, hops, rank of the last edge). Ranks come from the caller and follow the
elements' own ids, so an answer does not depend on how nodes happen to be numbered.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import NamedTuple

import numpy as np

from gis_service.kernels.compiled import B1, F64, I32, I64, compiled


class ShortestTree(NamedTuple):
    """Labels of a search. Nodes not reached: distance inf, edge -1, seed -1.

    distance : float64 (n_nodes,), in the unit of the weights
    edge : int32 (n_nodes,), the last edge towards the node; -1 at a seed
    previous : int32 (n_nodes,), the node before; -1 at a seed
    seed : int32 (n_nodes,), position in `seeds` of the nearest seed
    """

    distance: F64
    edge: I32
    previous: I32
    seed: I32


@compiled
def _shortest(
    indptr: I64,
    head: I32,
    edge: I32,
    weight: F64,
    conducts: B1,
    allowed: B1,
    rank: I32,
    seeds: I64,
    at: F64,
    goal: B1,
) -> tuple[F64, I32, I32, I32]:
    n_nodes = indptr.size - 1
    distance = np.full(n_nodes, np.inf)
    hops = np.zeros(n_nodes, np.int64)
    last = np.full(n_nodes, -1, np.int32)
    previous = np.full(n_nodes, -1, np.int32)
    owner = np.full(n_nodes, -1, np.int32)
    settled = np.zeros(n_nodes, np.bool_)
    heap = [(0.0, np.int64(0), np.int64(0)) for _ in range(0)]
    for k in range(seeds.size):
        v = seeds[k]
        if allowed[v] and at[k] < distance[v]:
            distance[v] = at[k]
            owner[v] = k
            heappush(heap, (at[k], np.int64(0), np.int64(v)))
    while len(heap):
        d, h, v = heappop(heap)
        if settled[v]:
            continue
        settled[v] = True
        if goal[v]:
            break
        for arc in range(indptr[v], indptr[v + 1]):
            e, w = edge[arc], head[arc]
            if not conducts[e] or settled[w] or not allowed[w]:
                continue
            dw = d + weight[e]
            hw = h + 1
            better = dw < distance[w] or (dw == distance[w] and hw < hops[w])
            tie = dw == distance[w] and hw == hops[w] and last[w] >= 0 and rank[e] < rank[last[w]]
            if better or tie:
                distance[w] = dw
                hops[w] = hw
                last[w] = e
                previous[w] = v
                owner[w] = owner[v]
                if better:
                    heappush(heap, (dw, np.int64(hw), np.int64(w)))
    for v in range(n_nodes):  # labels that were still open when the goal was met are not final
        if not settled[v]:
            distance[v] = np.inf
            last[v] = previous[v] = owner[v] = -1
    return distance, last, previous, owner


def shortest_tree(
    indptr: I64,
    head: I32,
    edge: I32,
    *,
    weight: F64,
    conducts: B1,
    allowed: B1,
    rank: I32,
    seeds: I64,
    at: F64 | None = None,
    goal: B1 | None = None,
) -> ShortestTree:
    """Shortest paths from the nearest of `seeds` over conducting edges and allowed nodes.

    Parameters
    ----------
    weight
        float64 `(n_edges,)`, none negative; zero is fine.
    rank
        int32 `(n_edges,)`, all different: the lower one wins a tie.
    at
        float64 `(n_seeds,)`: distance already travelled at each seed; zero by default.
    goal
        bool `(n_nodes,)`: stop as soon as one of these is settled.

    Cost: O(arcs · log arcs) for the part explored.
    """
    n_nodes = indptr.size - 1
    start = np.zeros(seeds.size) if at is None else at
    stop = np.zeros(n_nodes, np.bool_) if goal is None else goal
    return ShortestTree(*_shortest(indptr, head, edge, weight, conducts, allowed, rank, seeds, start, stop))


def path_to(tree: ShortestTree, node: int) -> tuple[list[int], list[int]]:
    """Nodes and edges from the seed to `node`, in order; both empty when it was not reached."""
    if not np.isfinite(tree.distance[node]):
        return [], []
    nodes, edges = [node], []
    while tree.edge[node] >= 0:
        edges.append(int(tree.edge[node]))
        node = int(tree.previous[node])
        nodes.append(node)
    return nodes[::-1], edges[::-1]
