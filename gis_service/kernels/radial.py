"""Sums up and down a supply tree in preorder.

Position 0 is the supply; every other position comes after its parent and stands for a node and the edge that
leads to it.
"""

from __future__ import annotations

import numpy as np

from gis_service.kernels.compiled import B1, F64, I32, I64, U8, compiled


@compiled
def preorder(previous: I32, root: int) -> tuple[I32, I32]:
    """Nodes of the root's tree in preorder, children by number, and the position of each one's parent.

    Parameters
    ----------
    previous
        int32 `(n_nodes,)`: the node before each in its tree; -1 at the roots and where there is none.
    """
    n = previous.size
    first = np.zeros(n + 1, np.int64)
    for v in range(n):
        if previous[v] >= 0:
            first[previous[v] + 1] += 1
    for v in range(n):
        first[v + 1] += first[v]
    child = np.empty(first[n], np.int32)
    fill = first[:-1].copy()
    for v in range(n):
        if previous[v] >= 0:
            child[fill[previous[v]]] = v
            fill[previous[v]] += 1
    node = np.empty(n, np.int32)
    parent = np.empty(n, np.int32)
    waiting = np.empty(n, np.int32)
    above = np.empty(n, np.int32)
    waiting[0], above[0] = root, -1
    depth, filled = 1, 0
    while depth:
        depth -= 1
        v = waiting[depth]
        node[filled], parent[filled] = v, above[depth]
        for k in range(first[v + 1] - 1, first[v] - 1, -1):
            waiting[depth], above[depth] = child[k], filled
            depth += 1
        filled += 1
    return node[:filled].copy(), parent[:filled].copy()


@compiled
def sum_up(parent: I32, values: F64) -> F64:
    """Of each position the sum of all at and below it, float64."""
    total = values.copy()
    for p in range(parent.size - 1, 0, -1):
        total[parent[p]] += total[p]
    return total


@compiled
def largest_below(parent: I32, values: F64) -> F64:
    """Of each position the largest value at or below it, float64."""
    largest = values.copy()
    for p in range(parent.size - 1, 0, -1):
        largest[parent[p]] = max(largest[parent[p]], largest[p])
    return largest


@compiled
def sum_down(parent: I32, values: F64, again: B1) -> F64:
    """Of each position the sum along its way from the supply, begun anew with 0 where `again` says so."""
    total = np.zeros(parent.size)
    for p in range(1, parent.size):
        total[p] = 0.0 if again[p] else total[parent[p]] + values[p]
    return total


@compiled
def last_down(parent: I32, marked: B1) -> I32:
    """Of each position the last marked one on its way from the supply, itself included; -1 without one."""
    last = np.full(parent.size, -1, np.int32)
    for p in range(1, parent.size):
        last[p] = p if marked[p] else last[parent[p]]
    return last


@compiled
def common_down(parent: I32, mask: U8, bits: int) -> U8:
    """Of each position the phases that its whole way carries, uint8."""
    common = np.full(parent.size, bits, np.uint8)
    for p in range(1, parent.size):
        common[p] = common[parent[p]] & mask[p]
    return common


@compiled
def tightest(parent: I32, room: F64) -> tuple[F64, I32]:
    """Of each position the smallest room on its way from the supply, and where (of equals the first)."""
    least = np.full(parent.size, np.inf)
    where = np.full(parent.size, -1, np.int32)
    for p in range(1, parent.size):
        least[p], where[p] = least[parent[p]], where[parent[p]]
        if room[p] < least[p]:
            least[p], where[p] = room[p], p
    return least, where


@compiled
def way_up(parent: I32, position: int) -> I64:
    """Positions from below the supply to `position`, in order."""
    n = 0
    p = position
    while p > 0:
        n += 1
        p = parent[p]
    way = np.empty(n, np.int64)
    p = position
    while p > 0:
        n -= 1
        way[n] = p
        p = parent[p]
    return way
