"""Routes for one construction: from the customer along corridors to places where it could be connected.

For one conductor the fall of voltage follows the length alone, so of the many ways to a place only those
matter to which no other is at once as cheap and as short; the cheapest feasible scheme uses one of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from gis_service.kernels.compiled import B1, F64, I64
from gis_service.kernels.feet import Feet
from gis_service.kernels.nearest import Nearby
from gis_service.kernels.pareto_routes import Arrivals, Labels, arrivals, pareto_routes, way_back
from gis_service.planning.corridors import DUCT, UNKNOWN, Ground
from gis_service.planning.rules.book import Construction, Rules

FEET_OF_CUSTOMER = 6
FEET_OF_SITE = 3
"""Corridors that a place may be joined to: the nearest, each at the place of it that is nearest."""

MOST_LABELS = 400_000
"""Of one search; beyond it the answer says that it may not be the best."""


class Stretch(NamedTuple):
    """A piece of a route along one corridor: metres from the customer's side to the other, along it."""

    edge: int
    from_m: float
    to_m: float

    @property
    def length_m(self) -> float:
        """Metres."""
        return abs(self.to_m - self.from_m)


@dataclass(frozen=True, eq=False)
class Joints:
    """A customer and some places joined to the ground, for one construction.

    rate : way cost per metre of each edge, inf where the construction may not go
    start, feet : where the customer and the places meet the edges; infinitely far off where the way is closed
    straight : metres from the customer to each place as the crow flies; inf where that way is closed
    places : float64 (n, 2)
    """

    ground: Ground
    construction: Construction
    rate: F64
    off_rate: float
    off_reach: float
    reach: float
    start: Feet
    feet: Feet
    straight: F64
    places: F64

    @cached_property
    def _marks(self) -> tuple[I64, I64, I64]:
        """What is passed on the way to the customer's feet, to the feet of places, and straight to places."""
        ground, areas = self.ground, self.ground.areas
        here, start, feet = np.zeros((1, 2)), self.start, self.feet
        if not areas.must_pass:
            none = np.zeros(max(start.edge.size, feet.edge.size, self.straight.size), np.int64)
            return none[: start.edge.size], none[: feet.edge.size], none[: self.straight.size]
        return (
            areas.passed(np.repeat(here, start.edge.size, axis=0), ground.points_at(start.edge, start.at)),
            areas.passed(
                np.repeat(self.places, np.diff(feet.first), axis=0), ground.points_at(feet.edge, feet.at)
            ),
            areas.passed(np.repeat(here, len(self.places), axis=0), self.places),
        )

    @property
    def passed_at_start(self) -> I64:
        """What is passed on the way to each of the customer's feet, as `Areas.passed`."""
        return self._marks[0]

    @cached_property
    def _nearby(self) -> Nearby:
        """The corridors that are open, by length alone."""
        return Nearby(self.ground.arcs, np.where(np.isfinite(self.rate), self.ground.length, np.inf))

    def shortest_m(self, places: I64) -> float:
        """Metres of the shortest way to one of some places, however long, whatever it passes; inf without."""
        ground, start = self.ground, self.start
        first, edge, at, off = self.feet
        runs = [np.arange(first[place], first[place + 1]) for place in places.tolist()]
        foot = np.concatenate([np.empty(0, np.int64), *runs]).astype(np.int64)
        edge, at, off = edge[foot], at[foot], off[foot]
        direct = self.straight[places]
        ways = [direct[direct <= self.off_reach]]
        for k in range(start.edge.size):  # along one corridor
            same = edge == start.edge[k]
            along = np.abs(at[same] - start.at[k])
            along[(along > 0.0) & ~np.isfinite(self.rate[start.edge[k]])] = np.inf
            ways.append(start.off[k] + along + off[same])
        seeds, seed_far = self._to_ends(start.edge, start.at, start.off)
        ends, more = self._to_ends(edge, at, off)
        wanted = np.zeros(ground.vertex.size, np.bool_)
        wanted[ends] = True
        found, far = self._nearby.nearest(wanted, seeds, seed_far, most=int(np.count_nonzero(wanted)))
        there = np.full(ground.vertex.size, np.inf)
        there[found] = far
        ways.append(there[ends] + more)
        return float(np.concatenate(ways).min(initial=np.inf))

    def _to_ends(self, edge: I64, at: F64, off: F64) -> tuple[I64, F64]:
        """The vertices at the ends of some edges, and metres to them from feet there."""
        ends = np.concatenate([self.ground.edge_from[edge], self.ground.edge_to[edge]]).astype(np.int64)
        along = np.concatenate([at, self.ground.length[edge] - at])
        # who stands at the end of an edge need not use it
        closed = ~np.isfinite(np.tile(self.rate[edge], 2)) & (along > 0.0)
        far: F64 = np.where(closed, np.inf, along) + np.tile(off, 2)
        return ends, far

    def routes(self, shut: B1 | None = None) -> Routes:
        """The routes; `shut`, bool `(n_edges,)`: edges that may not be used either."""
        ground, start, off_rate = self.ground, self.start, self.off_rate
        rate = self.rate if shut is None else np.where(shut, np.inf, self.rate)
        usable = np.isfinite(rate)
        length = ground.length
        cost = np.where(usable, np.where(usable, rate, 0.0) * length, np.inf)
        edges = start.edge
        seeds = np.column_stack([ground.edge_from[edges], ground.edge_to[edges]]).astype(np.int64).ravel()
        along = np.column_stack([start.at, length[edges] - start.at]).ravel()
        # who stands at the end of an edge need not use it
        rates = np.where(along > 0.0, np.repeat(rate[edges], 2), 0.0)
        off = np.repeat(start.off, 2)
        start_marks, foot_marks, straight_marks = self._marks
        n_marks = ground.areas.count
        labels = pareto_routes(
            ground.arcs,
            cost=cost,
            length=length,
            seeds=seeds,
            seed_cost=off * off_rate + along * rates,
            seed_length=off + along,
            reach=self.reach,
            most=MOST_LABELS,
            marks=ground.marks if n_marks else None,
            seed_marks=np.repeat(start_marks, 2),
            n_marks=n_marks,
        )
        found = arrivals(
            ground.edge_from,
            ground.edge_to,
            cost=cost,
            length=length,
            labels=labels,
            start=start,
            feet=self.feet,
            straight=self.straight,
            off_cost=off_rate,
            off_reach=self.off_reach,
            reach=self.reach,
            start_marks=start_marks,
            foot_marks=foot_marks,
            straight_marks=straight_marks,
            n_marks=n_marks,
        )
        return Routes(self, labels, found)


