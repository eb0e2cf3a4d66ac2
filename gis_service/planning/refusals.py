"""Why the nearest supply points do not do, and what would mend it most cheaply, found by trying."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from gis_service.kernels.compiled import B1, F64, I64
from gis_service.kernels.radial import way_up
from gis_service.planning.explain import attach, element_id
from gis_service.planning.routes import Routes
from gis_service.planning.rules.book import Conductor, Construction
from gis_service.planning.search import Block, Offers, Search
from gis_service.planning.supply_tree import LINE, TRANSFORMER

MOST_TOLD = 5
MOST_LOOKED_AT = 40
"""Supply points, the nearest first, among which failing ones are looked for."""

_WAYS_TRIED = 4
_MENDABLE = {"loading", "voltage_drop", "lowest_voltage"}

Answer = dict[str, Any]


class _Relief(NamedTuple):
    """What to replace, and what that costs."""

    change: str
    cost: float


@dataclass(frozen=True)
class _Way:
    """One way to a supply point that fails: the limits it breaks, the first of them in the lead."""

    offers: Offers
    way: int
    broken: list[tuple[str, float, float]]

    @property
    def cost(self) -> float:
        return float(self.offers.cost[self.way])


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
                holds[of[offers.holds(offers.chains(ways))]] = True
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
    failing = [_failing(offers, some) for offers, some in ways if some.size]
    nearest = int(places[np.argmin(block.sites.distance[places])])
    if not failing:
        limits = block.reckoned.rules.limits
        area = closing_area(block, places)
        if area is not None:
            return {
                "attach": attach(block.sites, nearest, block.reckoned),
                "limit": area,
                "element": None,
                "value": None,
                "allowed": None,
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
            "relief": None,
        }
    closest = _way(
        *min(
            ((one, int(k)) for one in failing for k in [np.lexsort((one.cost, one.broken))[0]]),
            key=lambda found: (found[0].broken[found[1]], found[0].cost[found[1]]),
        )
    )
    limit, value, allowed = closest.broken[0]
    element = None
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
        "relief": _cheapest_relief(failing),
    }


def closing_area(block: Block, places: I64) -> Literal["avoid", "must_pass"] | None:
    """Which of a question's areas keep routes from some places, where it is they that do."""
    if not block.areas or not _reaches(block.anywhere, places):
        return None
    return "must_pass" if _reaches(block.past_nothing, places) else "avoid"


def _reaches(routes: list[Routes], places: I64) -> bool:
    return any(bool(np.diff(one.found.first)[places].any()) for one in routes)


class _Failing(NamedTuple):
    """Ways of one offer that fail.

    kept : bool (n_limits, n), which of the offer's limits each keeps; where all, it is voltage that fails
    broken : int64 (n,), how many limits each breaks
    cost : float64 (n,)
    """

    offers: Offers
    ways: I64
    kept: B1
    broken: I64
    cost: F64


def _failing(offers: Offers, ways: I64) -> _Failing:
    kept = np.stack([one.kept[ways] for one in offers.limits])
    return _Failing(offers, ways, kept, np.maximum((~kept).sum(axis=0), 1), offers.cost[ways])


def _way(failing: _Failing, k: int) -> _Way:
    """One of some failing ways, with the limits that it breaks."""
    offers, way = failing.offers, int(failing.ways[k])
    broken = [
        (offers.limits[j].name, float(offers.limits[j].value[way]), offers.limits[j].allowed)
        for j in np.flatnonzero(~failing.kept[:, k]).tolist()
    ]
    if not broken:
        chains, limits, level = offers.chains(np.array([way])), offers.rules.limits, offers.block.level
        drop, end = 100.0 * float(chains.level[0] - chains.end[0]), float(chains.end[0])
        if drop > limits.voltage_drop_percent.of(level):
            broken.append(("voltage_drop", drop, limits.voltage_drop_percent.of(level)))
        else:
            broken.append(("lowest_voltage", end, limits.lowest_pu.of(level)))
    return _Way(offers, way, broken)


