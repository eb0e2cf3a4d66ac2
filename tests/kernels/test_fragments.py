"""Supply before and after a change, by cutting a forest; expected from a plain search over each world.

The networks are random multigraphs with self-loops, parallel edges, unknown ends, islands, edges of one or
two phases, and switches that stand otherwise than normally before anything happens; others are trees of some
size with a few edges more, and many cuts.
"""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gis_service.kernels.arcs import Arcs, build_arcs
from gis_service.kernels.chords import Chords, find_chords
from gis_service.kernels.forest import Forest, grow_forest, keeps_phases_apart
from gis_service.kernels.fragments import fragments, phases_at, phases_everywhere
from gis_service.kernels.held import Held, hold
from gis_service.kernels.hung import Hung, hang, rows_in
from gis_service.kernels.question import changed_in_question, count_lost_in_question, lost_in_question
from gis_service.kernels.ranges import changed_ranges
from gis_service.kernels.reach import reach_masks
from gis_service.kernels.step import Step


class Worlds:
    """A network with switches `first … first + n_switches - 1`, and two worlds on it."""

    n: int
    a: np.ndarray
    b: np.ndarray
    phases: np.ndarray
    first: int
    normal: np.ndarray
    before: np.ndarray
    after: np.ndarray
    out: np.ndarray

    @property
    def arcs(self) -> Arcs:
        return build_arcs(self.n, self.a, self.b)

    def conducts(self, open_: np.ndarray) -> np.ndarray:
        mask = self.phases.copy()
        mask[self.first : self.first + open_.size][open_] = 0
        return mask

    def reached(self, mask: np.ndarray) -> np.ndarray:
        everywhere = np.full(self.n, 7, np.uint8)
        return reach_masks(*self.arcs, mask, everywhere, np.array([0]), np.array([7], np.uint8))

    def worlds(self) -> tuple[np.ndarray, np.ndarray]:
        after = self.conducts(self.after)
        after[self.out] = 0
        return self.reached(self.conducts(self.before)), self.reached(after)

    def change(self) -> tuple[np.ndarray, np.ndarray]:
        """Edges that go, edges that come."""
        opens = self.first + np.flatnonzero(~self.before & self.after)
        closes = self.first + np.flatnonzero(self.before & ~self.after)
        return np.union1d(np.flatnonzero(self.out), opens), closes

    def forests(self) -> list[tuple[int, Forest, Chords]]:
        grown = [(7, grow_forest(*self.arcs, self.conducts(self.normal), 0, 7))]
        if not keeps_phases_apart(self.a, self.b, self.phases, grown[0][1], 7):
            grown = [(bit, grow_forest(*self.arcs, self.conducts(self.normal), 0, bit)) for bit in (1, 2, 4)]
        return [
            (bits, forest, find_chords(self.a, self.b, self.phases, forest, bits)) for bits, forest in grown
        ]

    def held(self, bits: int, forest: Forest, chords: Chords, hung: Hung | None = None) -> Held:
        if hung is None:
            hung = hang(forest, np.empty(0, np.int32), np.empty(0, np.uint8))
        return hold(forest, chords, hung, bits, first_switch=self.first, normal_open=self.normal)

    def step(self) -> Step:
        gone, come = self.change()
        return Step(self.before, self.first, np.flatnonzero(self.before != self.normal), gone, come)


class Drawn(Worlds):
    """Small, and everything about it drawn one by one."""

    def __init__(self, data: st.DataObject) -> None:
        draw = data.draw
        self.n = n = draw(st.integers(1, 9))
        m = draw(st.integers(0, 14))
        ends = st.lists(st.integers(-1, n - 1), min_size=m, max_size=m)
        self.a, self.b = (np.array(draw(ends), np.int32) for _ in range(2))
        phases = st.one_of(st.just(7), st.just(7), st.integers(1, 7))
        self.phases = np.array(draw(st.lists(phases, min_size=m, max_size=m)), np.uint8)
        n_switches = draw(st.integers(0, m))
        self.first = draw(st.integers(0, m - n_switches))

        def stand(like: np.ndarray) -> np.ndarray:
            flips = draw(st.lists(st.booleans(), min_size=n_switches, max_size=n_switches))
            return like ^ np.array(flips, np.bool_) if draw(st.booleans()) else like

        self.normal = stand(np.zeros(n_switches, np.bool_))
        self.before = stand(self.normal)
        self.after = stand(self.before)
        self.out = np.array(draw(st.lists(st.booleans(), min_size=m, max_size=m)), np.bool_)
        self.out &= np.array(draw(st.lists(st.booleans(), min_size=m, max_size=m)), np.bool_)


