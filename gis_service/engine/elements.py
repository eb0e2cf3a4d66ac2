"""One element with everything known about it: what is stored, where it lies, how it stands now."""

from __future__ import annotations

import numpy as np

from gis_service.engine.columns import Answer, geometries_of, properties_of
from gis_service.engine.live import energised, energised_phases
from gis_service.engine.world import Scene
from gis_service.network.ids import Ref


def element(scene: Scene, id: str) -> Answer:
    """Properties, geometry and live state of an element, without the head.

    `open` is of the switch states asked for; the stored one stands in no property. A feeder answers with
    its head switches.

    Raises
    ------
    UnknownId, AmbiguousId
        When no element, or elements of several layers, have the id.
    """
    topology = scene.topology
    ref = topology.ids.find(id)
    if ref.layer == "feeder":
        heads = topology.feeders.head_row[topology.feeders.head_of == ref.row]
        switches = topology.tables.switches
        return {
            "layer": "feeder",
            "id": topology.feeders.ids[ref.row],
            "county_code": switches.county[heads[0]],
            "properties": {"head_switches": switches.id[heads].tolist()},
            "geometry": None,
            "energised": bool(energised(scene, "switch", heads).any()),
        }
    rows = np.array([ref.row], np.int64)
    properties = properties_of(topology.tables, ref.layer, rows)[0]
    if ref.layer == "customer_point":
        at = int(topology.customer_district[ref.row])
        properties["district_id"] = topology.tables.districts.id[at] if at >= 0 else None
    properties.pop("open", None)
    answer: Answer = {
        "layer": ref.layer,
        "id": properties.pop("id"),
        "county_code": properties.pop("county_code"),
        "properties": properties,
        "geometry": geometries_of(topology.tables, ref.layer, rows)[0],
    }
    return answer | _live(scene, ref)


def _live(scene: Scene, ref: Ref) -> Answer:
    answer: Answer = {"energised": bool(energised(scene, ref.layer, np.array([ref.row]))[0])}
    if ref.layer == "switch":
        answer["open"] = bool(scene.state.open[ref.row])
    if ref.layer == "connectivity_node":
        answer["energised_phases"] = energised_phases(scene, ref.row)
    return answer
