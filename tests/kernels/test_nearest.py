"""The nearest wanted vertices are those of scipy's dijkstra over the whole graph."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from gis_service.kernels.arcs import build_arcs
from gis_service.kernels.compiled import B1, F64, I32, I64
from gis_service.kernels.nearest import Nearby

Graph = tuple[int, I32, I32, F64]
Found = list[tuple[int, float]]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Up to 30 vertices with parallel edges, loops, weights of nothing, closed edges and equal weights."""
    n = draw(st.integers(1, 30))
    m = draw(st.integers(0, 60))
    ends = st.lists(st.integers(0, n - 1), min_size=m, max_size=m)
    weights = st.lists(st.sampled_from([0.0, 1.0, 1.0, 2.5, 7.0, np.inf]), min_size=m, max_size=m)
    return n, np.array(draw(ends), np.int32), np.array(draw(ends), np.int32), np.array(draw(weights), float)


def by_scipy(graph: Graph, wanted: B1, seeds: I64, seed_far: F64, most: int, reach: float) -> Found:
    """From one vertex more, joined to the seeds; weights are shifted up, as scipy takes 0 for no edge."""
    n, edge_from, edge_to, weight = graph
    least: dict[tuple[int, int], float] = {}
    rows = [*zip(edge_from.tolist(), edge_to.tolist(), weight.tolist(), strict=True)]
    rows += [(b, a, w) for a, b, w in rows]
    rows += [(n, v, far) for v, far in zip(seeds.tolist(), seed_far.tolist(), strict=True)]
    for a, b, w in rows:
        if np.isfinite(w):
            least[a, b] = min(least.get((a, b), np.inf), w)
    tiny = 1e-9
    keys = np.array(list(least), np.int64).reshape(-1, 2)
    matrix = csr_array((np.array(list(least.values())) + tiny, (keys[:, 0], keys[:, 1])), (n + 1, n + 1))
    far = np.round(dijkstra(matrix, indices=n), 6)
    found = sorted((float(far[v]), v) for v in np.flatnonzero(wanted).tolist() if far[v] <= min(reach, 1e300))
    return [(v, d) for d, v in found[:most]]


@given(
    graphs(),
    st.integers(0, 5),
    st.sampled_from([0.0, 2.0, 7.5, np.inf]),
    st.randoms(use_true_random=False),
)
def test_the_nearest_are_those_of_dijkstra_over_the_whole_graph(
    graph: Graph, most: int, reach: float, chance: random.Random
) -> None:
    n, edge_from, edge_to, weight = graph
    draw = np.random.default_rng(chance.randrange(1 << 30))
    nearby = Nearby(build_arcs(n, edge_from, edge_to), weight)
    for _ in range(3):  # one search leaves nothing for the next
        wanted = draw.random(n) < 0.4
        seeds = draw.integers(0, n, int(draw.integers(0, 4)))
        seed_far = draw.choice([0.0, 1.0, 2.0, np.inf], seeds.size)
        vertex, far = nearby.nearest(wanted, seeds, seed_far, most=most, reach=reach)
        expected = by_scipy(graph, wanted, seeds, seed_far, most, reach)
        assert vertex.tolist() == [v for v, _ in expected]
        assert far.tolist() == pytest.approx([d for _, d in expected], abs=1e-6)


def test_threads_do_not_disturb_each_other() -> None:
    draw = np.random.default_rng(1)
    n = 2_000
    ends = draw.integers(0, n, (2, 5 * n)).astype(np.int32)
    nearby = Nearby(build_arcs(n, ends[0], ends[1]), draw.random(5 * n))
    wanted = draw.random(n) < 0.02
    starts = draw.integers(0, n, 400)

    def ask(start: int) -> list[tuple[int, float]]:
        vertex, far = nearby.nearest(wanted, np.array([start]), np.zeros(1), most=5)
        return list(zip(vertex.tolist(), far.tolist(), strict=True))

    alone = [ask(start) for start in starts.tolist()]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, starts.tolist())) == alone


def test_a_search_that_outgrows_its_room_begins_anew_and_finds_the_same() -> None:
    draw = np.random.default_rng(3)
    n = 20_000
    ends = draw.integers(0, n, (2, 2 * n)).astype(np.int32)
    graph = n, ends[0], ends[1], np.round(draw.random(2 * n), 6)
    nearby = Nearby(build_arcs(n, ends[0], ends[1]), graph[3])
    wanted = draw.random(n) < 0.3
    seeds, seed_far = np.array([5, 17, 5]), np.array([0.25, 0.0, 0.5])
    for most, reach in ((3, np.inf), (700, np.inf), (n, np.inf), (n, 2.5)):
        vertex, far = nearby.nearest(wanted, seeds, seed_far, most=most, reach=reach)
        expected = by_scipy(graph, wanted, seeds, seed_far, most, reach)
        assert len(expected) > most // 30
        assert sorted(vertex.tolist()) == sorted(v for v, _ in expected)
        assert far.tolist() == pytest.approx([d for _, d in expected], abs=1e-6)


def test_of_thousands_equally_far_those_of_the_lowest_numbers_count() -> None:
    n = 3_000
    middle = 1_234
    others = np.delete(np.arange(n, dtype=np.int32), middle)
    nearby = Nearby(build_arcs(n, np.full(n - 1, middle, np.int32), others), np.full(n - 1, 2.0))
    wanted = np.arange(n) != middle
    vertex, far = nearby.nearest(wanted, np.array([middle]), np.zeros(1), most=4)
    assert vertex.tolist() == [0, 1, 2, 3]
    assert far.tolist() == [2.0] * 4
