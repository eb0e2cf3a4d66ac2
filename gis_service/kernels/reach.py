"""Which phases reach which node: a breadth-first search whose labels are phase masks.

Phases never mix: what leaves a node over an edge is the node's mask AND the edge's. A node's mask only
grows, by at most three bits, so each node is queued at most three times: O(3 · (nodes + arcs)).
"""

from __future__ import annotations

import numpy as np

from gis_service.kernels.compiled import I32, I64, U8, compiled


@compiled
def reach_masks(
    indptr: I64, head: I32, edge: I32, edge_mask: U8, node_mask: U8, seeds: I64, seed_mask: U8
) -> U8:
    """Phase mask reached at every node, uint8 `(n_nodes,)`.

    Parameters
    ----------
    indptr, head, edge
        The arcs (see `kernels.arcs`).
    edge_mask
        uint8 `(n_edges,)`: phases that each edge conducts now; 0 for open or out.
    node_mask
        uint8 `(n_nodes,)`: phases that may stand at each node; 0 for a node that is out.
    seeds, seed_mask
        Nodes to start from and the phases present there; a node may be seeded twice.
    """
    n_nodes = indptr.size - 1
    reached = np.zeros(n_nodes, np.uint8)
    queued = np.zeros(n_nodes, np.bool_)
    queue = np.empty(n_nodes + 1, np.int64)  # a ring: a node is in it at most once
    first, last, room = 0, 0, n_nodes + 1
    for k in range(seeds.size):
        v = seeds[k]
        reached[v] |= seed_mask[k] & node_mask[v]
        if reached[v] and not queued[v]:
            queued[v] = True
            queue[last] = v
            last = (last + 1) % room
    while first != last:
        v = queue[first]
        first = (first + 1) % room
        queued[v] = False
        here = reached[v]
        for arc in range(indptr[v], indptr[v + 1]):
            w = head[arc]
            there = here & edge_mask[edge[arc]] & node_mask[w]
            if there & ~reached[w]:
                reached[w] |= there
                if not queued[w]:
                    queued[w] = True
                    queue[last] = w
                    last = (last + 1) % room
    return reached


@compiled
def components(indptr: I64, head: I32, edge: I32, conducts: U8) -> I32:
    """Label of each node's connected component over edges whose `conducts` is not 0, int32 `(n_nodes,)`.

    Labels count up from 0 in the order of each component's smallest node.
    """
    n_nodes = indptr.size - 1
    label = np.full(n_nodes, -1, np.int32)
    stack = np.empty(n_nodes, np.int64)
    found = 0
    for start in range(n_nodes):
        if label[start] >= 0:
            continue
        label[start] = found
        stack[0] = start
        height = 1
        while height:
            height -= 1
            v = stack[height]
            for arc in range(indptr[v], indptr[v + 1]):
                w = head[arc]
                if conducts[edge[arc]] and label[w] < 0:
                    label[w] = found
                    stack[height] = w
                    height += 1
        found += 1
    return label