def _cheapest_relief(failing: list[_Failing]) -> Answer | None:
    """The relief that makes the cheapest whole, of some ways tried; None where none of them helps."""
    mendable: list[tuple[float, _Failing, int]] = []
    for some in failing:
        others = [j for j, limit in enumerate(some.offers.limits) if limit.name not in _MENDABLE]
        ways = np.flatnonzero(some.kept[others].all(axis=0))
        ways = ways[np.argsort(some.cost[ways], kind="stable")[:_WAYS_TRIED]]
        mendable += [(float(some.cost[k]), some, k) for k in ways.tolist()]
    mendable.sort(key=lambda found: found[0])
    best: tuple[float, _Relief] | None = None
    for cost, some, k in mendable[:_WAYS_TRIED]:
        relief = _relief(_way(some, k))
        if relief is not None and (best is None or relief.cost + cost < best[0]):
            best = relief.cost + cost, relief
    if best is None:
        return None
    total, relief = best
    return {"change": relief.change, "cost": round(relief.cost, 2), "total": round(total, 2)}


def _relief(one: _Way) -> _Relief | None:
    """Replace what is overloaded; then, where voltage still fails, one element of the way more."""
    reckoned = one.offers.block.reckoned
    kva = one.offers.load.reckoned_kva
    path = way_up(reckoned.tree.parent, int(one.offers.at[one.way]))
    after = reckoned.after(path, kva)
    r, x = reckoned.r.copy(), reckoned.x.copy()
    changes: list[str] = []
    cost = 0.0
    for position, load in zip(path.tolist(), after.tolist(), strict=True):
        if load > reckoned.capacity[position]:
            options = _replacements(one.offers, position, load)
            if not options:
                return None
            price, change, r[position], x[position] = options[0]
            changes.append(change)
            cost += price
    if changes and _holds(one, r, x):
        return _Relief("; ".join(dict.fromkeys(changes)), cost)
    more = [
        (price, change, position, new_r, new_x)
        for position, load in zip(path.tolist(), after.tolist(), strict=True)
        for price, change, new_r, new_x in _replacements(one.offers, position, load)
        if new_r < r[position]
    ]
    for price, change, position, new_r, new_x in sorted(more, key=lambda option: option[:3]):
        r_then, x_then = r.copy(), x.copy()
        r_then[position], x_then[position] = new_r, new_x
        if _holds(one, r_then, x_then):
            return _Relief("; ".join(dict.fromkeys([*changes, change])), cost + price)
    return None


def _holds(one: _Way, r: F64, x: F64) -> bool:
    chains = one.offers.chains(np.array([one.way]), changed=(r, x))
    return bool(one.offers.holds(chains)[0])


def _replacements(offers: Offers, position: int, load: float) -> list[tuple[float, str, float, float]]:
    """What could take an element's place and carry a load: cost, words, impedance; cheapest first."""
    reckoned, rules = offers.block.reckoned, offers.rules
    tree, kind = reckoned.tree, int(reckoned.tree.kind[position])
    named = element_id(tree, position)
    if kind == TRANSFORMER:
        return sorted(
            (
                one.cost,
                f"replace transformer {named} by {one.rated_kva:g} kVA",
                *_own(one.uk_percent, one.pk_kw, one.rated_kva),
            )
            for one in rules.transformer
            if load <= one.rated_kva * rules.limits.transformer_loading
        )
    if kind != LINE:
        return []
    row = int(tree.rows(LINE, np.array([position]))[0])
    lines = tree.topology.tables.lines
    construction: Construction = "overhead" if lines.construction[row] == "overhead" else "underground"
    # of a line that is tapped by what is reserved, the part that is looked at
    kv, length = float(lines.base_voltage_kv[row]), float(lines.length_m[row] * tree.share_of_edge[position])
    level = rules.level_of(kv)
    fits = [
        one
        for one in rules.conductor
        if (one.level, one.construction) == (level, construction)
        and load <= np.sqrt(3.0) * kv * one.rated_current_a * rules.limits.line_loading
    ]
    return sorted(
        (
            length * (one.cost_per_m + rules.corridor_cost.way(construction)),
            f"replace line {named} by {one.name}",
            *_per_unit(one, length, kv),
        )
        for one in fits
    )


def _own(uk_percent: float, pk_kw: float, rated_kva: float) -> tuple[float, float]:
    """Series impedance of a transformer, per unit on 1 MVA."""
    z = uk_percent / 100.0 / (rated_kva / 1000.0)
    r = min(pk_kw / rated_kva / (rated_kva / 1000.0), z)
    return r, float(np.sqrt(z**2 - r**2))


def _per_unit(conductor: Conductor, length: float, kv: float) -> tuple[float, float]:
    km = length / 1000.0
    return conductor.r_ohm_per_km * km / kv**2, conductor.x_ohm_per_km * km / kv**2
