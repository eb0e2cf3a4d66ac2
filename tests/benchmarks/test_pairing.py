"""Rows as the report makes them; the expected ratios are those of the pauses that either side is given."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from benchmarks.chart import QUESTION_CHART, draw_charts
from benchmarks.pairing import Contest, Figure, Limit, Match, Row, quickest, run
from benchmarks.report import told

FIELDS = ["name", "work", "peer", "ours", "theirs", "ratio", "goal", "met", "answers_equal"]


def pausing(seconds: float, answer: Any) -> Any:
    def ask(_question: Any) -> Any:
        time.sleep(seconds)
        return answer

    return ask


def contest(**changed: Any) -> Contest:
    given: dict[str, Any] = {
        "name": "sleep",
        "work": "to answer",
        "peer": "a slower one",
        "ours": pausing(0.002, [1, 2]),
        "theirs": pausing(0.02, (2, 1)),
        "same": sorted,
        "goal": 5.0,
    }
    return Contest(**{**given, **changed})


def rows(one: Contest | Limit | Match, rounds: int = 3) -> list[Row]:
    return run(one, rounds=rounds, progress=lambda _: None)


def test_the_ratio_is_theirs_to_ours_and_answers_are_compared_in_one_form() -> None:
    (row,) = rows(contest())
    assert 5 < row.ratio < 11
    assert row.answers_equal
    assert row.met


def test_a_goal_is_not_met_with_another_answer_or_too_slowly() -> None:
    (other,) = rows(contest(theirs=pausing(0.02, [1, 3])))
    assert not other.answers_equal
    assert other.met is False
    (slow,) = rows(contest(goal=50.0))
    assert slow.answers_equal
    assert slow.met is False
    (no_goal,) = rows(contest(goal=None))
    assert no_goal.met is None


def test_the_median_and_the_mean_over_questions_are_two_rows() -> None:
    def theirs(question: int) -> int:
        time.sleep(question / 1000)
        return question

    def ours(question: int) -> int:
        time.sleep(0.001)
        return question

    questions = [10, 10, 100]
    made = contest(ours=ours, theirs=theirs, questions=questions, same=int, mean_goal=1.0)
    median, mean = rows(made)
    assert (median.name, mean.name) == ("sleep", "sleep-mean")
    assert median.theirs.value == pytest.approx(0.01, rel=0.3)
    assert mean.theirs.value == pytest.approx(0.04, rel=0.3)


def test_both_begin_each_question_from_the_same_start() -> None:
    log: list[str] = []

    def noting(what: str) -> Any:
        return lambda _question: log.append(what)

    rows(contest(ours=noting("ours"), theirs=noting("theirs"), before=lambda: log.append("start"), same=bool))
    assert log == ["start", "ours", "start", "theirs"] * 2 + [
        "start", "theirs", "start", "ours", "start", "ours", "start", "theirs",
    ]  # fmt: skip


def test_the_best_form_of_a_peer_is_the_quickest_that_is_right() -> None:
    ways = {
        "known to be right": pausing(0.01, [1, 2]),
        "quicker": pausing(0.003, [2, 1]),
        "quicker and wrong": pausing(0.0, [1]),
    }
    assert quickest(ways, [None], sorted)[0] == "quicker"


def test_a_limit_is_met_from_below() -> None:
    (below,) = rows(Limit("start", "to start", 10.0, measure=lambda: 2.0, right=lambda: True))
    assert (below.ratio, below.goal, below.met) == (5.0, 1.0, True)
    (above,) = rows(Limit("start", "to start", 1.0, measure=lambda: 2.0, right=lambda: True))
    assert above.met is False
    (wrong,) = rows(Limit("start", "to start", 10.0, measure=lambda: 2.0, right=lambda: False))
    assert wrong.met is False


def test_sides_that_time_themselves_are_compared_by_what_they_say() -> None:
    told_by_theirs = iter([0.3, 0.1, 0.2])
    one = Match(
        "rate", "a request", "peer", lambda: 0.01, lambda: next(told_by_theirs), lambda: True, goal=15.0
    )
    (row,) = rows(one)
    assert row.ratio == pytest.approx(20)
    assert row.met


def test_json_has_the_promised_fields_and_values_with_units() -> None:
    (row,) = rows(contest())
    written = json.loads(json.dumps(row.as_json()))
    assert list(written) == FIELDS
    assert written["ours"].endswith(" ms")
    assert written["ratio"] == pytest.approx(row.ratio, rel=1e-3)


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        (Figure(12.34e-6, 0, 0), "12.34 µs"),
        (Figure(0.0456, 0, 0), "45.6 ms"),
        (Figure(75.0, 0, 0), "75 s"),
        (Figure(2.5, 0, 0, "GiB"), "2.5 GiB"),
    ],
)
def test_values_are_told_as_they_read_best(figure: Figure, expected: str) -> None:
    assert str(figure) == expected


def test_a_person_is_told_the_spread_and_the_verdict() -> None:
    row = Row("x", "work", "peer", Figure(1e-3, 9e-4, 2e-3), Figure(1.0, 1.0, 1.0), 1000.0, 500.0, True)
    assert told(row) == (
        "x: work\n  ours 1 ms (0.9 ms to 2 ms); peer: 1 s\n  ratio 1000.0, goal 500: met; answers equal"
    )


def test_the_chart_has_a_line_for_each_side_over_the_sizes(tmp_path: Any) -> None:
    figure = Figure(1e-5, 1e-5, 1e-5)
    sizes = [
        Row(f"question-switch-{size}", "w", "p", figure, Figure(size * 1e-8, 0, 0), 1.0, None, True)
        for size in (10_000, 100_000)
    ]
    draw_charts(sizes[:1], tmp_path)
    assert not (tmp_path / QUESTION_CHART).exists()
    draw_charts(sizes, tmp_path)
    text = (tmp_path / QUESTION_CHART).read_text()
    assert text.count("<polyline") == 2
    assert "10,000" in text
    assert "1 ms" in text
