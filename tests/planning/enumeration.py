"""Every scheme of a small question, priced and judged one by one: the oracle of the search.

Takes from the product the declared places and the corridors each is joined to, nothing else: ways are simple
paths that networkx lists in a graph cut at every foot, loads are summed by walking, voltages come from the
sweep over a whole tree. Areas are shapely's: corridors are cut where they meet a border, a piece is closed
where it runs inside, and whatever touches an area passes it.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from itertools import pairwise
from typing import NamedTuple

import networkx as nx
import numpy as np
import pytest
import shapely
from shapely.geometry.base import BaseGeometry
from shapely.ops import substring

from gis_service.kernels.powerflow import radial_flow
from gis_service.network.tables import GridTables
from gis_service.planning.corridors import Ground
from gis_service.planning.pairs import Independence
from gis_service.planning.routes import Routes
from gis_service.planning.rules import Conductor, Rules
from gis_service.planning.search import Block, Load
from gis_service.planning.sites import Site

Part = tuple[int, int]
"""A corridor, and how many of the customer's doors on it lie before."""


class Way(NamedTuple):
    """A way: its cost, its length, and the corridors that it runs along."""

    cost: float
    length: float
    parts: frozenset[Part]


class Found(NamedTuple):
    cost: float
    group: tuple[str, str, int]
    site: Site
    parts: frozenset[Part]


def every_scheme(
    blocks: list[Block], rules: Rules, load: Load, *, beside_others: bool = True
) -> Iterator[Found]:
    """All schemes that keep every limit, those of others as well where these count."""
    for block in blocks:
        for routes in block.routes:
            for place in range(len(block.sites)):
                site = block.sites.site(place)
                reach = rules.limits.reach_m.of(block.level)
                for way_cost, length, parts in simple_ways(block.ground, routes, rules, place, reach):
                    for conductor in rules.conductor:
                        if (conductor.level, conductor.construction) != (block.level, routes.construction):
                            continue
                        cost = way_cost + conductor.cost_per_m * length
                        cost += getattr(rules.attach_cost, site.kind)
                        if block.level == "medium":
                            fits = [t for t in rules.transformer if t.rated_kva >= load.kva]
                            cost += min(fits, key=lambda one: one.rated_kva).cost
                        volts = _judged(
                            block, site, conductor, length, rules, load, beside_others=beside_others
                        )
                        if volts is not None:
                            yield Found(cost, site.group, site, parts)


def simple_ways(ground: Ground, routes: Routes, rules: Rules, place: int, reach: float) -> Iterator[Way]:
    """Every way from the customer to a place; `ground` is that before any area cut it.

    A state is a place and what has been passed on the way there, so a way may come back after it has passed
    an area.
    """
    graph = _cut_graph(ground, routes, rules, place)
    if "start" not in graph or "place" not in graph:
        return
    every = (1 << len(routes.ground.areas.must_pass)) - 1
    states = nx.MultiDiGraph()
    for a, b, data in graph.edges(data=True):
        for passed in range(every + 1):
            onto = passed | data["passes"]
            for begin, end in ((a, b), (b, a)):
                if end != "start" and begin != "place":  # a route leaves once and arrives once
                    states.add_edge((begin, passed), (end, onto), **data)
    for path in nx.all_simple_edge_paths(states, ("start", 0), ("place", every)):
        edges = [states.edges[edge] for edge in path]
        length = sum(one["length"] for one in edges)
        if length <= reach:
            parts = frozenset(one["part"] for one in edges if one["part"] is not None and one["length"] > 0)
            yield Way(sum(one["cost"] for one in edges), length, parts)


