"""Headroom as an answer: what can still be connected at an element, and what limits it."""

from __future__ import annotations

import numpy as np

from gis_service.engine.columns import Answer, table_of
from gis_service.engine.reserving.book import NOTHING_COUNTED, Counted
from gis_service.engine.schemes import Planner
from gis_service.engine.world import Scene
from gis_service.errors import Impossible, InvalidInput
from gis_service.kernels.compiled import I64
from gis_service.kernels.radial import way_up
from gis_service.network.ids import Ref
from gis_service.planning.explain import element_id, elements_of
from gis_service.planning.headroom import Headroom, headroom_at
from gis_service.planning.supply_tree import SupplyTree
from gis_service.tracing.outs import starts_of

LAYERS = (
    "connectivity_node",
    "line_section",
    "switch",
    "power_transformer",
    "transformer_district",
    "customer_point",
)
"""What has one place in the supply: a line or switch stands for its end away from the source."""


def headroom(scene: Scene, id: str, planner: Planner, counted: Counted = NOTHING_COUNTED) -> Answer:
    """What can still be connected at an element, without the head; what is reserved counts as load.

    Raises
    ------
    UnknownId, InvalidInput
        When nothing has the id, several layers do, or the element has no one place in the supply.
    Impossible
        When it has no supply in the state asked for.
    """
    topology = scene.topology
    ref = topology.ids.find(id)
    if ref.layer not in LAYERS:
        fault = f"id: {id!r} is a {ref.layer}; headroom is asked of a {', '.join(LAYERS)}"
        raise InvalidInput(fault, [fault])
    start = starts_of(topology, [ref])
    ends = np.concatenate(
        [start.nodes, topology.edge_from[start.edges], topology.edge_to[start.edges]]
    ).astype(np.int64)
    ends = ends[(ends >= 0) & (ends != topology.root)]
    reckoned = planner.trees.around(topology, scene.state, ends, planner.rules, counted.reserved)
    tree = reckoned.tree
    position = _position(tree, ref, start.nodes, start.edges)
    if position <= 0:
        raise Impossible(
            f"id: {id!r} has no supply in the state asked for: ask of another state, or close the switches "
            "that feed it"
        )
    found = headroom_at(reckoned, position)
    way = elements_of(tree, way_up(tree.parent, position))
    # what taps the very line that is asked of is reserved at it, though not at its far end
    of_element = tree.edge_begins(position) if start.edges.size else position
    table = table_of(topology.tables, ref.layer)
    node = int(tree.node[position])
    return {
        "layer": ref.layer,
        "id": str(table.id[ref.row]),
        "county_code": str(table.county[ref.row]),
        "node_id": str(topology.tables.nodes.id[node]),
        "base_voltage_kv": float(tree.kv[position]),
        "kva_free": round(found.kva, 6),
        "binding": {
            "limit": found.limit,
            "id": _whose(tree, found),
            "value": round(found.value, 6),
            "allowed": round(found.allowed, 6),
        },
        "reserved_kva": round(float(tree.reserved_kva[of_element]), 6),
        "reservations_version": counted.version,
        "load_kva": round(float(reckoned.before[position]), 6),
        "customers": int(tree.customers[position]),
        "supply_path": [element_id(tree, int(one)) for one in way],
        "unknown": sorted({element_id(tree, int(one)) for one in way[reckoned.unknown[way]]}),
        "rules": {"name": planner.rules.name, "valid_from": planner.rules.valid_from.isoformat()},
    }


def _whose(tree: SupplyTree, found: Headroom) -> str:
    """The element whose limit ends a headroom; of others their node, or which reservation."""
    if found.harmed is None:
        return element_id(tree, found.position)
    if found.harmed.node < 0:
        return f"reservation {found.harmed.reservation}"
    return str(tree.topology.tables.nodes.id[found.harmed.node])


def _position(tree: SupplyTree, ref: Ref, nodes: I64, edges: I64) -> int:
    """The position of an element: of an edge the end away from the source, where it carries supply."""
    if not edges.size:
        return int(tree.positions(nodes)[0]) if nodes.size else -1
    position = int(tree.positions_of_edges(edges)[0])
    if position > 0 or ref.layer in ("power_transformer", "transformer_district"):
        return position
    # it closes a loop, or stands open: either end that has supply, the one nearer to the source
    topology = tree.topology
    ends = np.array([topology.edge_from[edges[0]], topology.edge_to[edges[0]]], np.int64)
    found = tree.positions(ends)
    return int(found[found > 0].min()) if (found > 0).any() else -1
