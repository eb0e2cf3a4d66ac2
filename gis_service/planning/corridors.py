"""Ways along which a line could be built: those of one county as columns, and those near a point as a graph.

Vertices are joined by their id over all counties. A county that has no corridors lends the routes of its own
lines, joined where they meet in place; such a way is named `line_section:ID`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from gis_service.kernels.arcs import Arcs, build_arcs
from gis_service.kernels.boxes import LineIndex, index_lines, indexed_lines_in_box
from gis_service.kernels.compiled import B1, F64, I32, I64
from gis_service.kernels.feet import Feet, find_feet
from gis_service.network.tables import Lines, Text
from gis_service.network.texts import frozen
from gis_service.planning.areas import NOWHERE, Areas
from gis_service.planning.plane import Plane, line_lengths, points_along
from gis_service.planning.rules.book import CONSTRUCTIONS, Construction, Rules

_SAME_M = 1e-7

UNKNOWN = -1
"""Of `ducts_free`: nobody has counted."""

DUCT = "duct"
_DECIMALS = 7
_LENT_KINDS = {"overhead": "pole_line"}
"""What a line's own route counts as; anything but an overhead line runs in the street."""


@dataclass(frozen=True, eq=False)
class Corridors:
    """The corridors of one county, by id.

    cost_per_m : float64 (n,), nan where the rules price the way
    ducts_free : int64 (n,), `UNKNOWN` where it is not given
    offsets, coords : corridor k runs along `coords[offsets[k] : offsets[k + 1]]`, lon/lat
    """

    county: str
    id: Text
    from_vertex: Text
    to_vertex: Text
    kind: Text
    cost_per_m: F64
    ducts_free: I64
    offsets: I64
    coords: F64

    def __len__(self) -> int:
        return len(self.id)

    @property
    def nbytes(self) -> int:
        """Bytes that are held, roughly."""
        texts = (self.id, self.from_vertex, self.to_vertex, self.kind)
        held = self.cost_per_m.nbytes + self.ducts_free.nbytes + self.offsets.nbytes + self.coords.nbytes
        return held + sum(int(getattr(one, "nbytes", 64 * len(one))) for one in texts)


def lent_by_lines(county: str, lines: Lines, rows: I64) -> Corridors:
    """The routes of a county's lines, where it has no corridors: busbars left out."""
    construction = np.asarray(lines.construction[rows])
    rows = rows[construction != "busbar"]
    construction = construction[construction != "busbar"]
    begin, stop = np.asarray(lines.offsets[rows]), np.asarray(lines.offsets[rows + 1])
    drawn = stop - begin >= 2
    rows, construction, begin, stop = rows[drawn], construction[drawn], begin[drawn], stop[drawn]
    offsets = np.concatenate([[0], np.cumsum(stop - begin)]).astype(np.int64)
    at = np.arange(offsets[-1]) + np.repeat(begin - offsets[:-1], stop - begin)
    coords = np.asarray(lines.coords[at]) if at.size else np.empty((0, 2))
    ends = np.round(np.concatenate([coords[offsets[:-1]], coords[offsets[1:] - 1]]), _DECIMALS)
    names = np.array([f"{x:.{_DECIMALS}f},{y:.{_DECIMALS}f}" for x, y in ends.tolist()], np.object_)
    return Corridors(
        county,
        np.array([f"line_section:{id}" for id in lines.id[rows]], np.object_),
        names[: rows.size],
        names[rows.size :],
        np.array([_LENT_KINDS.get(one, "street") for one in construction.tolist()], np.object_),
        np.full(rows.size, np.nan),
        np.full(rows.size, UNKNOWN, np.int64),
        offsets,
        coords,
    )


