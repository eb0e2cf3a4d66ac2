"""Outage areas as features: parts of the network that have voltage as switches normally stand, and have none.

A part hangs together by elements that conduct normally or as switches stand: a tie that stands open, as it
normally does, parts what lies on its two sides. Customers who lack one of their phases are in it, whatever
else is at their node. An area is drawn around what it holds, for the eye.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from shapely.geometry import shape

from gis_service.atlas.derived import Part, parted
from gis_service.atlas.veil import shown
from gis_service.engine.columns import Answer, rfc3339
from gis_service.engine.world import Scene
from gis_service.ingest.spec import CRITICAL_GRADES
from gis_service.kernels.arcs import arcs_of
from gis_service.kernels.compiled import I64
from gis_service.network.switching import conducting
from gis_service.network.topology import Topology
from gis_service.tracing.change import Change
from layers.geojson_columns import Features
from layers.source import Counties, Description, Field, Key
from layers.still import geometries_of

Customer = tuple[str, str]
"""County and id."""

MOST_ASKED = 200
"""Customers of one part whose interruptions are read: the others have them from the same operations."""

OUTAGE_AREA = Description(
    "outage_area",
    "Outage areas",
    "Parts of the network without voltage that normally have it, each with whom it leaves without supply.",
    "Polygon",
    (
        Field("id", "string", "county and first node of the part", live=True),
        Field("county_code", "string", "the first of its counties", live=True),
        Field("county_codes", "string", "all of its counties, with commas between", live=True),
        Field("customers", "integer", "without supply who normally have it", live=True),
        *(
            Field(f"critical_{grade}", "integer", f"of them, of the {grade} grade", live=True)
            for grade in CRITICAL_GRADES
        ),
        Field("transformer_districts", "integer", "with any of them", live=True),
        Field("contracted_kva", "number", live=True),
        Field(
            "since", "string", "when the first of them lost supply (RFC 3339), if it is on record", live=True
        ),
        Field("cause", "string", "id of the switch whose operation did it, if it is on record", live=True),
    ),
)


class Begun(NamedTuple):
    """When a customer lost supply, and the county and id of the switch that did it, where they are known."""

    at: datetime
    cause: tuple[str, str] | None


BegunOf = Callable[[Collection[Customer], datetime], Mapping[Customer, Begun]]
"""What is on record of the interruptions of some customers that last at a time."""


class _Part(NamedTuple):
    nodes: I64
    edges: I64
    customers: I64


def outage_areas(scene: Scene, counties: Counties, begun_of: BegunOf) -> list[Part]:
    """The outage areas of a scene as far as they lie in the counties, by county."""
    parts = _parts(scene, counties)
    customers = scene.tables.customers
    asked = [row for part in parts for row in part.customers[:MOST_ASKED].tolist()]
    names = {row: (str(customers.county[row]), str(customers.id[row])) for row in asked}
    begun = begun_of(list(names.values()), scene.as_of) if names else {}
    made = []
    for part in parts:
        known = [begun[names[row]] for row in part.customers[:MOST_ASKED].tolist() if names[row] in begun]
        made.append(_told(scene, part, known, counties))
    made.sort(key=lambda one: (one[0]["county_code"], one[0]["id"]))
    keys = [Key(one["county_code"], one["id"]) for one, _ in made]
    columns: dict[str, Any] = {}
    for field in OUTAGE_AREA.fields:
        kind: Any = {"integer": np.int64, "number": np.float64}.get(field.type, object)
        columns[field.name] = np.array([one[field.name] for one, _ in made], kind)
    geometry = geometries_of("Polygon", np.array([area for _, area in made], object))
    return parted(Features.of(geometry, columns, columns["id"]), keys)


def _parts(scene: Scene, counties: Counties) -> list[_Part]:
    """The parts in the order of their first nodes."""
    topology, tables = scene.topology, scene.tables
    change = Change(topology, scene.world.normal, scene.state)
    lost = change.ascending(change.lost_and_gained()[0])
    lost = shown(lost, tables.customers, counties)
    at = topology.customer_node[lost].astype(np.int64)
    nodes = shown(np.union1d(change.dark_nodes(), at), tables.nodes, counties)
    if not nodes.size:
        return []
    edges = _joining(scene, nodes, counties)
    ends = [np.searchsorted(nodes, end[edges]) for end in (topology.edge_from, topology.edge_to)]
    joined = coo_array((np.ones(edges.size), tuple(ends)), shape=(nodes.size, nodes.size))
    number, label = connected_components(joined, directed=False)
    placed = np.isin(at, nodes)
    lost, at = lost[placed], at[placed]
    by_node, by_edge = label, label[ends[0]]
    by_customer = label[np.searchsorted(nodes, at)]
    return [
        _Part(*of)
        for of in zip(
            _grouped(nodes, by_node, number),
            _grouped(edges, by_edge, number),
            _grouped(lost, by_customer, number),
            strict=True,
        )
    ]


def _joining(scene: Scene, nodes: I64, counties: Counties) -> I64:
    """Edges between some nodes that conduct normally or as switches stand."""
    topology = scene.topology
    edges = np.unique(topology.arcs.edge[arcs_of(topology.arcs.indptr, nodes)]).astype(np.int64)
    inside = np.isin(topology.edge_from[edges], nodes) & np.isin(topology.edge_to[edges], nodes)
    conduct = conducting(topology, scene.world.normal) | conducting(topology, scene.state)
    edges = edges[inside & (conduct[edges] != 0)]
    return edges if counties is None else _shown_edges(topology, edges, counties)


def _shown_edges(topology: Topology, edges: I64, counties: Counties) -> I64:
    tables = topology.tables
    of = {
        "line_section": tables.lines,
        "switch": tables.switches,
        "power_transformer": tables.transformers,
        "energy_source": tables.sources,
    }
    rows = topology.rows_of_edges(edges)
    found = [topology.first_edge(layer) + shown(rows[layer], table, counties) for layer, table in of.items()]
    return np.concatenate(found)


def _grouped(rows: I64, label: Any, number: int) -> list[I64]:
    """Ascending rows of each label from 0 on."""
    order = np.argsort(label, kind="stable")
    cuts = np.searchsorted(label[order], np.arange(1, number))
    return np.split(rows[order], cuts)


def _told(scene: Scene, part: _Part, begun: list[Begun], counties: Counties) -> tuple[Answer, Any]:
    """The properties of a part, and its outline."""
    tables = scene.tables
    county = tables.nodes.county
    codes = sorted({*county[part.nodes].tolist(), *tables.customers.county[part.customers].tolist()})
    tally = scene.world.tallies.of(part.customers)
    count = tally.total
    first = min(begun, default=None, key=lambda one: one.at)
    cause = None if first is None else first.cause
    node = int(part.nodes[0])
    lines = scene.topology.rows_of_edges(part.edges)["line_section"]
    points = np.concatenate([tables.customers.xy[part.customers], tables.nodes.xy[part.nodes]])
    outline = scene.world.shapes.outline(lines, points)
    told = {
        "id": f"{county[node]}:{tables.nodes.id[node]}",
        "county_code": str(county[node]),
        "county_codes": ",".join(map(str, codes)),
        "customers": count["customers"],
        **{f"critical_{grade}": number for grade, number in count["critical"].items()},
        "transformer_districts": int(
            shown(np.array(tally.districts, np.int64), tables.districts, counties).size
        ),
        "contracted_kva": count["contracted_kva"],
        "since": None if first is None else rfc3339(first.at),
        "cause": cause[1] if cause is not None and (counties is None or cause[0] in counties) else None,
    }
    return told, shapely.Polygon() if outline is None else shape(outline)
