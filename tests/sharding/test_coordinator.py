"""A session for work on the cluster: deadlines, interruptions, one at a time. A real server without Citus."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from sharding.coordinator import Busy, Coordinator, alone, at_work, looking
from sharding.deadlines import DeadlineExceeded, Unreachable
from sharding.local import DATABASES, LocalCluster

Parameters = dict[str, str]


@pytest.fixture(scope="module")
def parameters(reachable_directory: Path) -> Iterator[Parameters]:
    cluster = LocalCluster(reachable_directory)
    cluster.start()
    yield {"dsn": cluster.dsn(DATABASES["engine"])}
    cluster.stop()


@pytest.fixture
def session(parameters: Parameters) -> Iterator[Coordinator]:
    with looking(parameters, "a test") as session:
        yield session


def asleep(session: Coordinator) -> int:
    """Sessions that the server sees asleep in a query."""
    return int(session.one("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"))


def test_rows_values_and_errors_are_those_of_the_server(session: Coordinator) -> None:
    assert session.ask("SELECT n, %s FROM generate_series(1, 2) n", ["a"]) == [(1, "a"), (2, "a")]
    assert session.one("SELECT 1 WHERE false") is None
    assert session.ask("SET work_mem = '5MB'") == []
    with pytest.raises(psycopg2.errors.UndefinedTable):
        session.ask("SELECT * FROM nowhere")
    assert session.one("SHOW work_mem") == "5MB"


def test_a_statement_that_takes_too_long_is_ended_on_the_server_and_the_session_goes_on(
    session: Coordinator,
) -> None:
    looks: list[float] = []
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded, match="not do this within"):
        session.ask("SELECT pg_sleep(60)", deadline_s=1.5, meanwhile=lambda: looks.append(time.monotonic()))
    assert time.monotonic() - began < 8
    assert looks
    assert asleep(session) == 0


def test_an_interruption_ends_the_statement_on_the_server(session: Coordinator) -> None:
    threading.Timer(1.0, os.kill, [os.getpid(), signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        session.ask("SELECT pg_sleep(60)")
    assert asleep(session) == 0


def test_a_server_that_is_frozen_costs_the_deadline_and_a_moment(
    parameters: Parameters, session: Coordinator
) -> None:
    backend = int(session.one("SELECT pg_backend_pid()"))
    os.kill(backend, signal.SIGSTOP)
    try:
        began = time.monotonic()
        with pytest.raises(DeadlineExceeded):
            session.ask("SELECT 1", deadline_s=1)
        assert time.monotonic() - began < 20
    finally:
        os.kill(backend, signal.SIGCONT)
    with pytest.raises((Unreachable, psycopg2.InterfaceError)):
        session.ask("SELECT 1")


def test_nobody_listening_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="no connection to the database"):
        Coordinator({"host": "127.0.0.1", "port": 1, "dbname": "x", "user": "x"}, "a test")


def test_only_one_session_changes_the_cluster_and_the_others_are_told_who(
    parameters: Parameters, session: Coordinator
) -> None:
    with alone(parameters, "gridgis cluster rebalance"):
        assert at_work(session).startswith("gridgis cluster rebalance (session ")
        with (
            pytest.raises(Busy, match=r"rebalance \(session \d+, since .* is changing the cluster: wait"),
            alone(parameters, "gridgis cluster isolate"),
        ):
            pass
    deadline = time.monotonic() + 5
    while at_work(session) and time.monotonic() < deadline:
        time.sleep(0.05)
    with alone(parameters, "gridgis cluster isolate"):
        pass
