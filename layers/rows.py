"""Some rows of features, or those of several put together, without an object for any of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import numpy as np

from compiling import I64
from layers.geojson_columns import Column, Features, Geometries, NumberColumn, TextColumn
from layers.geojson_rows import DOUBLE, INTEGER, LINE, MULTILINE, MULTIPOLYGON, NOWHERE, POINT, POLYGON, TRUTH
from layers.source import Description


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


def stretch(column: Column, first: int, stop: int) -> Column:
    """The rows from `first` until `stop` of a column; nothing is copied."""
    if isinstance(column, NumberColumn):
        known = None if column.known is None else column.known[first:stop]
        return NumberColumn(column.kind, column.values[first:stop], known)
    if column.codes is None:
        return TextColumn(column.offsets[first : stop + 1], column.data)
    return TextColumn(column.offsets, column.data, column.codes[first:stop])


def joined(parts: Sequence[Features]) -> Features:
    """Features of one layer, at least one lot of them, one lot behind another.

    Raises
    ------
    TypeError
        When their geometries are of several kinds.
    """
    if len(parts) == 1:
        return parts[0]
    columns = {name: _joined([part.properties[name] for part in parts]) for name in parts[0].properties}
    ids = [part.ids for part in parts if part.ids is not None]
    return Features(_together([part.geometry for part in parts]), columns, _joined(ids) if ids else None)


def blank(layer: Description) -> Features:
    """No features of a layer, with its columns."""
    kinds: dict[str, int] = {"number": DOUBLE, "integer": INTEGER, "boolean": TRUTH}
    nothing = TextColumn(np.zeros(1, np.int64), np.empty(0, np.uint8))
    columns: dict[str, Column] = {
        field.name: NumberColumn(kinds[field.type], np.empty(0, np.int64)) if field.type in kinds else nothing
        for field in layer.fields
    }
    shapes = {"Point": Geometries.points([]), "LineString": Geometries.lines([0], [])}
    return Features(shapes.get(layer.geometry, Geometries.nowhere(0)), columns, nothing)


def _joined(columns: Sequence[Column]) -> Column:
    numbers = [one for one in columns if isinstance(one, NumberColumn)]
    if numbers:
        known = [np.ones(len(one), np.uint8) if one.known is None else one.known for one in numbers]
        whole = np.concatenate(known)
        return NumberColumn(
            numbers[0].kind,
            np.concatenate([one.values for one in numbers]),
            None if all(one.known is None for one in numbers) else whole,
        )
    texts = [one for one in columns if isinstance(one, TextColumn)]
    offsets, data, codes = [np.zeros(1, np.int64)], [], []
    words = size = 0
    for one in texts:
        begin, end = int(one.offsets[0]), int(one.offsets[-1])
        offsets.append(np.asarray(one.offsets[1:], np.int64) - begin + size)
        data.append(one.data[begin:end])
        of = np.arange(len(one)) if one.codes is None else one.codes.astype(np.int64)
        codes.append(np.where(of < 0, -1, of + words))
        words += len(one.offsets) - 1
        size += end - begin
    plain = all(one.codes is None for one in texts)
    return TextColumn(np.concatenate(offsets), np.concatenate(data), None if plain else np.concatenate(codes))


def _together(parts: Sequence[Geometries]) -> Geometries:
    (kind, *others) = {part.kind for part in parts}
    if others:
        raise TypeError(f"geometries of the kinds {sorted([kind, *others])} cannot stand in one lot")
    if kind == NOWHERE:
        return Geometries.nowhere(sum(part.length for part in parts))
    levels = {POINT: 0, LINE: 1, MULTILINE: 2, POLYGON: 2, MULTIPOLYGON: 3}[kind]
    found: list[list[I64]] = [[np.zeros(1, np.int64)] for _ in range(levels)]
    counts = [0] * levels
    coords = []
    for part in parts:
        first, last = 0, part.length
        # from the outermost offsets to the innermost
        for level in reversed(range(levels)):
            of = (part.paths, part.polygons, part.multis)[level][first : last + 1]
            found[level].append(of[1:] - of[0] + counts[level])
            first, last = int(of[0]), int(of[-1])
            counts[level] += last - first
        coords.append(part.coords[first:last])
    offsets = [np.concatenate(one) for one in reversed(found)]
    makers: dict[int, Callable[..., Geometries]] = {
        POINT: Geometries.points,
        LINE: Geometries.lines,
        MULTILINE: Geometries.of_multilines,
        POLYGON: Geometries.of_polygons,
        MULTIPOLYGON: Geometries.of_multipolygons,
    }
    return makers[kind](*offsets, np.concatenate(coords))


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
