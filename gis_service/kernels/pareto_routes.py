"""Routes by two measures at once: label setting for (cost, length), after Martins and Hansen.

A label is one way to a vertex; of all ways, those are kept to which none other is at once as cheap and as
short. Labels are settled in the order (cost, length, vertex, edge, label before), so with vertices and edges
numbered by their ids the answer does not depend on how the graph happens to be stored.

A way may have to pass some *marks* (bits at vertices, in any order). Then a label is a way to a vertex that
has passed certain marks, and gives way only to one that has passed those and perhaps more. Such a way may
come back along an edge, and pays for it each time.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import NamedTuple

import numpy as np

from gis_service.kernels.arcs import Arcs
from gis_service.kernels.compiled import F64, I32, I64, compiled
from gis_service.kernels.feet import Feet


class Labels(NamedTuple):
    """Settled labels, ascending by cost; every label's `before` is settled before it.

    vertex : int32 (n,)
    cost, length : float64 (n,)
    edge : int32 (n,), the last edge; -1 at a seed
    before : int32 (n,), the label before; at a seed `-1 - k` for seed k
    earlier : int32 (n,), the label settled before at the same vertex with the same marks; -1 if none
    latest : int32 (n_vertices * n_sets,), at `vertex * n_sets + marks` the label that was settled there last,
        plus 1; 0 where there is none
    whole : whether the search ended by itself, and not by `most`
    """

    vertex: I32
    cost: F64
    length: F64
    edge: I32
    before: I32
    earlier: I32
    latest: I32
    whole: bool


_NO_MARKS = np.empty(0, np.int64)
"""Not looked at where there is one set of marks, the empty one."""


@compiled
def _search(
    indptr: I64,
    head: I32,
    edge: I32,
    cost: F64,
    length: F64,
    marks: I64,
    sets: int,
    seeds: I64,
    seed_cost: F64,
    seed_length: F64,
    seed_marks: I64,
    reach: float,
    most: int,
    latest: I32,
    spare: F64,
) -> tuple[I32, F64, F64, I32, I32, I32, bool]:
    room = 1024
    l_vertex = np.empty(room, np.int32)
    l_cost = np.empty(room)
    l_length = np.empty(room)
    l_edge = np.empty(room, np.int32)
    l_before = np.empty(room, np.int32)
    l_earlier = np.empty(room, np.int32)
    n = 0
    heap = [(0.0, 0.0, np.int64(0), np.int64(0), np.int64(0)) for _ in range(0)]
    for k in range(seeds.size):
        if seed_length[k] <= reach and np.isfinite(seed_cost[k]):
            begin = seeds[k]
            at = begin * sets + (seed_marks[k] | marks[begin]) if sets > 1 else begin
            heappush(heap, (seed_cost[k], seed_length[k], np.int64(at), np.int64(-1), np.int64(-1 - k)))
    whole = True
    while len(heap):
        c, d, at, e, b = heappop(heap)
        v, passed = at // sets, at % sets
        # `spare` is how much shorter than a bit over the reach the shortest label here is; 0: none yet
        left = reach + 1.0 - d
        beaten = False
        for others in range(passed, sets):
            if others & passed == passed and left <= spare[v * sets + others]:
                beaten = True
                break
        if beaten:
            continue
        if n == most:
            whole = False
            break
        if n == room:
            room *= 2
            l_vertex = np.append(l_vertex, np.empty(n, np.int32))
            l_cost = np.append(l_cost, np.empty(n))
            l_length = np.append(l_length, np.empty(n))
            l_edge = np.append(l_edge, np.empty(n, np.int32))
            l_before = np.append(l_before, np.empty(n, np.int32))
            l_earlier = np.append(l_earlier, np.empty(n, np.int32))
        spare[at] = left
        l_vertex[n] = v
        l_cost[n] = c
        l_length[n] = d
        l_edge[n] = e
        l_before[n] = b
        l_earlier[n] = latest[at] - 1
        latest[at] = n + 1
        for arc in range(indptr[v], indptr[v + 1]):
            f, w = edge[arc], head[arc]
            cw = c + cost[f]
            dw = d + length[f]
            onto = w * sets + (passed | marks[w]) if sets > 1 else np.int64(w)
            if np.isfinite(cw) and dw <= reach and reach + 1.0 - dw > spare[onto]:
                heappush(heap, (cw, dw, np.int64(onto), np.int64(f), np.int64(n)))
        n += 1
    return (
        l_vertex[:n].copy(),
        l_cost[:n].copy(),
        l_length[:n].copy(),
        l_edge[:n].copy(),
        l_before[:n].copy(),
        l_earlier[:n].copy(),
        whole,
    )


def pareto_routes(
    arcs: Arcs,
    *,
    cost: F64,
    length: F64,
    seeds: I64,
    seed_cost: F64,
    seed_length: F64,
    reach: float,
    most: int,
    marks: I64 | None = None,
    seed_marks: I64 | None = None,
    n_marks: int = 0,
) -> Labels:
    """All ways from the seeds that are not both dearer and longer than another, up to a length.

    Parameters
    ----------
    cost, length
        float64 `(n_edges,)`, none negative; an infinite cost closes an edge.
    seeds, seed_cost, seed_length
        Vertices to begin at, and what the way to them has come to; several seeds may share a vertex.
    reach
        The greatest length, included.
    most
        The greatest number of labels; beyond it the answer is not whole.
    marks, seed_marks, n_marks
        int64 `(n_vertices,)` and `(n_seeds,)`: as bits, what a way passes at each vertex and has passed
        when it begins; bits from 0 to `n_marks - 1`. All 0 by default.

    Cost: O(labels · degree · log labels), whatever the size of the graph; labels grow with `2 ** n_marks`.
    """
    sets = 1 << n_marks
    # zeros come from the system untouched: vertices that the search never meets cost nothing
    n = (arcs.indptr.size - 1) * sets
    latest, spare = np.zeros(n, np.int32), np.zeros(n)
    found = _search(
        *arcs,
        cost,
        length,
        _NO_MARKS if marks is None else marks,
        sets,
        seeds,
        seed_cost,
        seed_length,
        np.zeros(seeds.size, np.int64) if seed_marks is None else seed_marks,
        float(reach),
        int(most),
        latest,
        spare,
    )
    return Labels(*found[:6], latest, found[6])


class Arrivals(NamedTuple):
    """Ways to places, place by place: those of place `k` are `first[k] : first[k + 1]`, ascending by cost.

    cost, length : float64 (n,)
    foot : int32 (n,), over which foot the place is reached; -1 without any, straight from the start
    label : int32 (n,), the label the way goes on from; `-1 - s` from the start's own foot `s` on one edge
    off_m : float64 (n,), metres of the way that follow no edge
    """

    first: I64
    cost: F64
    length: F64
    foot: I32
    label: I32
    off_m: F64


@compiled
def _arrive(
    edge_from: I32,
    edge_to: I32,
    cost: F64,
    length: F64,
    labels: Labels,
    start_edge: I64,
    start_at: F64,
    start_off: F64,
    foot_first: I64,
    foot_edge: I64,
    foot_at: F64,
    foot_off: F64,
    straight: F64,
    start_marks: I64,
    foot_marks: I64,
    straight_marks: I64,
    sets: int,
    off_cost: float,
    off_reach: float,
    reach: float,
) -> tuple[I64, F64, F64, I32, I32, F64]:
    places = foot_first.size - 1
    every = sets - 1
    first = np.zeros(places + 1, np.int64)
    room = 1024
    a_cost = np.empty(room)
    a_length = np.empty(room)
    a_foot = np.empty(room, np.int32)
    a_label = np.empty(room, np.int32)
    a_off = np.empty(room)
    n = 0
    for p in range(places):
        ways = [(0.0, 0.0, np.int64(0), np.int64(0), 0.0) for _ in range(0)]
        if straight[p] <= off_reach and straight[p] <= reach and straight_marks[p] == every:
            ways.append((straight[p] * off_cost, straight[p], np.int64(-1), np.int64(0), straight[p]))
        for k in range(foot_first[p], foot_first[p + 1]):
            e = foot_edge[k]
            usable = np.isfinite(cost[e])
            rate = cost[e] / length[e] if usable and length[e] > 0.0 else 0.0
            for s in range(start_edge.size):
                if start_edge[s] == e and start_marks[s] | foot_marks[k] == every:
                    along = abs(start_at[s] - foot_at[k])
                    off = start_off[s] + foot_off[k]
                    if not usable and along > 0.0:
                        continue
                    if along + off <= reach:
                        ways.append(
                            (rate * along + off * off_cost, along + off, np.int64(k), np.int64(-1 - s), off)
                        )
            for side in range(2):
                v = edge_from[e] if side == 0 else edge_to[e]
                along = foot_at[k] if side == 0 else length[e] - foot_at[k]
                if not usable and along > 0.0:  # who stands at the end of an edge need not use it
                    continue
                more = rate * along + foot_off[k] * off_cost
                for passed in range(sets):
                    if passed | foot_marks[k] != every:
                        continue
                    label = labels.latest[v * sets + passed] - 1
                    while label >= 0:
                        d = labels.length[label] + along + foot_off[k]
                        if d <= reach:
                            c = labels.cost[label] + more
                            ways.append((c, d, np.int64(k), np.int64(label), foot_off[k]))
                        label = labels.earlier[label]
        ways.sort()
        shortest = np.inf
        for c, d, via, onward, off in ways:
            if d < shortest:
                shortest = d
                if n == room:
                    room *= 2
                    a_cost = np.append(a_cost, np.empty(n))
                    a_length = np.append(a_length, np.empty(n))
                    a_foot = np.append(a_foot, np.empty(n, np.int32))
                    a_label = np.append(a_label, np.empty(n, np.int32))
                    a_off = np.append(a_off, np.empty(n))
                a_cost[n] = c
                a_length[n] = d
                a_foot[n] = via
                a_label[n] = onward
                # what the start's own foot lies off the edge is added by whoever knows the seed
                a_off[n] = off
                n += 1
        first[p + 1] = n
    return (
        first,
        a_cost[:n].copy(),
        a_length[:n].copy(),
        a_foot[:n].copy(),
        a_label[:n].copy(),
        a_off[:n].copy(),
    )


def arrivals(
    edge_from: I32,
    edge_to: I32,
    *,
    cost: F64,
    length: F64,
    labels: Labels,
    start: Feet,
    feet: Feet,
    straight: F64,
    off_cost: float,
    off_reach: float,
    reach: float,
    start_marks: I64 | None = None,
    foot_marks: I64 | None = None,
    straight_marks: I64 | None = None,
    n_marks: int = 0,
) -> Arrivals:
    """The ways to places beside the graph that are not both dearer and longer than another.

    Parameters
    ----------
    labels
        Of a search whose seeds were the two ends of the edges of `start`, in that order: ends from and to of
        foot 0, of foot 1, and so on.
    start, feet
        Where the one start and the places meet the edges.
    straight
        float64 `(n_places,)`: metres from the start to each place as the crow flies. An infinite distance
        here, or of a foot, closes what joins it.
    off_cost, off_reach
        Cost of a metre away from edges, and how long a way without any edge may be.
    start_marks, foot_marks, straight_marks, n_marks
        int64: the marks that are passed between the start and each of its feet, between each foot and its
        place, and straight from the start to each place. Only ways that pass all marks arrive.
    """

    def marks(given: I64 | None, size: int) -> I64:
        return np.zeros(size, np.int64) if given is None else given

    return Arrivals(
        *_arrive(
            edge_from,
            edge_to,
            cost,
            length,
            labels,
            start.edge,
            start.at,
            start.off,
            *feet,
            straight,
            marks(start_marks, start.edge.size),
            marks(foot_marks, feet.edge.size),
            marks(straight_marks, straight.size),
            1 << n_marks,
            float(off_cost),
            float(off_reach),
            float(reach),
        )
    )


def way_back(labels: Labels, label: int) -> tuple[list[int], list[int], int]:
    """Vertices and edges of a label's way from its seed, in order, and the seed."""
    vertices, edges = [int(labels.vertex[label])], []
    while labels.before[label] >= 0:
        edges.append(int(labels.edge[label]))
        label = int(labels.before[label])
        vertices.append(int(labels.vertex[label]))
    return vertices[::-1], edges[::-1], -1 - int(labels.before[label])
