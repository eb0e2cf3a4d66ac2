"""Routes for one construction: from the customer along corridors to places where it could be connected.

For one conductor the fall of voltage follows the length alone, so of the many ways to a place only those
matter to which no other is at once as cheap and as short; the cheapest feasible scheme uses one of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import shapely
import shapely.ops

from gis_service.kernels.compiled import F64
from gis_service.kernels.feet import Feet
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
class Routes:
    """All routes of one construction; `found` are those to the places, in their order.

    rate : way cost per metre of each corridor, inf where it may not be used
    """

    ground: Ground
    construction: Construction
    rate: F64
    off_rate: float
    start: Feet
    feet: Feet
    labels: Labels
    found: Arrivals
    places: F64

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
            return [Stretch(end, float(self.start.at[-1 - label]), at)]
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
    low, high = sorted((one.from_m, one.to_m))
    shape = ground.shapes[one.edge]
    metres = shapely.get_coordinates(shapely.ops.substring(shape, low, high))
    return metres if one.from_m <= one.to_m else metres[::-1]


def find_routes(
    ground: Ground,
    rules: Rules,
    construction: Construction,
    places: F64,
    reach_m: float,
    *,
    feet_of_customer: int = FEET_OF_CUSTOMER,
    feet_of_site: int = FEET_OF_SITE,
) -> Routes:
    """The routes from the middle of the plane to some places in it, each no longer than `reach_m`."""
    rate = ground.per_m(rules, construction)
    usable = np.isfinite(rate)
    off_rate = rules.corridor_cost.off_per_m(construction)
    off_m = rules.limits.off_corridor_m
    start = ground.feet(np.zeros((1, 2)), usable, off_m, feet_of_customer)
    feet = ground.feet(places, usable, off_m, feet_of_site)
    length = ground.length
    cost = np.where(usable, np.where(usable, rate, 0.0) * length, np.inf)
    seeds = (
        np.column_stack([ground.edge_from[start.edge], ground.edge_to[start.edge]]).astype(np.int64).ravel()
    )
    along = np.column_stack([start.at, length[start.edge] - start.at]).ravel()
    off = np.repeat(start.off, 2)
    labels = pareto_routes(
        ground.arcs,
        cost=cost,
        length=length,
        seeds=seeds,
        seed_cost=off * off_rate + along * np.repeat(rate[start.edge], 2),
        seed_length=off + along,
        reach=reach_m,
        most=MOST_LABELS,
    )
    found = arrivals(
        ground.edge_from,
        ground.edge_to,
        cost=cost,
        length=length,
        labels=labels,
        start=start,
        feet=feet,
        straight=np.hypot(places[:, 0], places[:, 1]),
        off_cost=off_rate,
        off_reach=off_m,
        reach=reach_m,
    )
    return Routes(ground, construction, rate, off_rate, start, feet, labels, found, places)
