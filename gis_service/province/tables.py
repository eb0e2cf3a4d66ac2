"""An area's rows of one county as Arrow tables, with the columns of the grid package.

Knows how numbered rows become layers: identifiers, words, WKB in `geom`. The order is that of the numbers,
which is the order of the identifiers as text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import shapely

from gis_service.ingest.spec import (
    BY_NAME,
    CONSTRUCTIONS,
    CRITICAL_GRADES,
    CUSTOMER_CLASSES,
    LAYERS,
    SWITCH_KINDS,
    Layer,
)
from gis_service.network.tables import phase_text
from gis_service.province import encoding as enc
from gis_service.province import equipment as eq
from gis_service.province.made import Lines, MadeArea
from gis_service.province.plan import Plan
from gis_service.province.plane import Ints
from gis_service.province.streets import CORRIDOR_KINDS

GEOMETRY = "geom"

_TYPES = {"text": pa.string(), "float": pa.float64(), "int": pa.int64(), "bool": pa.bool_()}
_LETTERS = {
    "substation": "b",
    "connectivity_node": "n",
    "energy_source": "e",
    "line_section": "l",
    "switch": "s",
    "power_transformer": "t",
    "transformer_district": "d",
    "customer_point": "c",
    "corridor": "k",
}
_FEEDER = "f"
_VERTEX = "v"
_GRADES = [*CRITICAL_GRADES, None]
"""The last, which is also number -1, is none."""
_PHASES = [phase_text(mask) if 0 < mask < 7 else None for mask in range(8)]


def schema(layer: Layer) -> pa.Schema:
    """The declared columns, then the geometry."""
    fields = [pa.field(column.name, _TYPES[column.type]) for column in layer.columns]
    return pa.schema([*fields, pa.field(GEOMETRY, pa.binary())])


def county_row(plan: Plan, county: int) -> pa.Table:
    """The layer `county` with this one in it."""
    one = plan.counties[county]
    geometry = shapely.to_wkb(one.outline, byte_order=1)
    return pa.table([[one.code], [one.name], [geometry]], schema=schema(BY_NAME["county"]))


def area_tables(plan: Plan, made: MadeArea, county: int) -> dict[str, pa.Table]:
    """Every layer but `county`, with the rows that lie in a county."""
    builder = _Builder(plan, made, county)
    return {layer.name: builder.table(layer) for layer in LAYERS if layer.name != "county"}


class _Builder:
    def __init__(self, plan: Plan, made: MadeArea, county: int) -> None:
        self._plan, self._made, self._county = plan, made, county
        self._ids = enc.Ids([one.code for one in plan.counties])
        self._rows: Ints = np.empty(0, np.int64)

    def table(self, layer: Layer) -> pa.Table:
        rows = self._made.rows[layer.name]
        self._rows = np.flatnonzero(rows["county"] == self._county)
        there = {name: values[self._rows] for name, values in rows.items()}
        n = self._rows.size
        fill: Callable[[dict[str, Any]], dict[str, Any]] = getattr(self, f"_{layer.name}")
        columns = {
            "id": self._own(_LETTERS[layer.name], self._rows),
            "county_code": enc.one_word(self._plan.counties[self._county].code, n),
            **fill(there),
        }
        if "phases" in there:
            columns["phases"] = enc.words(there["phases"], _PHASES)
        if "xy" in there:
            columns[GEOMETRY] = enc.points(there["xy"])
        wanted = schema(layer)
        arrays = [
            columns[field.name] if field.name in columns else pa.nulls(n, field.type) for field in wanted
        ]
        return pa.Table.from_arrays(arrays, schema=wanted)

    def _own(self, letter: str, number: Ints, *, where: np.ndarray | None = None) -> pa.Array:
        n = len(number)
        here, area = np.full(n, self._county), np.full(n, self._made.area.number)
        return self._ids.array(here, letter, area, number, where=where)

    def _node(self, number: Ints) -> pa.Array:
        named = self._made.nodes
        at = np.where(number < 0, named.number.size - self._n_foreign_nodes - 1 - number, number)
        return self._ids.array(named.county[at], "n", named.area[at], named.number[at])

    @property
    def _n_foreign_nodes(self) -> int:
        return int((self._made.nodes.area != self._made.area.number).sum())

    def _elsewhere(self, layer: str, number: Ints) -> pa.Array:
        """Identifiers of rows of another layer of this area."""
        county = self._made.rows[layer]["county"][number]
        area = np.full(number.size, self._made.area.number)
        return self._ids.array(county, _LETTERS[layer], area, number)

    def _named(self, what: str) -> pa.Array:
        label = np.frombuffer(f"{what} {self._made.area.number:04d}".encode(), np.uint8)
        return enc.fixed_texts(np.tile(label, (self._rows.size, 1)))

    def _substation(self, there: dict[str, Any]) -> dict[str, Any]:
        return {"name": self._named("Substation"), "base_voltage_kv": enc.numbers(there["kv"])}

    def _connectivity_node(self, there: dict[str, Any]) -> dict[str, Any]:
        station = self._made.rows["substation"]["county"][0]
        n = self._rows.size
        ids = self._ids.array(
            np.full(n, station),
            "b",
            np.full(n, self._made.area.number),
            np.zeros(n, np.int32),
            where=there["in_substation"],
        )
        return {"base_voltage_kv": enc.numbers(there["kv"]), "substation_id": ids}

    def _energy_source(self, there: dict[str, Any]) -> dict[str, Any]:
        return {
            "name": self._named("110 kV"),
            "node_id": self._node(there["node"]),
            "voltage_pu": enc.numbers(there["voltage_pu"]),
        }

    def _line_section(self, there: dict[str, Any]) -> dict[str, Any]:
        length = self._made.lines.length_m[self._rows]
        conductor = there["conductor"]
        named = [CONSTRUCTIONS.index(name) for name in eq.CONSTRUCTIONS_OF]
        return {
            "from_node": self._node(there["from"]),
            "to_node": self._node(there["to"]),
            "base_voltage_kv": enc.numbers(there["kv"]),
            "construction": enc.words(np.array(named)[conductor], CONSTRUCTIONS),
            "length_m": enc.numbers(length),
            "r_ohm": enc.numbers(_thousandths(length * eq.R_PER_KM[conductor])),
            "x_ohm": enc.numbers(_thousandths(length * eq.X_PER_KM[conductor])),
            "rated_current_a": enc.numbers(eq.RATED_A[conductor]),
            GEOMETRY: self._drawn(self._made.lines),
        }

    def _switch(self, there: dict[str, Any]) -> dict[str, Any]:
        head = there["head_of"] >= 0
        return {
            "kind": enc.words(there["kind"], SWITCH_KINDS),
            "from_node": self._node(there["from"]),
            "to_node": self._node(there["to"]),
            "normal_open": enc.numbers(there["normal_open"]),
            "open": enc.numbers(there["normal_open"]),
            "rated_current_a": enc.numbers(there["rated"]),
            "remote_controlled": enc.numbers(there["remote"]),
            "feeder_id": self._own(_FEEDER, np.maximum(there["head_of"], 0), where=head),
        }

    def _power_transformer(self, there: dict[str, Any]) -> dict[str, Any]:
        return {
            "from_node": self._node(there["from"]),
            "to_node": self._node(there["to"]),
            "rated_kva": enc.numbers(there["kva"]),
            "uk_percent": enc.numbers(there["uk"]),
            "pk_kw": enc.numbers(there["pk"]),
        }

    def _transformer_district(self, there: dict[str, Any]) -> dict[str, Any]:
        return {
            "name": self._district_names(),
            "transformer_id": self._elsewhere("power_transformer", there["transformer"]),
            GEOMETRY: enc.polygons(there["ring"]),
        }

    def _district_names(self) -> pa.Array:
        n = self._rows.size
        whole = self._ids.chars(np.full(n, self._county), "d", np.full(n, self._made.area.number), self._rows)
        return enc.fixed_texts(whole[:, -(enc.AREA_DIGITS + enc.NUMBER_DIGITS + 1) :])

    def _customer_point(self, there: dict[str, Any]) -> dict[str, Any]:
        return {
            "node_id": self._node(there["node"]),
            "district_id": self._elsewhere("transformer_district", there["district"]),
            "customer_class": enc.words(there["class"], CUSTOMER_CLASSES),
            "critical_grade": enc.words(there["grade"] % len(_GRADES), _GRADES),
            "contracted_kva": enc.numbers(there["kva"]),
        }

    def _corridor(self, there: dict[str, Any]) -> dict[str, Any]:
        free = there["ducts_free"]
        return {
            "from_vertex": self._vertex(there["from"]),
            "to_vertex": self._vertex(there["to"]),
            "kind": enc.words(there["kind"], CORRIDOR_KINDS),
            "ducts_free": enc.numbers(np.maximum(free, 0), where=free >= 0),
            GEOMETRY: self._drawn(self._made.corridors),
        }

    def _vertex(self, number: Ints) -> pa.Array:
        """Vertices are named without a county: `vAAAA-NNNNN`."""
        named = self._made.vertices
        foreign = int((named.area != self._made.area.number).sum())
        at = np.where(number < 0, named.number.size - foreign - 1 - number, number)
        whole = self._ids.chars(named.county[at], _VERTEX, named.area[at], named.number[at])
        return enc.fixed_texts(whole[:, -(enc.AREA_DIGITS + enc.NUMBER_DIGITS + 2) :])

    def _drawn(self, lines: Lines) -> pa.Array:
        count = np.diff(lines.offsets)[self._rows]
        first = lines.offsets[self._rows]
        offsets = np.concatenate([[0], np.cumsum(count)])
        at = np.repeat(first - offsets[:-1], count) + np.arange(offsets[-1])
        return enc.lines(lines.coords[at], offsets)


def _thousandths(values: np.ndarray) -> np.ndarray:
    """Ohm per km times metres, in ohm to six digits after the point."""
    ohm: np.ndarray = np.rint(values * 1e3) / 1e6
    return ohm
