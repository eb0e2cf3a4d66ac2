"""Pairs whose two routes share no corridor: the cheapest as a pair, not two cheapest put side by side.

Two routes share a corridor when both run along it, be it along different parts of it. The customer's own
corridors end at its door, so that one route may leave to the left and the other to the right; ways off
corridors and vertices may be shared.

Branch and bound. A node forbids some corridors to the first of a pair and some to the second; its cheapest
pair, whatever the two share, costs no more than any disjoint pair within it. Where that pair shares a
corridor, one of the two must do without it: two nodes more. Nodes are taken by cost, so the first pair that
shares nothing is the cheapest of all.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

import numpy as np

from gis_service.kernels.compiled import I64
from gis_service.planning.corridors import Ground
from gis_service.planning.cutting import cut
from gis_service.planning.layout import offers_of
from gis_service.planning.pairs import MOST_CHOICES, Independence, Pairs, origin_of, spared_by_two
from gis_service.planning.routes import joints
from gis_service.planning.search import Block, Choice, Load, Search

MOST_NODES = 120
"""Nodes that are looked at; beyond it the answer says that it may not be the best."""

_Parts = frozenset[int]


class _Offer(NamedTuple):
    """The best choice of a supply point, what it depends on, and the metres of each corridor on its route."""

    choice: Choice
    origin: Hashable
    along: dict[int, float]

    @property
    def group(self) -> tuple[str, str, int]:
        return self.choice.site.group


class _Offered:
    """The best choices without some corridors, cheapest first, worked out as far as they are asked for."""

    def __init__(self, search: Search, part: I64, independence: Independence) -> None:
        self._coming = search.best()
        self._part, self._independence = part, independence
        self._held: list[_Offer] = []
        self._seen = 0
        self.whole = True

    def get(self, k: int) -> _Offer | None:
        while len(self._held) <= k:
            if self._seen == MOST_CHOICES:
                self.whole = False
                return None
            choice = next(self._coming, None)
            if choice is None:
                return None
            self._seen += 1
            origin = origin_of(choice, self._independence)
            if origin is not None:
                self._held.append(_Offer(choice, origin, _along(choice, self._part)))
        return self._held[k]


class _Node(NamedTuple):
    """What is forbidden to the first and to the second, and the cheapest pair then."""

    forbidden: tuple[_Parts, _Parts]
    pair: tuple[_Offer, _Offer]

    @property
    def cost(self) -> float:
        return self.pair[0].choice.cost + self.pair[1].choice.cost


class _Question:
    """The blocks of a question with their corridors cut at the customer's door."""

    def __init__(self, blocks: Sequence[Block], load: Load, independence: Independence) -> None:
        self._load, self._independence = load, independence
        self._blocks = blocks
        ground, self.part = _at_the_door(blocks)
        self._joined = [
            [
                joints(
                    ground,
                    block.rules,
                    one.construction,
                    block.sites.metres,
                    one.joints.reach,
                )
                for one in block.routes
            ]
            for block in blocks
        ]
        self._offered: dict[_Parts, _Offered] = {}

    def offered(self, forbidden: _Parts) -> _Offered:
        if forbidden not in self._offered:
            shut = np.isin(self.part, np.array(sorted(forbidden), np.int64)) if forbidden else None
            blocks = [
                replace(block, routes=[one.routes(shut) for one in mine])
                for block, mine in zip(self._blocks, self._joined, strict=True)
            ]
            search = Search(offers_of(blocks, self._load))
            self._offered[forbidden] = _Offered(search, self.part, self._independence)
        return self._offered[forbidden]

    @property
    def whole(self) -> bool:
        return all(one.whole for one in self._offered.values())

    def node(self, forbidden: tuple[_Parts, _Parts], told: set[frozenset[Hashable]]) -> _Node | None:
        """The cheapest pair that is not told yet, whatever it shares; None without one."""
        one, other = (self.offered(some) for some in forbidden)
        best: _Node | None = None
        cheapest = other.get(0)
        i = 0
        while cheapest is not None and (first := one.get(i)) is not None:
            i += 1
            if best is not None and first.choice.cost + cheapest.choice.cost >= best.cost:
                break
            j = 0
            while (second := other.get(j)) is not None:
                j += 1
                if best is not None and first.choice.cost + second.choice.cost >= best.cost:
                    break
                if (
                    first.origin != second.origin
                    and frozenset((first.group, second.group)) not in told
                    and spared_by_two(first.choice, second.choice)
                ):
                    best = _Node(forbidden, (first, second))
                    break
        return best


