"""The geometry of a patch's rows brought onto the pixels of a frame."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from compiling import F64, I64
from layers.geojson_columns import Geometries, NumberColumn, TextColumn
from layers.geojson_rows import LINE, MULTILINE, MULTIPOLYGON, POINT, POLYGON
from layers.raster.frame import Frame, project
from layers.raster.projecting import DEGREES, GIVEN, Placing, place_paths, place_points, ranges_of
from layers.rows import picked
from layers.sheet import Patch
from layers.sheet_features import geometries_at

_AS_IT_IS = Placing(DEGREES, 1.0, 0.0, 1.0, 0.0)
_NONE: I64 = np.zeros(1, np.int64)


@dataclass(frozen=True)
class Shaped:
    """Rows on pixels, y down: `multis` are offsets into `polygons`, into `offsets`, into `xy`.

    Points have `xy` alone, NaN for those that are nowhere; lines have offsets as well.
    """

    kind: int
    xy: F64
    offsets: I64 = field(default_factory=lambda: _NONE)
    polygons: I64 = field(default_factory=lambda: _NONE)
    multis: I64 = field(default_factory=lambda: _NONE)


def shapes_on_pixels(frame: Frame, patch: Patch) -> Shaped:
    """The rows of a patch as they lie on a frame."""
    geometries, rows, placing = patch.geometries, patch.rows, frame.placing
    if geometries.kind == POINT:
        if placing.kind == GIVEN:
            return Shaped(POINT, _given(frame, geometries.coords[rows]))
        return Shaped(POINT, place_points(rows, geometries.coords, placing))
    if geometries.kind == LINE:
        return Shaped(LINE, *_paths(frame, rows, geometries.paths, geometries.coords))
    if geometries.kind in (POLYGON, MULTIPOLYGON):
        multis, parts = np.arange(len(rows) + 1, dtype=np.int64), rows
        if geometries.kind == MULTIPOLYGON:
            multis, parts = ranges_of(rows, geometries.multis)
        polygons, rings = ranges_of(parts, geometries.polygons)
        xy, offsets = _paths(frame, rings, geometries.paths, geometries.coords)
        return Shaped(geometries.kind, xy, offsets, polygons, multis)
    return Shaped(POINT, np.full((len(rows), 2), np.nan))


def apart(patch: Patch) -> Patch:
    """A patch of multilines as one of their lines, each with what its row says; any other as it is."""
    of = patch.geometries
    if of.kind != MULTILINE:
        return patch
    # of the rows that are seen alone: the sheet may hold a hundred times as many lines
    counts = of.polygons[patch.rows + 1] - of.polygons[patch.rows]
    lines = ranges_of(patch.rows, of.polygons)[1]
    place_of = np.repeat(np.arange(len(patch.rows)), counts)
    row_of = patch.rows[place_of]
    ids = picked(patch.ids, row_of)
    live = {name: picked(column, place_of) for name, column in patch.live.items()}
    assert isinstance(ids, TextColumn)
    return Patch(
        patch.county,
        np.arange(len(lines)),
        geometries_at(Geometries.lines(of.paths, of.coords), lines),
        ids,
        {name: picked(column, row_of) for name, column in patch.columns.items()},
        {name: column for name, column in live.items() if isinstance(column, NumberColumn)},
    )


def _paths(frame: Frame, paths: I64, offsets: I64, coords: F64) -> tuple[F64, I64]:
    if frame.placing.kind != GIVEN:
        starts, xy = place_paths(paths, offsets, coords, frame.placing)
        return xy, starts
    starts, lon_lat = place_paths(paths, offsets, coords, _AS_IT_IS)
    return _given(frame, lon_lat), starts


def _given(frame: Frame, lon_lat: F64) -> F64:
    placing = frame.placing
    xy = project(frame.crs, lon_lat)
    xy[:, 0] = xy[:, 0] * placing.x_scale + placing.x_shift
    xy[:, 1] = xy[:, 1] * placing.y_scale + placing.y_shift
    xy[~np.isfinite(xy).all(axis=1)] = np.nan
    return xy
