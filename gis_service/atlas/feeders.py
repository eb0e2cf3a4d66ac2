"""Feeders as features: what each supplies in a state, drawn as the lines that it supplies.

One that supplies nothing is drawn as what it supplies normally: where it is dark is what a map has to show.
What a feeder supplies is what `/v1/supply-area` says of it; where a closed tie joins two, both have what they
feed together.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gis_service.atlas.veil import shown
from gis_service.engine.columns import vertices_of
from gis_service.engine.live import energised
from gis_service.engine.world import Scene
from gis_service.kernels.compiled import I64
from gis_service.network.ids import Ref
from gis_service.network.topology import Topology
from gis_service.tracing.areas import supply_area
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


class _Feeder(NamedTuple):
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


def feeders(scene: Scene, counties: Counties) -> tuple[Features, list[Key]]:
    """Feeders whose head switch is in the counties, with what they supply in these; by (county, id)."""
    topology = scene.topology
    switches = topology.tables.switches
    found = []
    for row in range(len(topology.feeders.ids)):
        heads = topology.feeders.head_row[topology.feeders.head_of == row]
        if counties is None or str(switches.county[int(heads[0])]) in counties:
            found.append(_feeder(scene, row, heads, counties))
    found.sort(key=lambda one: one.key)
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
    return Features.of(geometry, columns, ids), [one.key for one in found]


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
    )


def _substation(topology: Topology, edge: int, counties: Counties) -> str | None:
    """The substation that the head switch stands in."""
    for node in (int(topology.edge_from[edge]), int(topology.edge_to[edge])):
        id = str(topology.tables.nodes.substation_id[node]) if node >= 0 else ""
        row = topology.ids.row("substation", id) if id else None
        if row is not None and (counties is None or str(topology.tables.substations.county[row]) in counties):
            return id
    return None
