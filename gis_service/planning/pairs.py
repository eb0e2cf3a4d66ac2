"""Two supplies that do not fail together: the cheapest pairs of schemes with the independence asked for.

Each of the two carries the whole load. What lies behind one feeder, one tap changer or one substation is the
same for every place of a supply point, so the cheapest pair is one of cheapest schemes, and these come
cheapest first: the search ends when no later one could still be part of a better pair.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Literal, NamedTuple

import numpy as np

from gis_service.kernels.radial import way_up
from gis_service.planning.explain import element_id
from gis_service.planning.search import Block, Choice
from gis_service.planning.sites import BAY
from gis_service.planning.supply_tree import SWITCH

Independence = Literal["feeder", "busbar", "substation"]

MOST_CHOICES = 500
"""Supply points that are looked at, the cheapest first."""


class Pairs(NamedTuple):
    """Pairs, cheapest first; `whole` is false where the search was broken off."""

    pairs: list[tuple[Choice, Choice]]
    whole: bool


def best_pairs(best: Iterable[Choice], independence: Independence, k: int) -> Pairs:
    """The `k` cheapest pairs of choices with different origins; those without a known origin take no part.

    Parameters
    ----------
    best
        The best choice of every supply point, cheapest first.
    """
    held: list[tuple[Choice, Hashable]] = []
    found: list[tuple[float, int, int]] = []
    for seen, choice in enumerate(best):
        if len(found) >= k and held and choice.cost + held[0][0].cost >= found[k - 1][0]:
            return Pairs([(held[a][0], held[b][0]) for _, a, b in found[:k]], True)
        if seen == MOST_CHOICES:
            return Pairs([(held[a][0], held[b][0]) for _, a, b in found[:k]], False)
        origin = origin_of(choice, independence)
        if origin is None:
            continue
        here = len(held)
        for there, (other, others) in enumerate(held):
            if others != origin and spared_by_two(other, choice):
                found.append((other.cost + choice.cost, there, here))
        held.append((choice, origin))
        found.sort()
        del found[k:]
    return Pairs([(held[a][0], held[b][0]) for _, a, b in found[:k]], True)


def spared_by_two(one: Choice, other: Choice) -> bool:
    """Whether those admitted before keep their limits beside two supplies of one customer, as beside each."""
    reckoned, load = one.offers.block.reckoned, one.offers.load
    return reckoned.standing.spared_by_two(one.joining, other.joining, load.reckoned_kva)


def origin_of(choice: Choice, independence: Independence) -> Hashable:
    """What a choice depends on at that height; None where the grid does not tell.

    The feeder is its head switch, or a bay of its own; the busbar is the transformer with the tap changer, or
    the source, that holds its voltage; the substation is the one that its feeder leaves.
    """
    return origin_at(choice.offers.block, choice.place, independence)


def origin_at(block: Block, place: int, independence: Independence) -> Hashable:
    """The same of a place of a block, whether it holds or not."""
    reckoned, sites = block.reckoned, block.sites
    tree, at = reckoned.tree, int(sites.at[place])
    head = int(tree.head[at])
    if independence == "feeder":
        if sites.kind[place] == BAY:
            return "bay", int(sites.node[place])
        return ("head", head) if head >= 0 else None
    if independence == "busbar":
        begin = int(reckoned.begins[at])
        return begin if begin >= 0 else None
    way = way_up(tree.parent, at)
    if head >= 0:
        way = way[: int(np.flatnonzero(way == head)[0]) + 1]
    named = [one for one in tree.topology.tables.nodes.substation_id[tree.node[way]].tolist() if one]
    if not named:
        return None
    return str(named[-1] if head >= 0 else named[0])


def origin_named(block: Block, place: int, independence: Independence) -> str:
    """The id of what a place depends on: a feeder, a bay's node, a transformer or source, a substation."""
    tree = block.reckoned.tree
    tables, at = tree.topology.tables, int(block.sites.at[place])
    if independence == "substation":
        return str(origin_at(block, place, independence))
    if independence == "busbar":
        return element_id(tree, int(block.reckoned.begins[at]))
    if block.sites.kind[place] == BAY:
        return str(tables.nodes.id[block.sites.node[place]])
    head = tree.rows(SWITCH, np.array([tree.head[at]], np.int64))
    return str(tables.switches.feeder_id[head[0]])
