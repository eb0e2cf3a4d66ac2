"""Loads that are killed, and questions that are asked while a load goes on.

The expected answer is always one of two whole grids: the one before the load or the one after it.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from psycopg2.extensions import make_dsn

from gis_service import store
from gis_service.ingest.package import tables_from_package, write_package
from tests.grid_database import GridDatabase
from tests.store.comparing import assert_same_tables, same_tables
from tests.store.grids import trunk_package

COUNTIES = ["450122", "450123"]
KILLS = 15


def start_load(package: Path, database: GridDatabase) -> subprocess.Popen[bytes]:
    """The real command in a process of its own, its sessions named so that they can be found."""
    environment = {**os.environ, "GRIDGIS_ENGINE_DSN": make_dsn(database.dsn, application_name="killed_load")}
    command = [sys.executable, "-m", "gis_service.cli", "load", str(package), "--replace"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finished(process: subprocess.Popen[bytes]) -> tuple[int, bytes]:
    """The exit code and what was said on stderr."""
    said = process.communicate(timeout=60)[1]
    return process.returncode, said


def sessions(database: GridDatabase) -> int:
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'killed_load'"
    return int(database.query(query)[0][0])


def begun_loads(database: GridDatabase) -> int:
    """Counties that a load has written down in the journal and not finished, whether it lives or not."""
    return int(database.query("SELECT count(*) FROM load_run WHERE finished_at IS NULL")[0][0])


def leftovers(database: GridDatabase) -> list[tuple[str, str]]:
    """Tables that no migration made, whoever sees them."""
    query = "SELECT nspname, relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    query += "WHERE relkind = 'r' AND (nspname LIKE 'pg\\_temp%%' OR relname LIKE 'staged%%')"
    return [(str(schema), str(name)) for schema, name in database.query(query)]


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def test_a_load_killed_at_any_moment_leaves_each_county_old_or_new(
    grid_database: GridDatabase, tmp_path: Path
) -> None:
    """Old until the new one is committed, then new and whole; nothing is left behind for the next load."""
    old, new = trunk_package(COUNTIES, 1500, mark="old"), trunk_package(COUNTIES, 1600, mark="new")
    before, after = tables_from_package(old), tables_from_package(new)
    write_package(new, tmp_path / "new")
    store.load_package(old)

    with start_load(tmp_path / "new", grid_database) as whole:
        wait_for(lambda: begun_loads(grid_database) > 0)
        begun = time.monotonic()
        assert finished(whole) == (0, b"")
    seconds = time.monotonic() - begun
    assert_same_tables(store.load_tables()[0], after)
    assert begun_loads(grid_database) == 0

    moments = random.Random(7)
    untouched = 0
    for _ in range(KILLS):
        if not same_tables(store.load_tables()[0], before):
            store.load_package(old, replace=True)
        versions = store.load_tables()[1]
        with start_load(tmp_path / "new", grid_database) as process:
            wait_for(lambda: begun_loads(grid_database) > 0)
            assert store.unfinished_loads() == []  # it is under way
            time.sleep(moments.uniform(0, seconds))
            process.send_signal(signal.SIGKILL)
        wait_for(lambda: sessions(grid_database) == 0)
        assert leftovers(grid_database) == []
        unfinished = []
        for county in COUNTIES:
            tables, now = store.load_tables([county])
            replaced = now[county] != versions[county]
            unfinished += [] if replaced else [(county, versions[county])]
            expected = (
                trunk_package([county], 1600, mark="new")
                if replaced
                else trunk_package([county], 1500, mark="old")
            )
            assert_same_tables(tables, tables_from_package(expected))
        told = store.unfinished_loads()
        assert [(one.county_code, one.version) for one in told] == unfinished
        assert all(one.process == process.pid for one in told)
        store.acknowledge_loads(told)
        assert store.unfinished_loads() == []
        untouched += store.load_tables()[1] == versions
        assert same_tables(store.load_tables()[0], before) == (store.load_tables()[1] == versions)
    assert untouched >= 1, "no kill came before the first commit: the moments are wrong"


def test_readers_see_one_whole_grid_while_counties_are_replaced() -> None:
    """Two grids take turns in ten loads; every read is the one or the other, as its version says."""
    grids = [trunk_package(COUNTIES[:1], 400, mark="odd"), trunk_package(COUNTIES[:1], 300, mark="even")]
    expected = [tables_from_package(grid) for grid in grids]
    store.load_package(grids[0])
    done = threading.Event()
    reads: list[int] = []
    mixed: list[str] = []

    def read() -> None:
        while not done.is_set():
            tables, versions = store.load_tables()
            version = versions[COUNTIES[0]]
            reads.append(version)
            if not same_tables(tables, expected[(version + 1) % 2]):
                mixed.append(f"version {version} is mixed")
            if len(store.current_switches()) not in (30, 40):
                mixed.append("half the switches")

    readers = [threading.Thread(target=read) for _ in range(2)]
    for one in readers:
        one.start()
    try:
        for turn in range(1, 11):
            store.load_package(grids[turn % 2], replace=True)
    finally:
        done.set()
        for one in readers:
            one.join()
    assert mixed == []
    assert len(set(reads)) >= 3, "the readers saw too few of the loads to tell anything"


def test_two_loads_of_one_county_leave_one_whole_grid(grid_database: GridDatabase, tmp_path: Path) -> None:
    """One after the other, or one of them refused: in either case what is stored is whole."""
    package = trunk_package(COUNTIES, 1000, mark="both")
    write_package(package, tmp_path / "both")
    with (
        start_load(tmp_path / "both", grid_database) as one,
        start_load(tmp_path / "both", grid_database) as two,
    ):
        results = [finished(process) for process in (one, two)]
    assert any(code == 0 for code, _ in results), results
    for code, said in results:
        assert code == 0 or (code == 2 and (b"loaded meanwhile" in said or b"being loaded" in said)), said
    assert_same_tables(store.load_tables()[0], tables_from_package(package))
