"""Rows of the grid tables as the values that leave the engine: ids, properties, points.

Knows which table belongs to which layer and how absent values look outside (`None`); refuses to know where
a row came from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from gis_service.network.tables import GridTables, Lines, Table, phase_text

Rows = npt.NDArray[np.int64]
Answer = dict[str, Any]

TABLE_OF_LAYER = {
    "substation": "substations",
    "connectivity_node": "nodes",
    "energy_source": "sources",
    "line_section": "lines",
    "switch": "switches",
    "power_transformer": "transformers",
    "transformer_district": "districts",
    "customer_point": "customers",
}
"""Layer → field of `GridTables`, in the order in which layers are listed."""

EDGE_LAYERS = ("line_section", "switch", "power_transformer", "energy_source")

GEOMETRY_COLUMNS = {"xy", "coords", "offsets"}
PHASE_TEXTS = [phase_text(mask) for mask in range(16)]


_second: tuple[datetime, str] = (datetime.min.replace(tzinfo=UTC), "")
"""The last moment told, cut to its second, and its text up to the point: most come within the same one."""


def rfc3339(moment: datetime) -> str:
    """A time in UTC, as text."""
    global _second
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    second, text = _second
    since = moment - second
    if since.seconds or since.days:
        second = moment.replace(microsecond=0)
        text = second.isoformat().replace("+00:00", ".")
        _second, since = (second, text), moment - second
    return f"{text}{since.microseconds:06d}Z" if since.microseconds else text[:-1] + "Z"


def table_of(tables: GridTables, layer: str) -> Table:
    """The table of a layer."""
    table: Table = getattr(tables, TABLE_OF_LAYER[layer])
    return table


def ids_of(tables: GridTables, layer: str, rows: Rows) -> list[str]:
    """Ids of rows, in the order of the rows."""
    ids: list[str] = table_of(tables, layer).id[rows].tolist()
    return ids


def properties_of(tables: GridTables, layer: str, rows: Rows) -> list[Answer]:
    """Every column of the rows but geometry, as JSON values: `county_code` for the county, absent as None."""
    table = table_of(tables, layer)
    names: list[str] = []
    columns: list[Sequence[Any]] = []
    for one in fields(table):
        if one.name not in GEOMETRY_COLUMNS:
            names.append("county_code" if one.name == "county" else one.name)
            columns.append(_outside(one.name, getattr(table, one.name)[rows]))
    # the id leads: it is what a reader looks for
    order = sorted(range(len(names)), key=lambda k: names[k] != "id")
    names = [names[k] for k in order]
    columns = [columns[k] for k in order]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _outside(name: str, values: npt.NDArray[Any]) -> Sequence[Any]:
    if name == "phases":
        return [PHASE_TEXTS[mask] or None for mask in values.tolist()]
    if values.dtype.kind == "O":
        return [value if value != "" else None for value in values.tolist()]
    if values.dtype.kind == "f":
        return [None if math.isnan(value) else value for value in values.tolist()]
    plain: list[Any] = values.tolist()
    return plain


def vertices_of(lines: Lines, rows: Rows) -> tuple[Rows, npt.NDArray[np.float64]]:
    """Vertices of some lines, flat: offsets int64 `(n + 1,)` into lon/lat float64 `(m, 2)`."""
    begin = np.asarray(lines.offsets[rows])
    counts = np.asarray(lines.offsets[rows + 1]) - begin
    offsets = np.zeros(rows.size + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    at = np.arange(offsets[-1]) + np.repeat(begin - offsets[:-1], counts)
    return offsets, np.asarray(lines.coords[at])


def line_coordinates(lines: Lines, row: int) -> list[list[float]]:
    """Vertices of one line, lon/lat."""
    vertices: list[list[float]] = lines.coords[lines.offsets[row] : lines.offsets[row + 1]].tolist()
    return vertices


def geometries_of(tables: GridTables, layer: str, rows: Rows) -> list[Answer | None]:
    """GeoJSON geometry of each row; None for a layer that the tables keep without geometry."""
    if layer == "line_section":
        offsets, coords = vertices_of(tables.lines, rows)
        vertices = coords.tolist()
        return [
            {"type": "LineString", "coordinates": vertices[first:stop]}
            for first, stop in pairwise(offsets.tolist())
        ]
    table = table_of(tables, layer)
    xy = getattr(table, "xy", None)
    if xy is None:
        return [None] * len(rows)
    return [
        {"type": "Point", "coordinates": point} if not math.isnan(point[0]) else None
        for point in xy[rows].tolist()
    ]


def point_of(xy: npt.NDArray[np.float64], row: int) -> list[float]:
    """One point, `[lon, lat]`."""
    point: list[float] = xy[row].tolist()
    return point


def features_of(tables: GridTables, layer: str, rows: Rows) -> list[Answer]:
    """GeoJSON features of rows: `id`, `layer` among the properties, geometry as stored."""
    return [
        {
            "type": "Feature",
            "id": f"{layer}:{properties['id']}",
            "geometry": geometry,
            "properties": {"layer": layer, **properties},
        }
        for properties, geometry in zip(
            properties_of(tables, layer, rows), geometries_of(tables, layer, rows), strict=True
        )
    ]
