"""Connections that read side by side. Expected: what one connection reads, and the clock."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from itertools import count
from typing import Any

import psycopg2
import pyarrow as pa
import pytest
from psycopg2 import errors, extensions, sql
from psycopg2.extensions import make_dsn, parse_dsn

from sharding.cluster import DeadlineExceeded, Pool, Unreachable
from sharding.copy import TEXT, copy_out
from sharding.readers import side_by_side
from tests.relay import Relay

PARTS, ROWS = 12, 400


@pytest.fixture(scope="module")
def dsn() -> str:
    return make_dsn(os.environ["GRIDGIS_ENGINE_DSN"], application_name="readers_test")


@pytest.fixture
def pool(dsn: str) -> Iterator[Pool]:
    with closing(Pool({"dsn": dsn}, size=4)) as pool:
        yield pool


@pytest.fixture(scope="module")
def parts(dsn: str) -> Iterator[None]:
    """A table of twelve parts; `mark` is the same in all rows at any moment."""
    with closing(psycopg2.connect(dsn)) as held, held.cursor() as cursor:
        held.autocommit = True
        cursor.execute("DROP TABLE IF EXISTS parts")
        cursor.execute(
            "CREATE TABLE parts AS SELECT part, id, 'mark 0' AS mark"
            f" FROM generate_series(1, {PARTS}) part, generate_series(1, {ROWS}) id"
        )
        yield
        cursor.execute("DROP TABLE parts")


def read(cursor: extensions.cursor, *, part: int) -> pa.Table:
    query = sql.SQL("SELECT part || '-' || id, mark FROM parts WHERE part = {} ORDER BY id")
    return copy_out(cursor, query.format(sql.Literal(part)), {"id": TEXT, "mark": TEXT})


def backend(cursor: extensions.cursor) -> Any:
    cursor.execute("SELECT pg_backend_pid() FROM pg_sleep(0.05)")
    return (cursor.fetchone() or (None,))[0]


def ask(query: str) -> Callable[[extensions.cursor], object]:
    return lambda cursor: cursor.execute(query)


def still_working(dsn: str, query: str) -> int:
    with closing(psycopg2.connect(dsn)) as held, held.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = %s", [query])
        return int((cursor.fetchone() or (0,))[0])


@pytest.mark.parametrize("most", [1, 2, 3, 20])
def test_any_number_of_connections_reads_what_one_reads_in_the_order_of_the_tasks(
    pool: Pool, parts: None, most: int
) -> None:
    tasks = [partial(read, part=part) for part in range(1, PARTS + 1)]
    with pool.transaction() as held, held.cursor() as cursor:
        expected = [task(cursor) for task in tasks]
    with side_by_side(pool, most, deadline_s=30) as readers:
        assert readers.each(tasks) == expected
        assert readers.each(tasks[::-1]) == expected[::-1]
        assert readers.each([]) == []


def test_tasks_are_shared_by_as_many_connections_as_asked_for(pool: Pool) -> None:
    with side_by_side(pool, 3, deadline_s=30) as readers:
        assert len(set(readers.each([backend] * 12))) == 3


def test_a_pool_without_places_to_spare_leaves_all_to_one_connection(dsn: str) -> None:
    with closing(Pool({"dsn": dsn}, size=1)) as pool, side_by_side(pool, 4, deadline_s=30) as readers:
        assert len(set(readers.each([backend] * 4))) == 1


def test_what_is_written_meanwhile_is_seen_by_none_of_them(pool: Pool, dsn: str, parts: None) -> None:
    """A writer gives all rows a new mark, again and again; no read sees two, no later one an older mark."""
    done = threading.Event()

    def write() -> None:
        with closing(psycopg2.connect(dsn)) as held, held.cursor() as cursor:
            for number in count(1):
                cursor.execute("UPDATE parts SET mark = %s", [f"mark {number}"])
                held.commit()
                if done.is_set():
                    return

    writer = threading.Thread(target=write)
    writer.start()
    seen: list[int] = []
    try:
        for _ in range(15):
            with side_by_side(pool, 3, deadline_s=30) as readers:
                time.sleep(0.02)
                for _ in range(2):
                    tables = readers.each([partial(read, part=part) for part in range(1, PARTS + 1)])
                    assert [len(one) for one in tables] == [ROWS] * PARTS
                    (mark,) = {mark for one in tables for mark in one["mark"].to_pylist()}
                    seen.append(int(mark.split()[1]))
    finally:
        done.set()
        writer.join()
    assert seen[::2] == seen[1::2], "one block, one moment"
    assert seen == sorted(seen)
    assert len(set(seen)) > 3, "the reader hardly saw the writes"


@pytest.mark.parametrize("failing", [0, 1, 5])
def test_one_failure_ends_the_others_and_is_what_is_told(pool: Pool, dsn: str, failing: int) -> None:
    sleeping = f"SELECT {failing}, pg_sleep(60)"
    tasks = [ask(sleeping)] * 6
    tasks[failing] = ask("SELECT pg_sleep(0.3), 1 / 0")
    began = time.monotonic()
    with (
        pytest.raises(errors.DivisionByZero),
        side_by_side(pool, 6 if failing == 5 else 2, deadline_s=50) as readers,
    ):
        readers.each(tasks if failing < 5 else [tasks[5], tasks[0]])
    assert time.monotonic() - began < 8
    assert still_working(dsn, sleeping) == 0
    with side_by_side(pool, 3, deadline_s=30) as readers:
        assert len(readers.each([backend] * 3)) == 3


def test_a_failure_of_the_program_itself_ends_them_as_well(pool: Pool, dsn: str) -> None:
    def refuse(_: object) -> object:
        raise ValueError("not these rows")

    sleeping = "SELECT 'beside a fault', pg_sleep(60)"
    began = time.monotonic()
    with pytest.raises(ValueError, match="not these rows"), side_by_side(pool, 2, deadline_s=50) as readers:
        readers.each([ask(sleeping), refuse])
    assert time.monotonic() - began < 8
    assert still_working(dsn, sleeping) == 0


def test_who_locks_what_one_reads_and_another_has_read_is_not_waited_for(
    pool: Pool, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a migration of two tables does: the server sees no circle, for it lies across our sessions."""
    monkeypatch.setattr("sharding.readers.LOCK_S", 0.5)
    leader = threading.current_thread()
    helped, has_read = threading.Event(), threading.Event()
    with (
        closing(psycopg2.connect(dsn)) as changing,
        closing(psycopg2.connect(dsn)) as looking,
        changing.cursor() as change,
        looking.cursor() as look,
    ):
        looking.autocommit = True
        for name in ("first_read", "read_next"):
            look.execute(f"CREATE TABLE IF NOT EXISTS {name} (n int)")
        change.execute("LOCK TABLE read_next IN ACCESS EXCLUSIVE MODE")

        def lock() -> None:
            change.execute("LOCK TABLE first_read IN ACCESS EXCLUSIVE MODE")
            changing.commit()

        locker = threading.Thread(target=lock)

        def task(cursor: extensions.cursor) -> None:
            if threading.current_thread() is not leader:
                helped.set()
                assert has_read.wait(20)
                cursor.execute("SELECT * FROM read_next")
                return
            assert helped.wait(20)
            cursor.execute("SELECT * FROM first_read")
            locker.start()
            waiting = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'first_read'::regclass"
            look.execute(waiting)
            while not look.rowcount:
                time.sleep(0.01)
                look.execute(waiting)
            has_read.set()

        began = time.monotonic()
        with pytest.raises(errors.LockNotAvailable), side_by_side(pool, 2, deadline_s=50) as reading:
            reading.each([task, task])
        assert time.monotonic() - began < 10
        locker.join(20)  # which goes on as soon as nobody reads
        assert not locker.is_alive()
        look.execute("DROP TABLE first_read, read_next")


