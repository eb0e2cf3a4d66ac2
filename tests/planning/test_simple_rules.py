"""A scheme is never dearer than what the rules of other tools find, on the demo grid and on SimBench's.

The rules are those of `benchmarks.planning_rules`, which tells by how much they are dearer on average:
nearest bus, nearest line, first that fits. They choose among the same places at the same prices, each by its
own short-cut, and keep the same limits.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.planning_grid import planning_scene
from benchmarks.planning_rules import RULES, compare, grids
from gis_service.ingest.package import GridPackage

QUESTIONS = 60


@pytest.mark.parametrize(("name", "package"), [pytest.param(*grid, id=grid[0]) for grid in grids()])
def test_a_scheme_is_never_dearer_than_a_simple_rule(name: str, package: Callable[[], GridPackage]) -> None:
    compared = compare(*planning_scene(package()), QUESTIONS)
    answered = [one for one in compared if one.best is not None]
    assert len(answered) > QUESTIONS / 2
    dearer = 0
    for one in compared:
        for found in one.rules:
            if found is not None:  # where a rule finds something, so does the search
                assert one.best is not None, name
                assert one.best <= found * (1 + 1e-9)
                dearer += found > one.best * (1 + 1e-6)
    assert dearer > 0  # the rules do lose something
    by_rule = [[one.rules[k] is not None for one in answered] for k in range(len(RULES))]
    assert all(np.any(found) for found in by_rule)
