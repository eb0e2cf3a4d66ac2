"""Contests on a tiny province, by the command: both sides must give the same answers.

How quick they are is not asked: that is what the command is for, on a machine with nothing else to do. Those
that need servers of their own take minutes; they are held where `GRIDGIS_EVERY_CONTEST` is set, and by
`make bench ARGS="--quick"`, which fails likewise where answers differ.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.report import THEMES
from gis_service.home import home

TINY = ("--quick", "--customers", "3000", "--largest", "12000")
WITH_SERVERS = ("citus-", "fresh-tile-", "http-", "items-", "maps-", "stored-", "province-", "question-")
CONTESTS = [
    name
    for names, _ in THEMES
    for name in names
    if os.environ.get("GRIDGIS_EVERY_CONTEST") or not name.startswith(WITH_SERVERS)
]


def bench(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GRIDGIS_")}
    kept.setdefault("NUMBA_CACHE_DIR", str(home() / "numba"))
    environment = {**kept, "GRIDGIS_HOME": str(directory)}
    return subprocess.run(
        [sys.executable, "-m", "gis_service.cli", "bench", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def run(reachable_directory: Path) -> tuple[str, list[dict[str, Any]]]:
    """What the command printed, and the rows it wrote."""
    rows = reachable_directory / "rows.json"
    charts = reachable_directory / "charts"
    done = bench(reachable_directory, *CONTESTS, *TINY, "--json", str(rows), "--charts", str(charts))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, json.loads(rows.read_text())


def test_both_sides_of_every_contest_answer_alike(run: tuple[str, list[dict[str, Any]]]) -> None:
    _, rows = run
    assert rows
    assert [row["name"] for row in rows if not row["answers_equal"]] == []


@pytest.mark.parametrize("name", CONTESTS)
def test_a_contest_is_held_or_says_how_to_make_it_possible(
    run: tuple[str, list[dict[str, Any]]], name: str
) -> None:
    printed, rows = run
    held = [row for row in rows if row["name"].startswith(name)]
    left_out = [line for line in printed.splitlines() if line.startswith(name) and "left out" in line]
    assert held or left_out
    assert all(" install" in line or "--customers" in line for line in left_out)


def test_a_row_has_the_promised_fields(run: tuple[str, list[dict[str, Any]]]) -> None:
    _, rows = run
    promised = {"name", "work", "peer", "ours", "theirs", "ratio", "goal", "met", "answers_equal"}
    assert all(row.keys() == promised for row in rows)


def test_an_unknown_name_is_refused_in_one_line(tmp_path: Path) -> None:
    done = bench(tmp_path, "no-such-contest")
    assert done.returncode == 2
    assert done.stderr == "gridgis: no benchmark's name begins with no-such-contest\n"


def test_a_province_too_small_for_contests_is_refused_in_one_line(tmp_path: Path) -> None:
    done = bench(tmp_path, "--customers", "10")
    assert done.returncode == 2
    assert done.stderr == "gridgis: a province for benchmarks has at least 1,000 customers, not 10\n"
