"""Why the nearest supply points do not do: the limit that binds, and what would mend it."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np

from gis_service.kernels.compiled import B1, I64
from gis_service.planning.explain import attach, element_id
from gis_service.planning.reliefs import cheapest_relief, failing_ways, way_of
from gis_service.planning.routes import Routes
from gis_service.planning.search import Block, Offers, Search
from gis_service.planning.standing import Broken
from gis_service.planning.supply_tree import TRANSFORMER

MOST_TOLD = 5
MOST_LOOKED_AT = 40
"""Supply points, the nearest first, among which failing ones are looked for."""

Answer = dict[str, Any]


class _Point(NamedTuple):
    """A supply point: its block, its number there, and its nearest place."""

    block: Block
    group: int
    nearest: int


def refusals(search: Search, blocks: list[Block]) -> list[Answer]:
    """The nearest supply points that fail, nearest first; see the interface for the fields."""
    points = _nearest(blocks)
    holding = [
        _holding(search, block, [one.group for one in points if one.block is block]) for block in blocks
    ]
    told: list[Answer] = []
    for point in points:
        holds = next(some for block, some in zip(blocks, holding, strict=True) if block is point.block)
        if not holds[point.group]:
            told.append(refusal_at(search, point.block, point.group))
            if len(told) == MOST_TOLD:
                break
    return told


def _nearest(blocks: list[Block]) -> list[_Point]:
    """Supply points by the distance of their nearest place."""
    found: list[tuple[float, int, _Point]] = []
    for number, block in enumerate(blocks):
        order = np.argsort(block.sites.distance, kind="stable")
        _, first = np.unique(block.sites.group[order], return_index=True)
        for place in order[np.sort(first)[:MOST_LOOKED_AT]].tolist():
            point = _Point(block, int(block.sites.group[place]), place)
            found.append((float(block.sites.distance[place]), number, point))
    found.sort(key=lambda one: one[:2])
    return [point for *_, point in found[:MOST_LOOKED_AT]]


def _holding(search: Search, block: Block, groups: list[int]) -> B1:
    """By number of a supply point, whether some way there holds; looked at for these points alone."""
    holds = np.zeros(len(block.sites), np.bool_)
    looked_at = np.isin(block.sites.group, np.array(groups, np.int64))
    for offers in search.offers:
        if offers.block is block:
            ways = offers.screened[looked_at[offers.place[offers.screened]]]
            of = block.sites.group[offers.place[ways]]
            ways, of = ways[~holds[of]], of[~holds[of]]
            if ways.size:
                chains = offers.chains(ways)
                # the line that loses least harms least: where it harms, few others are asked for
                kept = np.flatnonzero(offers.keeps(chains))
                for row in kept[np.argsort(offers.r[ways[kept]], kind="stable")].tolist():
                    if not holds[of[row]]:
                        holds[of[row]] = offers.spares(int(ways[row]), chains, row)
    return holds


def refusal_at(search: Search, block: Block, group: int) -> Answer:
    """Why a supply point of a block (by its number there) does not do; none of its ways holds."""
    places = np.flatnonzero(block.sites.group == group)
    ways = [
        (offers, np.flatnonzero(np.isin(offers.place, places)))
        for offers in search.offers
        if offers.block is block
    ]
    return refusal(block, places, ways)


def refusal(block: Block, places: I64, ways: list[tuple[Offers, I64]]) -> Answer:
    """Why some ways to some places of a block fail, all of them, and what would mend it most cheaply."""
    failing = [failing_ways(offers, some) for offers, some in ways if some.size]
    nearest = int(places[np.argmin(block.sites.distance[places])])
    if not failing:
        limits = block.rules.limits
        area = closing_area(block, places)
        if area is not None:
            return {
                "attach": attach(block.sites, nearest, block.reckoned),
                "limit": area,
                "element": None,
                "value": None,
                "allowed": None,
                "reservations": [],
                "relief": None,
            }
        beside = float(block.ground.nearest_m(block.sites.metres[places]).min())
        apart = beside > limits.off_corridor_m
        value = beside if apart and np.isfinite(beside) else None if apart else block.shortest_m(places)
        return {
            "attach": attach(block.sites, nearest, block.reckoned),
            "limit": "off_corridor" if apart else "reach",
            "element": None,
            "value": None if value is None else round(value, 3),
            "allowed": limits.off_corridor_m if apart else limits.reach_m.of(block.level),
            "reservations": [],
            "relief": None,
        }
    closest = way_of(
        *min(
            ((one, int(k)) for one in failing for k in [np.lexsort((one.cost, one.broken))[0]]),
            key=lambda found: (found[0].broken[found[1]], found[0].cost[found[1]]),
        )
    )
    limit, value, allowed = closest.broken[0]
    element, reservations = None, harmed_reservations(closest.harmed)
    if closest.harmed and closest.harmed[0].node >= 0:
        element = str(block.reckoned.tree.topology.tables.nodes.id[closest.harmed[0].node])
    if limit == "loading":
        reckoned = block.reckoned
        where = int(reckoned.room[1][closest.offers.at[closest.way]])
        after = float(reckoned.after(np.array([where]), closest.offers.load.reckoned_kva)[0])
        kind = "transformer" if reckoned.tree.kind[where] == TRANSFORMER else "line"
        limit, element = f"{kind}_loading", element_id(reckoned.tree, where)
        value = after / float(reckoned.rated[where])
        allowed = float(reckoned.capacity[where] / reckoned.rated[where])
    return {
        "attach": attach(block.sites, int(closest.offers.place[closest.way]), block.reckoned),
        "limit": limit,
        "element": element,
        "value": round(value, 6),
        "allowed": allowed,
        "reservations": reservations,
        "relief": cheapest_relief(failing),
    }


def harmed_reservations(harmed: list[Broken]) -> list[int]:
    """The reservations among those whose limits break, ascending."""
    return sorted({one.reservation for one in harmed if one.reservation >= 0})


def closing_area(block: Block, places: I64) -> Literal["avoid", "must_pass"] | None:
    """Which of a question's areas keep routes from some places, where it is they that do."""
    if not block.areas or not _reaches(block.anywhere, places):
        return None
    return "must_pass" if _reaches(block.past_nothing, places) else "avoid"


def _reaches(routes: list[Routes], places: I64) -> bool:
    return any(bool(np.diff(one.found.first)[places].any()) for one in routes)