def _cut_graph(ground: Ground, routes: Routes, rules: Rules, place: int) -> nx.MultiGraph:
    areas, ways = routes.ground.areas, routes.ground
    off = rules.corridor_cost.off_per_m(routes.construction)
    rates = ground.per_m(rules, routes.construction)
    graph = nx.MultiGraph()
    cuts: dict[int, list[tuple[float, str]]] = {}

    def join(a: str, b: str, line: BaseGeometry, rate: float, part: Part | None) -> None:
        if areas.avoid is not None and shapely.length(shapely.intersection(line, areas.avoid)) > 2e-3:
            return
        touched = [shapely.distance(line, area) < 1e-3 for area in areas.must_pass]
        passes = sum(1 << k for k, touches in enumerate(touched) if touches)
        graph.add_edge(a, b, length=line.length, cost=rate * line.length, passes=passes, part=part)

    def foot(name: str, edge: int, at: float, beside: float, whose: str, whence: tuple[float, float]) -> None:
        corridor, along = int(ways.corridor[edge]), float(ways.begin[edge]) + at
        cuts.setdefault(corridor, []).append((along, name))
        where = shapely.line_interpolate_point(ground.shapes[corridor], along)
        if np.isfinite(beside):
            link = shapely.LineString([whence, where])
            assert link.length == pytest.approx(beside, abs=1e-6)
            join(name, whose, link, off, None)

    for k, edge in enumerate(routes.start.edge.tolist()):
        foot(f"s{k}", edge, float(routes.start.at[k]), float(routes.start.off[k]), "start", (0.0, 0.0))
    there = tuple(routes.places[place].tolist())
    for k in range(int(routes.feet.first[place]), int(routes.feet.first[place + 1])):
        foot(
            f"f{k}",
            int(routes.feet.edge[k]),
            float(routes.feet.at[k]),
            float(routes.feet.off[k]),
            "place",
            there,
        )
    for edge in range(ground.id.size):
        rate = float(rates[edge])
        if not math.isfinite(rate):
            continue
        line = ground.shapes[edge]
        at = list(cuts.get(edge, []))
        for area in ([areas.avoid] if areas.avoid is not None else []) + list(areas.must_pass):
            met = shapely.intersection(line, shapely.boundary(area))
            at += [
                (float(line.project(shapely.Point(xy))), f"c{edge} {xy}")
                for xy in shapely.get_coordinates(met).tolist()
            ]
        before, since, doors = f"v{ground.edge_from[edge]}", 0.0, 0
        for where, name in [*sorted(at), (line.length, f"v{ground.edge_to[edge]}")]:
            join(before, name, substring(line, since, where), rate, (edge, doors))
            doors += name.startswith("s")
            before, since = name, where
    straight = float(np.hypot(*routes.places[place]))
    if straight <= rules.limits.off_corridor_m:
        join("start", "place", shapely.LineString([(0.0, 0.0), there]), off, None)
    return graph


def keeps(
    block: Block, place: int, site: Site, conductor: Conductor, length: float, rules: Rules, load: Load
) -> bool:
    """Whether one scheme keeps every limit, from the tables of the grid."""
    return _judged(block, site, conductor, length, rules, load) is not None


def voltages(
    block: Block, site: Site, conductor: Conductor, length: float, rules: Rules, load: Load
) -> np.ndarray | None:
    """Magnitudes along the supply path, the new line last; None where a limit is broken."""
    return _judged(block, site, conductor, length, rules, load)


def _judged(
    block: Block,
    site: Site,
    conductor: Conductor,
    length: float,
    rules: Rules,
    load: Load,
    *,
    beside_others: bool = True,
) -> np.ndarray | None:
    tables = block.reckoned.tree.topology.tables
    grid = _grid_of(tables, rules)
    way = grid.supply_way(site)
    level_start, radius = way[0], 0.0
    for a, b in pairwise(way):
        kind, row = grid.elements[a, b]
        if max(grid.load(b), grid.load(b, load.kva)) > grid.capacity(kind, row):
            return None
        part = site.fraction if site.fraction is not None and b == way[-1] else 1.0
        radius += float(tables.lines.length_m[row]) * part if kind == "line" else 0.0
        if kind == "transformer":
            level_start, radius = b, 0.0
    if load.kva > math.sqrt(3) * grid.kv[way[-1]] * conductor.rated_current_a:
        return None
    if radius + length > rules.limits.radius_m(block.level):
        return None
    tree = grown_tree(tables, rules, site, conductor, length, load)
    found = radial_flow(tree.parent, tree.z, tree.s, tolerance=1e-13)
    if not found.rounds:
        return None
    volts = np.abs(found.voltage)
    along = [tree.names.index(one) for one in tree.way]
    drop = 100 * (volts[tree.names.index(level_start)] - volts[-1])
    kept = drop <= rules.limits.voltage_drop_percent.of(block.level) and volts[
        -1
    ] >= rules.limits.lowest_pu.of(block.level)
    if not kept:
        return None
    now = dict(zip(tree.names, volts.tolist(), strict=True))
    harm = beside_others and missed(tables, rules, tree.names[0], now)
    return None if harm else volts[along]


