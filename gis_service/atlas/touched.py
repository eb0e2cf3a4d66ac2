"""Whose live state differs between two worlds of one topology, found at the cost of the change.

Rows of layers; knows no places. The same laws as `engine.live`: what that says of every element before and
after differs for exactly these.
"""

from __future__ import annotations

import numpy as np

from gis_service.engine.live import energised
from gis_service.engine.world import Scene, World
from gis_service.kernels.compiled import I64
from gis_service.network.topology import EDGE_LAYERS, Topology
from gis_service.tracing.change import Change


def touched_rows(before: World, after: World) -> dict[str, I64]:
    """Ascending rows of each layer whose `energised`, or `open`, is not what it was; layers that have any.

    Parameters
    ----------
    before, after
        Worlds of the same topology.
    """
    topology = before.topology
    if before.current is after.current:
        return {}
    switched = np.flatnonzero(before.current.open != after.current.open)
    if not switched.size:
        return {}
    change = Change(topology, before.current, after.current, switched=switched)
    nodes = change.changed_nodes()
    found = topology.rows_of_edges(change.changed_edges(nodes))
    found["switch"] = np.union1d(found["switch"], switched)
    lost, gained = change.lost_and_gained()
    found["customer_point"] = np.sort(np.concatenate([lost, gained])).astype(np.int64)
    found["transformer_district"] = _districts(topology, found["power_transformer"])
    found["substation"] = _substations(before, after, nodes)
    return {layer: rows for layer, rows in found.items() if rows.size and layer != EDGE_LAYERS[-1]}


def _districts(topology: Topology, transformers: I64) -> I64:
    """The districts of some transformers."""
    if not transformers.size:
        return transformers
    return np.flatnonzero(np.isin(topology.district_transformer, transformers))


def _substations(before: World, after: World, nodes: I64) -> I64:
    """The substations around some nodes in which another thing is true than was."""
    inside = before.topology.inside
    if not nodes.size or not inside.node.size:
        return nodes[:0]
    around = np.flatnonzero(np.isin(inside.node, nodes))
    rows = np.unique(np.searchsorted(inside.first, around, side="right") - 1)
    was, is_now = (
        energised(Scene(world, world.current, world.last_load), "substation", rows)
        for world in (before, after)
    )
    differ: I64 = rows[was != is_now]
    return differ