@dataclass(frozen=True, eq=False)
class Routes:
    """All routes of one construction; `found` are those to the places, in their order."""

    joints: Joints
    labels: Labels
    found: Arrivals

    @property
    def ground(self) -> Ground:
        """The corridors."""
        return self.joints.ground

    @property
    def construction(self) -> Construction:
        """How the line is built."""
        return self.joints.construction

    @property
    def rate(self) -> F64:
        """Way cost per metre of each edge."""
        return self.joints.rate

    @property
    def off_rate(self) -> float:
        """Way cost of a metre away from corridors."""
        return self.joints.off_rate

    @property
    def start(self) -> Feet:
        """Where the customer meets the corridors."""
        return self.joints.start

    @property
    def feet(self) -> Feet:
        """Where the places meet them."""
        return self.joints.feet

    @property
    def places(self) -> F64:
        """The places."""
        return self.joints.places

    @property
    def passed(self) -> int:
        """All that some way passes on from the customer, as bits of `Areas.passed`."""
        ground = self.ground
        if not ground.areas.count:
            return 0
        starts = self.joints.passed_at_start
        reached = ground.marks[self.labels.vertex]
        return int(np.bitwise_or.reduce(np.concatenate([starts, reached]), initial=0))

    @property
    def whole(self) -> bool:
        """Whether nothing was left out for want of room."""
        return self.labels.whole

    def stretches(self, arrival: int) -> list[Stretch]:
        """The corridors of a route in order, from the customer."""
        foot, label = int(self.found.foot[arrival]), int(self.found.label[arrival])
        if foot < 0:
            return []
        end, at = int(self.feet.edge[foot]), float(self.feet.at[foot])
        if label < 0:
            only = Stretch(end, float(self.start.at[-1 - label]), at)
            return [only] if only.length_m > 0.0 else []
        ground = self.ground
        vertices, edges, seed = way_back(self.labels, label)
        first = int(self.start.edge[seed // 2])
        length = float(ground.length[first])
        pieces = [Stretch(first, float(self.start.at[seed // 2]), 0.0 if seed % 2 == 0 else length)]
        for k, edge in enumerate(edges):
            whole = float(ground.length[edge])
            forth = int(ground.edge_from[edge]) == vertices[k]
            pieces.append(Stretch(edge, 0.0 if forth else whole, whole if forth else 0.0))
        # which of the two ends of the last corridor the way came to
        last = vertices[-1]
        whole = float(ground.length[end])
        from_side = 0.0 if int(ground.edge_from[end]) == last else whole
        if int(ground.edge_from[end]) == int(ground.edge_to[end]):
            from_side = 0.0 if at <= whole - at else whole
        pieces.append(Stretch(end, from_side, at))
        return [one for one in pieces if one.length_m > 0.0]

    def off_m(self, arrival: int) -> float:
        """Metres of a route that follow no corridor."""
        off, label = float(self.found.off_m[arrival]), int(self.found.label[arrival])
        if int(self.found.foot[arrival]) < 0 or label < 0:
            return off
        *_, seed = way_back(self.labels, label)
        return off + float(self.start.off[seed // 2])

    def line(self, place: int, arrival: int) -> list[list[float]]:
        """The route as lon/lat vertices, from the customer to the place."""
        corridors = [_along(self.ground, one) for one in self.stretches(arrival)]
        vertices_m = np.concatenate([np.zeros((1, 2)), *corridors, self.places[place : place + 1]])
        lonlat = self.ground.plane.degrees(vertices_m).tolist()
        vertices = [lonlat[0]]
        vertices += [after for before, after in pairwise(lonlat) if after != before]
        return vertices if len(vertices) > 1 else [lonlat[0], lonlat[0]]

    def unknown(self, arrival: int) -> list[str]:
        """Ducts along a route of which nobody has said whether there is room in them."""
        ground = self.ground
        used = [one.edge for one in self.stretches(arrival)]
        return [
            str(ground.id[edge])
            for edge in used
            if ground.kind[edge] == DUCT and ground.ducts_free[edge] == UNKNOWN
        ]


def _along(ground: Ground, one: Stretch) -> F64:
    """The vertices of a stretch, in its direction."""
    low, high = sorted((one.from_m, one.to_m))
    vertices = slice(int(ground.offsets[one.edge]), int(ground.offsets[one.edge + 1]))
    along, line = ground.along[vertices], ground.metres[vertices]
    ends = np.column_stack([np.interp([low, high], along, line[:, k]) for k in (0, 1)])
    metres = np.concatenate([ends[:1], line[(along > low) & (along < high)], ends[1:]])
    return metres if one.from_m <= one.to_m else metres[::-1]


def joints(
    ground: Ground,
    rules: Rules,
    construction: Construction,
    places: F64,
    reach_m: float,
    *,
    feet_of_customer: int = FEET_OF_CUSTOMER,
    feet_of_site: int = FEET_OF_SITE,
) -> Joints:
    """The customer in the middle of the plane and some places in it, joined to the corridors."""
    rate = ground.per_m(rules, construction)
    usable = np.isfinite(rate)
    off_m = rules.limits.off_corridor_m
    straight = np.hypot(places[:, 0], places[:, 1])
    straight[ground.areas.closes(np.zeros_like(places), places)] = np.inf
    return Joints(
        ground,
        construction,
        rate,
        rules.corridor_cost.off_per_m(construction),
        off_m,
        reach_m,
        ground.feet(np.zeros((1, 2)), usable, off_m, feet_of_customer),
        ground.feet(places, usable, off_m, feet_of_site),
        straight,
        places,
    )


def find_routes(
    ground: Ground, rules: Rules, construction: Construction, places: F64, reach_m: float
) -> Routes:
    """The routes from the middle of the plane to some places in it, each no longer than `reach_m`."""
    return joints(ground, rules, construction, places, reach_m).routes()
