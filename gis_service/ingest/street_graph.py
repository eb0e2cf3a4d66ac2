"""Streets as a graph that buildings hang on: corridors cut where a building is nearest to them.

Knows geometry and shortest ways; nothing of electricity. Works in a local frame of metres around the town.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
import shapely.ops
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra

from gis_service.ingest.counties import METRES_PER_DEGREE

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_SAME_PLACE_M = 1.0  # taps nearer than that are one; a tap that near to a corner is the corner
_SHORTEST_M = 0.01  # a sparse matrix cannot hold an edge of no length


@dataclass(frozen=True, eq=False)
class StreetGraph:
    """Vertices and the pieces of street between them; one connected part.

    xy : float64 (v, 2), lon/lat
    ends : int64 (e, 2), the vertices of each piece
    shape : object (e,), LineString of each piece in lon/lat, from its first end to its second
    length_m : float64 (e,)
    tap : int64 (b,), the vertex that each building hangs on
    tap_m : float64 (b,), how far it is from there
    """

    xy: Floats
    ends: Ints
    shape: npt.NDArray[np.object_]
    length_m: Floats
    tap: Ints
    tap_m: Floats

    def matrix(self) -> csr_array:
        """Lengths as a sparse matrix, each piece once; the shorter of two between the same vertices."""
        order = np.argsort(-self.length_m, kind="stable")
        a, b = np.sort(self.ends[order], axis=1).T
        n = len(self.xy)
        shortest = pd.Series(self.length_m[order]).groupby(a * n + b).min()
        keys = shortest.index.to_numpy()
        return csr_array((np.maximum(shortest.to_numpy(), _SHORTEST_M), (keys // n, keys % n)), shape=(n, n))

    def piece_between(self) -> dict[tuple[int, int], int]:
        """(lower, higher vertex) → the shorter piece between them."""
        found: dict[tuple[int, int], int] = {}
        for piece in np.argsort(self.length_m, kind="stable").tolist():
            a, b = sorted(self.ends[piece].tolist())
            found.setdefault((a, b), piece)
        return found


def metric(lon_lat: Floats, latitude: float) -> Floats:
    """Metres from 0/0 in the frame of a latitude."""
    scaled: Floats = lon_lat * np.array([np.cos(np.radians(latitude)), 1.0]) * METRES_PER_DEGREE
    return scaled


def street_graph(corridors: pd.DataFrame, places: Floats) -> StreetGraph:
    """The largest connected part of corridors, cut where each of `places` (lon/lat) is nearest to it.

    `corridors` has `from_vertex`, `to_vertex` and `geom`.
    """
    names, ends = np.unique(corridors[["from_vertex", "to_vertex"]].to_numpy().ravel(), return_inverse=True)
    ends = ends.reshape(-1, 2)
    links = csr_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(names), len(names)))
    _, part = connected_components(links, directed=False)
    largest = part[ends[:, 0]] == np.bincount(part[ends[:, 0]]).argmax()
    ends, lines = ends[largest], corridors["geom"].to_numpy()[largest]
    latitude = float(shapely.get_coordinates(lines)[:, 1].mean())
    flat = shapely.transform(lines, lambda xy: metric(xy, latitude))
    at = np.asarray(shapely.points(metric(places, latitude)), dtype=object)
    nearest: Ints = np.asarray(shapely.STRtree(flat).nearest(at) if at.size else [], np.int64)
    along = shapely.line_locate_point(flat[nearest], at)
    return _cut(ends, flat, nearest, along, shapely.distance(flat[nearest], at), latitude)


def _cut(
    ends: Ints, flat: npt.NDArray[np.object_], nearest: Ints, along: Floats, tap_m: Floats, latitude: float
) -> StreetGraph:
    used, corner = np.unique(ends.ravel(), return_inverse=True)
    corner = corner.reshape(-1, 2)
    xy = np.empty((len(used), 2))
    for column, position in ((0, 0), (1, -1)):
        xy[corner[:, column]] = shapely.get_coordinates(shapely.get_point(flat, position))
    places = [xy]
    tap = np.full(len(nearest), -1, np.int64)
    pieces: list[tuple[int, int]] = []
    shapes: list[shapely.LineString] = []
    vertices = len(used)
    by_corridor = pd.Series(np.arange(len(nearest))).groupby(nearest).indices
    lengths = shapely.length(flat)
    for k, line in enumerate(flat):
        here, offset = int(corner[k, 0]), 0.0
        for building in sorted(by_corridor.get(k, ()), key=lambda one: along[one]):
            to = float(along[building])
            if lengths[k] - to < _SAME_PLACE_M:
                tap[building] = corner[k, 1]
            elif to - offset < _SAME_PLACE_M:
                tap[building] = here
            else:
                pieces.append((here, vertices))
                shapes.append(_part(line, offset, to))
                places.append(np.array(line.interpolate(to).coords))
                tap[building] = here = vertices
                offset, vertices = to, vertices + 1
        pieces.append((here, int(corner[k, 1])))
        shapes.append(_part(line, offset, float(lengths[k])))
    scale = metric(np.array([[1.0, 1.0]]), latitude)
    made = np.array(shapes, dtype=object)
    return StreetGraph(
        np.round(np.concatenate(places) / scale, 7),
        np.array(pieces, np.int64).reshape(-1, 2),
        shapely.transform(made, lambda flat_xy: np.round(flat_xy / scale, 7)),
        shapely.length(made),
        tap,
        tap_m,
    )


def _part(line: shapely.LineString, first: float, last: float) -> shapely.LineString:
    part = shapely.ops.substring(line, first, last)
    if part.geom_type == "Point":  # two corners in one place
        return shapely.LineString([part, part])
    assert isinstance(part, shapely.LineString)
    return part


def ways_from(graph: StreetGraph, starts: Ints) -> tuple[Floats, Ints, Ints]:
    """Distance to the nearest start, the vertex before on that way, and which start; -9999 where none."""
    found, before, nearest = dijkstra(
        graph.matrix(), directed=False, indices=starts, min_only=True, return_predecessors=True
    )
    return found, before.astype(np.int64), nearest.astype(np.int64)
