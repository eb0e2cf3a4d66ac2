"""The geometry of one row of flat arrays as a geometry of shapely's, as it is stored."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely

from layers.geojson_columns import Geometries
from layers.geojson_rows import LINE, MULTILINE, MULTIPOLYGON, POINT, POLYGON


def geometry_of(geometries: Geometries, row: int) -> Any:
    """A row's geometry in lon/lat; None where it has none."""
    coords = geometries.coords
    if geometries.kind == POINT:
        return None if np.isnan(coords[row]).any() else shapely.Point(coords[row])
    if geometries.kind == LINE:
        return _line(geometries, row)
    if geometries.kind == MULTILINE:
        lines = [_line(geometries, path) for path in range(*_span(geometries.polygons, row))]
        return shapely.MultiLineString([line for line in lines if line is not None])
    if geometries.kind == POLYGON:
        return _polygon(geometries, row)
    if geometries.kind == MULTIPOLYGON:
        parts = [_polygon(geometries, part) for part in range(*_span(geometries.multis, row))]
        return shapely.MultiPolygon([part for part in parts if part is not None])
    return None


def _span(offsets: Any, row: int) -> tuple[int, int]:
    return int(offsets[row]), int(offsets[row + 1])


def _line(geometries: Geometries, path: int) -> Any:
    first, stop = _span(geometries.paths, path)
    return shapely.LineString(geometries.coords[first:stop]) if stop - first > 1 else None


def _polygon(geometries: Geometries, part: int) -> Any:
    rings = []
    for ring in range(*_span(geometries.polygons, part)):
        first, stop = _span(geometries.paths, ring)
        rings.append(geometries.coords[first:stop])
    return shapely.Polygon(rings[0], rings[1:]) if rings else None
