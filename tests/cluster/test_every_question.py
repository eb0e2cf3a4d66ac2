"""Every question to the engine, over every grid, gives the same answer on plain PostGIS and on three nodes.

Plain PostGIS is the oracle. That no question is left out is looked up in the description of the interface.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gis_service.cli import main
from gis_service.ingest.package import read_package
from tests.cluster.asking import Question
from tests.cluster.both import Both
from tests.cluster.citus_cluster import CitusCluster, stored_in
from tests.cluster.corpus import ASKED, COMMANDED, Grid, make_grid
from tests.cluster.interface import all_that_can_be_asked, asked, statuses
from tests.cluster.questions import Asker, operations
from tests.grid_database import GridDatabase
from tests.live import empty, engine_environment, running_engine
from tests.store.comparing import assert_same_package

pytestmark = pytest.mark.citus

ELSEWHERE = {413: "tests/web/test_problems.py", 503: "tests/cluster/test_failures.py"}
"""Statuses that this corpus does not bring about, and who does."""

NEVER = {
    ("GET", "/v1/switch-operations", 422),
    ("GET", "/v1/interruptions", 422),
    ("GET", "/v1/reservations", 422),
    ("GET", "/v1/reservations/{id}", 422),
    ("POST", "/v1/reservations/{id}/built", 422),
    ("POST", "/v1/reservations/{id}/withdraw", 422),
    ("POST", "/v1/reservations", 404),
}
"""Described, since all addresses share a list of problems; a record of any period can be asked for, and what
a reservation does not find is a conflict."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Grid]:
    return _Corpus(tmp_path_factory.mktemp("corpus"))


