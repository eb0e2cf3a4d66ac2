"""Rows of the grid tables as GeoJSON text: columns go to the compiled writer as they are kept, no row by row.

The values are those of `columns`: phases as letters, `county_code` for the county, absent as null.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from gis_service.engine.columns import GEOMETRY_COLUMNS, PHASE_TEXTS, Rows, table_of
from gis_service.network.columns import Coded
from gis_service.network.tables import GridTables, Lines
from gis_service.network.texts import Texts
from layers.geojson_columns import Column, Features, Geometries, TextColumn, column_of, constant
from layers.geojson_writer import features_text

_ROWS_AT_ONCE = 65_536
"""Rows whose columns are taken together: what is in memory beside the text."""


def features_json(tables: GridTables, rows: Mapping[str, Rows]) -> bytes:
    """A JSON array of features by (layer, county, id): `layer` among the properties, `layer:id` as the id."""
    return b"[" + b",".join(features_pieces(tables, rows)) + b"]"


def features_pieces(tables: GridTables, rows: Mapping[str, Rows]) -> Iterator[bytes]:
    """The same features in pieces of some thousand, none of them empty; a comma belongs between two."""
    for layer in rows:
        for first in range(0, len(rows[layer]), _ROWS_AT_ONCE):
            some = rows[layer][first : first + _ROWS_AT_ONCE]
            yield from features_text([_features(tables, layer, some)])


def _features(tables: GridTables, layer: str, rows: Rows) -> Features:
    table = table_of(tables, layer)
    columns: dict[str, Column] = {"layer": constant(layer, len(rows))}
    # the id leads: it is what a reader looks for
    for one in sorted(fields(table), key=lambda field: field.name != "id"):
        if one.name not in GEOMETRY_COLUMNS:
            outside = "county_code" if one.name == "county" else one.name
            columns[outside] = _outside(one.name, getattr(table, one.name), rows)
    return Features(_geometries(table, rows), columns, columns["id"], f"{layer}:")


def _outside(name: str, values: Any, rows: Rows) -> Column:
    if name == "phases":
        return _words(np.asarray(values[rows]), PHASE_TEXTS)
    if isinstance(values, Coded):
        return _words(values.codes[rows], values.words)
    if isinstance(values, Texts):
        taken = values.take(rows)
        offsets = taken.offsets.astype(np.int64)
        lengths = np.diff(offsets)
        known = None if lengths.all() else np.where(lengths == 0, -1, np.arange(len(rows)))
        return TextColumn(offsets, taken.data, known)
    some = np.array(values[rows])
    if some.dtype.kind == "O":
        some[some == ""] = None
    return column_of(some)


def _words(codes: Any, words: Any) -> Column:
    """Rows of few words, of which the empty one means absent."""
    coded = column_of(np.array(list(words), dtype=object))
    assert isinstance(coded, TextColumn)
    places = np.array([k if word else -1 for k, word in enumerate(words)], dtype=np.int64)
    return TextColumn(coded.offsets, coded.data, places[codes])


def _geometries(table: Any, rows: Rows) -> Geometries:
    if isinstance(table, Lines):
        starts, ends = table.offsets[rows], table.offsets[rows + 1]
        offsets = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum(ends - starts, out=offsets[1:])
        places = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], ends - starts)
        return Geometries.lines(offsets, table.coords[places])
    xy = getattr(table, "xy", None)
    return Geometries.nowhere(len(rows)) if xy is None else Geometries.points(xy[rows])