def disjoint_pairs(blocks: Sequence[Block], load: Load, independence: Independence, k: int) -> Pairs:
    """The `k` cheapest pairs of supply points with different origins and routes that share no corridor."""
    question = _Question(blocks, load, independence)
    told: set[frozenset[Hashable]] = set()
    found: list[tuple[Choice, Choice]] = []
    waiting: list[tuple[float, int, _Node]] = []
    number = count()
    looked_at = {_either((frozenset(), frozenset()))}

    def consider(forbidden: tuple[_Parts, _Parts]) -> None:
        node = question.node(forbidden, told)
        if node is not None:
            heappush(waiting, (node.cost, next(number), node))

    consider((frozenset(), frozenset()))
    nodes = 0
    while waiting and len(found) < k:
        if nodes == MOST_NODES:
            found += _some(question, waiting, told, k - len(found))
            return Pairs(sorted(found, key=lambda pair: pair[0].cost + pair[1].cost), False)
        nodes += 1
        *_, node = heappop(waiting)
        first, second = node.pair
        pair = frozenset((first.group, second.group))
        shared = first.along.keys() & second.along.keys()
        if pair in told:
            consider(node.forbidden)
        elif not shared:
            found.append((first.choice, second.choice))
            told.add(pair)
            consider(node.forbidden)
        else:
            # what costs most to go round raises the bound most
            part = max(shared, key=lambda one: (first.along[one] + second.along[one], one))
            of_first, of_second = node.forbidden
            for onward in ((of_first | {part}, of_second), (of_first, of_second | {part})):
                if _either(onward) not in looked_at:
                    looked_at.add(_either(onward))
                    consider(onward)
    return Pairs(found, question.whole)


def _some(
    question: _Question, waiting: list[tuple[float, int, _Node]], told: set[frozenset[Hashable]], most: int
) -> list[tuple[Choice, Choice]]:
    """Disjoint pairs that need not be the cheapest: the second of a waiting pair goes round the first."""
    found: list[tuple[Choice, Choice]] = []
    for _ in range(most):
        if not waiting:
            break
        *_, node = heappop(waiting)
        first, (_, forbidden) = node.pair[0], node.forbidden
        other = question.offered(forbidden | first.along.keys())
        j = 0
        while (second := other.get(j)) is not None:
            j += 1
            pair = frozenset((first.group, second.group))
            if (
                first.origin != second.origin
                and pair not in told
                and spared_by_two(first.choice, second.choice)
            ):
                told.add(pair)
                found.append((first.choice, second.choice))
                break
    return found


def _either(forbidden: tuple[_Parts, _Parts]) -> frozenset[_Parts]:
    """Which of the two is called the first makes no difference."""
    return frozenset(forbidden)


def _along(choice: Choice, part: I64) -> dict[int, float]:
    """The corridors of a choice's route, by part, and their metres."""
    found: dict[int, float] = {}
    for one in choice.offers.routes.stretches(choice.way):
        key = int(part[one.edge])
        found[key] = found.get(key, 0.0) + one.length_m
    return found


def _at_the_door(blocks: Sequence[Block]) -> tuple[Ground, I64]:
    """The corridors cut where the customer meets them, and the part that each edge belongs to."""
    routes = [one for block in blocks for one in block.routes]
    ground = routes[0].ground
    edges = np.concatenate([one.start.edge for one in routes])
    at = np.concatenate([one.start.at for one in routes])
    made = cut(ground, edges, at)
    # pieces of a corridor are one part unless a door lies between them
    doors = np.unique(np.column_stack([ground.corridor[edges], ground.begin[edges] + at]), axis=0)
    before = [
        int(np.count_nonzero((doors[:, 0] == corridor) & (doors[:, 1] <= begin + 1e-6)))
        for corridor, begin in zip(made.corridor.tolist(), made.begin.tolist(), strict=True)
    ]
    _, part = np.unique(np.column_stack([made.corridor, before]), axis=0, return_inverse=True)
    return made, part.ravel().astype(np.int64)
