"""A layer of a vector tile out of what is seen of it: placed, simplified, cut, and with attributes once each.

Mapbox Vector Tile specification 2.1. Bounded whatever the layer holds: at most `MOST_FEATURES` features and
`MOST_BYTES` of geometry; what is left out is counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from compiling import F64, I32, I64, U8, U64
from layers.geojson_columns import Column, Geometries, NumberColumn, TextColumn
from layers.geojson_rows import LINE, MULTILINE, MULTIPOLYGON, NOWHERE, POINT, POLYGON
from layers.sheet import Patch
from layers.tiles.features import features_room, number_features, write_features
from layers.tiles.lines import shape_lines, shape_points
from layers.tiles.matrix import EXTENT, Tile, TileMatrixSet
from layers.tiles.mending import Rings, mended
from layers.tiles.rings import shape_rings, write_rings
from layers.tiles.values import Values, frozen, words_of

MARGIN = 64
"""Units beyond each side of a tile that its features reach, so that lines of some width meet."""

MOST_FEATURES = 20_000
MOST_BYTES = 4 << 20
"""Of the geometry of one layer in one tile."""

MOST_TOLERANCE = EXTENT / 8
"""What is still too large when it is simplified this far is thinned instead."""

_TYPES = {POINT: 1, LINE: 2, MULTILINE: 2, POLYGON: 3, MULTIPOLYGON: 3}
_NO_OFFSETS = frozen(np.empty(0, np.int64))


class Layer(NamedTuple):
    """A layer as bytes, and how many of the features that lie in the tile are in it."""

    data: bytes
    features: int
    of: int


@dataclass(frozen=True, eq=False)
class _Shaped:
    """Rows of one patch as commands; `kept` numbers those of them that have any."""

    patch: Patch
    rows: I64
    places: I64  # of the rows in those of the patch
    type: int
    geometry: U8
    ends: I64
    sizes: F64
    kept: I64


def plane_of(grid: TileMatrixSet, tile: Tile) -> F64:
    """What `placing.place_path` is told of a tile."""
    columns, rows = grid.size(tile.z)
    told = [columns * EXTENT, tile.x * EXTENT, rows * EXTENT, tile.y * EXTENT, grid.mercator]
    return np.array(told, dtype=np.float64)


def layer_message(
    name: str,
    patches: Sequence[Patch],
    fields: Sequence[str],
    plane: F64,
    *,
    tolerance: float = 0.0,
    at_least: Mapping[str, float] | None = None,
) -> Layer:
    """One layer of a tile; no bytes where nothing of it shows.

    Parameters
    ----------
    fields
        The attributes in their order: of the patches' stored and live columns, whichever there are.
    plane
        See `plane_of`.
    tolerance
        Units by which a path may be off.
    at_least
        Columns of numbers and what a row has at least to be shown; a row whose number is not known is.
    """
    chosen = [(patch, _places(patch, at_least or {})) for patch in patches]
    while True:
        shaped = [_shape(patch, places, plane, tolerance) for patch, places in chosen]
        if sum(len(one.geometry) for one in shaped) <= MOST_BYTES or tolerance >= MOST_TOLERANCE:
            break
        tolerance = max(2 * tolerance, 1.0)
    of = sum(len(one.kept) for one in shaped)
    shaped = _thinned(shaped)
    count = sum(len(one.kept) for one in shaped)
    if not count:
        return Layer(b"", 0, of)
    values = Values()
    room = sum(features_room(len(one.kept), len(fields), len(one.geometry)) for one in shaped)
    out = np.empty(room, np.uint8)
    at = 0
    for one in shaped:
        if len(one.kept):
            tags = np.empty((len(fields), len(one.kept)), np.int32)
            for place, field in enumerate(fields):
                tags[place] = _tags(values, one, field)
            at = write_features(
                one.kept, _numbers(one), tags, one.type, frozen(one.geometry), frozen(one.ends), out, at
            )
    text = name.encode()
    body = b"".join(
        [
            b"\x78\x02\x0a",  # version 2, then the name
            varint(len(text)),
            text,
            out[:at].tobytes(),
            *(b"\x1a" + varint(len(key)) + key for key in (field.encode() for field in fields)),
            values.message(),
            b"\x28",
            varint(EXTENT),
        ]
    )
    return Layer(b"\x1a" + varint(len(body)) + body, count, of)


def varint(value: int) -> bytes:
    """A number that is not negative as protocol buffers write it."""
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)


def _places(patch: Patch, at_least: Mapping[str, float]) -> I64:
    """Which of a patch's rows are large enough to be shown."""
    if not at_least:
        return np.arange(len(patch.rows))
    shown = np.ones(len(patch.rows), np.bool_)
    for name, least in at_least.items():
        column = patch.columns.get(name)
        if isinstance(column, NumberColumn):
            with np.errstate(invalid="ignore"):  # what is no number is not less
                shown &= ~(column.values[patch.rows].view(np.float64) < least)
    return np.flatnonzero(shown)


def _shape(patch: Patch, places: I64, plane: F64, tolerance: float) -> _Shaped:
    geometries, rows = patch.geometries, patch.rows[places]
    geometry, ends, sizes = _commands(geometries, frozen(rows), plane, tolerance)
    kept = np.flatnonzero(_lengths(ends))
    return _Shaped(patch, rows, places, _TYPES.get(geometries.kind, 0), geometry, ends, sizes, kept)


def _commands(geometries: Geometries, rows: I64, plane: F64, tolerance: float) -> tuple[U8, I64, F64]:
    low, high = float(-MARGIN), float(EXTENT + MARGIN)
    coords = frozen(geometries.coords)
    if geometries.kind == NOWHERE or not len(rows):
        return np.empty(0, np.uint8), np.zeros(len(rows), np.int64), np.zeros(len(rows))
    if geometries.kind == POINT:
        return shape_points(coords, rows, plane, low, high)
    paths = frozen(geometries.paths)
    if geometries.kind in (LINE, MULTILINE):
        lines = frozen(geometries.polygons) if geometries.kind == MULTILINE else _NO_OFFSETS
        return shape_lines(coords, paths, lines, rows, plane, low, high, tolerance)
    multis = frozen(geometries.multis) if geometries.kind == MULTIPOLYGON else _NO_OFFSETS
    *flat, doubtful, sizes = shape_rings(
        coords, paths, frozen(geometries.polygons), multis, rows, plane, low, high, tolerance
    )
    geometry, ends = write_rings(*mended(Rings(*flat), doubtful), len(rows))
    return geometry, ends, sizes


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
        fewer = one.kept[chosen[first:last]]
        found.append(
            _Shaped(one.patch, one.rows, one.places, one.type, one.geometry, one.ends, one.sizes, fewer)
        )
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
        return _numbers(one).astype(np.float64)
    return one.sizes[one.kept]


def _numbers(one: _Shaped) -> U64:
    ids = one.patch.ids
    numbers = np.empty(len(one.kept), np.uint64)
    number_features(frozen(ids.offsets), frozen(ids.data), words_of(ids, one.rows[one.kept]), numbers)
    return numbers


def _tags(values: Values, one: _Shaped, field: str) -> I32 | int:
    """The numbers of a field's values; -1 where the patch knows no such field."""
    live = one.patch.live.get(field)
    if live is not None:
        return values.numbers_of(live, one.places[one.kept])
    column: Column | None = one.patch.columns.get(field)
    if column is None:
        return -1
    if isinstance(column, TextColumn | NumberColumn):
        return values.numbers_of(column, one.rows[one.kept])
    raise TypeError(f"{field} is no column")
