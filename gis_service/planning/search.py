"""The joint choice of place, route and conductor: every combination priced, screened, and proved in turn.

A combination is *screened* by what can be said without a power flow: loading, radius, and a linear fall of
voltage, which is never more than the true one. What is left is taken in the order of cost and *proved* by the
exact voltages along its supply path; the first that holds for a supply point, and breaks no limit of those
admitted before (`standing`), is the cheapest there, so what comes out is the true optimum over the declared
places, routes and conductors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from gis_service.kernels.chains import Chains
from gis_service.kernels.compiled import B1, F64, I64
from gis_service.planning.areas import NOWHERE, Areas
from gis_service.planning.corridors import Ground
from gis_service.planning.cutting import within
from gis_service.planning.reckoned import Reckoned
from gis_service.planning.routes import Routes, find_routes
from gis_service.planning.rules.book import Conductor, Level, Rules, Transformer
from gis_service.planning.sites import KINDS, Site, Sites
from gis_service.planning.standing import Joining

SLACK = 1e-9
"""What a sum of floats may miss a limit by."""

_PROVED_AT_ONCE = 32


@dataclass(frozen=True)
class Load:
    """What a customer asks for: `kva` on some phases (a mask of `phase_count` letters)."""

    kva: float
    phases: int

    @property
    def phase_count(self) -> int:
        """How many of A, B and C."""
        return self.phases.bit_count()

    @property
    def reckoned_kva(self) -> float:
        """The three-phase load that burdens each phase as much as this one burdens its own."""
        return self.kva * 3.0 / self.phase_count


@dataclass(frozen=True, eq=False)
class Block:
    """One level: its places in the supplied grid, and the routes to them by construction.

    rules : of the question; the supply is reckoned with their limits and shared by questions of other prices
    ground : the corridors as they are, whatever areas the routes keep to
    """

    rules: Rules
    level: Level
    sites: Sites
    reckoned: Reckoned
    routes: list[Routes]
    transformer: Transformer | None
    ground: Ground

    @property
    def areas(self) -> Areas:
        """What the routes keep to."""
        return self.routes[0].ground.areas if self.routes else NOWHERE

    @cached_property
    def anywhere(self) -> list[Routes]:
        """The routes as they would be without areas."""
        return self._within(NOWHERE) if self.areas else self.routes

    @cached_property
    def past_nothing(self) -> list[Routes]:
        """The routes as they would be with nothing to pass."""
        return self._within(Areas(self.areas.avoid)) if self.areas.must_pass else self.routes

    def shortest_m(self, places: I64) -> float | None:
        """Metres of the shortest way to one of some places, beyond the reach as well; None without one.

        Where areas are to be passed it is not asked for: None.
        """
        if self.areas.must_pass:
            return None
        least = min((one.joints.shortest_m(places) for one in self.routes), default=np.inf)
        return float(least) if np.isfinite(least) else None

    def _within(self, areas: Areas) -> list[Routes]:
        ground, rules = within(self.ground, areas), self.rules
        return [
            find_routes(ground, rules, one.construction, self.sites.metres, one.joints.reach)
            for one in self.routes
        ]


class Limit(NamedTuple):
    """A limit, what stands against it, and whether it is kept; arrays by combination."""

    name: str
    value: F64
    allowed: float
    kept: B1


@dataclass(frozen=True, eq=False)
class Offers:
    """All ways to connect at the places of one block along one construction with one conductor.

    place : int64 (n,), of each way the place; the ways are the arrivals of `routes`, in order
    """

    block: Block
    routes: Routes
    conductor: Conductor
    load: Load

    @cached_property
    def place(self) -> I64:
        """The place of each way."""
        counts = np.diff(self.routes.found.first)
        return np.repeat(np.arange(counts.size), counts)

    @property
    def rules(self) -> Rules:
        """The rule book."""
        return self.block.rules

    @cached_property
    def at(self) -> I64:
        """Position in the tree of each way's place."""
        return self.block.sites.at[self.place]

    @cached_property
    def portion(self) -> F64:
        """Portion of the edge that leads there."""
        return self.block.sites.portion[self.place]

    @cached_property
    def kv(self) -> F64:
        """Base voltage of each way's line."""
        return self.block.reckoned.tree.kv[self.at]

    @cached_property
    def cost(self) -> F64:
        """What each way costs in all."""
        attach = np.array([getattr(self.rules.attach_cost, one) for one in KINDS])
        own = self.block.transformer.cost if self.block.transformer is not None else 0.0
        found, conductor = self.routes.found, self.conductor
        cost: F64 = (
            found.cost + conductor.cost_per_m * found.length + attach[self.block.sites.kind[self.place]] + own
        )
        return cost

    @cached_property
    def r(self) -> F64:
        """Resistance of each new line, per unit on 1 MVA."""
        r: F64 = self.conductor.r_ohm_per_km / 1000.0 * self.routes.found.length / self.kv**2
        return r

    @cached_property
    def x(self) -> F64:
        """Reactance of each new line, per unit on 1 MVA."""
        x: F64 = self.conductor.x_ohm_per_km / 1000.0 * self.routes.found.length / self.kv**2
        return x

    @cached_property
    def limits(self) -> list[Limit]:
        """What can be said without a power flow; voltages are at their best."""
        reckoned, level, kva = self.block.reckoned, self.block.level, self.load.reckoned_kva
        limits, at = self.rules.limits, self.at
        room, _ = reckoned.room
        current = kva / (np.sqrt(3.0) * self.kv)
        most = self.conductor.rated_current_a * limits.line_loading
        tree = reckoned.tree
        beyond = np.where(self.portion < 1.0, (1.0 - self.portion) * tree.length_m[at], 0.0)
        radius = reckoned.radius_m[at] - beyond + self.routes.found.length
        new = (self.r * reckoned.cosine + self.x * reckoned.sine) * kva / 1000.0
        held = reckoned.held[at]
        drop = 100.0 * (reckoned.level_fall.after(tree, at, self.portion, kva) + new) / held
        lowest = held - (reckoned.fall.after(tree, at, self.portion, kva) + new) / held
        allowed_m, allowed_drop = limits.radius_m(level), limits.voltage_drop_percent.of(level)
        allowed_pu = limits.lowest_pu.of(level)
        return [
            Limit("loading", room[at], kva, room[at] >= kva - SLACK * max(kva, 1.0)),
            Limit("conductor_current", current, most, current <= most * (1 + SLACK)),
            Limit("supply_radius", radius, allowed_m, radius <= allowed_m + 1e-6),
            Limit("voltage_drop", drop, allowed_drop, drop <= allowed_drop + 1e-6),
            Limit("lowest_voltage", lowest, allowed_pu, lowest >= allowed_pu - 1e-8),
        ]

    @cached_property
    def screened(self) -> I64:
        """Ways that no limit has refused yet."""
        kept = np.ones(self.place.size, np.bool_)
        for one in self.limits:
            kept &= one.kept
        return np.flatnonzero(kept)

    def chains(self, ways: I64, *, changed: tuple[F64, F64] | None = None) -> Chains:
        """The exact voltages of some ways; `changed` as in `Reckoned.chains`."""
        kva = self.load.reckoned_kva
        return self.block.reckoned.chains(
            self.at[ways], self.portion[ways], kva, kva, self.r[ways], self.x[ways], changed=changed
        )

    def holds(self, ways: I64, chains: Chains) -> B1:
        """Which of some proved ways keep the limits of voltage, the customer's and those of all others."""
        kept = self.keeps(chains)
        for row in np.flatnonzero(kept).tolist():
            kept[row] = self.spares(int(ways[row]), chains, row)
        return kept

    def spares(self, way: int, chains: Chains, row: int) -> bool:
        """Whether everybody who was admitted before keeps his limits of voltage beside a proved way."""
        standing = self.block.reckoned.standing
        return standing.spares(self.joining(way), self.load.reckoned_kva, float(chains.spare[row]))

    def joining(self, way: int) -> Joining:
        """Where a way joins the grid, and its line."""
        return Joining(int(self.at[way]), float(self.portion[way]), float(self.r[way]), float(self.x[way]))

    def keeps(self, chains: Chains) -> B1:
        """Which of some proved ways keep the customer's own limits of voltage."""
        limits, level = self.rules.limits, self.block.level
        drop = 100.0 * (chains.level - chains.end)
        kept: B1 = (chains.end > 0.0) & (drop <= limits.voltage_drop_percent.of(level) + SLACK)
        return kept & (chains.end >= limits.lowest_pu.of(level) - SLACK)


