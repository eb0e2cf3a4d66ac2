"""Who loses supply when these go out: the answer to outage-impact questions, one case or many.

All ids of all cases are found before anything is answered, so that a fault is told before the first byte.
What a case takes out of supply is worked out when it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from gis_service.engine.asked import find_all
from gis_service.engine.collection import feature_collection, ids_by_layer, rows_by_layer
from gis_service.engine.columns import Answer, Rows, ids_of
from gis_service.engine.context import Switching
from gis_service.engine.customers import customers_of, districts_of
from gis_service.engine.scene import with_what_if
from gis_service.engine.shapes import read_area
from gis_service.engine.tallies import Tally
from gis_service.engine.world import Scene
from gis_service.tracing.outage import Impact, outage_impact
from gis_service.tracing.outs import outs_among, outs_of


class Case(NamedTuple):
    """What goes out together. `area` is a GeoJSON Polygon or MultiPolygon; `switching` is set on top."""

    out: Sequence[str] = ()
    faults: Sequence[str] = ()
    area: Mapping[str, Any] | None = None
    switching: Sequence[Switching] = ()


class Outage:
    """What one case takes from whom, in one scene; see `outage_text` for the same as text."""

    def __init__(self, scene: Scene, impact: Impact) -> None:
        self.scene = scene
        self.impact = impact

    @property
    def customers(self) -> Rows:
        """Who loses supply, ascending rows."""
        return self.impact.customers

    @cached_property
    def tally(self) -> Tally:
        """The customers counted."""
        return self.scene.world.tallies.of(self.impact.customers)

    @property
    def opened(self) -> list[str]:
        """Ids of the switches that protection opens for the faults."""
        return ids_of(self.scene.topology.tables, "switch", self.impact.opened)

    @cached_property
    def dark(self) -> dict[str, Rows]:
        """Rows of what goes dark, by layer; customers are not among them."""
        return rows_by_layer(self.scene.topology, nodes=self.impact.dark_nodes, edges=self.impact.dark_edges)

    @property
    def drawn(self) -> dict[str, Rows]:
        """Rows of what goes dark and of the customers, by layer."""
        return self.dark | ({"customer_point": self.customers} if self.customers.size else {})

    def value(self, include: Sequence[str]) -> Answer:
        """The answer as plain values, without the head.

        Parameters
        ----------
        include
            Any of `customers`, `districts`, `elements`, `geometry`.
        """
        world, tables = self.scene.world, self.scene.tables
        answer: Answer = {
            "affected": self.tally.total,
            "by_county": self.tally.by_county,
            "opened": self.opened,
        }
        if "districts" in include:
            answer["districts"] = districts_of(world, self.customers)
        if "customers" in include:
            answer["customers"] = customers_of(world, self.customers)
        if "elements" in include:
            answer["elements"] = ids_by_layer(tables, self.dark)
        if "geometry" in include:
            answer["geometry"] = feature_collection(tables, self.drawn)
        return answer


def outage(scene: Scene, case: Case) -> Outage:
    """What one case does.

    Raises
    ------
    UnknownId, InvalidInput
        As `find_all`, `read_area` and `with_what_if` say.
    """
    return _outages(scene, [case], [""])[0]


def outages(scene: Scene, cases: Sequence[Case]) -> list[Outage]:
    """What many cases do, each asked for itself, in their order; faults name the case they stand in.

    Raises
    ------
    UnknownId, InvalidInput
        As for one.
    """
    return _outages(scene, cases, [f"cases[{k}]." for k in range(len(cases))])


def _outages(scene: Scene, cases: Sequence[Case], before: Sequence[str]) -> list[Outage]:
    topology = scene.topology
    named: dict[str, Sequence[str]] = {}
    for one, field in zip(cases, before, strict=True):
        named[f"{field}out"] = one.out
        named[f"{field}faults"] = one.faults
    refs = find_all(topology.ids, named)
    found: list[Outage] = []
    for one, field in zip(cases, before, strict=True):
        state = scene.state
        if one.switching:
            state = with_what_if(topology, state, one.switching, field=f"{field}switching")
        out = outs_of(topology, refs[f"{field}out"])
        if one.area is not None:
            met = scene.world.shapes.meeting(read_area(one.area, field=f"{field}area"))
            out |= outs_among(topology, met)
        impact = outage_impact(topology, state, out, refs[f"{field}faults"])
        found.append(Outage(scene, impact))
    return found
