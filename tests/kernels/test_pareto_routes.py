"""Routes by cost and length, against networkx on graphs with parallel edges, loops and closed edges."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from gis_service.kernels.arcs import build_arcs
from gis_service.kernels.pareto_routes import Labels, pareto_routes, way_back

VERTICES, EDGES = 60, 150


def _random(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, VERTICES, (2, EDGES)).astype(np.int32)
    length = rng.integers(1, 40, EDGES).astype(np.float64)
    cost = length * rng.choice([0.5, 1.0, 4.0, np.inf], EDGES, p=[0.2, 0.5, 0.2, 0.1])
    return a, b, cost, length


def _search(seed: int, reach: float) -> tuple[Labels, tuple[np.ndarray, ...]]:
    a, b, cost, length = graph = _random(seed)
    zero = np.zeros(1)
    labels = pareto_routes(
        build_arcs(VERTICES, a, b),
        cost=cost,
        length=length,
        seeds=np.zeros(1, np.int64),
        seed_cost=zero,
        seed_length=zero,
        reach=reach,
        most=10**6,
    )
    return labels, graph


@pytest.mark.parametrize("seed", range(10))
def test_the_cheapest_and_the_shortest_ways_are_those_of_dijkstra(seed: int) -> None:
    labels, (a, b, cost, length) = _search(seed, 1e9)
    graph = nx.MultiGraph()
    graph.add_nodes_from(range(VERTICES))
    for e in range(EDGES):
        if np.isfinite(cost[e]):
            graph.add_edge(int(a[e]), int(b[e]), cost=cost[e], length=length[e])
    for measure, values in (("cost", labels.cost), ("length", labels.length)):
        expected = nx.single_source_dijkstra_path_length(graph, 0, weight=measure)
        found: dict[int, float] = {}
        for vertex, value in zip(labels.vertex.tolist(), values.tolist(), strict=True):
            found[vertex] = min(value, found.get(vertex, np.inf))
        assert found == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(10))
def test_labels_are_ways_within_reach_and_none_beats_another(seed: int) -> None:
    labels, (_, _, cost, length) = _search(seed, 90.0)
    for k in range(labels.vertex.size):
        vertices, edges, origin = way_back(labels, k)
        assert (vertices[0], vertices[-1], origin) == (0, int(labels.vertex[k]), 0)
        assert labels.length[k] == pytest.approx(length[edges].sum())
        assert labels.cost[k] == pytest.approx(cost[edges].sum())
        assert labels.length[k] <= 90.0
        same = np.flatnonzero(labels.vertex == labels.vertex[k])
        others = same[same != k]
        assert not (
            (labels.cost[others] <= labels.cost[k]) & (labels.length[others] <= labels.length[k])
        ).any()


def test_a_search_that_is_broken_off_says_so() -> None:
    a, b, cost, length = _random(0)
    arcs = build_arcs(VERTICES, a, b)
    one = np.zeros(1)
    seeds = np.zeros(1, np.int64)
    found = pareto_routes(
        arcs, cost=cost, length=length, seeds=seeds, seed_cost=one, seed_length=one, reach=1e9, most=5
    )
    assert (found.vertex.size, found.whole) == (5, False)
