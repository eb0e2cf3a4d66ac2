"""The grid under examination: its topology, and how rows of it become findings.

The one place here that turns dense indices back into layers, ids, counties and GeoJSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from gis_service.checks.findings import Finding
from gis_service.network.tables import Table
from gis_service.network.topology import Topology

Ints = npt.NDArray[np.integer[Any]]
MOST_POINTS = 500
"""A part of more nodes than this is drawn by the first of them."""


@dataclass(frozen=True)
class Subject:
    """A topology and the findings so far."""

    topology: Topology
    findings: list[Finding] = field(default_factory=list)

    def table(self, layer: str) -> Table:
        """The table of a layer."""
        tables = self.topology.tables
        return {
            "connectivity_node": tables.nodes,
            "energy_source": tables.sources,
            "line_section": tables.lines,
            "switch": tables.switches,
            "power_transformer": tables.transformers,
            "transformer_district": tables.districts,
            "customer_point": tables.customers,
        }[layer]

    def geometry(self, layer: str, row: int) -> dict[str, Any] | None:
        """GeoJSON of one element; None for districts, whose area the network does not hold."""
        if layer == "line_section":
            lines = self.topology.tables.lines
            coords = lines.coords[lines.offsets[row] : lines.offsets[row + 1]]
            return {"type": "LineString", "coordinates": coords.tolist()}
        xy = getattr(self.table(layer), "xy", None)
        return None if xy is None else {"type": "Point", "coordinates": xy[row].tolist()}

    def find(self, rule: str, layer: str, row: int, message: str) -> None:
        """A finding about one element; the message is what follows its id."""
        table = self.table(layer)
        id = str(table.id[row])
        self.findings.append(
            Finding(
                rule,
                str(table.county[row]),
                layer,
                id,
                f"{layer} {id!r} {message}",
                self.geometry(layer, row),
            )
        )

    def find_edge(self, rule: str, edge: int, message: str) -> None:
        """A finding about a conducting element or source."""
        self.find(rule, *self.topology.ref_of_edge(edge), message)

    def find_part(self, rule: str, nodes: Sequence[int], message: str) -> None:
        """A finding about a connected part, filed under its first node."""
        table = self.topology.tables.nodes
        first = nodes[0]
        self.findings.append(
            Finding(
                rule,
                str(table.county[first]),
                "connectivity_node",
                str(table.id[first]),
                message,
                {"type": "MultiPoint", "coordinates": table.xy[list(nodes[:MOST_POINTS])].tolist()},
            )
        )

    def find_county(self, rule: str, county: str, layer: str, message: str) -> None:
        """A finding about all of one layer of a county."""
        self.findings.append(Finding(rule, county, layer, None, message, None))

    def node_id(self, node: int) -> str:
        """The id of a node, quoted."""
        return repr(str(self.topology.tables.nodes.id[node]))

    def named_edges(self, edges: Sequence[int], *, but: int, most: int = 3) -> str:
        """Some elements but one of them by layer and id, for a sentence."""
        names = []
        for edge in [other for other in edges[: most + 1] if other != but][:most]:
            layer, row = self.topology.ref_of_edge(edge)
            names.append(f"{layer} {str(self.table(layer).id[row])!r}")
        rest = len(edges) - 1 - len(names)
        return ", ".join(names) + (f" and {rest} more" if rest else "")


def counted(number: int, what: str) -> str:
    """`1 node`, `12 nodes`."""
    return f"{number} {what}{'' if number == 1 else 's'}"
