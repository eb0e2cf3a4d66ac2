"""Sets of elements as answers: ids by layer, and GeoJSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from gis_service.engine.columns import EDGE_LAYERS, Answer, Rows, ids_of, table_of
from gis_service.engine.features import features_json
from gis_service.kernels.compiled import I64
from gis_service.network.tables import GridTables
from gis_service.network.topology import Topology

LISTED = ("connectivity_node", *EDGE_LAYERS, "customer_point")
"""The order in which layers stand in an answer."""

NO_ROWS: Rows = np.empty(0, np.int64)


def rows_by_layer(
    topology: Topology, *, nodes: I64 = NO_ROWS, edges: I64 = NO_ROWS, customers: I64 = NO_ROWS
) -> dict[str, Rows]:
    """Sorted rows of each layer that has any, layers in the order of `LISTED`."""
    split = topology.rows_of_edges(np.sort(edges))
    found = {"connectivity_node": np.sort(nodes), **split, "customer_point": np.sort(customers)}
    return {layer: found[layer] for layer in LISTED if found[layer].size}


def ids_by_layer(tables: GridTables, rows: Mapping[str, Rows]) -> dict[str, list[str]]:
    """Ids of each layer, by (county, id)."""
    return {layer: ids_of(tables, layer, rows[layer]) for layer in rows}


def feature_collection(tables: GridTables, rows: Mapping[str, Rows], **members: Any) -> Answer:
    """A GeoJSON FeatureCollection of elements, by (layer, county, id); `members` stand beside them.

    Its features are text already, which `orjson` lays into the answer.
    """
    features = orjson.Fragment(features_json(tables, rows))
    return {"type": "FeatureCollection", "features": features, **members}


def named_edges(topology: Topology, edges: I64) -> list[Answer]:
    """Layer and id of edges, in the order given."""
    refs = [topology.ref_of_edge(edge) for edge in edges.tolist()]
    return [{"layer": ref.layer, "id": table_of(topology.tables, ref.layer).id[ref.row]} for ref in refs]
