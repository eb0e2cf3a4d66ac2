"""The nearest of some wanted vertices along edges: Dijkstra's search, ended when enough are found.

For one measure alone; ways that must be weighed by two are for `pareto_routes`. A graph is kept with the
weight of each arc beside its head, so that a step reads one stretch of memory, and with the work arrays of
searches, of which each clears what it touched. So a search costs what it walks over, whatever the size of
the graph.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np

from gis_service.kernels.arcs import Arcs
from gis_service.kernels.compiled import B1, F64, I32, I64, compiled


class _Work(NamedTuple):
    """far : float64 (n_vertices,), inf between searches; the heap and the list of what was touched."""

    far: F64
    key: F64
    vertex: I32
    touched: I32


@compiled
def _push(key: F64, vertex: I32, size: int, c: float, v: int) -> None:
    """Into a heap of four children each."""
    i = size
    while i > 0:
        p = (i - 1) >> 2
        if key[p] <= c:
            break
        key[i], vertex[i] = key[p], vertex[p]
        i = p
    key[i], vertex[i] = c, v


@compiled
def _drop_first(key: F64, vertex: I32, size: int) -> None:
    """Out of a heap of `size` and one more."""
    c, v = key[size], vertex[size]
    i = 0
    while True:
        first = 4 * i + 1
        if first >= size:
            break
        best, least = first, key[first]
        for j in range(first + 1, min(first + 4, size)):
            if key[j] < least:
                best, least = j, key[j]
        if least >= c:
            break
        key[i], vertex[i] = least, vertex[best]
        i = best
    key[i], vertex[i] = c, v


@compiled
def _search(
    indptr: I64,
    head: I32,
    weight: F64,
    wanted: B1,
    seeds: I64,
    seed_far: F64,
    reach: float,
    most: int,
    far: F64,
    key: F64,
    vertex: I32,
    touched: I32,
) -> tuple[I64, F64]:
    found = np.empty(max(most, 1), np.int64)
    found_far = np.empty(max(most, 1))
    n = size = marked = 0
    for k in range(seeds.size):
        v = seeds[k]
        if seed_far[k] <= reach and seed_far[k] < far[v]:
            if far[v] == np.inf:
                touched[marked] = v
                marked += 1
            far[v] = seed_far[k]
            _push(key, vertex, size, seed_far[k], v)
            size += 1
    while size:
        c, v = key[0], vertex[0]
        if n >= most and c > found_far[most - 1]:
            break
        size -= 1
        _drop_first(key, vertex, size)
        if c > far[v]:
            continue
        if wanted[v]:
            if n == found.size:  # as far as the last one: which of them count is decided by their number
                found = np.append(found, np.empty(n, np.int64))
                found_far = np.append(found_far, np.empty(n))
            found[n], found_far[n] = v, c
            n += 1
        for arc in range(indptr[v], indptr[v + 1]):
            w = head[arc]
            onto = c + weight[arc]
            if onto < far[w] and onto <= reach:
                if far[w] == np.inf:
                    touched[marked] = w
                    marked += 1
                far[w] = onto
                _push(key, vertex, size, onto, w)
                size += 1
    for k in range(marked):
        far[touched[k]] = np.inf
    for k in range(1, n):  # equally far ones by number
        j, v = k, found[k]
        while j > 0 and found_far[j - 1] == found_far[k] and found[j - 1] > v:
            found[j] = found[j - 1]
            j -= 1
        found[j] = v
    n = min(n, most)
    return found[:n], found_far[:n]


class Nearby:
    """A graph to search in; safe between threads.

    Parameters
    ----------
    arcs
        The graph.
    weight
        float64 `(n_edges,)`, none negative; an infinite weight closes an edge.
    """

    def __init__(self, arcs: Arcs, weight: F64) -> None:
        self._indptr, self._head = arcs.indptr, arcs.head
        self._weight: F64 = weight[arcs.edge].astype(np.float64)
        self._weight.setflags(write=False)
        self._spare: deque[_Work] = deque()

    def nearest(
        self, wanted: B1, seeds: I64, seed_far: F64, *, most: int, reach: float = np.inf
    ) -> tuple[I64, F64]:
        """The `most` nearest wanted vertices within reach, and how far they are; equally far ones by number.

        Parameters
        ----------
        wanted
            bool `(n_vertices,)`.
        seeds, seed_far
            Vertices to begin at, and how far it is to them.

        Cost: O(arcs walked over · log), some 70 ns a vertex.
        """
        if most < 1:
            return np.empty(0, np.int64), np.empty(0)
        try:
            work = self._spare.pop()
        except IndexError:
            work = self._new_work(seeds.size)
        if work.key.size < self._head.size + seeds.size:  # more seeds than ever before
            work = self._new_work(seeds.size)
        found = _search(
            self._indptr, self._head, self._weight, wanted, seeds, seed_far, float(reach), int(most), *work
        )
        self._spare.append(work)
        return found

    def _new_work(self, seeds: int) -> _Work:
        n, room = self._indptr.size - 1, self._head.size + seeds
        return _Work(np.full(n, np.inf), np.empty(room), np.empty(room, np.int32), np.empty(n, np.int32))
