"""Supply questions as answers: the path to one customer, the area and the radius below an element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from gis_service.engine.asked import find_all, refuse_layers
from gis_service.engine.collection import feature_collection, ids_by_layer, named_edges, rows_by_layer
from gis_service.engine.columns import Answer, features_of, line_coordinates, point_of, table_of
from gis_service.engine.customers import counted, counted_by_county, customers_of, districts_of
from gis_service.engine.world import Scene
from gis_service.kernels.compiled import I64
from gis_service.network.ids import Ref
from gis_service.network.tables import phase_text
from gis_service.network.topology import Topology
from gis_service.tracing.areas import supply_area
from gis_service.tracing.paths import SupplyPath, supply_path, supply_radius

AREA_STARTS = (
    "energy_source",
    "feeder",
    "switch",
    "power_transformer",
    "line_section",
    "transformer_district",
    "substation",
    "connectivity_node",
)


def path_to_customer(scene: Scene, customer_id: str) -> Answer:
    """Which way a customer is supplied, without the head.

    `elements` run from the source to the customer; `line` is their geometry in one piece.

    Raises
    ------
    UnknownId
        When no customer has the id.
    """
    topology, tables = scene.topology, scene.tables
    row = topology.ids.find(customer_id, layers=("customer_point",)).row
    path = supply_path(topology, scene.state, row)
    rows = np.array([row], np.int64)
    districts = districts_of(scene.world, rows)
    return {
        "customer": customers_of(scene.world, rows)[0],
        "supplied": path.supplied,
        "phases": phase_text(path.phases) or None,
        "source": _source(topology, path),
        "substation": _substation(topology, path),
        "feeder": _feeder(topology, path),
        "district": {key: districts[0][key] for key in ("id", "county_code", "name", "transformer_id")}
        if districts
        else None,
        "elements": _described(topology, path.edges),
        "length_m": path.length_m,
        "meshed": path.meshed,
        "geometry": {
            "type": "FeatureCollection",
            "features": [
                feature
                for ref in _refs(topology, path.edges)
                for feature in features_of(tables, ref.layer, np.array([ref.row], np.int64))
            ],
        },
        "line": _line(topology, path.edges, path.nodes),
    }


def _refs(topology: Topology, edges: I64) -> list[Ref]:
    return [topology.ref_of_edge(edge) for edge in edges.tolist()]


def _described(topology: Topology, edges: I64) -> list[Answer]:
    """Layer, id, county, name and length of edges, in the order given."""
    answers: list[Answer] = []
    for edge, named in zip(edges.tolist(), named_edges(topology, edges), strict=True):
        ref = topology.ref_of_edge(edge)
        table = table_of(topology.tables, ref.layer)
        answers.append(
            {
                **named,
                "county_code": table.county[ref.row],
                "name": table.columns()["name"][ref.row] or None,
                "length_m": float(topology.edge_length_m[edge]),
            }
        )
    return answers


def _source(topology: Topology, path: SupplyPath) -> Answer | None:
    if not path.edges.size:
        return None
    ref = topology.ref_of_edge(int(path.edges[0]))
    if ref.layer != "energy_source":
        return None
    sources = topology.tables.sources
    return {
        "id": sources.id[ref.row],
        "county_code": sources.county[ref.row],
        "name": sources.name[ref.row] or None,
    }


def _substation(topology: Topology, path: SupplyPath) -> Answer | None:
    """The substation the feeder leaves: that of the last node up to the head switch that lies in one."""
    nodes = path.nodes.tolist()
    if path.feeder_switch >= 0:
        head = topology.edge_of("switch", path.feeder_switch)
        nodes = nodes[: path.edges.tolist().index(head) + 1]
    inside = [topology.tables.nodes.substation_id[node] for node in nodes]
    named = [id for id in inside if id]
    if not named:
        return None
    # without a head switch the first substation is the one that feeds; later ones are stations on the way
    id = named[-1] if path.feeder_switch >= 0 else named[0]
    row = topology.ids.row("substation", id)
    if row is None:
        return {"id": id, "county_code": None, "name": None}
    substations = topology.tables.substations
    return {"id": id, "county_code": substations.county[row], "name": substations.name[row] or None}


def _feeder(topology: Topology, path: SupplyPath) -> Answer | None:
    if path.feeder_switch < 0:
        return None
    switches = topology.tables.switches
    return {
        "id": switches.feeder_id[path.feeder_switch],
        "switch_id": switches.id[path.feeder_switch],
        "county_code": switches.county[path.feeder_switch],
    }


def _line(topology: Topology, edges: I64, nodes: I64) -> Answer | None:
    """The lines of a path as one LineString in the direction of travel; None when it has no length to draw.

    `nodes` are the nodes at which each edge arrives.
    """
    vertices: list[list[float]] = []
    for edge, node in zip(edges.tolist(), nodes.tolist(), strict=True):
        ref = topology.ref_of_edge(edge)
        if ref.layer == "line_section":
            drawn = line_coordinates(topology.tables.lines, ref.row)
            if int(topology.edge_to[edge]) != node:
                drawn = drawn[::-1]
        else:
            drawn = [point_of(topology.tables.nodes.xy, node)]
        vertices.extend(
            vertex for k, vertex in enumerate(drawn) if k or not vertices or vertex != vertices[-1]
        )
    if len(vertices) < 2:
        return None
    return {"type": "LineString", "coordinates": vertices}


def area_below(scene: Scene, starts: Sequence[str]) -> Answer:
    """What some sources, feeders, switches or transformers supply, without the head.

    `area` is drawn around the lines and customers: an outline for the eye.

    Raises
    ------
    UnknownId
        Naming every unknown id.
    InvalidInput
        For an element that supplies nothing by its kind, such as a customer.
    """
    world, topology, tables = scene.world, scene.topology, scene.tables
    refs = find_all(topology.ids, {"from": starts})
    refuse_layers(refs, {"from": starts}, AREA_STARTS)
    area = supply_area(topology, scene.state, refs["from"])
    rows = rows_by_layer(topology, nodes=area.nodes, edges=area.edges)
    lines = topology.rows_of_edges(area.edges)["line_section"]
    return {
        "supplied": counted(world, area.customers),
        "by_county": counted_by_county(world, area.customers),
        "districts": districts_of(world, area.customers),
        "customers": customers_of(world, area.customers),
        "elements": ids_by_layer(tables, rows),
        "area": world.shapes.outline(
            lines, np.concatenate([tables.customers.xy[area.customers], tables.nodes.xy[area.nodes]])
        ),
    }


def radius_below(scene: Scene, start: str, mode: Literal["trunk", "full"]) -> Answer:
    """The longest electrical path below an element, without the head; `elements` run outwards from it.

    Raises
    ------
    UnknownId, InvalidInput
        As `area_below` says.
    """
    topology, tables = scene.topology, scene.tables
    refs = find_all(topology.ids, {"from": [start]})
    refuse_layers(refs, {"from": [start]}, AREA_STARTS)
    radius = supply_radius(topology, scene.state, refs["from"][0], mode)
    last = int(radius.nodes[-1]) if radius.nodes.size else -1
    rows = rows_by_layer(topology, edges=radius.edges)
    return {
        "mode": mode,
        "length_m": radius.length_m,
        "elements": _described(topology, radius.edges),
        "farthest_node": tables.nodes.id[last] if last >= 0 else None,
        "geometry": feature_collection(tables, rows),
        "line": _line(
            topology,
            radius.edges,
            radius.nodes[-radius.edges.size :] if radius.edges.size else radius.nodes[:0],
        ),
    }
