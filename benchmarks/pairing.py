"""How two programs are compared on a noisy machine: alternating runs, medians, and answers asserted equal.

Knows nothing of grids. A run is one whole piece of work; setting up (reading, building, compiling) is not in
it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One line of the report; `ours` and `theirs` are medians of whole runs, `ratio` is theirs / ours."""

    name: str
    work: str
    peer: str
    ours: float
    theirs: float
    unit: str
    ratio: float
    goal: float | None
    met: bool | None
    answers_equal: bool

    def as_json(self) -> dict[str, Any]:
        """The row as `gridgis bench --json` writes it: medians with their unit."""
        row = asdict(self)
        unit = row.pop("unit")
        return row | {"ours": f"{self.ours:.4g} {unit}", "theirs": f"{self.theirs:.4g} {unit}"}


@dataclass(frozen=True)
class Contest:
    """The same work for two: each callable does one run and returns its answer, in comparable form."""

    name: str
    work: str
    peer: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    goal: float | None = None


def run(contest: Contest, *, rounds: int, progress: Callable[[str], None]) -> Row:
    """Alternate both for `rounds` rounds after one uncounted round, whose answers must be equal."""
    equal = contest.ours() == contest.theirs()
    spent: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        progress(f"{contest.name}: round {number + 1} of {rounds}")
        order = (0, 1) if number % 2 == 0 else (1, 0)
        for side in order:
            work = (contest.ours, contest.theirs)[side]
            begin = time.perf_counter()
            work()
            spent[side].append(time.perf_counter() - begin)
    ours, theirs = statistics.median(spent[0]) * 1e3, statistics.median(spent[1]) * 1e3
    ratio = theirs / ours
    return Row(
        name=contest.name,
        work=contest.work,
        peer=contest.peer,
        ours=ours,
        theirs=theirs,
        unit="ms",
        ratio=ratio,
        goal=contest.goal,
        met=None if contest.goal is None else equal and ratio >= contest.goal,
        answers_equal=equal,
    )
