"""Where the transformers of a town stand, and which feeder takes each: a plausible grid, not the real one.

Knows street distances and kVA. Sites are corners or taps of the street graph: put where the town is farthest
from any, until nobody is too far and none has too much to carry, and moved to the middle of their load.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gis_service.ingest.street_graph import Floats, Ints, StreetGraph, ways_from

FARTHEST_M = 300.0
"""Of a building's tap from its transformer, along the streets."""

RATINGS_KVA = (200.0, 315.0, 400.0, 500.0, 630.0, 800.0, 1000.0, 1250.0, 1600.0, 2000.0)
ROOM = 1.2
"""A transformer's rating over the load that is expected of it."""

COINCIDENCE = 0.5
"""Share of the contracted power that many customers take at the same time."""

FEEDER_KVA = 6_000.0
"""Load that a feeder is laid out for: as many feeders are made as carry it all."""

_MOVES = 3


@dataclass(frozen=True, eq=False)
class Siting:
    """Transformers and their streets.

    site : int64 (t,), vertex of each
    rated_kva : float64 (t,)
    served_by : int64 (b,), the transformer of each building; -1 where no street leads to one
    before : int64 (v,), the vertex before on the way from its transformer; negative at a site
    """

    site: Ints
    rated_kva: Floats
    served_by: Ints
    before: Ints


def site_transformers(graph: StreetGraph, kva: Floats) -> Siting:
    """Place transformers for buildings of these contracted powers, float64 `(b,)`."""
    load = kva * COINCIDENCE
    sites = np.array([graph.tap[np.argmax(load)]], np.int64)
    while True:
        for _ in range(_MOVES):
            distance, _, nearest = ways_from(graph, sites)
            sites = _middles(graph, sites, nearest, load)
        distance, before, nearest = ways_from(graph, sites)
        served = nearest[graph.tap]
        carried = np.array([load[served == one].sum() for one in sites])
        far = distance[graph.tap]
        heavy = carried * ROOM > RATINGS_KVA[-1]
        several = np.array([np.count_nonzero(served == one) > 1 for one in sites])
        if far.max() > FARTHEST_M:
            new = graph.tap[np.argmax(far)]
        elif (heavy & several).any():
            members = served == sites[np.argmax(np.where(heavy & several, carried, -1.0))]
            new = graph.tap[np.argmax(np.where(members, far, -1.0))]
        else:
            break
        if new in sites:  # what is left cannot be split: its taps are one corner
            break
        sites = np.append(sites, new)
    sites.sort()
    rated = np.array([_rating(load[served == one].sum()) for one in sites])
    number = np.searchsorted(sites, np.maximum(served, 0))
    return Siting(sites, rated, np.where(served < 0, -1, np.minimum(number, sites.size - 1)), before)


def _middles(graph: StreetGraph, sites: Ints, nearest: Ints, load: Floats) -> Ints:
    """Each site moved to the tap nearest to the middle of its load; those that serve nobody fall away."""
    found = []
    for site in sites.tolist():
        mine = np.flatnonzero(nearest[graph.tap] == site)
        if mine.size:
            at = graph.xy[graph.tap[mine]]
            middle = np.average(at, axis=0, weights=load[mine])
            stretch = np.array([np.cos(np.radians(middle[1])), 1.0])
            found.append(graph.tap[mine[np.argmin((((at - middle) * stretch) ** 2).sum(axis=1))]])
    return np.unique(np.array(found, np.int64))


def _rating(load: float) -> float:
    return next((one for one in RATINGS_KVA if one >= load * ROOM), RATINGS_KVA[-1])


def station_vertex(graph: StreetGraph, siting: Siting) -> int:
    """The site nearest to the middle of all transformers."""
    at = graph.xy[siting.site]
    middle = np.average(at, axis=0, weights=siting.rated_kva)
    stretch = np.array([np.cos(np.radians(middle[1])), 1.0])
    return int(siting.site[np.argmin((((at - middle) * stretch) ** 2).sum(axis=1))])


def feeders_of(graph: StreetGraph, siting: Siting, station: int, carried: Floats) -> list[Ints]:
    """Transformers of each feeder: sectors around the station of about the same load."""
    away = graph.xy[siting.site] - graph.xy[station]
    angle = np.arctan2(away[:, 1], away[:, 0])
    order = np.lexsort((siting.site, angle))
    total = float(carried.sum())
    count = max(2, int(np.ceil(total / FEEDER_KVA)))
    feeders: list[list[int]] = [[]]
    taken = 0.0
    for transformer in order.tolist():
        if feeders[-1] and taken + carried[transformer] > total / count:
            feeders.append([])
            taken = 0.0
        feeders[-1].append(transformer)
        taken += carried[transformer]
    return [np.array(one, np.int64) for one in feeders]
