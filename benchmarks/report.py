"""All benchmarks, run and reported: lines for a person, rows of JSON for a program."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks import (
    atlas,
    citus,
    fresh_tile,
    geojson,
    http,
    items,
    loading,
    maps,
    outage_demo,
    outage_graphs,
    outage_sql,
    planning_corridors,
    planning_flows,
    planning_requests,
    reading,
    sizes,
    stored,
    tiles,
)
from benchmarks.chart import draw_charts
from benchmarks.pairing import Contest, LeftOut, Limit, Match, Row, run
from benchmarks.setting import Setting

Theme = Callable[[Setting], Iterator[Contest | Limit | Match | LeftOut]]

THEMES: tuple[tuple[tuple[str, ...], Theme], ...] = (
    (outage_demo.NAMES, outage_demo.contests),
    (outage_sql.NAMES, outage_sql.contests),
    (outage_graphs.NAMES, outage_graphs.contests),
    (sizes.NAMES, sizes.contests),
    (stored.NAMES, stored.contests),
    (loading.NAMES, loading.contests),
    (reading.NAMES, reading.contests),
    (geojson.NAMES, geojson.contests),
    ((planning_flows.NAME,), planning_flows.contests),
    (planning_corridors.NAMES, planning_corridors.contests),
    ((planning_requests.NAME,), planning_requests.contests),
    (http.NAMES, http.contests),
    (items.NAMES, items.contests),
    (atlas.NAMES, atlas.contests),
    (fresh_tile.NAMES, fresh_tile.contests),
    (tiles.NAMES, tiles.contests),
    (maps.NAMES, maps.contests),
    (citus.NAMES, citus.contests),
)
"""Each with the names that its contests' names begin with: what is not asked for is not prepared."""


def run_benchmarks(
    names: Sequence[str], setting: Setting, *, json_file: Path | None = None, charts: Path | None = None
) -> list[Row] | None:
    """Run those whose name begins with one of `names` (all without names), and print each row.

    None when there are none of such names. Charts are drawn of those rows that were run.
    """
    rows: list[Row] = []
    some = False
    for begins, theme in THEMES:
        if names and not any(_alike(begin, name) for begin in begins for name in names):
            continue
        if not some:
            setting.say(_busy())
        for contest in theme(setting):
            if names and not any(_asked(contest.name, name) for name in names):
                continue
            some = True
            if isinstance(contest, LeftOut):
                print(f"{contest.name}: left out; {contest.why}", flush=True)
                continue
            for row in run(contest, rounds=setting.rounds, progress=setting.say):
                print(told(row), flush=True)
                rows.append(row)
    if charts is not None:
        draw_charts(rows, charts)
    if json_file is not None:
        json_file.write_text(json.dumps([row.as_json() for row in rows], indent=2) + "\n")
    return rows if some else None


def _busy() -> str:
    load, processors = os.getloadavg()[0], os.cpu_count() or 1
    return f"{processors} processors, load {load:.1f}: what else runs here is measured as well"


def told(row: Row) -> str:
    """A row for a person, with the middle half of the runs in parentheses."""
    verdict = "" if row.goal is None else f", goal {row.goal:g}: {'met' if row.met else 'not met'}"
    sides = [
        f"{figure} ({figure.told(figure.low)} to {figure.told(figure.high)})"
        if figure.low != figure.high
        else str(figure)
        for figure in (row.ours, row.theirs)
    ]
    digits = 1 if row.ratio >= 10 else 2
    return (
        f"{row.name}: {row.work}\n"
        f"  ours {sides[0]}; {row.peer}: {sides[1]}\n"
        f"  ratio {row.ratio:.{digits}f}{verdict}; answers {'equal' if row.answers_equal else 'DIFFER'}"
    )


def _asked(contest: str, name: str) -> bool:
    return contest.startswith(name) or name == f"{contest}-mean"


def _alike(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)