@dataclass(frozen=True, eq=False)
class Ground:
    """The corridors near a point as one graph, in the plane around it; edges and vertices by id.

    county, id, kind : object (n,)
    cost_per_m, ducts_free : as in `Corridors`
    offsets, metres : the geometry, in metres from the point
    edge_from, edge_to : int32 (n,), vertices
    vertex : int64 (n_vertices,), numbers that follow the order of the ids
    corridor : int64 (n,), ascending: edges of one number are pieces of one corridor
    begin : float64 (n,), metres along its corridor at which each edge begins
    areas : what a route must not enter and what it must pass; the edges are cut at their borders
    """

    plane: Plane
    county: npt.NDArray[np.object_]
    id: npt.NDArray[np.object_]
    kind: npt.NDArray[np.object_]
    cost_per_m: F64
    ducts_free: I64
    offsets: I64
    metres: F64
    edge_from: I32
    edge_to: I32
    vertex: I64
    corridor: I64
    begin: F64
    areas: Areas = NOWHERE
    _feet: dict[Any, Feet] = field(default_factory=dict, init=False)

    @cached_property
    def length(self) -> F64:
        """Metres of each edge."""
        return line_lengths(self.offsets, self.metres)

    @cached_property
    def along(self) -> F64:
        """Of each vertex of the geometry, metres from the beginning of its edge."""
        steps = np.zeros(len(self.metres))
        steps[1:] = np.hypot(*np.diff(self.metres, axis=0).T)
        total = np.cumsum(steps)
        return total - np.repeat(total[self.offsets[:-1]], np.diff(self.offsets))

    @cached_property
    def _whole(self) -> bool:
        return not self.begin.any() and bool(np.array_equal(self.corridor, np.arange(self.corridor.size)))

    @cached_property
    def marks(self) -> I64:
        """What is passed at each vertex, as `Areas.passed`."""
        found = np.zeros(self.vertex.size, np.int64)
        for ends, at in ((self.edge_from, self.offsets[:-1]), (self.edge_to, self.offsets[1:] - 1)):
            np.bitwise_or.at(found, ends, self.areas.passed_at(self.metres[at]))
        return found

    @cached_property
    def ends(self) -> F64:
        """Where edges end, each place once, to a millimetre."""
        ends = np.concatenate([self.metres[self.offsets[:-1]], self.metres[self.offsets[1:] - 1]])
        millimetres = np.round(ends * 1e3).astype(np.int64)
        _, first = np.unique((millimetres[:, 0] << 31) + millimetres[:, 1], return_index=True)
        found: F64 = millimetres[first] / 1e3
        return found

    @cached_property
    def arcs(self) -> Arcs:
        """The graph."""
        return build_arcs(self.vertex.size, self.edge_from, self.edge_to)

    @cached_property
    def shapes(self) -> npt.NDArray[np.object_]:
        """Each corridor as a shapely line, in metres."""
        made: npt.NDArray[np.object_] = np.empty(self.id.size, np.object_)
        if self.id.size:
            of = np.repeat(np.arange(self.id.size), np.diff(self.offsets))
            made = np.asarray(shapely.linestrings(self.metres, indices=of), np.object_)
        return made

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree(self.shapes)

    def nearest_m(self, points: F64) -> F64:
        """Metres from each point to the nearest corridor of any kind; inf where there is none."""
        if not self.id.size or not len(points):
            return np.full(len(points), np.inf)
        made = np.asarray(shapely.points(points), np.object_)
        at, far = self._tree.query_nearest(made, return_distance=True, all_matches=False)
        found: F64 = np.full(len(points), np.inf)
        found[at[0]] = far
        return found

    def per_m(self, rules: Rules, construction: Construction) -> F64:
        """Way cost of a metre of each corridor, float64; inf where the construction may not go."""
        kinds, at = np.unique(self.kind.astype(str), return_inverse=True)
        usual = np.array([rules.corridor_cost.per_m(one, construction) for one in kinds.tolist()])
        rate: F64 = usual[at.ravel()] if kinds.size else np.empty(0)
        own = ~np.isnan(self.cost_per_m) & np.isfinite(rate)
        rate = np.where(own, self.cost_per_m, rate)
        rate[(self.kind == DUCT) & (self.ducts_free == 0)] = np.inf
        return rate

    def feet(self, points: F64, usable: B1, within_m: float, most: int) -> Feet:
        """Where points meet the corridors: the nearest place of each of the `most` nearest usable ones.

        Of a corridor in pieces it is the nearest place of all of them. Ties go to the corridor that comes
        first. A foot to which the way would enter an area that is to be avoided is infinitely far off.
        """
        key = (points.tobytes(), usable.tobytes(), within_m, most)
        if key not in self._feet:  # two constructions that may go the same ways meet them in the same places
            self._feet[key] = self._find_feet(points, usable, within_m, most)
        return self._feet[key]

    def _find_feet(self, points: F64, usable: B1, within_m: float, most: int) -> Feet:
        found = find_feet(
            points,
            self.offsets,
            self.metres,
            usable,
            within=within_m,
            most=most,
            of=self.corridor,
            begin=self.begin,
        )
        edge, at = self._piece(found.edge, found.at)
        if self.areas.avoid is None or not edge.size:
            return found._replace(edge=edge, at=at)
        asked = np.repeat(points, np.diff(found.first), axis=0)
        closed = self.areas.closes(asked, self.points_at(edge, at))
        return found._replace(edge=edge, at=at, off=np.where(closed, np.inf, found.off))

    def points_at(self, edge: I64, at: F64) -> F64:
        """Places along edges, `(n, 2)`."""
        return points_along(self.offsets, self.metres, edge, at)

    def _piece(self, corridor: I64, at: F64) -> tuple[I64, F64]:
        """The edge at some metres along some corridors, and how far along it that is."""
        edge, along = corridor, at
        if not self._whole:
            edge = np.empty(corridor.size, np.int64)
            for k, (one, metres) in enumerate(zip(corridor.tolist(), at.tolist(), strict=True)):
                first, stop = np.searchsorted(self.corridor, [one, one + 1])
                behind = int(np.searchsorted(self.begin[first:stop], metres + _SAME_M, side="right"))
                edge[k] = first + max(behind - 1, 0)
            along = at - self.begin[edge]
        length = self.length[edge]
        along = np.where(along < _SAME_M, 0.0, along)
        return edge, np.where(along > length - _SAME_M, length, along)


