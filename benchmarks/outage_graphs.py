"""Customers that go dark, beside graph libraries: igraph and rustworkx for a feeder, scipy for thousands.

The peers get their graph ready made. For one device they may walk the supply tree away from the supply, which
is the least that they can do; where the tree is not known, as after switching, they would have to look at the
whole network, as scipy does here for ten thousand devices.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from benchmarks.outage_sql import FEEDERS, LARGE, as_rows, customers_lost
from benchmarks.pairing import Ask, Contest, LeftOut, quickest
from benchmarks.province import Ground, ground
from benchmarks.setting import Setting
from gis_service.kernels.compiled import I32, I64
from gis_service.kernels.question import count_lost_in_question, lost_in_question
from gis_service.tracing.outs import NOTHING

NAMES = ("outage-feeder-graphs", "outage-large-graphs", "outage-10000-scipy")
DEVICES, SETS = 10_000, 10


def contests(setting: Setting) -> Iterator[Contest | LeftOut]:
    """A feeder breaker beside the better of igraph and rustworkx; many devices beside scipy."""
    here = ground(setting, setting.customers)
    yield from _beside_graphs(setting, here)
    yield _beside_scipy(setting, here)


def _beside_graphs(setting: Setting, here: Ground) -> Iterator[Contest | LeftOut]:
    ways = _igraph(here) | _rustworkx(here)
    feeders = here.feeder_breakers(setting.some(FEEDERS), seed=21)
    large = here.large_breakers(setting.some(LARGE), seed=26)
    for name, asked, what, goal in (
        ("outage-feeder-graphs", feeders, "feeder breaker", 30.0),
        ("outage-large-graphs", large, "breaker of 5,000 customers and more", None),
    ):
        if not ways:
            yield LeftOut(name, "neither igraph nor rustworkx is installed: pip install 'gridgis[bench]'")
            continue
        if not asked:
            yield LeftOut(name, "this province has none; ask for more --customers")
            continue
        setting.say(f"{name}: trying the ways of {', '.join(ways)}")
        best, theirs = quickest(ways, asked[:5], as_rows)
        yield Contest(
            name=name,
            work=f"ids of the customers that a {what} puts out, {len(asked)} of them outside loops",
            peer=f"{best}, graph ready made",
            ours=customers_lost(here),
            theirs=theirs,
            questions=asked,
            same=as_rows,
            goal=goal,
        )


def _customers_on(here: Ground) -> Any:
    """A function from nodes to the customers on them, by gathering runs of one array."""
    hung, place = here.supply.customers, here.supply.forest.place

    def gather(nodes: Any) -> I32:
        at = place[np.fromiter(nodes, np.int64, len(nodes))]
        first, stop = hung.offset[at].astype(np.int64), hung.offset[at + 1]
        counts = stop - first
        ends = np.cumsum(counts)
        rows: I32 = hung.row[np.arange(ends[-1]) + np.repeat(first - (ends - counts), counts)]
        return rows

    return gather


def _igraph(here: Ground) -> dict[str, Ask]:
    try:
        import igraph
    except ModuleNotFoundError:
        return {}
    gather, below = _customers_on(here), here.below.tolist()
    tree = np.flatnonzero(here.below >= 0)
    graph = igraph.Graph(
        n=here.topology.n_nodes + 1,
        edges=np.stack([here.above[tree], here.below[tree]], axis=1),
        directed=True,
    )
    return {
        "igraph subcomponent of the directed tree": lambda edge: gather(
            graph.subcomponent(below[edge], mode="out")
        ),
        "igraph bfs of the directed tree": lambda edge: gather(graph.bfs(below[edge], mode="out")[0]),
    }


def _rustworkx(here: Ground) -> dict[str, Ask]:
    try:
        import rustworkx
    except ModuleNotFoundError:
        return {}
    gather, below = _customers_on(here), here.below.tolist()
    graph = rustworkx.PyDiGraph(multigraph=False)
    graph.add_nodes_from([None] * (here.topology.n_nodes + 1))
    tree = np.flatnonzero(here.below >= 0)
    graph.add_edges_from_no_data(list(zip(here.above[tree].tolist(), here.below[tree].tolist(), strict=True)))

    def descendants(edge: int) -> I32:
        found = rustworkx.descendants(graph, below[edge])
        found.add(below[edge])
        return gather(found)  # type: ignore[no-any-return]

    def searched(edge: int) -> I32:
        edges = np.asarray(rustworkx.digraph_dfs_edges(graph, below[edge]), np.int64).reshape(-1, 2)
        return gather(np.append(edges[:, 1], below[edge]))  # type: ignore[no-any-return]

    return {
        "rustworkx descendants in the directed tree": descendants,
        "rustworkx dfs_edges of the directed tree": searched,
    }


def _beside_scipy(setting: Setting, here: Ground) -> Contest:
    devices = min(DEVICES, here.closed_switches().size // 3)
    stream = np.random.default_rng(22)
    sets = [
        np.sort(stream.choice(here.closed_switches(), devices, replace=False))
        for _ in range(setting.some(SETS))
    ]
    peer = Components(here)
    (held,), state = here.topology.held, here.state
    moved = state.moved_from(here.topology.switchgear.normal_open)

    def ours(gone: I64) -> int:
        return count_lost_in_question(held, state.open, moved, gone, NOTHING)

    for gone in sets:  # both count in the timed part; that they count the same customers is asserted here
        lost = lost_in_question(held, state.open, moved, gone)
        if not np.array_equal(np.sort(lost), np.flatnonzero(peer.dark_customers(gone))):
            raise AssertionError("the customers that we put out are not those that scipy cuts off")
    setting.say("outage-10000-scipy: trying the ways of connected_components")
    best, theirs = quickest(peer.ways, sets[:2], int)
    return Contest(
        name=f"outage-{DEVICES}-scipy",
        work=f"how many customers {devices:,} switches put out at once, {len(sets)} such sets",
        peer=f"scipy.sparse.csgraph.connected_components, {best}, matrix ready made",
        ours=ours,
        theirs=theirs,
        questions=sets,
        goal=300.0,
    )


class Components:
    """The conducting network as a sparse matrix; an edge is taken out by moving its entries to the diagonal.

    Ways to count: of the matrix with one entry for each edge, or of the symmetric one. (As a directed matrix,
    of which the strong components are the same, the symmetric one takes minutes.)
    """

    def __init__(self, here: Ground) -> None:
        topology, on = here.topology, here.conducting
        size = topology.n_nodes + 1
        self._root = topology.root
        self._customer_node = topology.customer_node
        self._customers = np.bincount(topology.customer_node, minlength=size)
        ends = topology.edge_from[on], topology.edge_to[on]
        self._once = _Matrix(size, *ends, on)
        both = _Matrix(size, np.concatenate(ends), np.concatenate(ends[::-1]), np.tile(on, 2))
        self.ways = {
            "one entry an edge": lambda gone: self._dark(self._once, gone),
            "symmetric matrix": lambda gone: self._dark(both, gone),
        }

    def dark_customers(self, gone: I64) -> Any:
        """Which customers are cut off from the supply, bool."""
        labels = self._once.components(gone)
        return labels[self._customer_node] != labels[self._root]

    def _dark(self, matrix: _Matrix, gone: I64) -> int:
        labels = matrix.components(gone)
        return int(self._customers[labels != labels[self._root]].sum())


class _Matrix:
    """A sparse matrix that knows where the entries of each edge lie."""

    def __init__(self, size: int, tail: I32, head: I32, edge: I64) -> None:
        order = np.argsort(tail, kind="stable")
        self._size = size
        self._indptr = np.concatenate([[0], np.cumsum(np.bincount(tail, minlength=size))]).astype(np.int32)
        self._tail, self._head = tail[order].astype(np.int32), head[order].astype(np.int32)
        self._data = np.ones(tail.size)
        self._by_edge = np.argsort(edge[order], kind="stable")
        self._edges = edge[order][self._by_edge]

    def components(self, gone: I64) -> I32:
        """The component of every node when some edges are out."""
        low, high = np.searchsorted(self._edges, gone), np.searchsorted(self._edges, gone, side="right")
        places = np.concatenate([self._by_edge[low[high > low]], self._by_edge[high[high > low] - 1]])
        head = self._head.copy()
        head[places] = self._tail[places]
        without = sparse.csr_array((self._data, head, self._indptr), shape=(self._size, self._size))
        labels: I32 = connected_components(without, directed=False)[1]
        return labels