class _Corpus(dict[str, Grid]):
    """Grids by name, each made when it is first asked for."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._directory = directory

    def __missing__(self, name: str) -> Grid:
        self[name] = grid = make_grid(name, self._directory)
        return grid


@pytest.fixture(scope="module")
def both(
    migrated_database: GridDatabase,
    started_cluster: CitusCluster,
    tmp_path_factory: pytest.TempPathFactory,
    django_db_blocker: Any,
) -> Iterator[Both]:
    logs = tmp_path_factory.mktemp("engines")
    with django_db_blocker.unblock():
        empty(migrated_database)
    started_cluster.empty()
    with (
        running_engine(migrated_database.dsn, logs, name="plain") as plain,
        running_engine(started_cluster.dsn, logs, name="spread") as spread,
    ):
        yield Both(plain, spread, datetime.now(UTC))


@pytest.fixture
def databases(
    both: Both, migrated_database: GridDatabase, started_cluster: CitusCluster, django_db_blocker: Any
) -> list[str]:
    """Both databases, empty; the plain one first."""
    with django_db_blocker.unblock():
        empty(migrated_database)
    started_cluster.empty()
    return [migrated_database.dsn, started_cluster.dsn]


Command = Callable[..., tuple[int, str, str]]
"""Runs `gridgis` on the database of a DSN with the arguments that follow: exit code, output, complaint."""


def gridgis(dsn: str, *arguments: str | Path) -> tuple[int, str, str]:
    """Exit code and what was said, by a real process."""
    done = subprocess.run(
        [sys.executable, "-m", "gis_service.cli", *map(str, arguments)],
        env={**engine_environment(dsn), "COLUMNS": "110"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def on_both(databases: list[str], *arguments: str | Path, run: Command | None = None) -> tuple[int, str, str]:
    """The same command on both; what it said must be the same but for seconds and rates."""
    expected, got = ((run or gridgis)(dsn, *arguments) for dsn in databases)
    assert _timeless(got) == _timeless(expected), arguments
    return got


@pytest.fixture
def within(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, django_db_blocker: Any
) -> Command:
    """The same as `gridgis` in this process: two seconds less for each command."""
    monkeypatch.setenv("COLUMNS", "110")
    monkeypatch.setattr("sys.stdin", io.StringIO())

    def run(dsn: str, *arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setenv("GRIDGIS_ENGINE_DSN", dsn)
        capfd.readouterr()
        with django_db_blocker.unblock(), stored_in(dsn):
            code = main(list(map(str, arguments)))
        return code, *capfd.readouterr()

    return run


def _timeless(said: tuple[int, str, str]) -> tuple[int, str, str]:
    """Without seconds and rates, and without the lines that tell of progress when something takes long."""
    code, *texts = said
    kept = (re.sub(r"^[\w ]+: [\d,]+ of [\d,]+ .*\n", "", str(text), flags=re.MULTILINE) for text in texts)
    out, err = (re.sub(r"[\d,.]+ (s\b|rows/s|seconds)", r"_ \1", text) for text in kept)
    return code, out, err


def load_into(both: Both, databases: list[str], grid: Grid) -> None:
    code, _, said = on_both(databases, "load", grid.path)
    assert code == 0, said
    both.catch_up()


def named_moments(both: Both, questions: list[Question]) -> list[datetime]:
    """The moments that operations name, told to the comparison."""
    found = [
        datetime.fromisoformat(one["at"])
        for question in questions
        if isinstance(question.body, list)
        for one in question.body
        if isinstance(one, dict) and "at" in one
    ]
    both.named |= set(found)
    return sorted(set(found))


@pytest.mark.parametrize("name", ASKED)
def test_every_question_is_answered_the_same_before_and_after_operations(
    both: Both, databases: list[str], corpus: dict[str, Grid], name: str
) -> None:
    grid = corpus[name]
    load_into(both, databases, grid)
    assert both.differences(Asker(grid, []).all()) == []
    begin = datetime.now(UTC)
    time.sleep(6)  # operations lie in the past, and after the load
    turns = list(operations(Asker(grid, []), begin))
    moments = named_moments(both, turns)
    assert both.differences(turns) == []
    assert_the_same_afterwards(both, grid, moments)


def assert_the_same_afterwards(both: Both, grid: Grid, moments: list[datetime]) -> None:
    both.catch_up()
    assert both.differences(Asker(grid, moments[:: max(1, len(moments) // 4)], seed=2).all()) == []
    for engine in (both.plain, both.spread):
        assert "Traceback" not in engine.log_text()


def test_every_refusal_is_the_same(both: Both, databases: list[str], corpus: dict[str, Grid]) -> None:
    """And every answer of the grid drawn by hand, before and after operations."""
    grid = corpus["drawn"]
    load_into(both, databases, grid)
    asker = Asker(grid, [], many=100)
    assert both.differences(asker.wrong()) == []
    assert both.differences(asker.all()) == []
    turns = list(operations(asker, datetime.now(UTC) - timedelta(seconds=10)))
    moments = named_moments(both, turns)
    assert both.differences(turns) == []
    assert_the_same_afterwards(both, grid, moments)
    promised = {one for one in statuses() if one[2] not in ELSEWHERE}
    assert promised - both.met == NEVER


def test_no_address_field_value_parameter_or_form_of_answer_is_left_out(corpus: dict[str, Grid]) -> None:
    asker = Asker(corpus["drawn"], [datetime(2026, 1, 1, tzinfo=UTC)], many=100)
    questions = [*asker.all(), *operations(asker, datetime(2026, 1, 1, tzinfo=UTC))]
    assert sorted(all_that_can_be_asked() - asked(questions)) == []


def test_the_corpus_has_counties_that_are_joined_across_borders(corpus: dict[str, Grid]) -> None:
    assert len(corpus["province"].counties) == 6
    assert len(corpus["province"].crossing()) >= 5
    assert corpus["drawn"].crossing()
    assert corpus["demo"].crossing()


@pytest.mark.parametrize("name", COMMANDED)
def test_every_command_does_and_says_the_same(
    databases: list[str], corpus: dict[str, Grid], name: str, within: Command, tmp_path: Path
) -> None:
    """The first one as processes, the others within this one."""
    grid = corpus[name]
    first, *rest = grid.counties
    assert on_both(databases, "load", grid.path, "--dry-run")[0] == 0
    assert on_both(databases, "check", "--json", run=within)[0] in (0, 2)  # nothing is loaded yet
    assert on_both(databases, "load", grid.path, run=within)[0] == 0
    assert on_both(databases, "load", grid.path, run=within)[0] == 2  # loaded already
    assert on_both(databases, "check", run=within)[0] == 0
    assert on_both(databases, "check", "--json", run=within)[0] == 0
    assert on_both(databases, "check", first, "--geojson", run=within)[0] == 0
    assert on_both(databases, "export", "nowhere", "-o", tmp_path / "none", run=within)[0] == 2
    assert on_both(databases, "load", grid.path, "--replace", "--keep-switching", run=within)[0] == 0
    exported = []
    for number, dsn in enumerate(databases):
        target = tmp_path / f"{number}"
        assert within(dsn, "export", *grid.counties, "-o", target)[0] == 0
        exported.append(target)
        assert_same_package(read_package(target), grid.package)
    for file in sorted(exported[0].iterdir()):
        assert file.read_bytes() == (exported[1] / file.name).read_bytes(), file.name
    left = grid.counties
    if rest:
        # refused where others refer to it
        code, *_ = on_both(databases, "unload", first, "--yes", run=within)
        left = grid.counties if code else rest
        on_both(databases, "check", "--json", run=within)
    assert on_both(databases, "unload", *left, "--yes", run=within)[0] == 0
