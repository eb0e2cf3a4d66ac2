"""All benchmarks, run and reported: lines for a person, rows of JSON for a program."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import outage
from benchmarks.pairing import Row, run

ROUNDS, QUICK_ROUNDS = 9, 3


def run_benchmarks(names: Sequence[str], *, json_file: Path | None, quick: bool) -> list[Row]:
    """Run those whose name begins with one of `names` (all without names), and print each row.

    `quick` means less work and fewer rounds, to try it out. Progress goes to stderr.
    """
    rows: list[Row] = []
    for contest in outage.contests(quick=quick):
        if names and not any(contest.name.startswith(name) for name in names):
            continue
        row = run(contest, rounds=QUICK_ROUNDS if quick else ROUNDS, progress=_progress)
        verdict = "" if row.met is None else f", goal {row.goal:g}: {'met' if row.met else 'not met'}"
        print(f"{row.name}: {row.work}")
        print(f"  ours {row.ours:.3g} {row.unit}, {row.peer} {row.theirs:.3g} {row.unit}")
        print(f"  ratio {row.ratio:.1f}{verdict}; answers {'equal' if row.answers_equal else 'DIFFER'}")
        rows.append(row)
    if json_file is not None:
        json_file.write_text(json.dumps([row.as_json() for row in rows], indent=2) + "\n")
    return rows


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
