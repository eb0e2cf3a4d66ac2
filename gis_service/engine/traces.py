"""Traces as answers: ids by layer, and, where asked for, customers, districts and geometry."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gis_service.engine.asked import find_all
from gis_service.engine.collection import feature_collection, ids_by_layer, named_edges, rows_by_layer
from gis_service.engine.columns import Answer, ids_of
from gis_service.engine.customers import customers_of, districts_of
from gis_service.engine.world import Scene
from gis_service.network.tables import phase_mask
from gis_service.tracing.areas import customers_at
from gis_service.tracing.outs import outs_of
from gis_service.tracing.trace import TraceKind, trace


@dataclass(frozen=True, slots=True)
class TraceAsked:
    """One trace by ids; `result` holds any of `elements`, `customers`, `districts`, `geometry`."""

    kind: TraceKind
    starts: Sequence[str]
    targets: Sequence[str] = ()
    barriers: Sequence[str] = ()
    phases: str = "ABC"
    result: Sequence[str] = ("elements",)


def traced(scene: Scene, asked: TraceAsked) -> Answer:
    """The answer of a trace, without the head.

    `path` (shortest_path only) lists the elements from start to target. `found` is False where a
    shortest_path has no way. Customers are those whose node the trace reached on a phase they need.

    Raises
    ------
    UnknownId, InvalidInput
        As `find_all` and `trace` say.
    """
    topology, tables = scene.topology, scene.tables
    refs = find_all(topology.ids, {"from": asked.starts, "to": asked.targets, "barriers": asked.barriers})
    found = trace(
        topology,
        scene.state,
        asked.kind,
        refs["from"],
        targets=refs["to"],
        barriers=outs_of(topology, refs["barriers"]),
        phases=phase_mask(asked.phases),
    )
    customers = customers_at(topology, found.nodes, found.node_phases)
    rows = rows_by_layer(topology, nodes=found.nodes, edges=found.edges)
    # summed exactly, so that the order of rows, which follows the counties, does not show
    length_m = math.fsum(topology.edge_length_m[found.edges].tolist())
    answer: Answer = {
        "type": asked.kind,
        "length_m": length_m,
        "counts": {layer: int(rows[layer].size) for layer in rows} | {"customer_point": int(customers.size)},
    }
    if asked.kind == "shortest_path":
        path = named_edges(topology, found.ordered)
        answer["found"] = bool(path) or bool(found.nodes.size)
        answer["length_m"] = found.length_m if math.isfinite(found.length_m) else None
        answer["path"] = path
    if asked.kind == "isolation":
        answer["to_open"] = ids_of(tables, "switch", found.to_open)
        answer["already_open"] = ids_of(tables, "switch", found.already_open)
        answer["sources_inside"] = ids_of(tables, "energy_source", found.sources_inside)
    if "elements" in asked.result:
        answer["elements"] = ids_by_layer(tables, rows)
    if "customers" in asked.result:
        answer["customers"] = customers_of(scene.world, customers)
    if "districts" in asked.result:
        answer["districts"] = districts_of(scene.world, customers)
    if "geometry" in asked.result:
        everything = rows | ({"customer_point": customers} if customers.size else {})
        answer["geometry"] = feature_collection(tables, everything)
    return answer