@dataclass(frozen=True, eq=False)
class Joined:
    """The corridors of some counties by id, joined where they name the same vertex.

    from_vertex, to_vertex : int64 (n,), places of the vertices' ids in order
    """

    county: npt.NDArray[np.object_]
    id: npt.NDArray[np.object_]
    kind: npt.NDArray[np.object_]
    cost_per_m: F64
    ducts_free: I64
    offsets: I64
    coords: F64
    from_vertex: I64
    to_vertex: I64

    @cached_property
    def index(self) -> LineIndex:
        """Where they lie."""
        return index_lines(self.offsets, self.coords)

    def around(self, plane: Plane, reach_m: float) -> Ground:
        """All that meet the box of what lies within `reach_m` of the point."""
        near = indexed_lines_in_box(self.index, *plane.box(reach_m))
        counts = np.diff(self.offsets)[near]
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        coords = self.coords[np.arange(offsets[-1]) + np.repeat(self.offsets[near] - offsets[:-1], counts)]
        vertex, at = np.unique(
            np.concatenate([self.from_vertex[near], self.to_vertex[near]]), return_inverse=True
        )
        ends: I32 = at.ravel().astype(np.int32)
        return Ground(
            plane,
            self.county[near],
            self.id[near],
            self.kind[near],
            self.cost_per_m[near],
            self.ducts_free[near],
            offsets,
            plane.metres(coords),
            ends[: near.size],
            ends[near.size :],
            vertex,
            np.arange(near.size),
            np.zeros(near.size),
        )


def joined(counties: Sequence[Corridors]) -> Joined:
    """The corridors of some counties as one: O(n log n) in their number."""

    def column(name: str, dtype: Any) -> Any:
        parts = [np.asarray(getattr(one, name)[np.arange(len(one))], dtype) for one in counties]
        return np.concatenate([np.empty(0, dtype), *parts])

    county = np.repeat(np.array([one.county for one in counties], np.object_), [len(one) for one in counties])
    id = column("id", np.object_)
    order = np.lexsort((county.astype(str), id.astype(str)))
    counts = np.concatenate([np.empty(0, np.int64), *(np.diff(one.offsets) for one in counties)])
    starts = np.concatenate([[0], np.cumsum(counts)])[:-1][order]
    counts = counts[order]
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    coords = np.concatenate([np.empty((0, 2)), *(one.coords for one in counties)])
    ends = np.concatenate([column("from_vertex", np.object_)[order], column("to_vertex", np.object_)[order]])
    _, vertex = np.unique(ends.astype(str), return_inverse=True)
    vertex = vertex.ravel().astype(np.int64)
    return Joined(
        county[order],
        id[order],
        column("kind", np.object_)[order],
        column("cost_per_m", np.float64)[order],
        column("ducts_free", np.int64)[order],
        frozen(offsets, np.int64),
        frozen(coords[np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], counts)], np.float64),
        vertex[: order.size],
        vertex[order.size :],
    )


def ground_around(plane: Plane, counties: Sequence[Corridors], reach_m: float) -> Ground:
    """The corridors of some counties around a point."""
    return joined(counties).around(plane, reach_m)


__all__ = ["CONSTRUCTIONS", "Corridors", "Ground", "Joined", "ground_around", "joined", "lent_by_lines"]
