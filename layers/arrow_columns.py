"""The way back from flat arrays: columns of features as Arrow arrays, their geometries as shapely's.

For what works on whole columns: filters, and files in other formats. GeoJSON is written without it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely

from layers.geojson_columns import Column, Geometries, TextColumn
from layers.geojson_rows import DOUBLE, LINE, MULTILINE, MULTIPOLYGON, NOWHERE, POINT, POLYGON, TRUTH

_FLAT = {
    LINE: shapely.GeometryType.LINESTRING,
    MULTILINE: shapely.GeometryType.MULTILINESTRING,
    POLYGON: shapely.GeometryType.POLYGON,
    MULTIPOLYGON: shapely.GeometryType.MULTIPOLYGON,
}


def arrow_texts(column: TextColumn) -> Any:
    """Texts as a `large_string` array with nulls."""
    offsets = np.ascontiguousarray(column.offsets, dtype=np.int64)
    words = pa.LargeStringArray.from_buffers(
        len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(column.data))
    )
    if column.codes is None:
        return words
    codes = column.codes.astype(np.int64)
    return words.take(pa.array(codes, mask=codes < 0))


def arrow_of(column: Column) -> Any:
    """A column as an array of `large_string`, `double`, `int64` or `bool`; NaN and infinity are null."""
    if isinstance(column, TextColumn):
        return arrow_texts(column)
    if column.kind == DOUBLE:
        numbers = column.values.view(np.float64)
        return pa.array(numbers, mask=~np.isfinite(numbers))
    values = column.values != 0 if column.kind == TRUTH else column.values
    return pa.array(values, mask=None if column.known is None else column.known == 0)


def shapes_of(geometries: Geometries) -> npt.NDArray[np.object_]:
    """Geometries as shapely's, `(n,)`; None where a feature has none."""
    shapes = np.full(geometries.length, None, dtype=object)
    if geometries.kind == NOWHERE or not geometries.length:
        return shapes
    if geometries.kind == POINT:
        there = np.isfinite(geometries.coords).all(axis=1)
        shapes[there] = shapely.points(geometries.coords[there])
        return shapes
    # from the innermost offsets to the outermost, each shifted to begin at 0
    offsets = [geometries.paths, geometries.polygons, geometries.multis][: _DEPTHS[geometries.kind]]
    first, last = 0, geometries.length
    found = []
    for of in reversed(offsets):
        part = of[first : last + 1]
        found.append(part - part[0])
        first, last = int(part[0]), int(part[-1])
    if first == last:
        return shapes
    coords = geometries.coords[first:last]
    shapes = shapely.from_ragged_array(_FLAT[geometries.kind], coords, tuple(reversed(found)))
    shapes[shapely.is_empty(shapes)] = None
    return np.asarray(shapes, dtype=object)


_DEPTHS = {LINE: 1, MULTILINE: 2, POLYGON: 2, MULTIPOLYGON: 3}
