"""A spanning forest in preorder: "all below this node" becomes one interval of positions.

The first tree grows from the root; what it does not reach (islands) gets trees of its own, in node order.
Made once from the network as it normally conducts, and kept while switches move: see `kernels.fragments`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gis_service.kernels.compiled import I32, I64, U8, borrowing, compiled


class Forest(NamedTuple):
    """Nodes by position, the root's tree first.

    node : int32 (n_nodes,), the node at each position
    place : int32 (n_nodes,), the position of each node
    end : int32 (n_nodes,), by position: below `p` are the positions `p … end[p] - 1`, itself included
    path : uint8 (n_nodes,), by position: the phases that every edge up to the tree's root carries
    below : int32 (n_edges,), the position right below each edge of the forest; -1 for all other edges
    trees : int32, positions of the tree roots, ascending; the first is 0
    """

    node: I32
    place: I32
    end: I32
    path: U8
    below: I32
    trees: I32


@borrowing
def first_island(forest: Forest) -> int:
    """The position from which on nothing is fed by the first tree's root, where there is one."""
    return int(forest.trees[1]) if forest.trees.size > 1 else int(forest.end.size)


@compiled
def _grow(
    indptr: I64, head: I32, edge: I32, mask: U8, root: int, bits: int
) -> tuple[I32, I32, I32, U8, I32, I32]:
    n_nodes = indptr.size - 1
    node = np.empty(n_nodes, np.int32)
    place = np.full(n_nodes, -1, np.int32)
    end = np.empty(n_nodes, np.int32)
    path = np.empty(n_nodes, np.uint8)
    below = np.full(mask.size, -1, np.int32)
    trees = np.empty(n_nodes, np.int32)
    next_arc = indptr[:-1].copy()
    way = np.empty(n_nodes, np.int32)
    filled, n_trees = 0, 0
    for k in range(-1, n_nodes):
        start = root if k < 0 else k
        if place[start] >= 0:
            continue
        trees[n_trees] = filled
        n_trees += 1
        place[start] = filled
        node[filled] = start
        path[filled] = bits
        filled += 1
        way[0] = start
        depth = 1
        while depth:
            v = way[depth - 1]
            if next_arc[v] == indptr[v + 1]:
                end[place[v]] = filled
                depth -= 1
                continue
            arc = next_arc[v]
            next_arc[v] += 1
            e, w = edge[arc], head[arc]
            if mask[e] & bits and place[w] < 0:
                place[w] = filled
                node[filled] = w
                path[filled] = path[place[v]] & mask[e]
                below[e] = filled
                filled += 1
                way[depth] = w
                depth += 1
    return node, place, end, path, below, trees[:n_trees].copy()


def grow_forest(indptr: I64, head: I32, edge: I32, mask: U8, root: int, bits: int) -> Forest:
    """The depth-first forest over edges that conduct one of some phases, read-only: O(nodes + edges).

    Parameters
    ----------
    mask
        uint8 `(n_edges,)`: phases that each edge conducts.
    bits
        Phases that the forest is for.
    """
    forest = Forest(*_grow(indptr, head, edge, mask, root, bits))
    for array in forest:
        array.setflags(write=False)
    return forest


@compiled
def _keeps_phases_apart(
    edge_from: I32, edge_to: I32, edge_phases: U8, place: I32, path: U8, below: I32, bits: int
) -> bool:
    for e in range(below.size):
        if below[e] < 0 and edge_from[e] >= 0 and edge_to[e] >= 0:
            carried = edge_phases[e] & bits
            if (path[place[edge_from[e]]] & carried) != (path[place[edge_to[e]]] & carried):
                return False
    return True


def keeps_phases_apart(edge_from: I32, edge_to: I32, edge_phases: U8, forest: Forest, bits: int) -> bool:
    """Whether no edge outside the forest could bring a phase to where the forest's path lacks it.

    Then one forest tells the truth about all of its phases, however switches stand: a node has a phase
    exactly when its path carries it and its fragment has it. Two single-phase regulators side by side
    break this; each phase then needs a forest of its own (for which it always holds).
    """
    return bool(
        _keeps_phases_apart(edge_from, edge_to, edge_phases, forest.place, forest.path, forest.below, bits)
    )
