"""Corridors cut in two where something ends or begins: at the borders of areas, at a customer's door.

A piece keeps the id, kind and price of its corridor, and knows how far along it it begins. What is cut meets
again in a vertex of its own, so a cut alone changes neither routes nor what they cost.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from gis_service.kernels.compiled import B1, F64, I64
from gis_service.planning.areas import Areas
from gis_service.planning.corridors import Ground

NEW_VERTEX = -1
"""In place of a vertex's number: it is where a corridor was cut."""

CLOSEST_M = 1e-6
"""Cuts nearer to each other, or to an end, are one."""


def within(ground: Ground, areas: Areas) -> Ground:
    """The ground with some areas: cut at their borders, without what lies inside those to be avoided."""
    if not areas:
        return ground
    found = [_crossings(ground, border) for border in areas.borders]
    edges = np.concatenate([edge for edge, _ in found])
    made = cut(ground, edges, np.concatenate([at for _, at in found]))
    if areas.avoid is not None and made.id.size:
        middle = shapely.get_coordinates(shapely.line_interpolate_point(made.shapes, made.length / 2.0))
        made = _some(made, ~areas.closes_points(middle))
    return replace(made, areas=areas)


def cut(ground: Ground, edges: I64, at: F64) -> Ground:
    """The ground with some edges cut, each at so many metres along it."""
    order = np.lexsort((at, edges))
    edges, at = edges[order], at[order]
    inside = (at > CLOSEST_M) & (at < ground.length[edges] - CLOSEST_M)
    edges, at = edges[inside], at[inside]
    if edges.size:
        apart = np.ones(edges.size, np.bool_)
        apart[1:] = (edges[1:] != edges[:-1]) | (np.diff(at) > CLOSEST_M)
        edges, at = edges[apart], at[apart]
    if not edges.size:
        return ground
    n = ground.id.size
    cuts = np.bincount(edges, minlength=n)
    of = np.repeat(np.arange(n), cuts + 1)
    first = np.concatenate([[0], np.cumsum(cuts + 1)])
    # the piece behind each cut, and the vertex there
    behind = first[edges] + 1 + np.arange(edges.size) - np.concatenate([[0], np.cumsum(cuts)])[edges]
    vertex = ground.vertex.size + np.arange(edges.size)
    edge_from, edge_to = ground.edge_from[of].copy(), ground.edge_to[of].copy()
    begin = ground.begin[of].copy()
    edge_from[behind], edge_to[behind - 1] = vertex, vertex
    begin[behind] += at
    lines: list[F64] = []
    counts = np.diff(ground.offsets)[of]
    last = 0
    for edge in np.unique(edges).tolist():
        lines.append(ground.metres[ground.offsets[last] : ground.offsets[edge]])
        mine = _pieces(ground.metres[ground.offsets[edge] : ground.offsets[edge + 1]], at[edges == edge])
        counts[first[edge] : first[edge + 1]] = [len(one) for one in mine]
        lines += mine
        last = edge + 1
    lines.append(ground.metres[ground.offsets[last] :])
    return replace(
        ground,
        county=ground.county[of],
        id=ground.id[of],
        kind=ground.kind[of],
        cost_per_m=ground.cost_per_m[of],
        ducts_free=ground.ducts_free[of],
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        metres=np.concatenate(lines),
        edge_from=edge_from,
        edge_to=edge_to,
        vertex=np.concatenate([ground.vertex, np.full(edges.size, NEW_VERTEX)]),
        corridor=ground.corridor[of],
        begin=begin,
    )


def _pieces(line: F64, at: F64) -> list[F64]:
    """A line cut at some ascending metres along it."""
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    points = np.column_stack([np.interp(at, along, line[:, k]) for k in (0, 1)])
    made: list[F64] = []
    before, last = line[:1], 0.0
    for point, metres in zip(points, at.tolist(), strict=True):
        between = line[(along > last) & (along < metres)]
        made.append(np.concatenate([before, between, [point]]))
        before, last = point[None, :], metres
    made.append(np.concatenate([before, line[along > last]]))
    return made


def _crossings(ground: Ground, border: BaseGeometry) -> tuple[I64, F64]:
    """Edges that meet a border, and how far along; segment by segment, as a line may pass a point twice."""
    line = np.repeat(np.arange(ground.id.size), np.diff(ground.offsets))
    begin = np.flatnonzero(line[1:] == line[:-1])
    west, south, east, north = shapely.bounds(border).tolist()
    ends = np.stack([ground.metres[begin], ground.metres[begin + 1]], axis=1)
    low, high = ends.min(axis=1), ends.max(axis=1)
    near = (low[:, 0] <= east) & (high[:, 0] >= west) & (low[:, 1] <= north) & (high[:, 1] >= south)
    begin, ends = begin[near], ends[near]
    made: Any = np.asarray(shapely.linestrings(ends), np.object_)
    met = shapely.intersection(made, border) if begin.size else made
    points, of = shapely.get_coordinates(met, return_index=True)
    before = ground.along[begin[of]]
    far = np.hypot(*(points - ends[of, 0]).T)
    return line[begin[of]].astype(np.int64), before + far


def _some(ground: Ground, kept: B1) -> Ground:
    """Those of the edges that are kept; vertices stay."""
    counts = np.diff(ground.offsets)
    return replace(
        ground,
        county=ground.county[kept],
        id=ground.id[kept],
        kind=ground.kind[kept],
        cost_per_m=ground.cost_per_m[kept],
        ducts_free=ground.ducts_free[kept],
        offsets=np.concatenate([[0], np.cumsum(counts[kept])]).astype(np.int64),
        metres=ground.metres[np.repeat(kept, counts)],
        edge_from=ground.edge_from[kept],
        edge_to=ground.edge_to[kept],
        corridor=ground.corridor[kept],
        begin=ground.begin[kept],
    )
