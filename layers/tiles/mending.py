"""Polygons that lost their validity on the grid of a tile, made valid again by GEOS; rare, and few at a time.

Knows polygons in whole units as `rings.shape_rings` gives them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import shapely

from compiling import I64, U8


class Rings(NamedTuple):
    """Polygons as flat arrays: positions, ends of rings, ends of polygons, and whose each polygon is."""

    positions: I64
    ring_ends: I64
    polygon_ends: I64
    owners: I64


def mended(rings: Rings, doubtful: U8) -> Rings:
    """The same polygons, those that are doubtful and not valid replaced by valid ones of the same area."""
    asked = np.flatnonzero(doubtful)
    if not len(asked):
        return rings
    shapes = {int(place): _polygon(rings, int(place)) for place in asked}
    invalid = {place for place, shape in shapes.items() if not shapely.is_valid(shape)}
    if not invalid:
        return rings
    positions: list[I64] = []
    ring_lengths: list[int] = []
    rings_of: list[int] = []
    owners: list[int] = []
    for place in range(len(rings.owners)):
        if place in invalid:
            parts = [_rings_of(one) for one in _valid_parts(shapes[place])]
        else:
            parts = [_cut_out(rings, place)]
        for part in parts:
            positions += part
            ring_lengths += [len(one) for one in part]
            rings_of.append(len(part))
            owners.append(int(rings.owners[place]))
    return Rings(
        np.concatenate([np.empty((0, 2), np.int64), *positions]),
        np.cumsum(ring_lengths, dtype=np.int64),
        np.cumsum(rings_of, dtype=np.int64),
        np.array(owners, dtype=np.int64),
    )


def _cut_out(rings: Rings, place: int) -> list[I64]:
    first = int(rings.polygon_ends[place - 1]) if place else 0
    found = []
    for ring in range(first, int(rings.polygon_ends[place])):
        begin = int(rings.ring_ends[ring - 1]) if ring else 0
        found.append(rings.positions[begin : int(rings.ring_ends[ring])])
    return found


def _polygon(rings: Rings, place: int) -> shapely.Polygon:
    outer, *holes = _cut_out(rings, place)
    return shapely.Polygon(outer, holes)


def _valid_parts(shape: shapely.Polygon) -> list[shapely.Polygon]:
    valid = shapely.set_precision(shapely.make_valid(shape), 1.0)
    parts = shapely.get_parts(shapely.get_parts(valid))
    return [one for one in parts if one.geom_type == "Polygon" and not one.is_empty]


def _rings_of(shape: shapely.Polygon) -> list[I64]:
    rings = [shape.exterior, *shape.interiors]
    return [np.rint(shapely.get_coordinates(ring)[:-1]).astype(np.int64) for ring in rings]
