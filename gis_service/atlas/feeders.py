"""Feeders as features: what each supplies in a state, drawn as the lines that it supplies.

One that supplies nothing is drawn as what it supplies normally: where it is dark is what a map has to show.
What a feeder supplies is what `/v1/supply-area` says of it; where a closed tie joins two, both have what they
feed together.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np

from gis_service.atlas.derived import Part
from gis_service.atlas.veil import shown
from gis_service.engine.columns import vertices_of
from gis_service.engine.live import energised
from gis_service.engine.world import Scene
from gis_service.kernels.compiled import I32, I64
from gis_service.network.ids import Ref
from gis_service.network.switching import SwitchState
from gis_service.network.topology import Topology
from gis_service.tracing.areas import supply_area
from gis_service.tracing.change import Change
from layers.geojson_columns import Features, Geometries
from layers.source import Counties, Description, Field, Key

FEEDER = Description(
    "feeder",
    "Feeders",
    "What leaves a substation through one head switch, with all that it supplies as switches stand.",
    "MultiLineString",
    (
        Field("id", "string", "the utility's id"),
        Field("county_code", "string", "the county of its head switch"),
        Field("name", "string", "that of its head switch"),
        Field("base_voltage_kv", "number"),
        Field("head_switch", "string", "id of the switch that it begins with"),
        Field("substation_id", "string", "id of the substation that it leaves"),
        Field("customers", "integer", "whom it supplies now", live=True),
        Field("districts", "integer", "transformer districts with any of them", live=True),
        Field("length_m", "number", "of the lines that it supplies now", live=True),
        Field("energised", "boolean", "has voltage now", live=True),
    ),
)


MOST_SCOPES = 4
"""Scopes whose feeders are kept to be made anew from."""


class _Feeder(NamedTuple):
    """A feeder as it is told, and the nodes that this hangs on: those of its area and of its heads."""

    key: Key
    name: str | None
    base_voltage_kv: float
    head_switch: str
    substation_id: str | None
    customers: int
    districts: int
    length_m: float
    energised: bool
    lines: I64
    nodes: I32


class _Known(NamedTuple):
    """The feeders of a scope in one state, by row, and what is made of them."""

    topology: Topology
    state: SwitchState
    feeders: dict[int, _Feeder]
    parts: list[Part]


class Feeders:
    """The feeders of one engine's grid; those that a change of switches does not reach are not made again.

    What a feeder supplies hangs on the nodes below it alone: while none of them is the end of a switch that
    moved, and all have the phases that they had, it supplies what it did. Asked by one thread at a time.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[Counties, _Known] = OrderedDict()

    def parts(self, scene: Scene, counties: Counties) -> list[Part]:
        """Feeders whose head switch is in the counties, with what they supply in these; by county."""
        topology = scene.topology
        known = self._known.get(counties)
        if known is None or known.topology is not topology:
            mine = _rows_of(topology, counties)
            made = {row: _feeder(scene, row, heads, counties) for row, heads in mine.items()}
            parts = _parts(topology, made, {}, {one.key.county for one in made.values()})
        else:
            reached = _reached(known, scene.state)
            again = {row: _feeder(scene, row, _heads(topology, row), counties) for row in reached}
            made = {**known.feeders, **again}
            kept = {part.county: part for part in known.parts}
            parts = _parts(topology, made, kept, {one.key.county for one in again.values()})
        self._known[counties] = _Known(topology, scene.state, made, parts)
        self._known.move_to_end(counties)
        while len(self._known) > MOST_SCOPES:
            self._known.popitem(last=False)
        return parts


def _rows_of(topology: Topology, counties: Counties) -> dict[int, I64]:
    """The feeders whose first head switch is in the counties, each with the rows of its heads."""
    county = topology.tables.switches.county
    heads = {row: _heads(topology, row) for row in range(len(topology.feeders.ids))}
    return {row: of for row, of in heads.items() if counties is None or str(county[int(of[0])]) in counties}


def _heads(topology: Topology, row: int) -> I64:
    found: I64 = topology.feeders.head_row[topology.feeders.head_of == row]
    return found


