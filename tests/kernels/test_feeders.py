"""The present state of all feeders at once against sweeps over each alone, and shares against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis_service.kernels.feeders import Feeders, feeders_at_work, shares_drawn, voltages_held
from gis_service.kernels.powerflow import radial_flow

LINE, TRANSFORMER, SOURCE = 0, 2, 3


@given(
    st.lists(st.integers(0, 2000), min_size=1, max_size=30),
    st.lists(st.tuples(st.integers(1, 400), st.floats(0.01, 0.5)), max_size=6),
)
def test_shares_are_those_of_numpy(customers: list[int], steps: list[tuple[int, float]]) -> None:
    at = np.cumsum([1, *(more for more, _ in steps)]).astype(np.float64)
    factors = np.cumprod([1.0, *(1.0 - less for _, less in steps)]).astype(np.float64)
    counted = np.array(customers, np.int64)
    now, after = shares_drawn(counted, at, factors)
    assert now == pytest.approx(np.interp(np.maximum(counted, 1), at, factors), rel=1e-12)
    assert after == pytest.approx(np.interp(counted + 1, at, factors), rel=1e-12)


@given(st.integers(0, 10_000))
def test_all_feeders_at_once_are_each_of_them_alone(seed: int) -> None:
    draw = np.random.default_rng(seed)
    n = int(draw.integers(2, 40))
    parent = np.array([-1, *(int(draw.integers(max(0, k - 4), k)) for k in range(1, n))], np.int32)
    kind = np.where(parent == 0, SOURCE, np.where(draw.random(n) < 0.15, TRANSFORMER, LINE)).astype(np.int64)
    kind[0] = -1
    kv = draw.choice([10.0, 110.0], n)
    source_pu = np.where(kind == SOURCE, draw.uniform(0.98, 1.05, n), np.nan)
    regulated, holding, begins, held = voltages_held(parent, kind, TRANSFORMER, kv, source_pu, 35.0, 1.02)
    own = np.where(draw.random(n) < 0.4, draw.uniform(0.001, 0.02, n), 0.0)
    load = own.copy()
    for k in range(n - 1, 0, -1):
        load[parent[k]] += load[k]
    r, x = draw.uniform(0, 0.02, n), draw.uniform(0, 0.02, n)
    cosine, sine = 0.9, float(np.sqrt(1 - 0.81))
    found = Feeders(*feeders_at_work(parent, holding, held, r, x, load, cosine, sine))
    assert found.settled
    below = np.zeros(n, np.complex128)
    for begin in range(1, n):
        above = parent[begin]
        feeds = kind[begin] == SOURCE
        steps = kind[begin] == TRANSFORMER and kv[above] > 35.0
        assert (regulated[begin], holding[begin]) == (steps, feeds or steps)
        if not holding[begin]:
            assert begins[begin] == begins[above]
            continue
        assert held[begin] == (source_pu[begin] if feeds else 1.02)
        mine = [begin]
        for k in range(begin + 1, n):
            if parent[k] in mine and not holding[k]:
                mine.append(k)
        number = {k: j for j, k in enumerate(mine)}
        # what hangs behind another tap changer is a load here
        taken = np.array([load[k] - sum(load[c] for c in mine[1:] if parent[c] == k) for k in mine])
        flow = radial_flow(
            np.array([-1, *(number[int(parent[k])] for k in mine[1:])], np.int32),
            (r + 1j * x)[mine],
            (taken * complex(cosine, sine)).astype(np.complex128),
            source=complex(held[begin]),
            tolerance=1e-13,
        )
        assert flow.rounds
        assert found.volts[mine] == pytest.approx(flow.voltage, abs=1e-8)
        loss = (r + 1j * x)[mine] * np.abs(flow.current) ** 2
        loss[0] = 0.0
        assert found.edge_loss[mine] == pytest.approx(loss, abs=1e-8)
        size = np.abs(flow.voltage)
        for j in range(len(mine) - 1, -1, -1):
            under = [c for c in range(len(mine)) if j in _way(mine, parent, number, c)]
            assert found.deepest[mine[j]] == pytest.approx(size[j] - size[under].min(), abs=1e-7)
            below[mine[j]] = loss[under].sum() - loss[j]
        assert found.below_loss[mine] == pytest.approx(below[mine], abs=1e-8)


def _way(mine: list[int], parent: np.ndarray, number: dict[int, int], c: int) -> list[int]:
    """Numbers of the positions from one up to the beginning of its feeder."""
    way = [c]
    while way[-1]:
        way.append(number[int(parent[mine[way[-1]]])])
    return way


def test_more_than_can_be_supplied_does_not_settle() -> None:
    parent = np.array([-1, 0, 1], np.int32)
    holding, held = np.array([False, True, False]), np.ones(3)
    z = np.array([0.0, 0.0, 0.1])
    load = np.array([3.0, 3.0, 3.0])
    assert not Feeders(*feeders_at_work(parent, holding, held, np.zeros(3), z, load, 0.0, 1.0)).settled
