"""Where there is no pair, the reason told is that of listing every scheme."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from gis_service.planning.disjoint import disjoint_pairs
from gis_service.planning.no_pairs import WEAKER, why_no_pairs
from gis_service.planning.pairs import Independence, best_pairs
from tests.planning.enumeration import Found, origin
from tests.planning.listed import INDEPENDENCES, apart_costs, listed, pair_costs
from tests.planning.small import Question, random_question

NAMES = {
    "feeder": {"m0": "F1", "p0": "F2", "q0": "F3", "r0": "F4"},
    "busbar": {"b1": "TB1", "b2": "TB2", "h2": "S2", "h1": "S1"},
    "substation": {"ST1": "ST1", "ST2": "ST2"},
}
"""What the oracle tells an origin by, and what the grids of `small` call it."""


def told_by(question: Question, independence: Independence, origin: object) -> str:
    if isinstance(origin, int):  # a bay
        return str(question.topology.tables.nodes.id[origin])
    return NAMES[independence][str(origin)]


APART_ONLY = (62, 219)
"""Of the first 400, the seeds whose pairs cannot be kept apart."""


def test_the_reason_is_that_of_listing_every_scheme() -> None:
    seen: Counter[str] = Counter()
    for seed in range(80):
        question = random_question(seed, stations=seed % 2 == 0)
        schemes = listed(question)
        for independence in INDEPENDENCES:
            if not pair_costs(question, schemes, independence):
                told = why_no_pairs(
                    question.search, question.blocks, independence, disjoint=False, whole=True
                )
                assert best_pairs(question.search.best(), independence, 1).pairs == []
                seen[told["limit"]] += 1
                if schemes:
                    assert_one_origin(question, schemes, independence, told, seen)
                else:
                    assert (told["limit"], told["shared"], told["nearest"]) == ("no_scheme", [], None)
    kinds = ("no_scheme", "same_origin", "another in sight", "none in sight", "possible with less")
    assert all(seen[one] > 0 for one in kinds), seen


def assert_one_origin(
    question: Question,
    schemes: list[Found],
    independence: Independence,
    told: dict[str, Any],
    seen: Counter[str],
) -> None:
    """All that holds has one origin, which is named, with what is nearest of another one."""
    tables, rules, detail = question.topology.tables, question.rules, told["detail"]
    (common,) = {origin(tables, rules, one.site, independence) for one in schemes}
    named = told_by(question, independence, common)
    assert (told["limit"], told["shared"]) == ("same_origin", [named])
    assert f"on {independence} {named!r}" in detail
    others = [
        (float(block.sites.distance[place]), block.sites.site(place).id)
        for block in question.blocks
        for place in range(len(block.sites))
        if origin(tables, rules, block.sites.site(place), independence) != common
    ]
    if others:
        seen["another in sight"] += 1
        assert told["nearest"]["attach"]["id"] == min(others)[1]
        assert f"fails by {told['nearest']['limit']}" in detail
    else:
        seen["none in sight"] += 1
        assert told["nearest"] is None
        assert "raise rules.limits.reach_m" in detail
    possible = [one for one in WEAKER[independence] if pair_costs(question, schemes, one)]
    assert ("there is a pair for" in detail) == bool(possible)
    if possible:
        seen["possible with less"] += 1
        cost = pair_costs(question, schemes, possible[0])[0]
        assert f"with independence {possible[0]!r} there is a pair for {cost:,.0f}" in detail


@pytest.mark.parametrize("seed", APART_ONLY)
def test_routes_that_cannot_be_kept_apart_name_the_corridors_they_share(seed: int) -> None:
    question = random_question(seed, stations=True)
    schemes = listed(question)
    together = pair_costs(question, schemes, "feeder")
    assert apart_costs(question, schemes, "feeder") == []
    found = disjoint_pairs(question.blocks, question.load, "feeder", 1)
    assert (found.pairs, found.whole) == ([], True)
    told = why_no_pairs(question.search, question.blocks, "feeder", disjoint=True, whole=True)
    assert told["limit"] == "shared_corridors"
    assert told["shared"]
    assert set(told["shared"]) <= set(question.ground.id.tolist())
    assert f"the cheapest such pair, for {together[0]:,.0f}, shares" in told["detail"]
    assert "without `disjoint`" in told["detail"]
