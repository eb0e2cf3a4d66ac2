"""Blocks (biconnected components) of a multigraph, and the tree that they form below a root.

Hopcroft and Tarjan, "Efficient algorithms for graph manipulation", CACM 16 (1973), made iterative (a
feeder is as deep as it is long) and told apart by *edge*, so that two parallel circuits are a block of two
edges, not a bridge. A self-loop is a block of its own that hangs on its node.

What the blocks are for: an edge lies on some simple path from a node to the root exactly when its block
lies on the chain of blocks from that node up to the root (Menger, inside one block).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gis_service.kernels.compiled import B1, I32, I64, compiled


class Blocks(NamedTuple):
    """Blocks numbered so that a block comes before the block above it.

    edge_block : int32 (n_edges,)
        Block of each edge; -1 where the edge does not conduct or was not reached.
    node_block : int32 (n_nodes,)
        The block that joins a node towards its root; -1 for roots and nodes not reached.
    top : int32 (n_blocks,)
        The node by which a block hangs: its vertex nearest to the root.
    size : int32 (n_blocks,)
        Number of edges.
    """

    edge_block: I32
    node_block: I32
    top: I32
    size: I32


@compiled
def _blocks(
    indptr: I64, head: I32, edge: I32, n_edges: int, conducts: B1, allowed: B1, roots: I64
) -> tuple[I32, I32, I32, I32]:
    n_nodes = indptr.size - 1
    edge_block = np.full(n_edges, -1, np.int32)
    node_block = np.full(n_nodes, -1, np.int32)
    top = np.empty(n_edges, np.int32)
    size = np.zeros(n_edges, np.int32)
    n_blocks = 0
    order = np.full(n_nodes, -1, np.int64)
    low = np.empty(n_nodes, np.int64)
    next_arc = indptr[:-1].copy()
    path = np.empty(n_nodes, np.int64)  # the search path: nodes …
    by_edge = np.full(n_nodes, -1, np.int32)  # … and the edge by which each was entered
    waiting_node = np.empty(n_nodes, np.int64)  # nodes below the path whose block is not closed yet
    waiting_edge = np.empty(n_edges, np.int32)
    on_wait = np.zeros(n_edges, np.bool_)
    nodes_waiting, edges_waiting, clock = 0, 0, 0
    for r in range(roots.size):
        root = roots[r]
        if order[root] >= 0 or not allowed[root]:
            continue
        order[root] = low[root] = clock
        clock += 1
        path[0] = root
        depth = 1
        while depth:
            v = path[depth - 1]
            if next_arc[v] < indptr[v + 1]:
                arc = next_arc[v]
                next_arc[v] += 1
                e, w = edge[arc], head[arc]
                if not conducts[e] or not allowed[w] or on_wait[e] or edge_block[e] >= 0:
                    continue
                if w == v:  # a self-loop
                    edge_block[e] = n_blocks
                    top[n_blocks] = v
                    size[n_blocks] = 1
                    n_blocks += 1
                    continue
                on_wait[e] = True
                waiting_edge[edges_waiting] = e
                edges_waiting += 1
                if order[w] < 0:
                    order[w] = low[w] = clock
                    clock += 1
                    by_edge[w] = e
                    waiting_node[nodes_waiting] = w
                    nodes_waiting += 1
                    path[depth] = w
                    depth += 1
                elif order[w] < low[v]:
                    low[v] = order[w]
                continue
            depth -= 1
            if not depth:
                break
            u = path[depth - 1]
            if low[v] < low[u]:
                low[u] = low[v]
            if low[v] >= order[u]:  # u separates v's side: close the block
                top[n_blocks] = u
                while True:
                    edges_waiting -= 1
                    e = waiting_edge[edges_waiting]
                    edge_block[e] = n_blocks
                    size[n_blocks] += 1
                    if e == by_edge[v]:
                        break
                while True:
                    nodes_waiting -= 1
                    w = waiting_node[nodes_waiting]
                    node_block[w] = n_blocks
                    if w == v:
                        break
                n_blocks += 1
    return edge_block, node_block, top[:n_blocks].copy(), size[:n_blocks].copy()


def find_blocks(indptr: I64, head: I32, edge: I32, conducts: B1, allowed: B1, roots: I64) -> Blocks:
    """Blocks of what `roots` reach over conducting edges and allowed nodes: O(nodes + edges)."""
    return Blocks(*_blocks(indptr, head, edge, conducts.size, conducts, allowed, roots))


def parent_blocks(blocks: Blocks) -> I32:
    """The block above each block, int32 `(n_blocks,)`; -1 where a block hangs on a root."""
    return blocks.node_block[blocks.top]


@compiled
def spread_down(parent: I32, marked: B1) -> B1:
    """`marked` and every block below a marked one; a block comes before its parent, so one pass does."""
    below = marked.copy()
    for b in range(parent.size - 1, -1, -1):
        if parent[b] >= 0 and below[parent[b]]:
            below[b] = True
    return below


@compiled
def spread_up(parent: I32, marked: B1) -> B1:
    """`marked` and every block above a marked one."""
    above = marked.copy()
    for b in range(parent.size):
        if above[b] and parent[b] >= 0:
            above[parent[b]] = True
    return above
