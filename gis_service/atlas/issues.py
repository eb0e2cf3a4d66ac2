"""What `gridgis check` finds, as features: a point for each finding, made once for each load of the grid.

Checking walks the whole grid and takes its time, so it runs beside the questions: who asks before it is
through is told to come again. What hangs on how switches stand now is left to the layers that tell it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import shapely
from shapely.geometry import shape

from gis_service.atlas.derived import BeingMade, Part, parted
from gis_service.checks import RULES, Finding, check_grid
from gis_service.engine.world import Scene
from gis_service.network.tables import GridTables
from gis_service.network.topology import Topology
from layers.geojson_columns import Features, Geometries
from layers.source import Counties, Description, Field, Key

PATIENCE_S = 2.0
"""As long as a small grid takes: longer, questions do not wait."""

TOPOLOGY_ISSUE = Description(
    "topology_issue",
    "Findings about the grid",
    "What is odd about the topology, supply and data of the loaded grid; how switches stand now is left out.",
    "Point",
    (
        Field("id", "string", "rule, layer and element"),
        Field("county_code", "string"),
        Field("rule", "string"),
        Field("severity", "string", "error, warning or info"),
        Field("text", "string"),
        Field("element_layer", "string"),
        Field("element_id", "string"),
    ),
)

OF_THE_ELEMENT_ALONE = {
    "transformer_sides",
    "zero_length",
    "length_mismatch",
    "drawn_backwards",
    "isolated_node",
    "customer_without_district",
    "unsupplied_customer",
    "missing_value",
}
"""Rules whose sentence names no other element and counts none."""


@dataclass
class _Check:
    """One check of one topology, under way or done; `until` a monotonic time, questions wait for it."""

    topology: Topology
    until: float
    done: threading.Event = field(default_factory=threading.Event)
    findings: list[Finding] = field(default_factory=list)
    fault: Exception | None = None

    def run(self) -> None:
        """Find all there is to find."""
        try:
            self.findings = check_grid(_as_normal(self.topology.tables))
        except Exception as error:  # noqa: BLE001  # told to those who ask
            self.fault = error
        finally:
            self.done.set()


class Issues:
    """The findings about the grid that is loaded; safe for threads.

    Parameters
    ----------
    patience_s
        How long questions wait from the beginning of a check.
    """

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self.patience_s = patience_s
        self._lock = threading.Lock()
        self._check: _Check | None = None

    def features(self, scene: Scene, counties: Counties) -> list[Part]:
        """Findings filed under the counties, by county.

        To those who may see some counties alone, the sentence of a rule that looks at more than one element
        is the rule's own: the other elements may be hidden.

        Raises
        ------
        BeingMade
            While they are looked for.
        """
        found = self._findings(scene.topology)
        rows = [
            (Key(one.county_code, id), one)
            for id, one in zip(_ids(found), found, strict=True)
            if counties is None or one.county_code in counties
        ]
        rows.sort(key=lambda row: row[0])
        keys = [key for key, _ in rows]
        those = [one for _, one in rows]
        columns: dict[str, Any] = {
            "id": [key.id for key in keys],
            "county_code": [key.county for key in keys],
            "rule": [one.rule for one in those],
            "severity": [one.severity for one in those],
            "text": [_text(one, counties) for one in those],
            "element_layer": [one.layer for one in those],
            "element_id": [one.id for one in those],
        }
        told = {name: np.array(values, object) for name, values in columns.items()}
        xy = np.array([_place(one) for one in those], np.float64).reshape(-1, 2)
        return parted(Features.of(Geometries.points(xy), told, told["id"]), keys)

    def _findings(self, topology: Topology) -> list[Finding]:
        with self._lock:
            check = self._check
            if check is None or check.topology is not topology:
                self._check = check = _Check(topology, time.monotonic() + self.patience_s)
                threading.Thread(target=check.run, name="check", daemon=True).start()
        if not check.done.wait(max(0.0, check.until - time.monotonic())):
            raise BeingMade("the grid is being checked since it was loaded: ask again in a moment")
        if check.fault is not None:
            with self._lock:
                if self._check is check:
                    self._check = None
            raise check.fault
        return check.findings


def _as_normal(tables: GridTables) -> GridTables:
    """The grid with every switch as it normally stands."""
    switches = tables.switches
    return replace(tables, switches=replace(switches, open=switches.normal_open))


def _ids(findings: Sequence[Finding]) -> list[str]:
    """An id for each: its rule, layer and element, and a number where there are several of these."""
    times: dict[str, int] = {}
    ids = []
    for one in findings:
        id = f"{one.rule}:{one.layer}:{one.id or one.county_code}"
        times[id] = times.get(id, 0) + 1
        ids.append(id if times[id] == 1 else f"{id}:{times[id]}")
    return ids


def _text(one: Finding, counties: Counties) -> str:
    if counties is None or one.rule in OF_THE_ELEMENT_ALONE:
        return one.message
    return RULES[one.rule].title


def _place(one: Finding) -> tuple[float, float]:
    """Where it is shown: in the middle of a line, at the first point of a part; nowhere without geometry."""
    if one.geometry is None:
        return (np.nan, np.nan)
    drawn = shape(one.geometry)
    if isinstance(drawn, shapely.LineString):
        drawn = drawn.interpolate(0.5, normalized=True)
    ((x, y), *_) = shapely.get_coordinates(drawn).tolist()
    return (x, y)
