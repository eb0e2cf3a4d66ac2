"""The best schemes of small questions are those that listing every scheme finds, cost for cost."""

from __future__ import annotations

from itertools import islice

import pytest

from tests.planning.enumeration import Found, every_scheme
from tests.planning.small import random_question

INSTANCES = 1000
BATCHES = 10


@pytest.mark.parametrize("batch", range(BATCHES))
def test_the_best_schemes_are_those_of_listing_every_one(batch: int) -> None:
    empty = 0
    for seed in range(batch * INSTANCES // BATCHES, (batch + 1) * INSTANCES // BATCHES):
        question = random_question(seed)
        cheapest: dict[tuple[str, str, int], Found] = {}
        for one in every_scheme(question.blocks, question.rules, question.load):
            held = cheapest.get(one.group)
            if held is None or one.cost < held.cost:
                cheapest[one.group] = one
        expected = sorted(one.cost for one in cheapest.values())[:4]
        found = [choice.cost for choice in islice(question.search.best(), 4)]
        assert found == pytest.approx(expected, rel=1e-9), seed
        empty += not expected
    assert empty < 0.6 * INSTANCES / BATCHES  # the questions are not all impossible
