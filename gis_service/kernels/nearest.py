"""The nearest of some wanted vertices along edges: Dijkstra's search, ended when enough are found.

For one measure alone; ways that must be weighed by two are for `pareto_routes`. A search costs what it walks
over, whatever the size of the graph, and most of that is waiting for memory that was not touched lately. So
an arc says where the arcs of its head begin, which are asked for as soon as the head is met, long before its
turn comes; and what a search notes of vertices lies in a small table of its own, not all over the graph.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from compiling.fetching import fetch
from gis_service.kernels.arcs import Arcs
from gis_service.kernels.compiled import B1, F64, I32, I64, borrowing, compiled

Records = npt.NDArray[np.void]

_ARC = np.dtype([("head", np.int32), ("onward", np.int32), ("weight", np.float64)])
"""`head` is the vertex, or its complement in the last arc of a tail; `onward` its first arc."""

_LABEL = np.dtype([("far", np.float64), ("vertex", np.int32), ("onward", np.int32)])
"""What is known of a vertex that was met; number 0 is nobody's."""

_ROOM = 512
"""Labels that a search has room for at first: in the first cache, with all that belongs to them."""

_ZERO, _ONE, _TWO, _THREE, _FOUR = np.arange(5, dtype=np.uint64)  # unsigned: such an index needs no wrapping
_SCATTER, _HIGH = np.uint64(0x9E3779B97F4A7C15), np.uint64(40)
_MOST_FAR = np.finfo(np.float64).max


@compiled
def _pack(indptr: I64, head: I32, edge: I32, weight: F64, first: I32, arcs: Records) -> None:
    for v in range(first.size):
        first[v] = indptr[v] if indptr[v + 1] > indptr[v] else -1
    for v in range(first.size):
        for k in range(indptr[v], indptr[v + 1]):
            arcs[k]["head"] = head[k] if k + 1 < indptr[v + 1] else ~head[k]
            arcs[k]["onward"] = first[head[k]]
            arcs[k]["weight"] = weight[edge[k]]


@borrowing
def _push(key: F64, label: I32, size: np.uint64, far: float, of: np.uint64) -> None:
    """Into a heap of four children each."""
    i = size
    while i > _ZERO:
        p = (i - _ONE) >> _TWO
        if key[p] <= far:
            break
        key[i], label[i] = key[p], label[p]
        i = p
    key[i], label[i] = far, of


@borrowing
def _drop_first(key: F64, label: I32, size: np.uint64) -> None:
    """Out of a heap of `size` and one more."""
    far, of = key[size], label[size]
    i = _ZERO
    while True:
        first = _FOUR * i + _ONE
        if first >= size:
            break
        best, least = first, key[first]
        for j in range(first + _ONE, min(first + _FOUR, size)):
            if key[j] < least:
                best, least = np.uint64(j), key[j]
        if least >= far:
            break
        key[i], label[i] = least, label[best]
        i = best
    key[i], label[i] = far, of


@borrowing
def _place_of(table: I32, labels: Records, vertex: int) -> np.uint64:
    """Where in a table (a power of two, not full) the number of a vertex's label is, or is to be put."""
    last = np.uint64(table.size - 1)
    number = np.uint64(np.uint32(vertex))  # four at a time stay side by side, as neighbours often are
    place = (((number >> _TWO) * _SCATTER >> _HIGH) << _TWO | number & _THREE) & last
    while table[place] != 0 and labels[np.uint64(table[place])]["vertex"] != vertex:
        place = (place + _ONE) & last
    return place


@borrowing
def _walk(
    graph: tuple[I32, Records],
    wanted: B1,
    seeds: I64,
    seed_far: F64,
    reach: float,
    most: int,
    table: I32,
    labels: Records,
    heap: tuple[F64, I32],
    found: I64,
    found_far: F64,
) -> int:
    """How many were found, at least `most` where there are as many; -1 where the room did not suffice."""
    first, arcs = graph
    key, label = heap
    reach = min(reach, _MOST_FAR)
    room = np.uint64(labels.size)
    n, size, met = 0, _ZERO, _ONE
    for k in range(seeds.size):
        v, far = seeds[k], seed_far[k]
        if far <= reach:
            if met == room or size == room:
                return -1
            place = _place_of(table, labels, v)
            of = np.uint64(table[place])
            if of == _ZERO:
                of = met
                met += _ONE
                table[place] = of
                labels[of]["vertex"], labels[of]["onward"] = v, first[v]
            elif far >= labels[of]["far"]:
                continue
            labels[of]["far"] = far
            _push(key, label, size, far, of)
            size += _ONE
    while size:
        far, of = key[_ZERO], np.uint64(label[_ZERO])
        if n >= most and far > found_far[most - 1]:
            break
        size -= _ONE
        _drop_first(key, label, size)
        if far > labels[of]["far"]:
            continue
        v = labels[of]["vertex"]
        if wanted[np.uint64(v)]:
            if n == found.size:  # as far as the last one: which of them count is decided by their number
                return -1
            found[n], found_far[n] = v, far
            n += 1
        onward = labels[of]["onward"]
        more, arc = onward >= 0, np.uint64(onward)
        while more:
            head, onward, onto = arcs[arc]["head"], arcs[arc]["onward"], far + arcs[arc]["weight"]
            more = head >= 0
            head ^= head >> 31
            arc += _ONE
            if onto > reach:
                continue
            place = _place_of(table, labels, head)
            of = np.uint64(table[place])
            if of == _ZERO:
                if met == room:
                    return -1
                of = met
                met += _ONE
                table[place] = of
                labels[of]["vertex"], labels[of]["onward"] = head, onward
                fetch(arcs, onward)
                fetch(arcs, onward + 3)
                fetch(wanted, head)
            elif onto >= labels[of]["far"]:
                continue
            if size == room:
                return -1
            if n + 1 >= most and wanted[np.uint64(head)]:
                reach = onto  # the last one needed is no further than this
            labels[of]["far"] = onto
            _push(key, label, size, onto, of)
            size += _ONE
    return n


@compiled
def _search(
    first: I32, arcs: Records, wanted: B1, seeds: I64, seed_far: F64, reach: float, most: int
) -> tuple[I64, F64]:
    room, n = _ROOM, -1
    while True:
        found = np.empty(min(most, wanted.size) + room, np.int64)
        found_far = np.empty(found.size)
        heap = np.empty(room), np.empty(room, np.int32)
        table, labels = np.zeros(2 * room, np.int32), np.empty(room, _LABEL)
        n = _walk((first, arcs), wanted, seeds, seed_far, reach, most, table, labels, heap, found, found_far)
        if n >= 0:
            break
        room *= 4  # and anew: all that was in vain comes to a third of the last walk
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
        self._first: I32 = np.empty(arcs.indptr.size - 1, np.int32)
        self._arcs: Records = np.empty(arcs.head.size, _ARC)
        _pack(*arcs, weight.astype(np.float64), self._first, self._arcs)

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

        Cost: O(arcs walked over · log), some 50 ns a vertex, in memory for the vertices met.
        """
        if most < 1:
            return np.empty(0, np.int64), np.empty(0)
        return _search(self._first, self._arcs, wanted, seeds, seed_far, float(reach), int(most))