def missed(tables: GridTables, rules: Rules, source: str, now: dict[str, float]) -> list[tuple[str, str]]:
    """Limits of voltage that customers behind a held voltage keep at present, and would not now."""
    grid = _grid_of(tables, rules)
    before = grid.present(source)
    names, above = grid.order(source)
    found = []
    for node in sorted(set(tables.customers.node_id.tolist()) & set(names)):
        begin = node
        while begin != source and grid.elements[above[begin], begin][0] != "transformer":
            begin = above[begin]
        level = rules.level_of(float(grid.kv[node]))
        if level is None:
            continue
        most, least = rules.limits.voltage_drop_percent.of(level), rules.limits.lowest_pu.of(level)
        if 100 * (before[begin] - before[node]) <= most < 100 * (now[begin] - now[node]):
            found.append((node, "voltage_drop"))
        if before[node] >= least > now[node]:
            found.append((node, "lowest_voltage"))
    return found


class Tree(NamedTuple):
    """All that one held voltage feeds, with a new customer, per unit on 1 MVA; its own node is the last."""

    names: list[str]
    parent: np.ndarray
    z: np.ndarray
    s: np.ndarray
    way: list[str]


def grown_tree(
    tables: GridTables, rules: Rules, site: Site, conductor: Conductor, length: float, load: Load
) -> Tree:
    """The whole tree that feeds a place, from where voltage is held, with the new line and its customer.

    What a node takes is what flows in without losses less what flows on: with coincidence the two differ.
    """
    grid = _grid_of(tables, rules)
    way = grid.held_way(grid.supply_way(site))
    names, above = grid.order(way[0])
    names, above = list(names), dict(above)
    carried = {one: grid.load(one, load.kva if one in way else 0.0) for one in names}
    z = {one: grid.z(*grid.elements[above[one], one]) for one in names[1:]}
    taken = {one: carried[one] - sum(carried[after] for after in grid.graph.successors(one)) for one in names}
    at, last = way[-1], way[-1]
    if site.fraction is not None:
        at = "tap"
        names.insert(names.index(last), at)
        above[at], above[last] = above[last], at
        z[at], z[last] = z[last] * site.fraction, z[last] * (1 - site.fraction)
        more = grid.load(last, load.kva) - grid.load(last)
        taken[at], taken[last] = more, taken[last] - more
        way = [*way[:-1], at]
    taken[at] -= load.kva
    names.append("new")
    above["new"], taken["new"] = at, load.kva
    ohm = complex(conductor.r_ohm_per_km, conductor.x_ohm_per_km) * length / 1000
    z["new"] = ohm / grid.kv[last] ** 2
    return Tree(
        names,
        np.array([-1, *(names.index(above[one]) for one in names[1:])], np.int32),
        np.array([0j, *(z[one] for one in names[1:])], np.complex128),
        np.array([taken[one] / 1000 * grid.angle for one in names], np.complex128),
        [*way, "new"],
    )


_made: list[tuple[GridTables, Rules, _Grid]] = []


def _grid_of(tables: GridTables, rules: Rules) -> _Grid:
    """The grid of one question is made once."""
    if not _made or _made[0][0] is not tables or _made[0][1] is not rules:
        _made[:] = [(tables, rules, _Grid(tables, rules))]
    return _made[0][2]