class Grown(Worlds):
    """A tree of some size with a few more edges, so that cuts lie in cuts, some of them in loops."""

    def __init__(self, data: st.DataObject) -> None:
        random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
        share = st.sampled_from((0.0, 0.02, 0.1, 0.4))
        self.n = n = data.draw(st.integers(2, 70))
        more = data.draw(st.integers(0, 8))
        reach = data.draw(st.integers(1, 6))  # how far up a node hangs: 1 makes a chain
        above = np.maximum(np.arange(n - 1) - random.integers(0, reach, n - 1), 0)
        order = random.permutation(n - 1 + more)
        self.a = np.concatenate([above, random.integers(0, n, more)]).astype(np.int32)[order]
        self.b = np.concatenate([np.arange(1, n), random.integers(0, n, more)]).astype(np.int32)[order]
        m = order.size
        few = random.random(m) < data.draw(share) / 2
        self.phases = np.where(few, random.integers(1, 8, m), 7).astype(np.uint8)
        n_switches = data.draw(st.sampled_from((m, m // 2)))
        self.first = m - n_switches
        self.normal = random.random(n_switches) < data.draw(share) / 4
        self.before = self.normal ^ (random.random(n_switches) < data.draw(share) / 4)
        self.after = self.before ^ (random.random(n_switches) < data.draw(share))
        if data.draw(st.booleans()):  # nothing closes
            self.after |= self.before
        self.out = random.random(m) < data.draw(share)
        if data.draw(st.booleans()):  # nothing but switches goes
            self.out[: self.first] = False


def worlds(data: st.DataObject) -> Worlds:
    return Drawn(data) if data.draw(st.booleans()) else Grown(data)


@given(st.data())
def test_supply_before_and_after_is_what_a_search_finds_in_each_world(data: st.DataObject) -> None:
    drawn = worlds(data)
    was, is_now = drawn.worlds()
    before, after, spread_before, spread_after = (np.zeros(drawn.n, np.uint8) for _ in range(4))
    for bits, forest, chords in drawn.forests():
        held, step = drawn.held(bits, forest, chords), drawn.step()
        pieces = fragments(held, step)
        one, two = phases_at(pieces, forest, forest.place)
        before |= one
        after |= two
        phases_everywhere(pieces, forest, spread_before, spread_after)

        ranges = changed_ranges(held, step)
        order = np.argsort(ranges.starts)
        starts, stops, had, has = (array[order] for array in ranges)
        assert (starts < stops).all()
        assert (stops[:-1] <= starts[1:]).all()
        unseen = np.ones(drawn.n, np.bool_)
        for k in range(starts.size):
            nodes = forest.node[starts[k] : stops[k]]
            path = forest.path[starts[k] : stops[k]]
            assert np.array_equal(had[k] & path, was[nodes] & bits)
            assert np.array_equal(has[k] & path, is_now[nodes] & bits)
            unseen[nodes] = False
        assert np.array_equal(was[unseen] & bits, is_now[unseen] & bits)

    assert np.array_equal(before, was)
    assert np.array_equal(after, is_now)
    assert np.array_equal(spread_before, was)
    assert np.array_equal(spread_after, is_now)


@given(st.data())
def test_customers_lost_and_gained_are_those_whose_needs_are_met_in_one_world_only(
    data: st.DataObject,
) -> None:
    drawn = worlds(data)
    forests = drawn.forests()
    node = np.array(data.draw(st.lists(st.integers(-1, drawn.n - 1), max_size=40)), np.int32)
    needs = np.array(data.draw(st.lists(st.integers(0, 7), min_size=node.size, max_size=node.size)), np.uint8)
    step = drawn.step()
    change = step.open_before, step.moved, step.gone, step.come

    def supplied(reached: np.ndarray) -> set[int]:
        return {
            k
            for k, at in enumerate(node.tolist())
            if at >= 0 and (reached[at] & needs[k] == needs[k] if needs[k] else reached[at] != 0)
        }

    was, is_now = map(supplied, drawn.worlds())
    for bits, forest, chords in forests:
        hung = hang(forest, node, needs)
        held = drawn.held(bits, forest, chords, hung)
        if bits == 7:
            lost, gained = changed_in_question(held, *change)
            assert sorted(lost.tolist()) == sorted(was - is_now)
            assert sorted(gained.tolist()) == sorted(is_now - was)
            assert count_lost_in_question(held, *change) == len(was - is_now)
            if not step.come.size:
                assert sorted(lost_in_question(held, *change[:3]).tolist()) == sorted(was - is_now)
        else:  # a forest of one phase tells candidates
            starts, stops, _, _ = changed_ranges(held, step)
            found = rows_in(hung, starts, stops).tolist()
            assert len(found) == len(set(found))


def test_two_single_phase_lines_side_by_side_need_a_forest_each() -> None:
    """Root 0, then A and B lines 0–1, and a three-phase line 1–2."""
    a, b = np.array([0, 0, 1], np.int32), np.array([1, 1, 2], np.int32)
    phases = np.array([1, 2, 7], np.uint8)
    forest = grow_forest(*build_arcs(3, a, b), phases, 0, 7)
    assert not keeps_phases_apart(a, b, phases, forest, 7)
    assert keeps_phases_apart(a, b, np.array([1, 1, 7], np.uint8), forest, 7)


def test_thousands_of_cuts_in_a_long_chain_are_put_in_order() -> None:
    """Nodes 0 … 99 999 in a row, edges shuffled; from the nearest cut on, everything is dark."""
    n = 100_000
    shuffled = np.random.default_rng(8).permutation(n - 1).astype(np.int32)
    a, b = shuffled, shuffled + 1
    arcs = build_arcs(n, a, b)
    forest = grow_forest(*arcs, np.full(n - 1, 7, np.uint8), 0, 7)
    chords = find_chords(a, b, np.full(n - 1, 7, np.uint8), forest, 7)
    nothing = np.empty(0, np.int64)
    hung = hang(forest, np.arange(n, dtype=np.int32), np.zeros(n, np.uint8))
    for cuts in (5_000, 20):  # put in order by marking, and by sorting
        gone = np.sort(np.random.default_rng(9).choice(n - 1, cuts, replace=False))
        held = hold(forest, chords, hung, 7, first_switch=n - 1, normal_open=np.empty(0, np.bool_))
        starts, stops, had, has = changed_ranges(
            held, Step(np.empty(0, np.bool_), n - 1, nothing, gone, nothing)
        )
        assert (starts.tolist(), stops.tolist()) == ([int(b[gone].min())], [n])
        assert (had.tolist(), has.tolist()) == ([7], [0])
