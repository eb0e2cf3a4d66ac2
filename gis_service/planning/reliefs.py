"""What would let a supply point that fails carry a load after all, and most cheaply so: found by trying.

Overloaded elements of the supply path are replaced first; where voltage still fails, the customer's or that
of somebody admitted before, one element more. For others, whom each try costs a whole flow, only what feeds
the one who would miss his limit by most is tried, and at each element the strongest first: where that is not
enough, nothing there is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from gis_service.kernels.compiled import B1, F64, I64
from gis_service.kernels.radial import way_up
from gis_service.planning.explain import element_id
from gis_service.planning.rules.book import Conductor, Construction
from gis_service.planning.search import SLACK, Offers
from gis_service.planning.standing import Broken
from gis_service.planning.supply_tree import LINE, TRANSFORMER

OF_OTHERS = "_of_others"
"""What a limit is called that somebody admitted before would miss."""

_WAYS_TRIED = 4
_MENDABLE = {"loading", "voltage_drop", "lowest_voltage"}
"""Beside them what others would miss."""

Answer = dict[str, Any]


class _Relief(NamedTuple):
    """What to replace, and what that costs."""

    change: str
    cost: float


@dataclass(frozen=True)
class Way:
    """One way to a supply point that fails: the limits it breaks, the first of them in the lead.

    harmed : where it is others whose limits break, these limits, the worst first
    """

    offers: Offers
    way: int
    broken: list[tuple[str, float, float]]
    harmed: list[Broken]


class Failing(NamedTuple):
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


def failing_ways(offers: Offers, ways: I64) -> Failing:
    """Some ways of an offer, none of which holds."""
    kept = np.stack([one.kept[ways] for one in offers.limits])
    return Failing(offers, ways, kept, np.maximum((~kept).sum(axis=0), 1), offers.cost[ways])


def way_of(failing: Failing, k: int) -> Way:
    """One of some failing ways, with the limits that it breaks."""
    offers, way = failing.offers, int(failing.ways[k])
    broken = [
        (offers.limits[j].name, float(offers.limits[j].value[way]), offers.limits[j].allowed)
        for j in np.flatnonzero(~failing.kept[:, k]).tolist()
    ]
    harmed: list[Broken] = []
    if not broken:
        chains, limits, level = offers.chains(np.array([way])), offers.rules.limits, offers.block.level
        drop, end = 100.0 * float(chains.level[0] - chains.end[0]), float(chains.end[0])
        if drop > limits.voltage_drop_percent.of(level) + SLACK:
            broken.append(("voltage_drop", drop, limits.voltage_drop_percent.of(level)))
        elif not end >= limits.lowest_pu.of(level) - SLACK:
            broken.append(("lowest_voltage", end, limits.lowest_pu.of(level)))
        else:
            standing = offers.block.reckoned.standing
            harmed = standing.broken([offers.joining(way)], offers.load.reckoned_kva)
            broken += [(f"{one.limit}{OF_OTHERS}", one.after, one.allowed) for one in harmed[:1]]
    return Way(offers, way, broken, harmed)


def cheapest_relief(failing: list[Failing]) -> Answer | None:
    """The relief that makes the cheapest whole, of some ways tried; None where none of them helps."""
    mendable: list[tuple[float, Failing, int]] = []
    for some in failing:
        others = [j for j, limit in enumerate(some.offers.limits) if limit.name not in _MENDABLE]
        ways = np.flatnonzero(some.kept[others].all(axis=0))
        ways = ways[np.argsort(some.cost[ways], kind="stable")[:_WAYS_TRIED]]
        mendable += [(float(some.cost[k]), some, k) for k in ways.tolist()]
    mendable.sort(key=lambda found: found[0])
    best: tuple[float, _Relief] | None = None
    for cost, some, k in mendable[:_WAYS_TRIED]:
        way = way_of(some, k)
        if way.harmed and best is not None:
            continue  # another line to the same place harms as much, and costs more
        relief = _relief(way)
        if relief is not None and (best is None or relief.cost + cost < best[0]):
            best = relief.cost + cost, relief
    if best is None:
        return None
    total, relief = best
    return {"change": relief.change, "cost": round(relief.cost, 2), "total": round(total, 2)}


def _relief(one: Way) -> _Relief | None:
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
    shared = way_up(reckoned.tree.parent, one.harmed[0].position) if one.harmed else path
    more: list[tuple[float, str, int, float, float]] = []
    strongest: dict[int, tuple[float, float]] = {}
    for position, load in zip(path.tolist(), after.tolist(), strict=True):
        if position not in shared:
            continue
        fall = r[position] * reckoned.cosine + x[position] * reckoned.sine
        for price, change, new_r, new_x in _replacements(one.offers, position, load):
            falls = new_r * reckoned.cosine + new_x * reckoned.sine
            if falls < fall:
                more.append((price, change, position, new_r, new_x))
                best = strongest.setdefault(position, (new_r, new_x))
                if falls < best[0] * reckoned.cosine + best[1] * reckoned.sine:
                    strongest[position] = new_r, new_x

    def holds_with(position: int, new_r: float, new_x: float) -> bool:
        r_then, x_then = r.copy(), x.copy()
        r_then[position], x_then[position] = new_r, new_x
        return _holds(one, r_then, x_then)

    enough: dict[int, bool] = {}
    for price, change, position, new_r, new_x in sorted(more, key=lambda option: option[:3]):
        if position not in enough:
            enough[position] = holds_with(position, *strongest[position])
        if enough[position] and holds_with(position, new_r, new_x):
            return _Relief("; ".join(dict.fromkeys([*changes, change])), cost + price)
    return None


def _holds(one: Way, r: F64, x: F64) -> bool:
    offers = one.offers
    chains = offers.chains(np.array([one.way]), changed=(r, x))
    if not bool(offers.keeps(chains)[0]):
        return False
    standing = offers.block.reckoned.standing
    return not standing.broken([offers.joining(one.way)], offers.load.reckoned_kva, changed=(r, x))


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
