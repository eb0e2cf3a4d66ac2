"""A topology as plain arrays by name, and back: what a snapshot keeps of it besides tables and ids."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gis_service.kernels.arcs import Arcs
from gis_service.kernels.chords import Chords
from gis_service.kernels.forest import Forest
from gis_service.kernels.hung import Hung
from gis_service.network.forests import SupplyForest
from gis_service.network.ids import IdIndex
from gis_service.network.tables import GridTables
from gis_service.network.topology import Feeders, Inside, Switchgear, Topology

Arrays = dict[str, npt.NDArray[Any]]

_OWN = (
    "edge_from",
    "edge_to",
    "edge_phases",
    "edge_length_m",
    "edge_rank",
    "customer_node",
    "customer_district",
    "customer_needs",
    "district_transformer",
)


def topology_arrays(topology: Topology) -> Arrays:
    """Every array of a topology, under names such as `arcs.head` or `forests.0.chords.edge`; no copies.

    Feeder ids, the only text, are the bytes of a JSON list.
    """
    arrays: Arrays = {name: getattr(topology, name) for name in _OWN}
    parts: dict[str, tuple[Any, tuple[str, ...]]] = {
        "arcs": (topology.arcs, Arcs._fields),
        "feeders": (topology.feeders, ("head_row", "head_of")),
        "switchgear": (topology.switchgear, ("normal_open", "loaded_open", "protective", "bolted")),
        "inside": (topology.inside, ("first", "node")),
    }
    for k, one in enumerate(topology.forests):
        parts[f"forests.{k}.forest"] = one.forest, Forest._fields
        parts[f"forests.{k}.chords"] = one.chords, Chords._fields
        parts[f"forests.{k}.customers"] = one.customers, Hung._fields
    for part, (held, names) in parts.items():
        arrays |= {f"{part}.{name}": getattr(held, name) for name in names}
    arrays["feeders.ids"] = np.frombuffer(json.dumps(topology.feeders.ids).encode(), np.uint8).copy()
    arrays["forests.bits"] = np.array([one.bits for one in topology.forests], np.int64)
    return arrays


def feeders_from_arrays(arrays: Mapping[str, npt.NDArray[Any]]) -> Feeders:
    """The feeders of a stored topology: their ids are needed to open its `IdIndex`."""
    ids = json.loads(arrays["feeders.ids"].tobytes())
    return Feeders(ids, arrays["feeders.head_row"], arrays["feeders.head_of"])


def topology_from_arrays(
    tables: GridTables, ids: IdIndex, arrays: Mapping[str, npt.NDArray[Any]]
) -> Topology:
    """The topology whose arrays these are, over the tables and ids that it was built of.

    Raises
    ------
    KeyError
        When an array is missing.
    """

    def taken(part: str, names: tuple[str, ...]) -> list[Any]:
        return [arrays[f"{part}.{name}"] for name in names]

    return Topology(
        tables=tables,
        ids=ids,
        **{name: arrays[name] for name in _OWN},
        arcs=Arcs(*taken("arcs", Arcs._fields)),
        feeders=feeders_from_arrays(arrays),
        switchgear=Switchgear(*taken("switchgear", ("normal_open", "loaded_open", "protective", "bolted"))),
        inside=Inside(*taken("inside", ("first", "node"))),
        forests=tuple(
            SupplyForest(
                bits,
                Forest(*taken(f"forests.{k}.forest", Forest._fields)),
                Chords(*taken(f"forests.{k}.chords", Chords._fields)),
                Hung(*taken(f"forests.{k}.customers", Hung._fields)),
            )
            for k, bits in enumerate(arrays["forests.bits"].tolist())
        ),
    )
