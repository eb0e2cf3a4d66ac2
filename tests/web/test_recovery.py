"""What an engine says after something was killed: in its log, at `/readyz`, at `/metrics`. Real processes.

What is expected is what the test itself did to them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gis_service import store
from gis_service.ingest.package import write_package
from gis_service.store.late_indexes import set_aside
from gis_service.store.locks import load_session
from tests.drawn import drawn_package
from tests.grid_database import GridDatabase
from tests.live import LiveEngine, running_engine
from tests.store.grids import trunk_package
from tests.store.test_interrupted_loads import start_load


@pytest.fixture(autouse=True)
def _home_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no other test's engines are told of here."""
    monkeypatch.setenv("GRIDGIS_HOME", str(tmp_path))


def recovered(engine: LiveEngine) -> list[tuple[str, str]]:
    """Kind and sentence of what `/readyz` tells, which the log tells too."""
    told = engine.ask("/readyz")["recovered"]
    lines = [
        line.split("recovered: ", 1)[1] for line in engine.log_text().splitlines() if "recovered: " in line
    ]
    assert [one["said"] for one in told] == lines
    counted = dict(
        line.rsplit(" ", 1)
        for line in engine.get("/metrics").text.splitlines()
        if line.startswith("gridgis_engine_recovered{")
    )
    for kind in {one["kind"] for one in told}:
        count = float(counted[f'gridgis_engine_recovered{{kind="{kind}"}}'])
        assert count == sum(one["kind"] == kind for one in told)
    return [(one["kind"], one["said"]) for one in told]


def kill_a_load(package: Path, database: GridDatabase) -> int:
    """The number of a `gridgis load` that was killed when it had begun to write."""
    with start_load(package, database) as process:
        deadline = time.monotonic() + 60
        while not _begun(process.pid, database):
            assert time.monotonic() < deadline
            assert process.poll() is None, "it ended before it could be killed"
        process.kill()
    return process.pid


def _begun(pid: int, database: GridDatabase) -> bool:
    return database.query("SELECT EXISTS (SELECT FROM load_run WHERE process = %s)", pid) == [(True,)]


def test_a_killed_engine_is_told_by_the_next_one_and_one_stopped_in_order_is_not(
    grid_database: GridDatabase, tmp_path: Path
) -> None:
    store.load_package(drawn_package())
    with running_engine(grid_database.dsn, tmp_path, name="stopped") as first:
        assert recovered(first) == []
    with running_engine(grid_database.dsn, tmp_path, name="killed") as second:
        assert recovered(second) == []
        assert "nothing had to be recovered" in second.log_text()
        second.kill()
    with running_engine(grid_database.dsn, tmp_path, name="third") as third:
        ((kind, said),) = recovered(third)
        assert kind == "run"
        assert "did not end in order: it was killed or crashed" in said
        with running_engine(grid_database.dsn, tmp_path, name="replica") as replica:
            assert recovered(replica) == []  # the third one is at work, and has told it


def test_an_engine_whose_server_was_killed_ends_in_order(grid_database: GridDatabase, tmp_path: Path) -> None:
    with running_engine(grid_database.dsn, tmp_path, name="orphaned") as engine:
        os.kill(engine.child.pid, signal.SIGKILL)
        engine.child.wait()
        deadline = time.monotonic() + 30
        while list((tmp_path / "runs").iterdir()):
            assert time.monotonic() < deadline, "the worker goes on without its server"
            time.sleep(0.05)


def test_a_killed_load_is_told_until_the_county_is_loaded(
    grid_database: GridDatabase, tmp_path: Path
) -> None:
    write_package(trunk_package(["450122"], 3000), tmp_path / "grid")
    write_package(trunk_package(["450123"], 20), tmp_path / "other")
    process = kill_a_load(tmp_path / "grid", grid_database)
    deadline = time.monotonic() + 30
    while not store.unfinished_loads():  # the server notices within a second that the client is gone
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with running_engine(grid_database.dsn, tmp_path, name="after") as engine:
        ((kind, said),) = recovered(engine)
        assert kind == "load"
        assert f"(process {process} on " in said
        assert "did not finish: the county is not loaded as before; load it again" in said
    for _ in range(2):  # a load that comes to nothing has told it, and it is told again
        store.load_package(trunk_package(["450123"], 20), replace=True)
        refused = subprocess.run(
            [sys.executable, "-m", "gis_service.cli", "load", str(tmp_path / "other")],
            env={**os.environ, "GRIDGIS_ENGINE_DSN": grid_database.dsn},
            capture_output=True,
            text=True,
            check=False,
        )
        assert refused.returncode == 2, refused.stderr
        assert f"(process {process} on " in refused.stdout
    store.load_package(trunk_package(["450122"], 3000), replace=True)
    with running_engine(grid_database.dsn, tmp_path, name="later") as engine:
        assert recovered(engine) == []


def test_indexes_and_keys_that_a_load_left_unbuilt_are_built_beside_the_questions(
    grid_database: GridDatabase, tmp_path: Path
) -> None:
    def indexes() -> list[tuple[str, str, bool]]:
        return grid_database.query(
            "SELECT c.relname, pg_get_indexdef(i.indexrelid), i.indisprimary FROM pg_index i "
            "JOIN pg_class c ON c.oid = i.indexrelid WHERE relnamespace = 'public'::regnamespace ORDER BY 1"
        )

    store.load_package(drawn_package())
    before = indexes()
    with load_session() as held:  # what a load does before its rows, and then it dies
        deadline = time.monotonic() + 30
        while not set_aside(held):  # an engine of a test before may still be reading
            assert time.monotonic() < deadline
    missing = {name for name, _, _ in before} - {name for name, _, _ in indexes()}
    assert {"switch_pkey", "connectivity_node_pkey"} < missing
    with running_engine(grid_database.dsn, tmp_path) as engine:
        deadline = time.monotonic() + 30
        while len(engine.ask("/readyz")["recovered"]) < len(missing):
            assert time.monotonic() < deadline, engine.log_text()
            time.sleep(0.05)
        told = recovered(engine)
    assert indexes() == before
    assert {kind for kind, _ in told} == {"index"}
    assert {said.split()[2].rstrip(",") for _, said in told} == missing
