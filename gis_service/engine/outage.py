"""Who loses supply when these go out: the answer to outage-impact questions, one case or many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gis_service.engine.asked import find_all
from gis_service.engine.collection import feature_collection, ids_by_layer, rows_by_layer
from gis_service.engine.columns import Answer, ids_of
from gis_service.engine.context import Switching
from gis_service.engine.customers import counted, counted_by_county, customers_of, districts_of
from gis_service.engine.scene import with_what_if
from gis_service.engine.shapes import read_area
from gis_service.engine.world import Scene
from gis_service.tracing.outage import Impact, outage_impact
from gis_service.tracing.outs import outs_of


@dataclass(frozen=True, slots=True)
class Case:
    """What goes out together. `area` is a GeoJSON Polygon or MultiPolygon; `switching` is set on top."""

    out: Sequence[str] = ()
    faults: Sequence[str] = ()
    area: Mapping[str, Any] | None = None
    switching: Sequence[Switching] = ()


def outage(scene: Scene, case: Case, include: Sequence[str], *, field: str = "") -> Answer:
    """The answer of one case, without the head.

    Parameters
    ----------
    include
        Any of `customers`, `districts`, `elements`, `geometry`.
    field
        Where the case stands in the question (`cases[3]`), for faults.

    Raises
    ------
    UnknownId, InvalidInput
        As `find_all`, `read_area` and `with_what_if` say.
    """
    before = f"{field}." if field else ""
    topology = scene.topology
    refs = find_all(topology.ids, {f"{before}out": case.out, f"{before}faults": case.faults})
    state = with_what_if(topology, scene.state, case.switching, field=f"{before}switching")
    out = list(refs[f"{before}out"])
    if case.area is not None:
        out += scene.world.shapes.meeting(read_area(case.area, field=f"{before}area"))
    impact = outage_impact(topology, state, outs_of(topology, out), refs[f"{before}faults"])
    return _told(scene, impact, include)


def _told(scene: Scene, impact: Impact, include: Sequence[str]) -> Answer:
    world, tables = scene.world, scene.tables
    answer: Answer = {
        "affected": counted(world, impact.customers),
        "by_county": counted_by_county(world, impact.customers),
        "opened": ids_of(tables, "switch", impact.opened),
    }
    if "districts" in include:
        answer["districts"] = districts_of(world, impact.customers)
    if "customers" in include:
        answer["customers"] = customers_of(world, impact.customers)
    if "elements" in include or "geometry" in include:
        rows = rows_by_layer(scene.topology, nodes=impact.dark_nodes, edges=impact.dark_edges)
        if "elements" in include:
            answer["elements"] = ids_by_layer(tables, rows)
        if "geometry" in include:
            everything = rows | ({"customer_point": impact.customers} if impact.customers.size else {})
            answer["geometry"] = feature_collection(tables, everything)
    return answer


def outages(scene: Scene, cases: Sequence[Case], include: Sequence[str]) -> list[Answer]:
    """The answers of many cases, each asked for itself, in their order."""
    return [outage(scene, case, include, field=f"cases[{k}]") for k, case in enumerate(cases)]
