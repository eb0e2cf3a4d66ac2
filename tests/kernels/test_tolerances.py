"""How far places may fall, by walking: from everybody who has a limit up to whoever he hangs on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis_service.kernels.tolerances import MOST_GROWTH, Tolerances, tolerances


def by_walking(
    parent: list[int], holding: list[bool], transformer: list[bool], lowest: list[float], drop: list[float]
) -> dict[tuple[int, int], float]:
    """(place, the child he comes from or the place itself) → the least that anybody there tolerates."""
    found: dict[tuple[int, int], float] = {}
    for who in range(1, len(parent)):
        at, behind, within = who, who, False
        while True:
            growth = MOST_GROWTH - 1 if within else MOST_GROWTH
            tolerated = min(lowest[who] / MOST_GROWTH, drop[who] / growth)
            found[at, behind] = min(found.get((at, behind), np.inf), tolerated)
            if at == 0 or holding[at]:
                break
            within = within or transformer[at]
            at, behind = parent[at], at
    return found


@given(st.data())
def test_tolerances_are_those_of_walking(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 14))
    parent = [-1, *(data.draw(st.integers(0, k - 1)) for k in range(1, n))]
    room = st.sampled_from([np.inf, *(0.001 * 1.37**k for k in range(12))])
    holding, transformer = (
        [False, *(data.draw(st.integers(0, 4)) == 0 for _ in range(1, n))] for _ in range(2)
    )
    lowest, drop = ([np.inf, *(data.draw(room) for _ in range(1, n))] for _ in range(2))
    found = Tolerances(
        *tolerances(
            np.array(parent, np.int32),
            np.array(holding),
            np.array(transformer),
            np.array(lowest),
            np.array(drop),
        )
    )
    expected = by_walking(parent, holding, transformer, lowest, drop)
    for at in range(1, n):
        children = sorted(
            (expected[at, k], k) for k in range(1, n) if parent[k] == at and (at, k) in expected
        )
        some = [value for value, _ in children if np.isfinite(value)]
        assert found.here[at] == pytest.approx(expected[at, at])
        assert found.least[at] == pytest.approx(some[0] if some else np.inf)
        assert found.second[at] == pytest.approx(some[1] if len(some) > 1 else np.inf)
        if some:
            child = int(found.least_child[at])
            assert expected[at, child] == pytest.approx(some[0])


def test_a_second_transformer_above_changes_nothing() -> None:
    # 1 ─(2)─(3)─ 4
    assert of_a_line([2, 3]).least.tolist() == pytest.approx([np.inf, 0.006, 0.006, 0.002, np.inf])


def test_a_drop_behind_a_transformer_counts_by_what_it_grows() -> None:
    # 1 ─ 2 ─(3)─ 4: who keeps 0.3 % behind the transformer tolerates 0.6 % before it, and 0.2 % behind it
    found = of_a_line([3])
    assert found.here[4] == pytest.approx(0.002)
    assert found.least.tolist() == pytest.approx([np.inf, 0.006, 0.006, 0.002, np.inf])
    assert found.least_child.tolist() == [-1, 2, 3, 4, -1]


def of_a_line(transformers: list[int]) -> Tolerances:
    """Four positions in series, the first held; at the last 0.3 % more of a drop are tolerated."""
    transformer = np.zeros(5, np.bool_)
    transformer[transformers] = True
    drop = np.array([np.inf, np.inf, np.inf, np.inf, 0.003])
    holding = np.array([False, True, False, False, False])
    parent = np.array([-1, 0, 1, 2, 3], np.int32)
    return Tolerances(*tolerances(parent, holding, transformer, np.full(5, np.inf), drop))
