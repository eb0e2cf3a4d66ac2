"""The engine as a process: it starts, stops, is killed, loses its database, and sees what others do to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psycopg2
import pytest

from gis_service import store
from gis_service.network.text import parse_grid
from tests.drawn import DRAWN, NORTH, SOUTH, drawn_package, package_of
from tests.grid_database import GridDatabase
from tests.live import ROOT, LiveEngine, engine_environment, free_port, load, running_engine
from tests.serving.watched import answering, settles
from tests.web.test_problems import problem

ENLARGED = DRAWN + "C7  customer    m3     kva=3\n"


def test_readiness_names_counties_and_nodes(drawn_engine: LiveEngine) -> None:
    report = drawn_engine.ask("/readyz")
    assert (report["status"], report["faults"], report["missing_counties"]) == ("ready", [], [])
    assert {county: one["version"] for county, one in report["counties"].items()} == {NORTH: 1, SOUTH: 1}
    assert [node["answers"] for node in report["nodes"]] == [True]
    assert drawn_engine.ask("/healthz")["status"] == "alive"


def test_metrics_count_requests_and_tell_versions(drawn_engine: LiveEngine) -> None:
    drawn_engine.operate({"id": "SW2", "open": True})
    drawn_engine.ask("/v1/outage-impact", {"out": ["L1"]})
    text = drawn_engine.get("/metrics").text
    assert 'gridgis_engine_requests_total{method="POST",route="/v1/outage-impact",status="200"}' in text
    assert f'gridgis_engine_county_version{{county="{SOUTH}"}} 2.0' in text
    assert 'gridgis_engine_refresh_seconds_count{kind="switches"}' in text


def test_a_load_of_another_process_is_seen(drawn_engine: LiveEngine) -> None:
    assert drawn_engine.get("/v1/elements/C7").status_code == 404
    load(package_of(parse_grid(ENLARGED)), replace=True)
    drawn_engine.catch_up()
    answer = drawn_engine.ask("/v1/outage-impact", {"out": ["L5"]})
    assert [one["id"] for one in answer["customers"]] == ["C6", "C7"]
    assert answer["grid_version"] == {NORTH: 2, SOUTH: 2}
    store.unload_county(SOUTH)
    drawn_engine.catch_up()
    assert drawn_engine.ask("/v1/elements/C1")["grid_version"] == {NORTH: 2}
    assert drawn_engine.get("/v1/elements/C6").status_code == 404


def test_questions_go_on_while_a_county_is_replaced(drawn_engine: LiveEngine) -> None:
    """Every answer belongs to one version or the other: five customers lost, whichever it is."""
    stop = threading.Event()
    wrong: list[str] = []

    def ask() -> None:
        while not stop.is_set():
            answer = drawn_engine.post("/v1/outage-impact", {"out": ["L1"], "include": []})
            if answer.status_code != 200 or answer.json()["affected"]["customers"] != 5:
                wrong.append(answer.text)

    asking = [threading.Thread(target=ask) for _ in range(2)]
    for one in asking:
        one.start()
    for _ in range(4):
        load(drawn_package(), replace=True)
    stop.set()
    for one in asking:
        one.join()
    assert wrong == []


def test_the_same_version_of_another_load_is_not_mistaken(
    drawn_engine: LiveEngine, grid_database: GridDatabase
) -> None:
    """A database that was set back counts from one again; the time of the load tells the difference."""
    drawn_engine.ask("/v1/elements/C6")
    grid_database.query("TRUNCATE county_version, county_register, customer_point")
    load(package_of(parse_grid("@450101\nX source x1\nY customer x1")), replace=True)
    drawn_engine.catch_up()
    assert drawn_engine.ask("/v1/elements/Y")["grid_version"] == {NORTH: 1}


def test_a_kill_between_operations_loses_nothing_acknowledged(
    grid_database: GridDatabase, tmp_path: Path
) -> None:
    load(drawn_package())
    acknowledged: list[str] = []
    for round_ in range(2):
        with running_engine(grid_database.dsn, tmp_path, name=f"killed-{round_}") as engine:
            seen = {
                one["idempotency_key"] for one in engine.ask("/v1/switch-operations?limit=1000")["operations"]
            }
            assert set(acknowledged) <= seen
            killer = threading.Timer(0.4, engine.kill)
            k = 0
            while True:
                key = f"{round_}-{k}"
                try:
                    answer = engine.post(
                        "/v1/switch-operations", [{"id": "SW2", "open": k % 2 == 0, "idempotency_key": key}]
                    )
                except httpx.TransportError:
                    break
                assert answer.status_code == 200, answer.text
                acknowledged.append(key)
                k += 1
                if k == 2:  # however slow the machine is, something is acknowledged before
                    killer.start()
            killer.join()
    assert len(acknowledged) > 2
    kept = [key for (key,) in grid_database.query("SELECT idempotency_key FROM switch_operation ORDER BY id")]
    # one operation more may have been committed when the answer was cut off, per kill
    assert [key for key in kept if key in acknowledged] == acknowledged
    assert len(kept) - len(acknowledged) <= 2
    rows = grid_database.query("SELECT upper_inf(during) FROM interruption WHERE customer_id = 'C5'")
    last_open = grid_database.query("SELECT open FROM switch_operation ORDER BY id DESC LIMIT 1")[0][0]
    assert sum(lasting for (lasting,) in rows) == int(last_open)
    assert grid_database.query("SELECT open FROM switch WHERE id = 'SW2'") == [(last_open,)]


def test_killing_the_server_ends_its_worker(grid_database: GridDatabase, tmp_path: Path) -> None:
    with running_engine(grid_database.dsn, tmp_path) as engine:
        os.kill(engine.child.pid, signal.SIGKILL)
        engine.child.wait()
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                engine.get("/healthz")
            except httpx.TransportError:
                break
            time.sleep(0.05)
        else:
            raise AssertionError("the worker still answers")


def test_a_worker_that_dies_is_replaced_and_connections_wait_for_the_next(
    grid_database: GridDatabase, tmp_path: Path
) -> None:
    with running_engine(grid_database.dsn, tmp_path) as engine:
        first = answering(engine)
        os.kill(first, signal.SIGKILL)
        settles(lambda: not Path(f"/proc/{first}").exists(), "it is dead")
        answer = engine.client.get("/healthz", timeout=120)
        assert answer.json()["status"] == "alive"
        assert answering(engine) != first
        engine.wait_until_ready()
        assert "ended with -9: it is started again" in engine.log_text()


def test_a_stop_finishes_what_is_under_way(grid_database: GridDatabase, tmp_path: Path) -> None:
    load(drawn_package())
    answers: list[int] = []
    with running_engine(grid_database.dsn, tmp_path) as engine:
        # a version that does not come is waited for two seconds: the stop falls into that time
        body = {"out": [], "at_least": {NORTH: 99}}
        asking = threading.Thread(
            target=lambda: answers.append(engine.post("/v1/outage-impact", body).status_code)
        )
        asking.start()
        time.sleep(0.5)
        engine.child.send_signal(signal.SIGTERM)
        asking.join()
        assert engine.child.wait(20) == 0
    assert answers == [503]
    assert "Traceback" not in engine.log_text()


def test_a_taken_port_is_told_in_one_sentence(shared_engine: LiveEngine, grid_database: GridDatabase) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gis_service", "serve", "--port", str(shared_engine.port)],
        cwd=ROOT,
        env=engine_environment(grid_database.dsn),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert str(shared_engine.port) in done.stderr
    assert "--port" in done.stderr


@pytest.fixture
def own_database(migrated_database: GridDatabase) -> GridDatabase:
    """Another database on the same server, without tables; dropped by the test that asks for it."""
    name = f"test_gridgis_empty_{os.getpid()}"
    _administer(
        migrated_database, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', f'CREATE DATABASE "{name}"'
    )
    return GridDatabase(psycopg2.extensions.make_dsn(migrated_database.dsn, dbname=name))


def _administer(database: GridDatabase, *statements: str) -> None:
    held = psycopg2.connect(database.dsn)
    held.autocommit = True
    with held.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    held.close()


def test_without_tables_and_without_a_database_it_says_not_ready(
    own_database: GridDatabase, migrated_database: GridDatabase, tmp_path: Path
) -> None:
    name = psycopg2.extensions.parse_dsn(own_database.dsn)["dbname"]
    log = (tmp_path / "engine.log").open("wb")
    port = free_port()
    child = subprocess.Popen(
        [sys.executable, "-m", "gis_service", "serve", "--port", str(port)],
        cwd=ROOT,
        env=engine_environment(own_database.dsn),
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    engine = LiveEngine(child, port, tmp_path / "engine.log")
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                report = engine.get("/readyz")
                break
            except httpx.TransportError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        assert report.status_code == 503
        assert "migrations" in report.json()["faults"][0]
        assert problem(engine.get("/v1/elements/L1"), 503)
        _administer(migrated_database, f'DROP DATABASE "{name}" WITH (FORCE)')
        away = engine.get("/readyz")
        assert (away.status_code, away.json()["status"]) == (503, "not ready")
        answer = engine.post("/v1/outage-impact", {"out": []})
        problem(answer, 503)
        assert int(answer.headers["retry-after"]) > 0
        assert engine.get("/healthz").status_code == 200
    finally:
        engine.client.close()
        child.terminate()
        child.wait(20)
        log.close()
        _administer(migrated_database, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def test_a_browser_page_may_ask_but_not_operate(drawn_engine: LiveEngine) -> None:
    preflight = {
        "Origin": "https://elsewhere.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    asked = drawn_engine.client.options("/v1/outage-impact", headers=preflight)
    assert asked.headers["access-control-allow-origin"] == "*"
    operated = drawn_engine.client.options("/v1/switch-operations", headers=preflight)
    assert "access-control-allow-origin" not in operated.headers


def test_as_of_is_the_time_of_the_question(drawn_engine: LiveEngine) -> None:
    before = datetime.now(UTC)
    as_of = datetime.fromisoformat(drawn_engine.ask("/v1/elements/L1")["as_of"])
    assert before <= as_of <= datetime.now(UTC)
