"""The pool against a real server, with a relay in between that can stop passing anything on.

Expected answers come from the server's own view of its sessions, and from the clock.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest
from psycopg2.extensions import connection, make_dsn, parse_dsn

from sharding.cluster import DeadlineExceeded, Pool, Unreachable
from tests.relay import Relay


@pytest.fixture(scope="module")
def dsn() -> str:
    given = os.environ["GRIDGIS_ENGINE_DSN"]
    return make_dsn(given, application_name="pool_test")


@pytest.fixture
def pool(dsn: str) -> Iterator[Pool]:
    pool = Pool({"dsn": dsn}, size=2)
    yield pool
    pool.close()


@pytest.fixture
def relay(dsn: str) -> Iterator[Relay]:
    parts = parse_dsn(dsn)
    relay = Relay(parts["host"], int(parts["port"]))
    yield relay
    relay.close()


def ask(held: connection, query: str) -> object:
    with held.cursor() as cursor:
        cursor.execute(query)
        row = cursor.fetchone()
        return row[0] if row else None


def terminate(dsn: str, backend: object) -> None:
    other = psycopg2.connect(dsn)
    ask(other, f"SELECT pg_terminate_backend({backend}, 5000)")
    other.close()


def test_a_connection_is_used_again(pool: Pool) -> None:
    with pool.transaction() as held:
        first = ask(held, "SELECT pg_backend_pid()")
    with pool.transaction() as held:
        assert ask(held, "SELECT pg_backend_pid()") == first


def test_a_block_commits_and_a_raising_block_does_not(pool: Pool) -> None:
    with pool.transaction() as held, held.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS pool_test (n int); TRUNCATE pool_test")
        cursor.execute("INSERT INTO pool_test VALUES (1)")
    with pytest.raises(psycopg2.errors.DivisionByZero), pool.transaction() as held, held.cursor() as cursor:
        cursor.execute("INSERT INTO pool_test VALUES (2); SELECT 1 / 0")
    with pool.transaction() as held:
        assert ask(held, "SELECT sum(n) FROM pool_test") == 1
        with held.cursor() as cursor:
            cursor.execute("DROP TABLE pool_test")


def test_one_statement_is_a_transaction_of_its_own_and_the_next_block_has_one_again(pool: Pool) -> None:
    """Within a transaction `now()` stands still."""
    moment = "SELECT now()::text || pg_backend_pid()"
    with pool.transaction(one_statement=True) as held:
        assert ask(held, moment) != ask(held, moment)
    with pytest.raises(psycopg2.errors.DivisionByZero), pool.transaction(one_statement=True) as held:
        ask(held, "SELECT 1 / 0")
    with pytest.raises(DeadlineExceeded), pool.transaction(one_statement=True, deadline_s=0.3) as held:
        ask(held, "SELECT pg_sleep(30)")
    for _ in range(3):
        with pool.transaction() as held:
            assert ask(held, moment) == ask(held, moment)


def test_a_slow_query_is_cancelled_at_the_deadline_and_ends_on_the_server(pool: Pool) -> None:
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded, match=r"within 0\.3 s"), pool.transaction(deadline_s=0.3) as held:
        ask(held, "SELECT pg_sleep(30)")
    assert time.monotonic() - began < 5
    with pool.transaction() as held:
        sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(30)%'"
        assert ask(held, sleeping) == 0


def test_each_deadline_is_kept_whatever_the_others_are(dsn: str) -> None:
    """Two end on time, one of them begun behind a longer one; the patient one is not touched."""
    pool = Pool({"dsn": dsn}, size=3)
    began = time.monotonic()

    def ask_for_long(deadline_s: float | None) -> object:
        try:
            with pool.transaction(deadline_s=deadline_s) as held:
                return ask(held, "SELECT 'done' FROM pg_sleep(2)")
        except DeadlineExceeded:
            return time.monotonic() - began

    with ThreadPoolExecutor(3) as threads:
        patient, late, later = threads.map(ask_for_long, [60.0, 0.3, 0.6])
    assert patient == "done"
    assert isinstance(late, float)
    assert isinstance(later, float)
    assert 0.3 <= late < 1.5
    assert 0.6 <= later < 1.8
    pool.close()


def test_many_transactions_are_watched_by_one_thread(pool: Pool) -> None:
    before = threading.active_count()
    for _ in range(50):
        with pool.transaction() as held:
            ask(held, "SELECT 1")
            assert threading.active_count() <= before + 1
    with pytest.raises(DeadlineExceeded), pool.transaction(deadline_s=0.2) as held:
        ask(held, "SELECT pg_sleep(30)")


def test_a_deadline_is_watched_again_after_a_rest(pool: Pool) -> None:
    """The watching thread may have ended meanwhile."""
    for _ in range(2):
        with pool.transaction(deadline_s=0.2) as held:
            ask(held, "SELECT 1")
        time.sleep(0.4)
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded), pool.transaction(deadline_s=0.2) as held:
        ask(held, "SELECT pg_sleep(30)")
    assert time.monotonic() - began < 3


def test_a_silent_network_costs_the_deadline_and_a_moment(dsn: str, relay: Relay) -> None:
    pool = Pool({"dsn": make_dsn(dsn, host="127.0.0.1", port=relay.port, sslmode="disable")})
    with pool.transaction() as held:
        assert ask(held, "SELECT 1") == 1
    relay.fall_silent()
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded), pool.transaction(deadline_s=0.5) as held:
        ask(held, "SELECT 2")
    assert 0.4 < time.monotonic() - began < 6
    pool.close()


def test_a_connection_that_rested_is_checked_before_it_is_handed_out(dsn: str) -> None:
    pool = Pool({"dsn": dsn}, check_after_s=0.0)
    with pool.transaction() as held:
        backend = ask(held, "SELECT pg_backend_pid()")
    terminate(dsn, backend)
    with pool.transaction() as held:
        assert ask(held, "SELECT pg_backend_pid()") != backend
    pool.close()


def test_a_connection_lost_in_use_says_so_and_is_not_used_again(pool: Pool, dsn: str) -> None:
    def end_it_meanwhile() -> None:
        with pool.transaction() as held:
            terminate(dsn, ask(held, "SELECT pg_backend_pid()"))
            ask(held, "SELECT 1")

    with pytest.raises(Unreachable, match="was lost"):
        end_it_meanwhile()
    with pool.transaction() as held:
        assert ask(held, "SELECT 1") == 1


def test_no_more_connections_than_places(pool: Pool) -> None:
    with pool.transaction(), pool.transaction():
        began = time.monotonic()
        with (
            pytest.raises(DeadlineExceeded, match="became free"),
            pool.transaction(deadline_s=0.2),
        ):
            pass
        assert time.monotonic() - began < 3


def test_many_threads_share_few_connections(pool: Pool) -> None:
    def backend(_: int) -> object:
        with pool.transaction() as held:
            return ask(held, "SELECT pg_backend_pid()")

    with ThreadPoolExecutor(8) as threads:
        assert 1 <= len(set(threads.map(backend, range(40)))) <= 2


def test_no_server_at_all_is_said_in_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with (
        pytest.raises(Unreachable, match="no connection to the database"),
        Pool({"host": "127.0.0.1", "port": port, "dbname": "none"}).transaction(),
    ):
        pass