def test_the_deadline_is_that_of_all_of_them(pool: Pool) -> None:
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded), side_by_side(pool, 2, deadline_s=0.5) as readers:
        readers.each([ask("SELECT 1"), ask("SELECT pg_sleep(60)"), ask("SELECT pg_sleep(60)")])
    assert time.monotonic() - began < 5


def test_a_server_that_falls_silent_costs_the_deadline_and_a_moment(dsn: str) -> None:
    parts = parse_dsn(dsn)
    relay = Relay(parts["host"], int(parts["port"]))
    through = make_dsn(dsn, host="127.0.0.1", port=relay.port, sslmode="disable")

    def fall_silent(cursor: extensions.cursor) -> None:
        cursor.execute("SELECT 1")
        relay.fall_silent()
        cursor.execute("SELECT 2")

    late = [backend, backend, fall_silent, ask("SELECT pg_sleep(60)")]
    began = time.monotonic()
    with (
        closing(Pool({"dsn": through})) as pool,
        pytest.raises(DeadlineExceeded),
        side_by_side(pool, 2, deadline_s=1.5) as readers,
    ):
        readers.each(late)
    assert time.monotonic() - began < 10
    relay.close()


def test_an_error_in_the_midst_of_the_rows_is_the_servers_own(pool: Pool) -> None:
    query = sql.SQL("SELECT (1 / (70000 - n))::int8 FROM generate_series(1, 100000) n")
    with pool.transaction() as held, held.cursor() as cursor:
        with pytest.raises(errors.DivisionByZero, match="division by zero") as raised:
            copy_out(cursor, query, {"n": pa.int64()})
        assert raised.value.pgcode == "22012"
        held.rollback()
        assert copy_out(cursor, sql.SQL("SELECT 7::int8"), {"n": pa.int64()})["n"].to_pylist() == [7]


def test_a_session_that_ends_in_the_midst_of_the_rows_is_lost(pool: Pool, dsn: str) -> None:
    query = sql.SQL(
        "SELECT repeat('x', 100) || CASE WHEN n = 20000 THEN pg_terminate_backend(pg_backend_pid())::text"
        " ELSE '' END FROM generate_series(1, 100000) n"
    )
    with (
        pytest.raises(Unreachable, match="terminating connection"),
        pool.transaction() as held,
        held.cursor() as cursor,
    ):
        copy_out(cursor, query, {"text": TEXT})
    with pool.transaction() as held, held.cursor() as cursor:
        assert backend(cursor)


def test_a_copy_that_is_late_is_cut_off(pool: Pool) -> None:
    query = sql.SQL(
        "SELECT (n + extract(epoch FROM clock_timestamp()))::float8 FROM generate_series(1, 10000000) n"
    )
    began = time.monotonic()
    with (
        pytest.raises(DeadlineExceeded),
        pool.transaction(deadline_s=0.3) as held,
        held.cursor() as cursor,
    ):
        copy_out(cursor, query, {"n": pa.float64()})
    assert time.monotonic() - began < 5
