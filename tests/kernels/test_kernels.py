"""Each kernel against an independent oracle: networkx, scipy or a definition written out."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra

from gis_service.kernels.arcs import Arcs, build_arcs
from gis_service.kernels.blocks import find_blocks, parent_blocks, spread_down, spread_up
from gis_service.kernels.reach import components, reach_masks
from gis_service.kernels.shortest import path_to, shortest_tree

Edges = tuple[int, list[tuple[int, int]]]


@st.composite
def multigraphs(draw: st.DrawFn) -> Edges:
    n = draw(st.integers(1, 9))
    node = st.integers(0, n - 1)
    return n, draw(st.lists(st.tuples(node, node), max_size=16))


def arcs_of(graph: Edges) -> Arcs:
    n, edges = graph
    pairs = np.array(edges, np.int32).reshape(-1, 2)
    return build_arcs(n, pairs[:, 0].copy(), pairs[:, 1].copy())


@given(multigraphs())
def test_every_edge_has_an_arc_at_both_ends(graph: Edges) -> None:
    n, edges = graph
    arcs = arcs_of(graph)
    listed = sorted(
        (int(arcs.edge[k]), v, int(arcs.head[k]))
        for v in range(n)
        for k in range(arcs.indptr[v], arcs.indptr[v + 1])
    )
    assert listed == sorted(
        [(e, a, b) for e, (a, b) in enumerate(edges)] + [(e, b, a) for e, (a, b) in enumerate(edges)]
    )


def test_an_edge_with_an_unknown_end_has_no_arcs_and_a_wrong_node_is_refused() -> None:
    arcs = build_arcs(2, np.array([0, 1], np.int32), np.array([-1, 0], np.int32))
    assert arcs.edge.tolist() == [1, 1]
    with pytest.raises(ValueError, match=r"outside 0 … 1"):
        build_arcs(2, np.array([0], np.int32), np.array([2], np.int32))
    with pytest.raises(ValueError, match="of one length"):
        build_arcs(2, np.array([0], np.int32), np.array([0, 1], np.int32))


@given(multigraphs(), st.data())
def test_phases_reach_what_a_search_per_phase_reaches(graph: Edges, data: st.DataObject) -> None:
    n, edges = graph
    masks = data.draw(st.lists(st.integers(0, 7), min_size=len(edges), max_size=len(edges)))
    allowed = data.draw(st.lists(st.sampled_from((7, 7, 7, 0, 3)), min_size=n, max_size=n))
    seeds = data.draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, 7)), max_size=3))
    expected = [0] * n
    for bit in (1, 2, 4):
        g = nx.Graph()
        g.add_nodes_from(v for v in range(n) if allowed[v] & bit)
        g.add_edges_from(
            (a, b) for (a, b), m in zip(edges, masks, strict=True) if m & bit and a in g and b in g
        )
        for seed, mask in seeds:
            if mask & bit and seed in g:
                for v in nx.node_connected_component(g, seed):
                    expected[v] |= bit

    reached = reach_masks(
        *arcs_of(graph),
        np.array(masks, np.uint8),
        np.array(allowed, np.uint8),
        np.array([s for s, _ in seeds], np.int64),
        np.array([m for _, m in seeds], np.uint8),
    )
    assert reached.tolist() == expected


@given(multigraphs(), st.data())
def test_components_are_those_of_scipy(graph: Edges, data: st.DataObject) -> None:
    n, edges = graph
    on = data.draw(st.lists(st.integers(0, 1), min_size=len(edges), max_size=len(edges)))
    kept = [edge for edge, keep in zip(edges, on, strict=True) if keep]
    rows, columns = [a for a, _ in kept], [b for _, b in kept]
    _, expected = connected_components(csr_array((np.ones(len(kept)), (rows, columns)), shape=(n, n)), False)

    label = components(*arcs_of(graph), np.array(on, np.uint8))

    assert len(set(zip(label.tolist(), expected.tolist(), strict=True))) == len(set(expected.tolist()))
    first_seen = [label.tolist().index(k) for k in range(int(label.max()) + 1)]
    assert first_seen == sorted(first_seen)


def subdivided(graph: Edges) -> nx.Graph:
    """Each edge with a node of its own in the middle: parallel edges become cycles, blocks stay blocks."""
    g = nx.Graph()
    g.add_nodes_from(range(graph[0]))
    for e, (a, b) in enumerate(graph[1]):
        if a != b:
            g.add_edges_from(((a, ("edge", e)), (("edge", e), b)))
    return g


@given(multigraphs())
def test_blocks_are_the_biconnected_components_of_networkx(graph: Edges) -> None:
    n, edges = graph
    expected = set()
    inside: set[int] = set()
    for part in nx.biconnected_component_edges(subdivided(graph)):
        # a bridge of the multigraph is two bridges after subdivision: they fall into {e} twice
        block = frozenset(e for pair in part for v in pair if isinstance(v, tuple) for e in [v[1]])
        expected.add(block)
        inside |= block
    expected |= {frozenset((e,)) for e, (a, b) in enumerate(edges) if a == b}

    blocks = find_blocks(
        *arcs_of(graph), np.ones(len(edges), np.bool_), np.ones(n, np.bool_), np.arange(n, dtype=np.int64)
    )
    found: dict[int, set[int]] = {}
    for e, b in enumerate(blocks.edge_block.tolist()):
        found.setdefault(b, set()).add(e)

    assert {frozenset(block) for block in found.values()} == expected
    assert [len(found[b]) for b in range(len(found))] == blocks.size.tolist()


@given(multigraphs())
def test_the_block_tree_leads_from_every_node_to_its_root(graph: Edges) -> None:
    n, edges = graph
    conducts = np.ones(len(edges), np.bool_)
    blocks = find_blocks(*arcs_of(graph), conducts, np.ones(n, np.bool_), np.array([0], np.int64))
    parent = parent_blocks(blocks)
    g = nx.MultiGraph()
    g.add_nodes_from(range(n))
    g.add_edges_from((a, b, e) for e, (a, b) in enumerate(edges))
    for v in range(n):
        on_paths = {e for path in nx.all_simple_edge_paths(g, v, 0) for _, _, e in path}
        chain, b = set(), int(blocks.node_block[v])
        while b >= 0:
            chain.add(b)
            assert parent[b] == -1 or parent[b] > b
            b = int(parent[b])
        assert {e for e in range(len(edges)) if int(blocks.edge_block[e]) in chain} == on_paths
    if blocks.size.size:
        one = np.zeros(blocks.size.size, np.bool_)
        one[0] = True
        above = spread_up(parent, one)
        for b in range(blocks.size.size):
            alone = np.zeros_like(one)
            alone[b] = True
            assert bool(spread_down(parent, alone)[0]) == bool(above[b])


@given(multigraphs(), st.data())
def test_distances_are_those_of_scipy_and_paths_add_up_to_them(graph: Edges, data: st.DataObject) -> None:
    n, edges = graph
    weight = data.draw(st.lists(st.integers(1, 6), min_size=len(edges), max_size=len(edges)))
    seeds = sorted(data.draw(st.sets(st.integers(0, n - 1), min_size=1, max_size=3)))
    best: dict[tuple[int, int], int] = {}
    for (a, b), w in zip(edges, weight, strict=True):
        key = (min(a, b), max(a, b))
        best[key] = min(best.get(key, w), w)
    matrix = csr_array(
        (list(best.values()), ([a for a, _ in best], [b for _, b in best])), shape=(n, n), dtype=float
    )
    expected = dijkstra(matrix, directed=False, indices=seeds).min(axis=0)

    tree = shortest_tree(
        *arcs_of(graph),
        weight=np.array(weight, np.float64),
        conducts=np.ones(len(edges), np.bool_),
        allowed=np.ones(n, np.bool_),
        rank=np.arange(len(edges), dtype=np.int32),
        seeds=np.array(seeds, np.int64),
    )
    assert tree.distance.tolist() == expected.tolist()
    for v in range(n):
        nodes, path = path_to(tree, v)
        if np.isfinite(expected[v]):
            assert nodes[0] == seeds[tree.seed[v]]
            assert nodes[-1] == v
            assert sum(weight[e] for e in path) == expected[v]


def test_of_equally_long_ways_the_one_with_fewer_edges_then_the_lower_rank_wins() -> None:
    #   0 ──e0── 1 ──e1── 2      e0 + e1 = 2, e2 = 2, e3 = 2 (parallel to e2, of lower rank)
    #   └──────e2, e3─────┘
    arcs = build_arcs(3, np.array([0, 1, 0, 0], np.int32), np.array([1, 2, 2, 2], np.int32))
    tree = shortest_tree(
        *arcs,
        weight=np.array([1.0, 1.0, 2.0, 2.0]),
        conducts=np.ones(4, np.bool_),
        allowed=np.ones(3, np.bool_),
        rank=np.array([0, 1, 3, 2], np.int32),
        seeds=np.array([0]),
    )
    assert path_to(tree, 2) == ([0, 2], [3])
