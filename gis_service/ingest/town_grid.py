"""A synthetic grid along the streets of a town: station, feeders, transformers, low voltage, ties.

Everything lies along the street graph, so that routes and maps look as they should; what it is made of (types
of cable, ratings) is ordinary, and none of it is the town's real grid. Rows for a grid package come out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
import shapely.ops

from gis_service.ingest.osm_reading import Town
from gis_service.ingest.street_graph import Ints, StreetGraph, ways_from
from gis_service.ingest.town_siting import COINCIDENCE, Siting, feeders_of, site_transformers, station_vertex

Rows = dict[str, list[dict[str, Any]]]

HIGH_KV, MEDIUM_KV, LOW_KV = 110.0, 10.0, 0.4
STATION_KVA = (20_000.0, 31_500.0, 40_000.0, 50_000.0, 63_000.0)
# ohm/km, ohm/km and A of ordinary aluminium cables: 4 × 240 mm², 3 × 300 mm², and 4 × 35 mm² for services
_CABLES = {LOW_KV: (0.125, 0.080, 364.0), MEDIUM_KV: (0.100, 0.110, 500.0), 0.0: (0.868, 0.083, 100.0)}
_SERVICE = 0.0


class TownGrid:
    """Collects the rows of one county's grid."""

    def __init__(self, town: Town, graph: StreetGraph, county: str) -> None:
        self.rows: Rows = defaultdict(list)
        self._town = town
        self._graph = graph
        self._county = county
        self._piece = graph.piece_between()

    def build(self) -> Rows:
        """The rows of every layer but county and corridor, by layer."""
        siting = site_transformers(self._graph, self._town.kva)
        load = self._town.kva * COINCIDENCE
        carried = np.array([load[siting.served_by == k].sum() for k in range(siting.site.size)])
        station = station_vertex(self._graph, siting)
        self._station(station, float(carried.sum()))
        self._low_voltage(siting)
        self._feeders(siting, station, carried)
        return self.rows

    def _add(self, layer: str, **columns: Any) -> None:
        self.rows[layer].append({"county_code": self._county, **columns})

    def _point(self, vertex: int) -> shapely.Point:
        return shapely.Point(self._graph.xy[vertex])

    def _node(self, id: str, vertex: int, kv: float, *, station: bool = False) -> str:
        self._add(
            "connectivity_node",
            id=id,
            base_voltage_kv=kv,
            substation_id="station" if station else None,
            geom=self._point(vertex),
        )
        return id

    def _switch(
        self, id: str, kind: str, a: str, b: str, vertex: int, *, open: bool = False, **more: Any
    ) -> None:
        self._add(
            "switch",
            id=id,
            kind=kind,
            from_node=a,
            to_node=b,
            normal_open=open,
            open=open,
            remote_controlled=kind == "breaker",
            geom=self._point(vertex),
            **more,
        )

    def _line(self, id: str, a: str, b: str, way: shapely.LineString, metres: float, kv: float) -> None:
        r, x, rated = _CABLES[kv]
        self._add(
            "line_section",
            id=id,
            from_node=a,
            to_node=b,
            base_voltage_kv=kv or LOW_KV,
            construction="underground" if kv else "service",
            length_m=round(metres, 2),
            r_ohm=round(r * metres / 1000, 7),
            x_ohm=round(x * metres / 1000, 7),
            rated_current_a=rated,
            geom=way,
        )

    def _way(self, vertices: list[int]) -> tuple[shapely.LineString, float]:
        """The streets through some vertices in order, and how long they are."""
        coords: list[Any] = []
        metres = 0.0
        for a, b in pairwise(vertices):
            piece = self._piece[min(a, b), max(a, b)]
            step = shapely.get_coordinates(self._graph.shape[piece])
            if self._graph.ends[piece, 0] != a:
                step = step[::-1]
            coords += step.tolist()[1 if coords else 0 :]
            metres += float(self._graph.length_m[piece])
        return shapely.LineString(coords), metres

    def _station(self, vertex: int, load: float) -> None:
        self._add(
            "substation", id="station", name="Station", base_voltage_kv=HIGH_KV, geom=self._point(vertex)
        )
        high = self._node("station/high", vertex, HIGH_KV, station=True)
        bus = self._node("station/bus", vertex, MEDIUM_KV, station=True)
        self._add(
            "energy_source",
            id="infeed",
            name="Infeed",
            node_id=high,
            voltage_pu=1.02,
            geom=self._point(vertex),
        )
        rated = next((one for one in STATION_KVA if one >= load * 1.3), STATION_KVA[-1])
        self._transformer("station/transformer", high, bus, vertex, rated, uk=12.5, pk=rated * 0.004)

    def _transformer(
        self, id: str, a: str, b: str, vertex: int, rated: float, *, uk: float, pk: float
    ) -> None:
        self._add(
            "power_transformer",
            id=id,
            from_node=a,
            to_node=b,
            rated_kva=rated,
            uk_percent=uk,
            pk_kw=round(pk, 3),
            geom=self._point(vertex),
        )

    def _low_voltage(self, siting: Siting) -> None:
        """Each transformer's network: the way to every tap, and a service line to every building."""
        graph, town = self._graph, self._town
        wanted: set[int] = set(siting.site.tolist())
        for vertex in graph.tap.tolist():
            while vertex not in wanted and siting.before[vertex] >= 0:
                wanted.add(vertex)
                vertex = int(siting.before[vertex])
        for vertex in sorted(wanted):
            self._node(f"low-{vertex}", vertex, LOW_KV)
        for vertex in sorted(wanted - set(siting.site.tolist())):
            before = int(siting.before[vertex])
            way, metres = self._way([before, vertex])
            self._line(f"low-{before}-{vertex}", f"low-{before}", f"low-{vertex}", way, metres, LOW_KV)
        for k, transformer in enumerate(siting.served_by.tolist()):
            at = shapely.Point(np.round(town.place[k], 7))
            tap, name = int(graph.tap[k]), str(town.ids[k])
            node = f"service/{name}"
            self._add("connectivity_node", id=node, base_voltage_kv=LOW_KV, geom=at)
            way = shapely.LineString([graph.xy[tap], shapely.get_coordinates(at)[0]])
            self._line(f"to/{name}", f"low-{tap}", node, way, float(graph.tap_m[k]), _SERVICE)
            self._add(
                "customer_point",
                id=name,
                node_id=node,
                district_id=f"district-{transformer}",
                customer_class=town.customer_class[k],
                critical_grade=town.critical[k],
                contracted_kva=float(town.kva[k]),
                geom=at,
            )
        for k, vertex in enumerate(siting.site.tolist()):
            rated = float(siting.rated_kva[k])
            low = self._node(f"transformer-{k}/low", vertex, LOW_KV)
            high = self._node(f"transformer-{k}/high", vertex, MEDIUM_KV)
            self._transformer(f"transformer-{k}", high, low, vertex, rated, uk=4.5, pk=rated * 0.01)
            self._switch(f"transformer-{k}/main", "breaker", low, f"low-{vertex}", vertex)
            mine = town.place[siting.served_by == k]
            area = shapely.MultiPoint([*mine.tolist(), graph.xy[vertex].tolist()]).convex_hull.buffer(0.0002)
            self._add(
                "transformer_district",
                id=f"district-{k}",
                name=f"District {k + 1}",
                transformer_id=f"transformer-{k}",
                geom=shapely.Polygon(np.round(shapely.get_coordinates(area), 7)),
            )

    def _feeders(self, siting: Siting, station: int, carried: Any) -> None:
        _, before, _ = ways_from(self._graph, np.array([station]))
        far = []
        for number, transformers in enumerate(feeders_of(self._graph, siting, station, carried), 1):
            name = f"F{number}"
            head = self._node(f"{name}/head", station, MEDIUM_KV, station=True)
            self._switch(
                f"{name}/breaker",
                "breaker",
                "station/bus",
                head,
                station,
                feeder_id=name,
                name=f"Feeder {number}",
            )
            sites = siting.site[transformers]
            nodes = self._tree(name, head, station, sites, before)
            for k in transformers.tolist():
                vertex = int(siting.site[k])
                self._switch(f"transformer-{k}/fuse", "fuse", nodes[vertex], f"transformer-{k}/high", vertex)
            far.append((name, int(sites[np.argmax(self._metres(sites, before))]), nodes))
        self._ties(far)

    def _metres(self, sites: Ints, before: Ints) -> list[float]:
        return [self._way(_back(before, one))[1] if before[one] >= 0 else 0.0 for one in sites.tolist()]

    def _tree(self, name: str, head: str, station: int, sites: Ints, before: Ints) -> dict[int, str]:
        """Lines of one feeder along the ways to its sites; vertex → node, at sites and where it branches."""
        children: dict[int, set[int]] = defaultdict(set)
        for site in sites.tolist():
            for a, b in pairwise(_back(before, site)):
                children[a].add(b)
        stops = set(sites.tolist()) | {one for one, below in children.items() if len(below) > 1}
        nodes = {station: head}
        open_ways = [(station, one) for one in sorted(children[station], reverse=True)]
        while open_ways:
            start, here = open_ways.pop()
            vertices = [start, here]
            while here not in stops:
                (here,) = children[here]
                vertices.append(here)
            way, metres = self._way(vertices)
            node = self._node(f"{name}/{here}", here, MEDIUM_KV)
            behind = nodes[start]
            if children[here]:  # more lies beyond: it can be cut off here
                behind = self._node(f"{name}/{here}/before", start, MEDIUM_KV)
                self._switch(f"{name}/{here}/section", "load_break_switch", nodes[start], behind, start)
            self._line(f"{name}/{start}-{here}", behind, node, way, metres, MEDIUM_KV)
            nodes[here] = node
            open_ways += [(here, one) for one in sorted(children[here], reverse=True)]
        return nodes

    def _ties(self, far: list[tuple[str, int, dict[int, str]]]) -> None:
        """A normally open switch and a line from the far end of each feeder to that of the next."""
        for (a, from_vertex, from_nodes), (b, to_vertex, to_nodes) in _neighbours(far):
            if from_vertex == to_vertex:
                ends = from_nodes[from_vertex], to_nodes[to_vertex]
                self._switch(f"tie-{a}-{b}", "load_break_switch", *ends, to_vertex, open=True)
                continue
            _, before, _ = ways_from(self._graph, np.array([from_vertex]))
            way, metres = self._way(_back(before, to_vertex))
            node = self._node(f"tie-{a}-{b}/line", to_vertex, MEDIUM_KV)
            self._line(f"tie-{a}-{b}/line", from_nodes[from_vertex], node, way, metres, MEDIUM_KV)
            self._switch(f"tie-{a}-{b}", "load_break_switch", node, to_nodes[to_vertex], to_vertex, open=True)


def _back(before: Ints, vertex: int) -> list[int]:
    """Vertices from the start of a search to one of them."""
    way = [vertex]
    while before[way[-1]] >= 0:
        way.append(int(before[way[-1]]))
    return way[::-1]


def _neighbours(far: list[Any]) -> Iterable[tuple[Any, Any]]:
    """Each with the next, and the last with the first where there are more than two."""
    pairs = list(pairwise(far))
    return [*pairs, (far[-1], far[0])] if len(far) > 2 else pairs
