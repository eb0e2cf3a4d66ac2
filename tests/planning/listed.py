"""What listing every scheme of a small question says is best: single schemes, pairs, pairs of routes apart.

The oracle of `Search.best`, `best_pairs` and `disjoint_pairs`: every scheme that `enumeration` accepts, and
every two of them that differ in origin, one by one.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from math import inf

from gis_service.planning.pairs import Independence
from tests.planning.enumeration import Found, Part, every_scheme, origin
from tests.planning.small import Question

INDEPENDENCES: tuple[Independence, ...] = ("feeder", "busbar", "substation")

Group = tuple[str, str, int]


def listed(question: Question, *, beside_others: bool = True) -> list[Found]:
    """All schemes that keep every limit, those of others as well where these count."""
    return list(every_scheme(question.blocks, question.rules, question.load, beside_others=beside_others))


def cheapest(question: Question) -> list[Found]:
    """The cheapest scheme of every supply point, cheapest first."""
    return cheapest_of(listed(question))


def cheapest_of(schemes: Iterable[Found]) -> list[Found]:
    """Of some schemes the cheapest of every supply point, cheapest first."""
    held: dict[Group, Found] = {}
    for one in schemes:
        if one.group not in held or one.cost < held[one.group].cost:
            held[one.group] = one
    return sorted(held.values(), key=lambda one: one.cost)


def pair_costs(question: Question, schemes: list[Found], independence: Independence) -> list[float]:
    """Costs of all pairs of supply points that differ in origin, cheapest first."""
    some = cheapest_of(schemes)
    return sorted(some[a].cost + some[b].cost for a, b in _independent(question, some, independence))


def apart_costs(question: Question, schemes: list[Found], independence: Independence) -> list[float]:
    """The same for pairs whose routes share no corridor: of every two points the cheapest such routes."""
    held: dict[tuple[Group, frozenset[Part]], Found] = {}
    for one in schemes:
        key = one.group, one.parts
        if key not in held or one.cost < held[key].cost:
            held[key] = one
    some = list(held.values())
    best: dict[frozenset[Group], float] = {}
    for a, b in _independent(question, some, independence):
        if not some[a].parts & some[b].parts:
            groups = frozenset((some[a].group, some[b].group))
            best[groups] = min(best.get(groups, inf), some[a].cost + some[b].cost)
    return sorted(best.values())


def _independent(
    question: Question, some: list[Found], independence: Independence
) -> Iterable[tuple[int, int]]:
    tables = question.topology.tables
    origins = [origin(tables, question.rules, one.site, independence) for one in some]
    return ((a, b) for a, b in combinations(range(len(some)), 2) if origins[a] != origins[b])
