"""Rows of a patch as features of their own, for GeoJSON and for telling what lies under a finger.

Gathers; knows nothing of where a patch comes from.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from compiling import I64
from layers.geojson_columns import Column, Features, Geometries, NumberColumn, TextColumn
from layers.geojson_rows import LINE, MULTILINE, MULTIPOLYGON, POINT, POLYGON
from layers.sheet import Patch


def features_of(patch: Patch, rows: npt.ArrayLike | None = None, fields: Iterable[str] = ()) -> Features:
    """Some features of a patch, as columns of their own.

    Parameters
    ----------
    rows
        Rows of the sheet, among those of the patch, in any order; None: all of the patch.
    fields
        The properties, in their order; those that the patch has not are passed over.

    Raises
    ------
    KeyError
        For a row that is not in the patch.
    """
    wanted = patch.rows if rows is None else np.asarray(rows, np.int64).reshape(-1)
    places = np.searchsorted(patch.rows, wanted)
    if wanted.size and not (places.max() < patch.rows.size and np.array_equal(patch.rows[places], wanted)):
        strangers = sorted(set(wanted.tolist()) - set(patch.rows.tolist()))
        raise KeyError(f"rows {strangers[:3]} are not among the {patch.rows.size} of the patch")
    properties: dict[str, Column] = {}
    for name in fields:
        if name in patch.live:
            properties[name] = column_at(patch.live[name], places)
        elif name in patch.columns:
            properties[name] = column_at(patch.columns[name], wanted)
    return Features(geometries_at(patch.geometries, wanted), properties, column_at(patch.ids, wanted))


def column_at(column: Column, rows: I64) -> Column:
    """Some rows of a column; texts without codes bring their bytes along."""
    if isinstance(column, NumberColumn):
        known = None if column.known is None else column.known[rows]
        return NumberColumn(column.kind, column.values[rows], known)
    if column.codes is not None:
        return TextColumn(column.offsets, column.data, column.codes[rows])
    offsets, places = _gathered(column.offsets, rows)
    return TextColumn(offsets, column.data[places])


def geometries_at(geometries: Geometries, rows: I64) -> Geometries:
    """Some geometries, in the order of the rows."""
    kind, coords = geometries.kind, geometries.coords
    if kind == POINT:
        return Geometries.points(coords[rows])
    if kind == LINE:
        offsets, places = _gathered(geometries.paths, rows)
        return Geometries.lines(offsets, coords[places])
    if kind == MULTILINE:
        lines, paths = _gathered(geometries.polygons, rows)
        offsets, places = _gathered(geometries.paths, paths)
        return Geometries.of_multilines(lines, offsets, coords[places])
    if kind == POLYGON:
        polygons, rings = _gathered(geometries.polygons, rows)
        offsets, places = _gathered(geometries.paths, rings)
        return Geometries.of_polygons(polygons, offsets, coords[places])
    if kind == MULTIPOLYGON:
        multis, polygon = _gathered(geometries.multis, rows)
        polygons, rings = _gathered(geometries.polygons, polygon)
        offsets, places = _gathered(geometries.paths, rings)
        return Geometries.of_multipolygons(multis, polygons, offsets, coords[places])
    return Geometries.nowhere(len(rows))


def _gathered(offsets: I64, rows: I64) -> tuple[I64, I64]:
    """Offsets of the stretches that some rows stand for, one behind another, and what lies in them."""
    begins = offsets[rows]
    counts = offsets[rows + 1] - begins
    found = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(counts, out=found[1:])
    return found, np.arange(found[-1]) + np.repeat(begins - found[:-1], counts)