class _Grid:
    """A grid away from its sources, as its tables are written, and what flows in it at present."""

    def __init__(self, tables: GridTables, rules: Rules) -> None:
        self.tables, self.rules = tables, rules
        self.graph, self.elements = _graph(tables)
        self.kv = dict(zip(tables.nodes.id.tolist(), tables.nodes.base_voltage_kv.tolist(), strict=True))
        self.angle = complex(rules.load.power_factor, math.sqrt(1 - rules.load.power_factor**2))
        self._below = {one: nx.descendants(self.graph, one) | {one} for one in self.graph}
        self._loads: dict[tuple[str, float], float] = {}
        self._ways: dict[str, list[str]] = {}
        self._orders: dict[str, tuple[list[str], dict[str, str]]] = {}
        self._present: dict[str, dict[str, float]] = {}

    def supply_way(self, site: Site) -> list[str]:
        """Nodes from the source to a place, or to the end of the line that it lies on."""
        key = site.id if site.node < 0 else str(self.tables.nodes.id[site.node])
        if key not in self._ways:
            self._ways[key] = supply_way(self.tables, site)
        return self._ways[key]

    def held_way(self, way: list[str]) -> list[str]:
        """The part of a way behind the last transformer with a tap changer; all of it without one."""
        for k in range(len(way) - 1, 0, -1):
            kind, _ = self.elements[way[k - 1], way[k]]
            if kind == "transformer" and self.kv[way[k - 1]] > self.rules.limits.regulated_above_kv:
                return way[k:]
        return way

    def order(self, source: str) -> tuple[list[str], dict[str, str]]:
        """Nodes below one, each after the one above it."""
        if source not in self._orders:
            edges = list(nx.bfs_edges(self.graph, source))
            self._orders[source] = [source, *(b for _, b in edges)], {b: a for a, b in edges}
        return self._orders[source]

    def present(self, source: str) -> dict[str, float]:
        """Magnitudes of all that a held voltage feeds, without anybody new."""
        if source not in self._present:
            names, above = self.order(source)
            parent = np.array([-1, *(names.index(above[one]) for one in names[1:])], np.int32)
            z = [0j, *(self.z(*self.elements[above[one], one]) for one in names[1:])]
            s = [
                (self.load(one) - sum(self.load(after) for after in self.graph.successors(one)))
                / 1000
                * self.angle
                for one in names
            ]
            flow = radial_flow(parent, np.array(z), np.array(s), tolerance=1e-13)
            volts = np.abs(flow.voltage).tolist() if flow.rounds else [0.0] * len(names)
            self._present[source] = dict(zip(names, volts, strict=True))
        return self._present[source]

    def load(self, node: str, more: float = 0.0) -> float:
        """kVA through the element above a node, with a customer more below it."""
        if (node, more) not in self._loads:
            self._loads[node, more] = self._load(node, more)
        return self._loads[node, more]

    def _load(self, node: str, more: float) -> float:
        below = self._below[node]
        customers = self.tables.customers
        inside = [
            float(customers.contracted_kva[k])
            for k, at in enumerate(customers.node_id.tolist())
            if at in below
        ]
        count = len(inside) + (1 if more else 0)
        return (sum(inside) + more) * float(self.rules.load.share(np.array([max(count, 1)]))[0])

    def z(self, kind: str, row: int) -> complex:
        """Per unit on 1 MVA."""
        if kind == "line":
            lines = self.tables.lines
            return complex(lines.r_ohm[row], lines.x_ohm[row]) / float(lines.base_voltage_kv[row]) ** 2
        if kind == "switch":
            return 0j
        transformers = self.tables.transformers
        rated = float(transformers.rated_kva[row])
        size = float(transformers.uk_percent[row]) / 100 / (rated / 1000)
        r = float(transformers.pk_kw[row]) / rated / (rated / 1000)
        return complex(r, math.sqrt(size**2 - r**2))

    def capacity(self, kind: str, row: int) -> float:
        """kVA; switches of these grids have no rating."""
        if kind == "line":
            lines = self.tables.lines
            return math.sqrt(3) * float(lines.base_voltage_kv[row]) * float(lines.rated_current_a[row])
        return math.inf if kind == "switch" else float(self.tables.transformers.rated_kva[row])


def origin(tables: GridTables, rules: Rules, site: Site, independence: Independence) -> Hashable:
    """What a place depends on at that height, read off the way to it.

    Its last switch with a feeder's name, or the bay itself; the low side of its last transformer with a tap
    changer, else the source; the substation that its feeder leaves, or that its bay stands in.
    """
    grid = _grid_of(tables, rules)
    way = grid.supply_way(site)
    if independence == "busbar":
        return grid.held_way(way)[0]
    heads = [
        k
        for k, pair in enumerate(pairwise(way))
        if grid.elements[pair][0] == "switch" and tables.switches.feeder_id[grid.elements[pair][1]]
    ]
    leaves = way[heads[-1]] if heads else way[-1]
    if independence == "substation":
        return str(tables.nodes.substation_id[tables.nodes.id.tolist().index(leaves)])
    return site.node if site.kind == "bay" else way[heads[-1] + 1]


def supply_way(tables: GridTables, site: Site) -> list[str]:
    """Nodes from the source to a place, or to the end of the line that it lies on."""
    graph, _ = _graph(tables)
    if site.node < 0:
        (row,) = [k for k, id in enumerate(tables.lines.id.tolist()) if id == site.id]
        end = str(tables.lines.to_node[row])
    else:
        end = str(tables.nodes.id[site.node])
    for source in tables.sources.node_id.tolist():
        if nx.has_path(graph, source, end):
            return list(nx.shortest_path(graph, source, end))
    raise AssertionError(f"{end} has no supply")


def _graph(tables: GridTables) -> tuple[nx.DiGraph, dict[tuple[str, str], tuple[str, int]]]:
    """The grid away from its sources, as it is written, and what joins two nodes."""
    graph = nx.DiGraph()
    graph.add_nodes_from(tables.nodes.id.tolist())
    elements = {}
    for table, kind in (
        (tables.lines, "line"),
        (tables.switches, "switch"),
        (tables.transformers, "transformer"),
    ):
        for row in range(len(table)):
            graph.add_edge(table.from_node[row], table.to_node[row])
            elements[table.from_node[row], table.to_node[row]] = (kind, row)
    return graph, elements
