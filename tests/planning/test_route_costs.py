"""Routes cost what networkx finds in a graph that is cut wherever the customer or a place meets a corridor.

Two graphs for each construction, one weighed by cost and one by length. Ways onto and off corridors have a
direction there, so that none leads through another place.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import networkx as nx
import numpy as np
import pytest

from benchmarks.planning_grid import corridors_of as corridors_of_package
from gis_service.ingest.demo import demo_package
from gis_service.ingest.frames import GridPackage
from gis_service.ingest.osm import streets_demo_package
from gis_service.planning.corridors import UNKNOWN, Ground, ground_around
from gis_service.planning.plane import Plane
from gis_service.planning.routes import Routes, find_routes
from gis_service.planning.rules import default_rules
from gis_service.planning.rules.book import CONSTRUCTIONS
from tests.planning.small import HERE, corridors_of

RULES = default_rules()
KINDS = ["street", "pole_line", "duct", "crossing", "lane"]
FAR_M = 1e5
"""A reach that leaves out no way, as the graphs of networkx know none."""


def mesh(seed: int, side: int = 14, apart: float = 80.0) -> Ground:
    """A crooked mesh of corridors of all kinds, some with prices of their own, some missing, some closed."""
    draw = np.random.default_rng(seed)
    at = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2) - (side - 1) / 2
    vertices = at * apart + draw.uniform(-25, 25, at.shape)
    number = np.arange(side * side).reshape(side, side)
    pairs = [*zip(number[:, :-1].ravel(), number[:, 1:].ravel(), strict=True)]
    pairs += [*zip(number[:-1].ravel(), number[1:].ravel(), strict=True)]
    pairs = [pair for pair in pairs if draw.random() < 0.85]
    n = len(pairs)
    return ground_around(
        HERE,
        [
            corridors_of(
                [(f"v{a:03}", f"v{b:03}") for a, b in pairs],
                [
                    np.stack([vertices[a], vertices[[a, b]].mean(0) + draw.normal(0, 9, 2), vertices[b]])
                    for a, b in pairs
                ],
                draw.choice(KINDS, n).tolist(),
                np.where(draw.random(n) < 0.2, draw.uniform(10, 400, n), np.nan).tolist(),
                draw.choice([0, 2, UNKNOWN], n).tolist(),
            )
        ],
        FAR_M,
    )


def graph_of(routes: Routes, weigh_by_cost: bool) -> nx.DiGraph:
    """The corridors that are open, cut at every foot, and the ways onto and off them."""
    ground, off_rate = routes.ground, routes.off_rate if weigh_by_cost else 1.0
    graph = nx.DiGraph()

    def join(a: object, b: object, weight: float) -> None:
        if weight < graph.get_edge_data(a, b, {"weight": np.inf})["weight"]:
            graph.add_edge(a, b, weight=weight)

    feet: dict[int, list[tuple[float, object]]] = {}
    for k, edge in enumerate(routes.start.edge.tolist()):
        feet.setdefault(edge, []).append((float(routes.start.at[k]), ("start", k)))
        join("customer", ("start", k), float(routes.start.off[k]) * off_rate)
    for place in range(len(routes.places)):
        for k in range(int(routes.feet.first[place]), int(routes.feet.first[place + 1])):
            feet.setdefault(int(routes.feet.edge[k]), []).append((float(routes.feet.at[k]), ("foot", k)))
            join(("foot", k), ("place", place), float(routes.feet.off[k]) * off_rate)
        straight = float(np.hypot(*routes.places[place]))
        if straight <= RULES.limits.off_corridor_m:
            join("customer", ("place", place), straight * off_rate)
    rates = ground.per_m(RULES, routes.construction)
    for edge in np.flatnonzero(np.isfinite(rates)).tolist():
        rate = float(rates[edge]) if weigh_by_cost else 1.0
        length = float(ground.length[edge])
        cuts = [
            (0.0, ("vertex", int(ground.edge_from[edge]))),
            *sorted(feet.get(edge, []), key=lambda cut: cut[0]),
            (length, ("vertex", int(ground.edge_to[edge]))),
        ]
        for (since, before), (upto, after) in pairwise(cuts):
            join(before, after, rate * (upto - since))
            join(after, before, rate * (upto - since))
    return graph


def assert_as_networkx(ground: Ground, places: np.ndarray, where: object) -> int:
    """How many places have a way; that all cost and measure what networkx says."""
    reached = 0
    for construction in CONSTRUCTIONS:
        routes = find_routes(ground, RULES, construction, places, FAR_M)
        assert routes.whole
        cheapest = nx.single_source_dijkstra_path_length(graph_of(routes, True), "customer")
        shortest = nx.single_source_dijkstra_path_length(graph_of(routes, False), "customer")
        first, found = routes.found.first, routes.found
        for place in range(len(places)):
            ways = slice(int(first[place]), int(first[place + 1]))
            key = "place", place
            assert (found.cost[ways].size > 0) == (key in cheapest), (where, construction, place)
            if key in cheapest:
                reached += 1
                assert found.cost[ways].min() == pytest.approx(cheapest[key], rel=1e-9, abs=1e-6)
                assert found.length[ways].min() == pytest.approx(shortest[key], rel=1e-9, abs=1e-6)
                # and the parts of the cheapest way add up to it
                way = ways.start + int(np.argmin(found.cost[ways]))
                along = sum(routes.rate[one.edge] * one.length_m for one in routes.stretches(way))
                total = along + routes.off_m(way) * routes.off_rate
                assert total == pytest.approx(cheapest[key], rel=1e-9, abs=1e-6)
    return reached


@pytest.mark.parametrize("seed", range(20))
def test_routes_in_a_mesh_cost_what_networkx_finds(seed: int) -> None:
    draw = np.random.default_rng((seed, 2))
    assert assert_as_networkx(mesh(seed), draw.uniform(-500, 500, (40, 2)), seed) > 40


@pytest.mark.parametrize("package", [demo_package, streets_demo_package])
def test_routes_in_the_demo_grids_cost_what_networkx_finds(package: Callable[[], GridPackage]) -> None:
    grid = package()
    counties = [corridors_of_package(grid, str(code)) for code in grid["county"]["code"]]
    customers = np.column_stack([grid["customer_point"].geometry.x, grid["customer_point"].geometry.y])
    nodes = np.column_stack([grid["connectivity_node"].geometry.x, grid["connectivity_node"].geometry.y])
    draw = np.random.default_rng(8)
    reached = 0
    for row in draw.choice(len(customers), 3, replace=False).tolist():
        lon, lat = (customers[row] + draw.normal(0, 3e-4, 2)).tolist()
        plane = Plane(lon, lat)
        near = plane.metres(nodes)
        near = near[np.argsort(np.hypot(*near.T))[:60]]
        reached += assert_as_networkx(ground_around(plane, counties, 1500.0), near, (lon, lat))
    assert reached > 150


@pytest.mark.parametrize("seed", range(10))
def test_the_shortest_way_beyond_the_reach_is_that_of_networkx(seed: int) -> None:
    draw = np.random.default_rng((seed, 3))
    places = draw.uniform(-500, 500, (25, 2))
    seen = 0
    for construction in CONSTRUCTIONS:
        routes = find_routes(mesh(seed), RULES, construction, places, 150.0)
        lengths = nx.single_source_dijkstra_path_length(graph_of(routes, False), "customer")
        for some in (np.arange(25)[k : k + 1] for k in range(25)):
            expected = lengths.get(("place", int(some[0])), np.inf)
            assert routes.joints.shortest_m(some) == pytest.approx(expected, rel=1e-9)
            seen += np.isfinite(expected) and not np.diff(routes.found.first)[some[0]]
        some = draw.integers(0, 25, 4)
        expected = min(lengths.get(("place", int(k)), np.inf) for k in some)
        assert routes.joints.shortest_m(some) == pytest.approx(expected, rel=1e-9)
    assert seen > 10  # of those that are too far off for a route