class Choice(NamedTuple):
    """One way, proved: `way` of `offers`, with the row of its voltages in `chains`."""

    offers: Offers
    way: int
    chains: Chains
    row: int

    @property
    def cost(self) -> float:
        """In all."""
        return float(self.offers.cost[self.way])

    @property
    def place(self) -> int:
        """The place in its block."""
        return int(self.offers.place[self.way])

    @property
    def site(self) -> Site:
        """The place."""
        return self.offers.block.sites.site(self.place)

    @property
    def at(self) -> int:
        """Position of the place in the tree."""
        return int(self.offers.at[self.way])

    @property
    def joining(self) -> Joining:
        """Where it joins the grid, and its line."""
        return self.offers.joining(self.way)


@dataclass(frozen=True, eq=False)
class Search:
    """All offers of one question, cheapest first on demand."""

    offers: list[Offers]

    @cached_property
    def in_order(self) -> tuple[I64, I64]:
        """Screened ways of all offers by cost, then place, conductor and length: which offers, which way."""
        none = np.empty(0, np.int64)
        of = np.concatenate([none, *(np.full(o.screened.size, k) for k, o in enumerate(self.offers))])
        way = np.concatenate([none, *(o.screened for o in self.offers)])
        cost = np.concatenate([np.empty(0), *(o.cost[o.screened] for o in self.offers)])
        place = np.concatenate([none, *(o.place[o.screened] for o in self.offers)])
        order = np.lexsort((way, of, place, cost))
        return of[order].astype(np.int64), way[order].astype(np.int64)

    def best(self) -> Iterator[Choice]:
        """The cheapest proved choice of every supply point, cheapest first."""
        of, way = self.in_order
        blocks = list({id(one.block): one.block for one in self.offers}.values())
        number = [next(k for k, block in enumerate(blocks) if block is one.block) for one in self.offers]
        groups = [one.block.sites.group[one.place] for one in self.offers]
        done = [np.zeros(len(block.sites), np.bool_) for block in blocks]
        for first in range(0, of.size, _PROVED_AT_ONCE):
            proved: dict[int, Chains] = {}
            some = of[first : first + _PROVED_AT_ONCE]
            ways = way[first : first + _PROVED_AT_ONCE]
            row = np.zeros(some.size, np.int64)
            holds = np.zeros(some.size, np.bool_)
            for k in np.unique(some).tolist():
                mine = np.flatnonzero(some == k)
                mine = mine[~done[number[k]][groups[k][ways[mine]]]]
                if mine.size:
                    chains = self.offers[k].chains(ways[mine])
                    row[mine], holds[mine] = np.arange(mine.size), self.offers[k].keeps(chains)
                    proved[k] = chains
            for one in np.flatnonzero(holds).tolist():
                k, its_way = int(some[one]), int(ways[one])
                group = groups[k][its_way]
                if not done[number[k]][group] and self.offers[k].spares(its_way, proved[k], int(row[one])):
                    done[number[k]][group] = True
                    yield Choice(self.offers[k], its_way, proved[k], int(row[one]))
