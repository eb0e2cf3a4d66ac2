"""Where points meet lines: for each point the nearest place of each of the few nearest lines.

Segments are put into square cells once; a point looks at its own cell and those around it. Of equally near
lines the one with the lower number comes first, of equally near places of a line the one nearer to its
beginning.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gis_service.kernels.compiled import B1, F64, I64, compiled

_FEW = 16
"""Nearest lines of a point up to which each is looked for, and beyond which all of them are sorted."""

MOST_CELLS = 256
"""Cells in a row: a segment that runs across all of them is in this many squared at most."""


class Feet(NamedTuple):
    """Where places meet edges: those of place `k` are `first[k] : first[k + 1]`, nearest first.

    edge : int64 (n,)
    at : float64 (n,), metres along the edge
    off : float64 (n,), metres from the place to the edge
    """

    first: I64
    edge: I64
    at: F64
    off: F64


@compiled
def cells_of(
    segments: F64, west: float, south: float, cell: float, columns: int, rows: int
) -> tuple[I64, I64]:
    """Segments by the square cells that their boxes meet: of cell `c`, `held[first[c] : first[c + 1]]`."""
    n = segments.shape[0]
    span = np.empty((n, 4), np.int64)
    first = np.zeros(columns * rows + 1, np.int64)
    for k in range(n):
        ax, ay, bx, by = segments[k, 0], segments[k, 1], segments[k, 2], segments[k, 3]
        span[k, 0] = min(columns - 1, int((min(ax, bx) - west) / cell))
        span[k, 1] = min(columns - 1, int((max(ax, bx) - west) / cell))
        span[k, 2] = min(rows - 1, int((min(ay, by) - south) / cell))
        span[k, 3] = min(rows - 1, int((max(ay, by) - south) / cell))
        for column in range(span[k, 0], span[k, 1] + 1):
            for row in range(span[k, 2], span[k, 3] + 1):
                first[row * columns + column + 1] += 1
    for c in range(columns * rows):
        first[c + 1] += first[c]
    held = np.empty(first[columns * rows], np.int64)
    fill = first[:-1].copy()
    for k in range(n):
        for column in range(span[k, 0], span[k, 1] + 1):
            for row in range(span[k, 2], span[k, 3] + 1):
                held[fill[row * columns + column]] = k
                fill[row * columns + column] += 1
    return first, held


@compiled
def _feet(
    points: F64,
    segments: F64,
    of: I64,
    along: F64,
    n_edges: int,
    west: float,
    south: float,
    cell: float,
    columns: int,
    rows: int,
    cell_first: I64,
    held: I64,
    within: float,
    most: int,
) -> tuple[I64, I64, F64, F64]:
    n = points.shape[0]
    first = np.zeros(n + 1, np.int64)
    room = 1024 + n * min(most, 8)
    edge, at, off = np.empty(room, np.int64), np.empty(room), np.empty(room)
    seen = np.full(segments.shape[0], -1, np.int64)
    slot_of, slot = np.full(n_edges, -1, np.int64), np.empty(n_edges, np.int64)
    near_edge, near_at, near_off = np.empty(n_edges, np.int64), np.empty(n_edges), np.empty(n_edges)
    filled = 0
    for p in range(n):
        x, y = points[p, 0], points[p, 1]
        count = 0
        low_c = max(0, int(np.floor((x - within - west) / cell)))
        high_c = min(columns - 1, int(np.floor((x + within - west) / cell)))
        low_r = max(0, int(np.floor((y - within - south) / cell)))
        high_r = min(rows - 1, int(np.floor((y + within - south) / cell)))
        for row in range(low_r, high_r + 1):
            for column in range(low_c, high_c + 1):
                c = row * columns + column
                for i in range(cell_first[c], cell_first[c + 1]):
                    k = held[i]
                    if seen[k] == p:
                        continue
                    seen[k] = p
                    ax, ay = segments[k, 0], segments[k, 1]
                    dx, dy = segments[k, 2] - ax, segments[k, 3] - ay
                    square = dx * dx + dy * dy
                    t = 0.0
                    if square > 0.0:
                        t = min(1.0, max(0.0, ((x - ax) * dx + (y - ay) * dy) / square))
                    away_x, away_y = x - ax - t * dx, y - ay - t * dy
                    away = away_x * away_x + away_y * away_y
                    if away > within * within:
                        continue
                    far = np.sqrt(away)
                    where = along[k] + t * np.sqrt(square)
                    e = of[k]
                    if slot_of[e] != p:
                        slot_of[e] = p
                        slot[e] = count
                        near_edge[count], near_at[count], near_off[count] = e, where, far
                        count += 1
                    else:
                        s = slot[e]
                        if far < near_off[s] or (far == near_off[s] and where < near_at[s]):
                            near_at[s], near_off[s] = where, far
        kept = min(most, count)
        if filled + kept > room:
            room = 2 * (filled + kept)
            edge = np.append(edge[:filled], np.empty(room - filled, np.int64))
            at, off = (
                np.append(at[:filled], np.empty(room - filled)),
                np.append(off[:filled], np.empty(room - filled)),
            )
        if kept > _FEW:
            some = [(near_off[s], near_edge[s], near_at[s]) for s in range(count)]
            some.sort()
            for s in range(kept):
                off[filled], edge[filled], at[filled] = some[s]
                filled += 1
            kept = 0
        for _ in range(kept):
            best = -1
            for s in range(count):
                if near_edge[s] >= 0 and (
                    best < 0
                    or near_off[s] < near_off[best]
                    or (near_off[s] == near_off[best] and near_edge[s] < near_edge[best])
                ):
                    best = s
            edge[filled], at[filled], off[filled] = near_edge[best], near_at[best], near_off[best]
            near_edge[best] = -1
            filled += 1
        first[p + 1] = filled
    return first, edge[:filled].copy(), at[:filled].copy(), off[:filled].copy()


def find_feet(
    points: F64,
    offsets: I64,
    coords: F64,
    usable: B1,
    *,
    within: float,
    most: int,
    of: I64 | None = None,
    begin: F64 | None = None,
) -> Feet:
    """The feet of points on some lines.

    Parameters
    ----------
    points
        float64 `(n, 2)`, in metres.
    offsets, coords
        Line `k` has the vertices `coords[offsets[k] : offsets[k + 1]]`.
    usable
        bool `(n_lines,)`: which lines count.
    within, most
        How far away a foot may be, and how many lines a point may have one on.
    of, begin
        int64 and float64 `(n_lines,)`, for lines that are pieces of longer ones: of which one, and how far
        along it each piece begins. Feet are then those of the longer lines.

    Cost: O(points · segments nearby).
    """
    counts = np.diff(offsets)
    line = np.repeat(np.arange(counts.size), counts)
    ends = np.flatnonzero((line[1:] == line[:-1]) & usable[line[1:]]) if line.size else np.empty(0, np.int64)
    if not ends.size or not len(points):
        none = np.empty(0, np.int64)
        return Feet(np.zeros(len(points) + 1, np.int64), none, np.empty(0), np.empty(0))
    steps = np.zeros(line.size)
    steps[1:] = np.hypot(*np.diff(coords, axis=0).T)
    steps[offsets[:-1][counts > 0]] = 0.0
    total = np.cumsum(steps)
    along = total[ends] - total[offsets[line[ends]]]
    if begin is not None:
        along = along + begin[line[ends]]
    whose = line[ends] if of is None else of[line[ends]]
    segments = np.concatenate([coords[ends], coords[ends + 1]], axis=1)
    west, south = segments[:, [0, 2]].min(), segments[:, [1, 3]].min()
    wide, high = segments[:, [0, 2]].max() - west, segments[:, [1, 3]].max() - south
    cell = max(within, wide / MOST_CELLS, high / MOST_CELLS, 1.0)
    columns, rows = int(wide / cell) + 1, int(high / cell) + 1
    first, held = cells_of(segments, west, south, cell, columns, rows)
    return Feet(
        *_feet(
            np.ascontiguousarray(points, np.float64),
            segments,
            whose.astype(np.int64),
            along,
            int(whose.max()) + 1,
            float(west),
            float(south),
            float(cell),
            columns,
            rows,
            first,
            held,
            float(within),
            int(most),
        )
    )
