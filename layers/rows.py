"""Some rows of features, without an object for any of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from compiling import I64
from layers.geojson_columns import Column, Features, Geometries, NumberColumn, TextColumn
from layers.geojson_rows import LINE, MULTILINE, MULTIPOLYGON, NOWHERE, POINT


def taken(features: Features, rows: I64) -> Features:
    """Features of some rows, in the order of these."""
    return Features(
        _geometries(features.geometry, rows),
        {name: picked(column, rows) for name, column in features.properties.items()},
        None if features.ids is None else picked(features.ids, rows),
    )


def with_fields(features: Features, names: Collection[str]) -> Features:
    """Features with some of their properties alone, in their order."""
    return replace(
        features, properties={name: of for name, of in features.properties.items() if name in names}
    )


def picked(column: Column, rows: I64) -> Column:
    """Some rows of a column, in the order of these."""
    if isinstance(column, NumberColumn):
        known = None if column.known is None else column.known[rows]
        return NumberColumn(column.kind, column.values[rows], known)
    return TextColumn(column.offsets, column.data, rows if column.codes is None else column.codes[rows])


def _geometries(of: Geometries, rows: I64) -> Geometries:
    if of.kind == NOWHERE:
        return Geometries.nowhere(len(rows))
    if of.kind == POINT:
        return Geometries.points(of.coords[rows])
    if of.kind == LINE:
        paths, inner = _spread(of.paths, rows)
        return Geometries.lines(paths, of.coords[inner])
    multis, outer = _spread(of.multis, rows) if of.kind == MULTIPOLYGON else (None, rows)
    polygons, rings = _spread(of.polygons, outer)
    paths, inner = _spread(of.paths, rings)
    coords = of.coords[inner]
    if of.kind == MULTILINE:
        return Geometries.of_multilines(polygons, paths, coords)
    if multis is None:
        return Geometries.of_polygons(polygons, paths, coords)
    return Geometries.of_multipolygons(multis, polygons, paths, coords)


def _spread(offsets: I64, rows: I64) -> tuple[I64, I64]:
    """Offsets of some rows put one behind another, and the places of what they hold."""
    starts, ends = offsets[rows], offsets[rows + 1]
    found: I64 = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum(ends - starts, out=found[1:])
    return found, np.arange(found[-1]) + np.repeat(starts - found[:-1], ends - starts)
