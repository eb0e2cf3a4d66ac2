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


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Up to 30 vertices with parallel edges, loops, weights of nothing, closed edges and equal weights."""
    n = draw(st.integers(1, 30))
    m = draw(st.integers(0, 60))
    ends = st.lists(st.integers(0, n - 1), min_size=m, max_size=m)
    weights = st.lists(st.sampled_from([0.0, 1.0, 1.0, 2.5, 7.0, np.inf]), min_size=m, max_size=m)
    return n, np.array(draw(ends), np.int32), np.array(draw(ends), np.int32), np.array(draw(weights), float)


def by_scipy(graph: Graph, wanted: B1, seeds: I64, seed_far: F64, most: int, reach: float) -> list[object]:
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
        found = [(int(v), pytest.approx(d, abs=1e-6)) for v, d in zip(vertex, far, strict=True)]
        assert by_scipy(graph, wanted, seeds, seed_far, most, reach) == found


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
