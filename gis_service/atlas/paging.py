"""Pages of features out of memory: the rows of a layer by (county, id), from a key on, that meet a box.

For layers whose places and columns the engine holds; they are told as the tables tell them. Knows no
conditions: what those keep is looked for in the tables.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import shapely

from gis_service.atlas.atlas import Atlas
from gis_service.atlas.index import Index
from gis_service.atlas.live import LIVE, live_columns
from gis_service.atlas.sheet import Sheet
from gis_service.atlas.veil import veiled
from gis_service.engine.shapes import CountyRun
from gis_service.engine.world import Scene
from gis_service.kernels.compiled import I64
from layers.arrow_columns import shapes_of
from layers.geojson_columns import Column, Features, Geometries, TextColumn
from layers.geojson_rows import POINT
from layers.rows import blank, joined, stretch
from layers.sheet_features import column_at, geometries_at
from layers.source import Box, Counties, Description, Key, Page, Query, within

_PORTION = 512
"""Lines that are asked together whether they meet a box."""

_NO_ROWS: I64 = np.empty(0, np.int64)


class _Piece(NamedTuple):
    """Ascending rows of one county's sheet."""

    run: CountyRun
    sheet: Sheet
    rows: I64


def page_of(atlas: Atlas, layer: Description, query: Query) -> Page:
    """The features that a query asks for, its condition apart.

    Raises
    ------
    NotReady, Impossible
        As `Atlas.look`.
    """
    scene = atlas.moments.scene(query.moment)
    pieces: list[_Piece] = []
    left = query.limit + 1  # whether others follow
    for run in _runs(atlas, scene, layer.id, query):
        sheet = atlas.sheet(scene.world, layer.id, run)
        first = 0
        if query.after is not None and query.after.county == run.county:
            first = _row_behind(sheet.ids, query.after.id)
        rows = _rows(sheet, query.box, first, left)
        if rows.size:
            pieces.append(_Piece(run, sheet, rows))
            left -= rows.size
        if not left:
            break
    after = None
    if not left:
        pieces, after = _without_the_last(pieces)
    parts = [_features(atlas, scene, layer, one, query.counties) for one in pieces]
    missing = tuple(within(scene.world.absent, query.counties))
    return Page(joined(parts) if parts else blank(layer), after, missing)


def count_in(atlas: Atlas, layer: str, box: Box, counties: Counties) -> int | None:
    """How many features meet a box; None while a county that may have any is not held."""
    scene = atlas.engine.scene()
    if within(scene.world.absent, counties):
        return None
    query = Query(1, box=box, counties=counties)
    runs = _runs(atlas, scene, layer, query)
    return sum(_rows(atlas.sheet(scene.world, layer, run), box, 0, None).size for run in runs)


def feature_of(
    atlas: Atlas, layer: Description, row: int, scene: Scene, counties: Counties
) -> Features | None:
    """The feature of a row of the world's table; None where its county may not be seen."""
    for run in scene.world.shapes.counties[layer.id]:
        if run.first <= row < run.stop and (counties is None or run.county in counties):
            sheet = atlas.sheet(scene.world, layer.id, run)
            piece = _Piece(run, sheet, np.array([row - run.first], np.int64))
            return _features(atlas, scene, layer, piece, counties)
    return None


def _runs(atlas: Atlas, scene: Scene, layer: str, query: Query) -> Iterator[CountyRun]:
    """The counties that can have features of a page, in order."""
    world = scene.world
    near = (
        sorted(world.shapes.counties[layer])
        if query.box is None
        else atlas.plans.runs(world, layer).meeting(query.box, query.counties)
    )
    for run in near:
        if query.counties is not None and run.county not in query.counties:
            continue
        if query.after is None or run.county >= query.after.county:
            yield run


def _row_behind(ids: TextColumn, id: str) -> int:
    """The first row whose id is greater; ids ascend by their bytes, as they do by code points."""
    key = id.encode(errors="surrogatepass")

    def bytes_of(row: int) -> bytes:
        return ids.data[int(ids.offsets[row]) : int(ids.offsets[row + 1])].tobytes()

    return bisect_right(range(len(ids)), key, key=bytes_of)


def _rows(sheet: Sheet, box: Box | None, first: int, most: int | None) -> I64:
    """Ascending rows from `first` on that meet a box, so many at most."""
    if box is None:
        stop = len(sheet) if most is None else min(len(sheet), first + most)
        return np.arange(first, stop)
    near = sheet.index.rows(box)
    near = near[np.searchsorted(near, first) :]
    if sheet.geometries.kind == POINT:
        return near[:most]
    found: list[I64] = []
    count = 0
    for begin in range(0, near.size, _PORTION):
        some = near[begin : begin + _PORTION]
        some = some[_meets(sheet.index, sheet.geometries, some, box)]
        found.append(some)
        count += some.size
        if most is not None and count >= most:
            break
    return np.concatenate([_NO_ROWS, *found])[:most]


def _meets(
    index: Index, geometries: Geometries, rows: I64, box: Box
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which of some rows have a point in a box; those that lie inside are not asked about."""
    met = index.inside(rows, box)
    asked = np.flatnonzero(~met)
    if asked.size:
        shapes = shapes_of(geometries_at(geometries, rows[asked]))
        for part in box.parts():
            met[asked] |= shapely.intersects(shapes, _area(part))
    return met


def _area(box: Box) -> shapely.Geometry:
    """A box as a shape that is valid, whether it is wide and high or not."""
    corners = list(dict.fromkeys([(box.west, box.south), (box.east, box.north)]))
    if len(corners) == 1:
        return shapely.Point(corners[0])
    if box.west == box.east or box.south == box.north:
        return shapely.LineString(corners)
    return shapely.box(*box)


def _without_the_last(pieces: list[_Piece]) -> tuple[list[_Piece], Key]:
    """The pieces without their last row, and the key of the one that is the last then."""
    *others, last = pieces
    kept = last._replace(rows=last.rows[:-1])
    pieces = [*others, kept] if kept.rows.size else others
    end = pieces[-1]
    row = int(end.rows[-1])
    ids = end.sheet.ids
    id = ids.data[int(ids.offsets[row]) : int(ids.offsets[row + 1])].tobytes().decode()
    return pieces, Key(end.run.county, id)


def _features(atlas: Atlas, scene: Scene, layer: Description, piece: _Piece, counties: Counties) -> Features:
    run, sheet, rows = piece
    own = rows + run.first
    live = live_columns(scene, layer.id, own, LIVE[layer.id])
    stored = [field.name for field in layer.fields if field.name not in live and field.name != "id"]
    columns: dict[str, Column] = atlas.columns(scene.world, layer.id, run, sheet, stored)
    together = rows[-1] - rows[0] + 1 == rows.size
    first, stop = int(rows[0]), int(rows[-1]) + 1
    told: dict[str, Column] = {
        name: stretch(column, first, stop) if together else column_at(column, rows)
        for name, column in columns.items()
    }
    ids = stretch(sheet.ids, first, stop) if together else column_at(sheet.ids, rows)
    told = {field.name: {**told, **live, "id": ids}[field.name] for field in layer.fields}
    if counties is not None:
        told = veiled(scene.world, layer.id, own, told, counties)
    return Features(geometries_at(sheet.geometries, rows), told, ids)