def _reached(known: _Known, state: SwitchState) -> list[int]:
    """The feeders that a change of switches may have made others."""
    topology = known.topology
    switched = np.flatnonzero(known.state.open != state.open)
    if not switched.size:
        return []
    change = Change(topology, known.state, state, switched=switched)
    edges = topology.first_edge("switch") + switched
    mark = np.zeros(topology.n_nodes + 2, np.bool_)  # the root, and what is not known
    for nodes in (change.changed_nodes(), topology.edge_from[edges], topology.edge_to[edges]):
        mark[nodes] = True
    return [row for row, one in known.feeders.items() if mark[one.nodes].any()]


def _parts(
    topology: Topology, made: Mapping[int, _Feeder], kept: Mapping[str, Part], anew: Collection[str]
) -> list[Part]:
    """The features of each county, those that are kept but for some counties."""
    by_county: dict[str, list[_Feeder]] = {}
    for one in made.values():
        by_county.setdefault(one.key.county, []).append(one)
    return [
        _part(topology, county, sorted(by_county[county], key=lambda one: one.key))
        if county in anew
        else kept[county]
        for county in sorted(by_county)
    ]


def _part(topology: Topology, county: str, found: list[_Feeder]) -> Part:
    lines = np.concatenate([np.empty(0, np.int64), *(one.lines for one in found)])
    offsets, coords = vertices_of(topology.tables.lines, lines)
    parts = np.cumsum([0, *(one.lines.size for one in found)])
    ids = np.array([one.key.id for one in found], object)
    columns = {
        "id": ids,
        "county_code": np.array([one.key.county for one in found], object),
        "name": np.array([one.name for one in found], object),
        "base_voltage_kv": np.array([one.base_voltage_kv for one in found], np.float64),
        "head_switch": np.array([one.head_switch for one in found], object),
        "substation_id": np.array([one.substation_id for one in found], object),
        "customers": np.array([one.customers for one in found], np.int64),
        "districts": np.array([one.districts for one in found], np.int64),
        "length_m": np.array([one.length_m for one in found], np.float64),
        "energised": np.array([one.energised for one in found], np.bool_),
    }
    geometry = Geometries.of_multilines(parts, offsets, coords)
    return Part(county, Features.of(geometry, columns, ids))


def _feeder(scene: Scene, row: int, heads: I64, counties: Counties) -> _Feeder:
    topology = scene.topology
    tables = topology.tables
    head = int(heads[0])
    area = supply_area(topology, scene.state, [Ref("feeder", row)])
    lines = shown(topology.rows_of_edges(area.edges)["line_section"], tables.lines, counties)
    drawn = lines
    if not lines.size:
        normally = supply_area(topology, scene.world.normal, [Ref("feeder", row)])
        drawn = shown(topology.rows_of_edges(normally.edges)["line_section"], tables.lines, counties)
    customers = shown(area.customers, tables.customers, counties)
    counted = scene.world.tallies.of(customers)
    districts = shown(np.array(counted.districts, np.int64), tables.districts, counties)
    edge = topology.edge_of("switch", head)
    node = int(topology.edge_from[edge])
    return _Feeder(
        Key(str(tables.switches.county[head]), topology.feeders.ids[row]),
        str(tables.switches.name[head]) or None,
        float(tables.nodes.base_voltage_kv[node]) if node >= 0 else math.nan,
        str(tables.switches.id[head]),
        _substation(topology, edge, counties),
        int(customers.size),
        int(districts.size),
        math.fsum(tables.lines.length_m[lines].tolist()),
        bool(energised(scene, "switch", heads).any()),
        drawn,
        np.concatenate([area.nodes, *_ends(topology, heads)]).astype(np.int32),
    )


def _ends(topology: Topology, switches: I64) -> list[I64]:
    edges = topology.first_edge("switch") + switches
    return [topology.edge_from[edges].astype(np.int64), topology.edge_to[edges].astype(np.int64)]


def _substation(topology: Topology, edge: int, counties: Counties) -> str | None:
    """The substation that the head switch stands in."""
    for node in (int(topology.edge_from[edge]), int(topology.edge_to[edge])):
        id = str(topology.tables.nodes.substation_id[node]) if node >= 0 else ""
        row = topology.ids.row("substation", id) if id else None
        if row is not None and (counties is None or str(topology.tables.substations.county[row]) in counties):
            return id
    return None
