"""How many lose supply when many switches go at once; expected from a plain search over each world.

The networks have several feeders, as wide as they are deep, some with rings in them that stay closed, some of
the rings of one phase only, and open ties between them, so that cuts lie in pieces that keep their supply.
"""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gis_service.kernels.chords import find_chords
from gis_service.kernels.forest import Forest, grow_forest, keeps_phases_apart
from gis_service.kernels.held import Held, hold
from gis_service.kernels.hung import hang
from gis_service.kernels.question import count_lost_in_question, lost_in_question
from tests.kernels.test_fragments import Worlds


class Feeders(Worlds):
    """Feeders of random trees, most edges switches; the numbers are shares of nodes and of switches."""

    def __init__(self, seed: int, feeders: int, rings: float, ties: float, moved: float, gone: float) -> None:
        random = np.random.default_rng(seed)
        above = [-1]
        for _ in range(feeders):
            first = len(above)
            above.append(0)
            up = random.integers(1, 5, int(random.integers(4, 50)))
            above.extend(max(first, first + k + 1 - int(by)) for k, by in enumerate(up))
        self.n = n = len(above)

        def higher(node: int) -> int:
            for _ in range(int(random.integers(2, 12))):
                node = above[node] if above[node] > 0 else node
            return node

        ringed = np.flatnonzero(random.random(n) < rings)[1:]
        tied = random.integers(1, n, (2, int(ties * n)))
        self.a = np.concatenate([above[1:], [higher(node) for node in ringed.tolist()], tied[0]]).astype(
            np.int32
        )
        self.b = np.concatenate([np.arange(1, n), ringed, tied[1]]).astype(np.int32)
        self.phases = np.full(self.a.size, 7, np.uint8)
        self.phases[n - 1 :][random.random(self.a.size - n + 1) < 0.5] = 2
        open_ = np.arange(self.a.size) >= n - 1 + ringed.size
        open_ |= random.random(open_.size) < ties / 4  # and so islands
        lines = (random.random(open_.size) < 0.2) & ~open_ & (np.arange(open_.size) < n - 1)
        order = np.argsort(~lines, kind="stable")  # edges that are no switches come first
        self.a, self.b, self.phases = self.a[order], self.b[order], self.phases[order]
        self.first = int(lines.sum())
        self.normal = open_[order][self.first :]
        self.before = self.normal ^ (random.random(self.normal.size) < moved)
        self.after = self.before | (random.random(self.normal.size) < gone)
        if random.random() < 0.5:  # some close as well
            self.after ^= self.before & (random.random(self.normal.size) < moved)
        self.out = np.zeros(self.a.size, np.bool_)
        if not keeps_phases_apart(self.a, self.b, self.phases, self.forest, 7):
            self.phases[:] = 7  # more than one forest, which the question in one call is not made for

    @property
    def forest(self) -> Forest:
        return grow_forest(*self.arcs, self.conducts(self.normal), 0, 7)

    def held_with_customers(self) -> Held:
        forest = self.forest
        chords = find_chords(self.a, self.b, self.phases, forest, 7)
        needs = np.resize(np.array([7, 7, 1, 2, 0], np.uint8), self.n)
        hung = hang(forest, np.arange(self.n, dtype=np.int32), needs)
        return hold(forest, chords, hung, 7, first_switch=self.first, normal_open=self.normal)

    def lost(self) -> set[int]:
        """A customer at each node, which needs all phases, one of two, or any."""
        was, is_now = (
            {
                node
                for node, needs in enumerate(np.resize([7, 7, 1, 2, 0], self.n).tolist())
                if (reached[node] & needs == needs if needs else reached[node])
            }
            for reached in self.worlds()
        )
        return was - is_now


@given(
    st.builds(
        Feeders,
        seed=st.integers(0, 2**32 - 1),
        feeders=st.integers(1, 9),
        rings=st.sampled_from((0.0, 0.04, 0.2)),
        ties=st.sampled_from((0.0, 0.03, 0.1)),
        moved=st.sampled_from((0.0, 0.02, 0.1)),
        gone=st.sampled_from((0.05, 0.2, 0.4)),
    )
)
def test_as_many_are_lost_as_a_search_misses(drawn: Feeders) -> None:
    held, step = drawn.held_with_customers(), drawn.step()
    expected = drawn.lost()
    assert count_lost_in_question(held, step.open_before, step.moved, step.gone, step.come) == len(expected)
    if not step.come.size:
        lost = lost_in_question(held, step.open_before, step.moved, step.gone)
        assert sorted(lost.tolist()) == sorted(expected)


def test_a_tie_that_closes_keeps_what_is_beyond_the_last_switches() -> None:
    """0 – 1 – 2 and 0 – 3 – 4, a switch on each line, and an open tie 2 – 4."""
    drawn = Worlds()
    drawn.n, drawn.first = 5, 0
    drawn.a, drawn.b = np.array([0, 1, 0, 3, 2], np.int32), np.array([1, 2, 3, 4, 4], np.int32)
    drawn.phases = np.full(5, 7, np.uint8)
    drawn.normal = np.arange(5) == 4
    forest = grow_forest(*drawn.arcs, drawn.conducts(drawn.normal), 0, 7)
    hung = hang(forest, np.arange(5, dtype=np.int32), np.zeros(5, np.uint8))
    held = drawn.held(7, forest, find_chords(drawn.a, drawn.b, drawn.phases, forest, 7), hung)
    nothing, tie = np.empty(0, np.int64), np.array([4])
    assert count_lost_in_question(held, drawn.normal, nothing, np.array([1, 2]), nothing) == 3  # 2, 3 and 4
    assert (
        count_lost_in_question(held, drawn.normal, nothing, np.array([1, 2]), tie) == 3
    )  # 2 – 4 is fed by none
    assert count_lost_in_question(held, drawn.normal, nothing, np.array([1, 3]), tie) == 2
    assert count_lost_in_question(held, drawn.normal, nothing, np.array([0, 1]), tie) == 1  # 2 by the tie
