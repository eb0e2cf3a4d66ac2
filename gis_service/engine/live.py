"""Which elements have voltage in the states a question is asked of, for some rows of a layer at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gis_service.engine.columns import EDGE_LAYERS, Rows
from gis_service.engine.world import Scene
from gis_service.network.tables import phase_text
from gis_service.tracing.change import Change

Bools = npt.NDArray[np.bool_]


def energised(scene: Scene, layer: str, rows: Rows) -> Bools:
    """Which of some rows have voltage, bool `(len(rows),)`, at the cost of these alone.

    A line, switch or transformer has when a phase that it carries stands at one of its ends; a customer when
    all its phases do at its node; a district when its transformer has, a substation when any node has.
    """
    topology = scene.topology
    now = Change(topology, scene.state)
    if layer in EDGE_LAYERS:
        return now.energised((topology.first_edge(layer) + rows).astype(np.int64))
    if layer == "customer_point":
        return now.supplied(rows)[0]
    if layer == "connectivity_node":
        live: Bools = now.phases(rows.astype(np.int32))[0] != 0
        return live
    if layer == "transformer_district":
        transformer = topology.district_transformer[rows]
        fed = np.zeros(rows.size, np.bool_)
        known = transformer >= 0
        first = topology.first_edge("power_transformer")
        fed[known] = now.energised((first + transformer[known]).astype(np.int64))
        return fed
    if layer == "substation":
        inside = topology.inside
        begins = inside.first[rows]
        counts = inside.first[rows + 1] - begins
        ends = np.cumsum(counts)
        nodes = inside.node[np.arange(counts.sum()) + np.repeat(begins - ends + counts, counts)]
        lit = np.concatenate([[0], np.cumsum(now.phases(nodes)[0] != 0)])
        inner: Bools = lit[ends] > lit[ends - counts]
        return inner
    raise KeyError(layer)


def energised_phases(scene: Scene, node: int) -> str:
    """The phases that stand at a node, as letters."""
    return phase_text(int(Change(scene.topology, scene.state).phases(np.array([node], np.int32))[0][0]))
