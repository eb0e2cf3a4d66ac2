"""Several engine processes over one database: each knows of the others' changes, and says when it cannot.

What is expected is read off the drawing in `tests/drawn.py`, and from the order of events.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gis_service import store
from sharding.local import DATABASES, LocalCluster
from tests.cluster.citus_cluster import stored_in
from tests.drawn import SOUTH, drawn_package
from tests.grid_database import GridDatabase
from tests.live import ROOT, LiveEngine, engine_environment, load, running_engine
from tests.web.test_problems import problem

QUESTION = {"out": ["L3"], "include": []}
"""C5 hangs on L3: one customer, or none while SW2 stands open before it."""


def affected(engine: LiveEngine, **more: Any) -> int:
    count: int = engine.ask("/v1/outage-impact", {**QUESTION, **more})["affected"]["customers"]
    return count


def seconds_until(true: Callable[[], bool], within_s: float = 20.0) -> float:
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < within_s
        time.sleep(0.01)
    return time.monotonic() - began


@pytest.fixture
def second(drawn_engine: LiveEngine, grid_database: GridDatabase, tmp_path: Path) -> Iterator[LiveEngine]:
    with running_engine(grid_database.dsn, tmp_path, name="second") as engine:
        yield engine
        assert "Traceback" not in engine.log_text()


def test_each_sees_what_the_other_records(drawn_engine: LiveEngine, second: LiveEngine) -> None:
    for k in range(6):
        ours, theirs = (drawn_engine, second) if k % 2 else (second, drawn_engine)
        ours.operate({"id": "SW2", "open": k % 2 == 0})
        expected = int(k % 2 == 1)
        assert affected(ours) == expected  # its own writing at once
        assert seconds_until(lambda: affected(theirs) == expected) < 1  # noqa: B023  # asked in this round


def test_a_question_that_names_the_version_is_answered_from_it(
    drawn_engine: LiveEngine, second: LiveEngine
) -> None:
    for k in range(20):
        done = drawn_engine.operate({"id": "SW2", "open": k % 2 == 0})
        answer = second.ask("/v1/outage-impact", {**QUESTION, "at_least": done["grid_version"]})
        assert answer["affected"]["customers"] == k % 2
        assert answer["grid_version"][SOUTH] >= done["grid_version"][SOUTH]


def test_a_cut_listening_connection_is_made_anew(
    drawn_engine: LiveEngine, second: LiveEngine, grid_database: GridDatabase
) -> None:
    def follower() -> Any:
        return second.ask("/readyz")["follower"]

    before = follower()["reconnects"]
    cut = grid_database.query(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'LISTEN%%'"
    )
    assert cut[0][0] >= 2  # that of an engine that has just ended may still be there
    drawn_engine.operate({"id": "SW2", "open": True})
    assert seconds_until(lambda: affected(second) == 0) < 3
    seconds_until(lambda: follower()["reconnects"] > before and follower()["listening"])
    drawn_engine.operate({"id": "SW2", "open": False})
    assert seconds_until(lambda: affected(second) == 1) < 1


def test_a_load_is_seen_by_all(drawn_engine: LiveEngine, second: LiveEngine) -> None:
    versions = {county: one.version + 1 for county, one in store.county_versions().items()}
    load(drawn_package(), replace=True)
    for engine in (drawn_engine, second):
        answer = engine.ask("/v1/outage-impact", {**QUESTION, "at_least": versions})
        assert answer["grid_version"] == versions


def test_metrics_tell_how_the_replica_follows(drawn_engine: LiveEngine) -> None:
    told = dict(
        line.rsplit(" ", 1) for line in drawn_engine.get("/metrics").text.splitlines() if line[:1] != "#"
    )
    assert float(told["gridgis_engine_follower_listening"]) == 1
    assert float(told["gridgis_engine_follower_lag_seconds"]) < 5
    assert float(told["gridgis_engine_follower_counties_behind"]) == 0


@contextmanager
def own_server(directory: Path) -> Iterator[tuple[LocalCluster, str]]:
    """A server that a test may stop, with the drawing loaded, and its address."""
    cluster = LocalCluster(directory, settings={"fsync": "off"})
    try:
        cluster.start()
        dsn = cluster.dsn(DATABASES["engine"])
        command = [sys.executable, "-m", "gis_service", "migrate"]
        subprocess.run(command, cwd=ROOT, env=engine_environment(dsn), check=True, capture_output=True)
        with stored_in(dsn):
            load(drawn_package())
        yield cluster, dsn
    finally:
        store.close_pools()
        cluster.stop()


def test_a_server_that_was_away_is_followed_again(
    reachable_directory: Path, migrated_database: GridDatabase, django_db_blocker: Any, tmp_path: Path
) -> None:
    """While it is away questions are refused, naming since when, and never answered from the old world."""
    with (
        django_db_blocker.unblock(),
        own_server(reachable_directory) as (cluster, dsn),
        running_engine(dsn, tmp_path) as engine,
    ):
        engine.operate({"id": "SW2", "open": True})
        assert affected(engine) == 0
        cluster.stop()
        refused = seconds_until(lambda: engine.post("/v1/outage-impact", QUESTION).status_code == 503)
        assert 3 < refused < 8, engine.post("/v1/outage-impact", QUESTION).text
        told = problem(engine.post("/v1/outage-impact", QUESTION), 503)
        since = datetime.fromisoformat(re.search(r"since (\S+Z)", told["detail"])[1])  # type: ignore[index]
        assert timedelta(0) < datetime.now(UTC) - since < timedelta(seconds=30)
        report = engine.get("/readyz")
        assert (report.status_code, report.json()["status"]) == (503, "not ready")
        cluster.start()
        assert seconds_until(lambda: engine.post("/v1/outage-impact", QUESTION).status_code == 200) < 10
        assert affected(engine) == 0
        seconds_until(lambda: bool(engine.ask("/readyz")["follower"]["listening"]))
        engine.operate({"id": "SW2", "open": False})
        assert affected(engine) == 1
        assert "Traceback" not in engine.log_text()
        assert "the database answers again" in engine.log_text()
