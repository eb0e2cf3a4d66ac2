"""The best pairs of small questions are those that trying every pair finds, cost for cost.

Each question has two substations; one of them has two busbars, and one of these two feeders, so that the
three kinds of independence ask for three different things. `make soak ARGS=schemes` does the same with as
many questions as one likes.
"""

from __future__ import annotations

from collections import Counter

import pytest

from gis_service.planning.areas import NOWHERE
from gis_service.planning.disjoint import disjoint_pairs
from gis_service.planning.pairs import best_pairs
from tests.planning.listed import INDEPENDENCES, apart_costs, listed, pair_costs
from tests.planning.small import random_areas, random_question

BATCHES = 4
INSTANCES = 500
APART = 200


@pytest.mark.parametrize("batch", range(BATCHES))
def test_the_best_pairs_are_those_of_trying_every_pair(batch: int) -> None:
    some: Counter[str] = Counter()
    dearer: Counter[str] = Counter()
    for seed in range(batch * INSTANCES // BATCHES, (batch + 1) * INSTANCES // BATCHES):
        question = random_question(seed, stations=True, crowded=seed % 3 == 0)
        schemes = listed(question)
        before = 0.0
        for independence in INDEPENDENCES:
            expected = pair_costs(question, schemes, independence)
            found = best_pairs(question.search.best(), independence, 3)
            assert found.whole
            costs = [a.cost + b.cost for a, b in found.pairs]
            assert costs == pytest.approx(expected[:3], rel=1e-9), (seed, independence)
            if expected:
                some[independence] += 1
                dearer[independence] += expected[0] > before + 1
                before = expected[0]
    assert all(some[one] > 0.2 * INSTANCES / BATCHES for one in INDEPENDENCES), some
    assert all(dearer[one] > 0 for one in INDEPENDENCES), dearer  # each asks for more than the one before


@pytest.mark.parametrize("batch", range(BATCHES))
@pytest.mark.parametrize("with_areas", [False, True])
def test_the_best_disjoint_pairs_are_those_of_trying_every_pair_of_routes(
    batch: int, with_areas: bool
) -> None:
    found_any = dearer = 0
    for seed in range(batch * APART // BATCHES, (batch + 1) * APART // BATCHES):
        areas = random_areas(seed) if with_areas else NOWHERE
        question = random_question(seed, stations=True, areas=areas)
        schemes = listed(question)
        for independence in INDEPENDENCES:
            expected = apart_costs(question, schemes, independence)
            found = disjoint_pairs(question.blocks, question.load, independence, 3)
            assert found.whole, seed
            costs = [a.cost + b.cost for a, b in found.pairs]
            assert costs == pytest.approx(expected[:3], rel=1e-9), (seed, independence)
            found_any += bool(expected)
            dearer += bool(expected) and expected[0] > pair_costs(question, schemes, independence)[0] + 1
    assert found_any > 0
    assert dearer > 0
