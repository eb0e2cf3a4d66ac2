"""How two programs are compared on a noisy machine: alternating runs, medians, and answers asserted equal.

Knows nothing of grids. A run asks every question of a contest once, each timed for itself; setting up
(reading, building, compiling) is not in it, and neither is bringing the two answers into one form.
"""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Ask = Callable[[Any], Any]
"""Answers one question."""

Progress = Callable[[str], None]

_UNITS = ((1e-3, "µs", 1e6), (1.0, "ms", 1e3), (math.inf, "s", 1.0))
_TRIALS = 3


@dataclass(frozen=True)
class Figure:
    """A median (or mean), and between which values the middle half of all runs lay.

    `unit` is `s` for seconds, which are printed as they read best, or anything else, printed as it is.
    """

    value: float
    low: float
    high: float
    unit: str = "s"

    def __str__(self) -> str:
        return self.told(self.value)

    def told(self, value: float) -> str:
        """A value with this figure's unit, at the scale of the median."""
        if self.unit != "s":
            return f"{value:.4g} {self.unit}"
        _, unit, scale = next(one for one in _UNITS if abs(self.value) < one[0])
        return f"{value * scale:.4g} {unit}"


@dataclass(frozen=True)
class Row:
    """One line of the report; `ratio` is theirs / ours, and to be at least `goal`."""

    name: str
    work: str
    peer: str
    ours: Figure
    theirs: Figure
    ratio: float
    goal: float | None
    answers_equal: bool

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached with equal answers; None without a goal."""
        return None if self.goal is None else self.answers_equal and self.ratio >= self.goal

    def as_json(self) -> dict[str, Any]:
        """The row as `gridgis bench --json` writes it: medians with their unit."""
        return {
            "name": self.name,
            "work": self.work,
            "peer": self.peer,
            "ours": str(self.ours),
            "theirs": str(self.theirs),
            "ratio": float(f"{self.ratio:.4g}"),
            "goal": self.goal,
            "met": self.met,
            "answers_equal": self.answers_equal,
        }


@dataclass(frozen=True)
class LeftOut:
    """A contest that cannot be held here, and how to make it possible."""

    name: str
    why: str


@dataclass(frozen=True)
class Contest:
    """The same questions for two.

    Parameters
    ----------
    same
        Brings the answer of either side into one comparable form; not timed.
    before
        Called before each question to either side, to give both the same start; not timed.
    goal, mean_goal
        For the ratio of the medians, and of the means over the questions; with `mean_goal` the contest has a
        second row, its name with `-mean`.
    rounds
        Instead of the report's.
    """

    name: str
    work: str
    peer: str
    ours: Ask
    theirs: Ask
    questions: Sequence[Any] = (None,)
    same: Ask = lambda answer: answer
    before: Callable[[], None] = lambda: None
    goal: float | None = None
    mean_goal: float | None = None
    rounds: int | None = None


@dataclass(frozen=True)
class Limit:
    """A measurement of ours beside a fixed limit; the ratio is limit / ours, the goal 1.

    Parameters
    ----------
    measure
        One run; its value in `unit`.
    right
        Whether our answers are those of a slower, differently written way.
    """

    name: str
    work: str
    limit: float
    measure: Callable[[], float]
    right: Callable[[], bool]
    unit: str = "s"
    rounds: int | None = None


@dataclass(frozen=True)
class Match:
    """Two measurements that time themselves; both give the seconds of the same unit of work."""

    name: str
    work: str
    peer: str
    ours: Callable[[], float]
    theirs: Callable[[], float]
    equal: Callable[[], bool]
    goal: float | None = None
    rounds: int | None = None


def run(contest: Contest | Limit | Match, *, rounds: int, progress: Progress) -> list[Row]:
    """The rows of one contest, run `rounds` times on either side."""
    rounds = contest.rounds or rounds
    if isinstance(contest, Limit):
        return [_measured(contest, rounds, progress)]
    if isinstance(contest, Match):
        return [_matched(contest, rounds, progress)]
    equal = all(_answers_equal(contest, question) for question in contest.questions)
    gc.collect()
    gc.freeze()  # what was set up is no garbage: neither side is to search it
    spent: tuple[list[list[float]], list[list[float]]] = ([], [])
    for number in range(rounds):
        progress(f"{contest.name}: round {number + 1} of {rounds}")
        for side in (0, 1) if number % 2 == 0 else (1, 0):
            spent[side].append(
                _seconds((contest.ours, contest.theirs)[side], contest.questions, contest.before)
            )
    gc.unfreeze()
    rows = [_row(contest, contest.name, spent, statistics.median, contest.goal, equal)]
    if contest.mean_goal is not None:
        rows.append(_row(contest, f"{contest.name}-mean", spent, statistics.fmean, contest.mean_goal, equal))
    return rows


def quickest(ways: Mapping[str, Ask], questions: Sequence[Any], same: Ask) -> tuple[str, Ask]:
    """The best form of a peer: of those that agree with the first one, the one of the lowest median.

    The first form is the one known to be right; others may be quicker and wrong.
    """
    right = [same(next(iter(ways.values()))(question)) for question in questions]
    found: list[tuple[float, str]] = []
    for name, ask in ways.items():
        if [same(ask(question)) for question in questions] == right:
            found.append((min(statistics.median(_seconds(ask, questions)) for _ in range(_TRIALS)), name))
    name = min(found)[1]
    return name, ways[name]


def median_seconds(ask: Ask, questions: Sequence[Any]) -> float:
    """The median time of a question, all of them asked once before."""
    for question in questions:
        ask(question)
    return statistics.median(_seconds(ask, questions))


def _answers_equal(contest: Contest, question: Any) -> bool:
    contest.before()
    ours = contest.same(contest.ours(question))
    contest.before()
    return bool(ours == contest.same(contest.theirs(question)))


def _seconds(ask: Ask, questions: Sequence[Any], before: Callable[[], None] = lambda: None) -> list[float]:
    spent: list[float] = []
    for question in questions:
        before()
        begin = time.perf_counter()
        ask(question)
        spent.append(time.perf_counter() - begin)
    return spent


def _row(
    contest: Contest,
    name: str,
    spent: tuple[list[list[float]], list[list[float]]],
    middle: Callable[[list[float]], float],
    goal: float | None,
    equal: bool,
) -> Row:
    # over the questions of a run first: the spread is that of runs, not of questions
    ours, theirs = (_figure([middle(one) for one in side], "s") for side in spent)
    ratio = theirs.value / ours.value
    return Row(name, contest.work, contest.peer, ours, theirs, ratio, goal, equal)


def _matched(match: Match, rounds: int, progress: Progress) -> Row:
    equal = match.equal()
    found: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        progress(f"{match.name}: round {number + 1} of {rounds}")
        for side in (0, 1) if number % 2 == 0 else (1, 0):
            found[side].append((match.ours, match.theirs)[side]())
    ours, theirs = (_figure(side, "s") for side in found)
    ratio = theirs.value / ours.value
    return Row(match.name, match.work, match.peer, ours, theirs, ratio, match.goal, equal)


def _measured(limit: Limit, rounds: int, progress: Progress) -> Row:
    found: list[float] = []
    for number in range(rounds):
        progress(f"{limit.name}: round {number + 1} of {rounds}")
        found.append(limit.measure())
    ours = _figure(found, limit.unit)
    bound = Figure(limit.limit, limit.limit, limit.limit, limit.unit)
    return Row(
        limit.name, limit.work, "a fixed limit", ours, bound, limit.limit / ours.value, 1.0, limit.right()
    )


def _figure(runs: list[float], unit: str) -> Figure:
    low, _, high = statistics.quantiles(runs, n=4) if len(runs) > 1 else (runs[0],) * 3
    return Figure(statistics.median(runs), low, high, unit)
