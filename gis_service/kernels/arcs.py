"""Edges to compressed sparse rows: every undirected edge becomes two arcs that carry its edge index.

Parallel edges stay apart because an arc is known by its edge, never by its end nodes. A self-loop gets
two arcs at its node. An edge with an unknown end (-1) gets none.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gis_service.kernels.compiled import I32, I64, compiled


class Arcs(NamedTuple):
    """Arcs by tail node: those of node `v` are `indptr[v] : indptr[v + 1]`, in edge order.

    `indptr` int64 `(n_nodes + 1,)`, `head` int32 `(n_arcs,)`, `edge` int32 `(n_arcs,)`.
    """

    indptr: I64
    head: I32
    edge: I32


@compiled
def _fill(n_nodes: int, edge_from: I32, edge_to: I32) -> tuple[I64, I32, I32]:
    indptr = np.zeros(n_nodes + 1, np.int64)
    for e in range(edge_from.size):
        if edge_from[e] >= 0 and edge_to[e] >= 0:
            indptr[edge_from[e] + 1] += 1
            indptr[edge_to[e] + 1] += 1
    for v in range(n_nodes):
        indptr[v + 1] += indptr[v]
    head = np.empty(indptr[n_nodes], np.int32)
    edge = np.empty(indptr[n_nodes], np.int32)
    place = indptr[:-1].copy()
    for e in range(edge_from.size):
        a, b = edge_from[e], edge_to[e]
        if a >= 0 and b >= 0:
            head[place[a]] = b
            edge[place[a]] = e
            place[a] += 1
            head[place[b]] = a
            edge[place[b]] = e
            place[b] += 1
    return indptr, head, edge


def build_arcs(n_nodes: int, edge_from: I32, edge_to: I32) -> Arcs:
    """Read-only CSR arcs of an undirected multigraph, by counting sort: O(nodes + edges).

    Raises
    ------
    ValueError
        When the two arrays differ in shape or name a node outside `0 … n_nodes - 1` (other than -1).
    """
    if edge_from.shape != edge_to.shape or edge_from.ndim != 1:
        raise ValueError("edge_from and edge_to must be one-dimensional and of one length")
    for ends in (edge_from, edge_to):
        if ends.size and (ends.min() < -1 or ends.max() >= n_nodes):
            raise ValueError(f"an edge names a node outside 0 … {n_nodes - 1}")
    arcs = Arcs(*_fill(n_nodes, edge_from.astype(np.int32), edge_to.astype(np.int32)))
    for array in arcs:
        array.setflags(write=False)  # always, so that each kernel is compiled for one kind of array
    return arcs


@compiled
def arcs_of(indptr: I64, nodes: I64) -> I64:
    """Positions of the arcs of some nodes, node by node, int64."""
    total = 0
    for v in nodes:
        total += indptr[v + 1] - indptr[v]
    found = np.empty(total, np.int64)
    n = 0
    for v in nodes:
        for arc in range(indptr[v], indptr[v + 1]):
            found[n] = arc
            n += 1
    return found
