"""A layer of polygons, or that a tile may have no room for: shaped, simplified further, thinned, written.

Bounded whatever the layer holds: at most `MOST_FEATURES` features and `MOST_BYTES` of geometry; what is left
out is counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from compiling import F64, I64, U8, U64
from layers.addressed import ABSENT, ADDRESSED, KIND
from layers.geojson_columns import Column, Geometries, NumberColumn, read_only
from layers.geojson_rows import LINE, MULTILINE, MULTIPOLYGON, NOWHERE, POINT, POLYGON
from layers.sheet import Patch
from layers.tiles.features import features_room, number_features, put_patch
from layers.tiles.lines import shape_rows, with_commands
from layers.tiles.matrix import EXTENT
from layers.tiles.mending import Rings, mended
from layers.tiles.plane import MARGIN
from layers.tiles.rings import shape_rings, write_rings
from layers.tiles.values import new_table
from layers.tiles.whole import large_enough

MOST_FEATURES = 20_000
MOST_BYTES = 4 << 20
"""Of the geometry of one layer in one tile."""

MOST_TOLERANCE = EXTENT / 8
"""What is still too large when it is simplified this far is thinned instead."""

_TYPES = {POINT: 1, LINE: 2, MULTILINE: 2, POLYGON: 3, MULTIPOLYGON: 3}


class Written(NamedTuple):
    """The features of a layer and the values of their attributes, how many there are, and out of how many."""

    features: U8
    values: U8
    kept: int
    of: int


class Wanted(NamedTuple):
    """What is told of the columns of a patch: attributes, which of them are live, what `at_least` needs."""

    columns: I64
    live: I64
    least_of: I64


@dataclass(frozen=True, eq=False)
class _Shaped:
    """Rows of one patch as commands; `kept` numbers those of them that have any, `places` are in the look."""

    patch: Patch
    rows: I64
    places: I64
    type: int
    geometry: U8
    ends: I64
    sizes: F64
    kept: I64


def wanted_of(patch: Patch, fields: Sequence[str], at_least: Mapping[str, float]) -> Wanted:
    """What compiled code is told of a patch's columns; they must live as long as it reads."""
    columns = np.zeros((len(fields), ADDRESSED), np.int64)
    live = np.zeros(len(fields), np.int64)
    least_of = np.zeros((len(at_least), ADDRESSED), np.int64)
    for place, field in enumerate(fields):
        column: Column | None = patch.live.get(field)
        if column is not None:
            live[place] = 1
        else:
            column = patch.columns.get(field)
        if column is None:
            columns[place, KIND] = ABSENT
        else:
            columns[place] = column.addressed.told
    for place, field in enumerate(at_least):
        column = patch.columns.get(field)
        if isinstance(column, NumberColumn):
            least_of[place] = column.addressed.told
        else:
            least_of[place, KIND] = ABSENT
    return Wanted(columns, live, least_of)


def crowded_layer(
    patches: Sequence[Patch],
    fields: Sequence[str],
    plane: F64,
    *,
    tolerance: float,
    at_least: Mapping[str, float],
) -> Written:
    """The features of some patches, as many as there is room for; see `mvt.layer_message`."""
    wanted = [wanted_of(patch, fields, at_least) for patch in patches]
    least = np.array(list(at_least.values()), np.float64)
    chosen = []
    for patch, told in zip(patches, wanted, strict=True):
        rows = np.array(patch.rows)
        places = large_enough(rows, told.least_of, least)
        chosen.append((patch, rows[places], places))
    while True:
        shaped = [_shape(patch, rows, places, plane, tolerance) for patch, rows, places in chosen]
        if sum(len(one.geometry) for one in shaped) <= MOST_BYTES or tolerance >= MOST_TOLERANCE:
            break
        tolerance = max(2 * tolerance, 1.0)
    of = sum(len(one.kept) for one in shaped)
    shaped = _thinned(shaped)
    count = sum(len(one.kept) for one in shaped)
    room = sum(features_room(len(one.kept), len(fields), len(one.geometry)) for one in shaped)
    out, at, table = np.empty(room, np.uint8), 0, new_table()
    for one, told in zip(shaped, wanted, strict=True):
        ids = one.patch.ids.addressed.told
        table, at = put_patch(
            one.kept,
            one.rows,
            one.places,
            ids,
            told.columns,
            told.live,
            one.type,
            one.geometry,
            one.ends,
            table,
            out,
            at,
        )
    return Written(out[:at], table.store[: table.used[1]], count, of)


def _shape(patch: Patch, rows: I64, places: I64, plane: F64, tolerance: float) -> _Shaped:
    of = patch.geometries
    geometry, ends, sizes, kept = _commands(of, rows, plane, tolerance)
    return _Shaped(patch, rows, places, _TYPES.get(of.kind, 0), geometry, ends, sizes, kept)


def _commands(geometries: Geometries, rows: I64, plane: F64, tolerance: float) -> tuple[U8, I64, F64, I64]:
    low, high = float(-MARGIN), float(EXTENT + MARGIN)
    if geometries.kind == NOWHERE or not len(rows):
        none = np.zeros(len(rows), np.int64)
        return np.empty(0, np.uint8), none, np.zeros(len(rows)), np.empty(0, np.int64)
    if geometries.kind in (POINT, LINE, MULTILINE):
        return shape_rows(geometries.addressed.told, rows, plane, low, high, tolerance)
    multis = read_only(geometries.multis if geometries.kind == MULTIPOLYGON else np.empty(0, np.int64))
    places = read_only(geometries.coords), read_only(geometries.paths), read_only(geometries.polygons)
    *flat, doubtful, sizes = shape_rings(*places, multis, read_only(rows), plane, low, high, tolerance)
    geometry, ends = write_rings(*mended(Rings(*flat), doubtful), len(rows))
    return geometry, ends, sizes, with_commands(ends)


def _thinned(shaped: list[_Shaped]) -> list[_Shaped]:
    """The rows that a tile has room for: the largest; of points some of everywhere, always the same."""
    kept = sum(len(one.kept) for one in shaped)
    if kept <= MOST_FEATURES and sum(len(one.geometry) for one in shaped) <= MOST_BYTES:
        return shaped
    most = min(MOST_FEATURES, _that_fit(shaped))
    weights = np.concatenate([_weights(one) for one in shaped])
    chosen = np.zeros(kept, np.bool_)
    chosen[np.argsort(-weights, kind="stable")[:most]] = True
    found, first = [], 0
    for one in shaped:
        last = first + len(one.kept)
        found.append(replace(one, kept=one.kept[chosen[first:last]]))
        first = last
    return found


def _lengths(ends: I64) -> I64:
    found = ends.copy()
    found[1:] -= ends[:-1]
    return found


def _that_fit(shaped: list[_Shaped]) -> int:
    """How many rows may stay, the heaviest first, until their geometry is as large as allowed."""
    weights = np.concatenate([_weights(one) for one in shaped] or [np.empty(0)])
    bytes_of = [_lengths(one.ends)[one.kept] for one in shaped]
    sizes = np.concatenate(bytes_of or [np.empty(0, np.int64)])
    if sizes.sum() <= MOST_BYTES:
        return len(sizes)
    return int(np.searchsorted(np.cumsum(sizes[np.argsort(-weights, kind="stable")]), MOST_BYTES))


def _weights(one: _Shaped) -> F64:
    """What decides who stays: the size; where all have none, a number drawn by the id."""
    if one.type == 1:
        numbers: U64 = number_features(one.patch.ids.addressed.told, one.rows[one.kept])
        return numbers.astype(np.float64)
    return one.sizes[one.kept]
