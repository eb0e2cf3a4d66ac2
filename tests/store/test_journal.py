"""The journal of loads and the indexes that a first load sets aside; dead loads are really dead.

Expected answers come from PostgreSQL's own catalogue and from who was killed.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg2
import pytest

from gis_service import store
from gis_service.errors import Conflict, InvalidInput, NotReady
from gis_service.ingest.package import GridPackage, tables_from_package, write_package
from gis_service.store import late_indexes, load_crew, load_statistics, loading
from gis_service.store.journal import UnfinishedLoad, begin_runs
from gis_service.store.locks import hold_for_indexing, load_session
from gis_service.store.schema import ELEMENT_LAYERS
from tests.grid_database import GridDatabase
from tests.packages import put, sound_frames, sound_package
from tests.store.comparing import assert_same_tables
from tests.store.grids import trunk_package
from tests.store.test_interrupted_loads import finished, start_load, wait_for

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPATIAL = """
SELECT indexdef FROM pg_indexes WHERE indexdef LIKE '%%USING gist (geom)' AND tablename <> 'reservation'
ORDER BY 1
"""
KEYS = """
SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
WHERE contype = 'p' AND conrelid::regclass::text = ANY(%s) ORDER BY 1
"""
SET_ASIDE = "SELECT definition FROM index_to_build ORDER BY 1"


@pytest.fixture
def all_indexes(grid_database: GridDatabase) -> Iterator[list[tuple[str]]]:
    """The definitions of all spatial indexes, which stand again afterwards, as do the primary keys."""
    tables = [layer.name for layer in ELEMENT_LAYERS]
    found, keys = grid_database.query(SPATIAL), grid_database.query(KEYS, tables)
    assert len(found) == 8  # seven layers of the map, and the counties
    assert len(keys) == len(ELEMENT_LAYERS)
    yield found
    store.build_missing_indexes()
    assert grid_database.query(SPATIAL) == found
    assert grid_database.query(KEYS, tables) == keys


def begun_by_a_process_that_is_gone(county: str) -> int:
    """A line of the journal as a load writes it that is killed right afterwards."""
    with load_session() as held, held, held.cursor() as cursor:
        return begin_runs(cursor, [county], NOON)[county]


def test_a_load_is_written_down_with_its_rows_and_is_not_called_unfinished(
    grid_database: GridDatabase,
) -> None:
    done = store.load_package(sound_package(), at=NOON)
    lines = grid_database.query(
        "SELECT county_code, begun_at, finished_at >= begun_at, rows, process FROM load_run ORDER BY 1"
    )
    assert lines == [(one.county, NOON, True, sum(one.rows.values()), os.getpid()) for one in done]
    assert store.unfinished_loads() == []


def test_a_refused_load_leaves_no_line(grid_database: GridDatabase) -> None:
    store.load_package(sound_package())
    grid_database.query("DELETE FROM load_run")
    with pytest.raises(Conflict, match="--replace"):
        store.load_package(sound_package())
    frames = sound_frames()
    put(frames, "line_section", 0, "name", "a\0b")
    with pytest.raises(InvalidInput):
        store.load_package(GridPackage.of(frames), replace=True)
    assert grid_database.query("SELECT * FROM load_run WHERE finished_at IS NULL") == []


def test_a_load_that_died_is_told_until_it_is_acknowledged() -> None:
    begun_by_a_process_that_is_gone("0801")
    (told,) = store.unfinished_loads()
    assert (told.county_code, told.begun_at, told.version) == ("0801", NOON, None)
    assert "did not finish: the county is not loaded as before; load it again" in str(told)
    store.acknowledge_loads([told])
    assert store.unfinished_loads() == []


def test_a_load_under_way_is_not_called_unfinished() -> None:
    seen: list[list[UnfinishedLoad]] = []
    store.load_package(sound_package(), progress=lambda *_: seen.append(store.unfinished_loads()))
    assert seen
    assert not any(seen)


def test_loading_the_county_again_makes_good_what_died_before() -> None:
    store.load_package(sound_package())
    begun_by_a_process_that_is_gone("0801")
    begun_by_a_process_that_is_gone("0802")
    told = [str(one) for one in store.unfinished_loads()]
    assert [one.split(" (")[0] for one in told] == [
        f"a load of county {code} begun at 2026-03-01T12:00:00+00:00" for code in ("0801", "0802")
    ]
    assert all("the county stands at version 1 as before" in one for one in told)
    store.load_county(sound_package(), "0801", replace=True)
    assert [one.county_code for one in store.unfinished_loads()] == ["0802"]


def test_a_first_load_of_many_rows_builds_its_spatial_indexes_at_the_end(
    grid_database: GridDatabase, all_indexes: list[tuple[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_MANY", 1)
    seen = []
    package = trunk_package(["450122", "450123", "450124"], 300)

    def look(county: str, layer: str, rows: int) -> None:
        seen.append((len(grid_database.query(SPATIAL)), len(grid_database.query(SET_ASIDE))))

    done = store.load_package(package, progress=look)
    assert set(seen) == {(1, 7 + len(ELEMENT_LAYERS))}
    assert grid_database.query(SPATIAL) == all_indexes
    assert grid_database.query(SET_ASIDE) == []
    assert [one.county for one in done] == ["450122", "450123", "450124"]
    assert_same_tables(store.load_tables()[0], tables_from_package(package))


@pytest.mark.parametrize("counties", [2, 9])  # of nine, the last one is under way meanwhile
def test_statistics_wait_for_no_index_and_no_index_for_statistics(
    grid_database: GridDatabase,
    all_indexes: list[tuple[str]],
    monkeypatch: pytest.MonkeyPatch,
    counties: int,
) -> None:
    monkeypatch.setattr(loading, "_MANY", 1)
    monkeypatch.setattr(loading, "_WORTH_ANALYSING", 1)
    begun: list[tuple[str, str]] = []
    really_build, really_analyse = late_indexes.build, load_statistics.analyse

    def build(index: late_indexes.LateIndex, held: psycopg2.extensions.connection) -> None:
        begun.append(("build", index.table))
        really_build(index, held)

    def analyse(table: str, held: psycopg2.extensions.connection) -> None:
        begun.append(("analyse", table))
        really_analyse(table, held)

    monkeypatch.setattr(late_indexes, "build", build)
    monkeypatch.setattr(load_statistics, "analyse", analyse)
    store.load_package(trunk_package([str(450122 + k) for k in range(counties)], 100))
    assert [what for what, _ in begun] == ["analyse"] * 9 + ["build"] * 16
    assert {table for what, table in begun if what == "analyse"} == {layer.name for layer in ELEMENT_LAYERS}
    for layer in ELEMENT_LAYERS:
        ((counted, rows),) = grid_database.query(
            f"SELECT reltuples, (SELECT count(*) FROM {layer.name}) FROM pg_class WHERE relname = %s",
            layer.name,
        )
        assert counted == rows


def test_a_refusal_is_told_although_statistics_fail_as_well(
    grid_database: GridDatabase, all_indexes: list[tuple[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_MANY", 1)
    monkeypatch.setattr(loading, "_WORTH_ANALYSING", 1)
    gathered: list[str] = []

    def fail(table: str, held: psycopg2.extensions.connection) -> None:
        gathered.append(table)
        with held, held.cursor() as cursor:
            cursor.execute("ANALYZE no_such_table")

    monkeypatch.setattr(load_statistics, "analyse", fail)
    package = trunk_package([str(450122 + k) for k in range(9)], 100)
    frames = {layer: package[layer] for layer in package.layers}
    put(frames, "customer_point", len(frames["customer_point"]) - 1, "customer_class", "pirate")
    with pytest.raises(InvalidInput, match="customer_point_customer_class"):
        store.load_package(GridPackage.of(frames))
    assert gathered
    assert "450130" not in store.county_versions()
    assert grid_database.query(SPATIAL) == all_indexes


def test_autovacuum_gathers_fine_statistics_after_the_rough_ones_of_a_load(
    grid_database: GridDatabase, all_indexes: list[tuple[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes of itself, for nobody asks it; an ANALYZE without columns would have told it to stay away."""
    monkeypatch.setattr(loading, "_MANY", 1)
    monkeypatch.setattr(loading, "_WORTH_ANALYSING", 1)
    came = "SELECT count(last_autoanalyze) FROM pg_stat_user_tables WHERE relname = 'connectivity_node'"
    bounds = """
    SELECT array_length(histogram_bounds::text::text[], 1) FROM pg_stats
    WHERE tablename = 'connectivity_node' AND attname = 'id'
    """
    with closing(psycopg2.connect(grid_database.dsn)) as owner:
        owner.autocommit = True
        tell = owner.cursor().execute
        tell("SELECT pg_stat_reset()")
        try:
            tell("ALTER SYSTEM SET autovacuum = off")
            tell("SELECT pg_reload_conf()")
            store.load_package(trunk_package(["450122", "450123"], 300))
            assert grid_database.query(bounds) == [(4,)]
            tell("ALTER SYSTEM RESET autovacuum")
            tell("ALTER SYSTEM SET autovacuum_naptime = '1s'")
            tell("SELECT pg_reload_conf()")
            wait_for(lambda: grid_database.query(came) == [(1,)])
        finally:
            tell("ALTER SYSTEM RESET autovacuum")
            tell("ALTER SYSTEM RESET autovacuum_naptime")
            tell("SELECT pg_reload_conf()")
    assert grid_database.query(bounds) == [(101,)]


def test_a_load_goes_on_where_the_server_lets_no_further_session_in(
    grid_database: GridDatabase, all_indexes: list[tuple[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_MANY", 1)
    asked: list[int] = []
    really_open = load_session

    @contextmanager
    def some() -> Iterator[psycopg2.extensions.connection]:
        asked.append(1)
        if len(asked) > 1:
            raise NotReady("no connection to the database: sorry, too many clients already")
        with really_open() as held:
            yield held

    for opens in (loading, load_crew):
        monkeypatch.setattr(opens, "load_session", some)
    package = trunk_package(["450122", "450123"], 20)
    store.load_package(package)
    assert len(asked) == 2
    assert grid_database.query(SPATIAL) == all_indexes
    assert_same_tables(store.load_tables()[0], tables_from_package(package))


def test_a_first_load_that_fails_builds_them_too(
    all_indexes: list[tuple[str]], grid_database: GridDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_MANY", 1)
    frames = sound_frames()
    put(frames, "customer_point", 0, "customer_class", "pirate")
    with pytest.raises(InvalidInput, match="customer_point_customer_class"):
        store.load_package(GridPackage.of(frames))
    assert grid_database.query(SPATIAL) == all_indexes
    assert store.county_versions().keys() <= {"0801"}  # the sound one may have been committed before


def test_a_first_load_that_names_an_id_twice_is_refused_although_the_key_is_away(
    all_indexes: list[tuple[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_MANY", 1)
    frames = sound_frames()
    frames["customer_point"]["id"] = "C1"  # validation would have said so
    with pytest.raises(InvalidInput, match="has the customer_point C1 more than once"):
        store.load_package(GridPackage.of(frames))
    assert store.county_versions().keys() <= {"0801"}


def test_a_key_comes_back_when_a_long_reader_has_left(
    grid_database: GridDatabase, all_indexes: list[tuple[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_MANY", 1)
    reader = psycopg2.connect(grid_database.dsn)
    leave = threading.Timer(1.5, reader.close)

    def read_from_now_on(*_: object) -> None:
        if not leave.is_alive():
            reader.cursor().execute("SELECT count(*) FROM switch")
            leave.start()

    store.load_package(trunk_package(["450122"], 20), on_loaded=read_from_now_on)
    leave.join()
    assert grid_database.query(SET_ASIDE) == []


def test_a_reader_who_stays_keeps_the_key_waiting_and_the_next_start_makes_it_good(
    grid_database: GridDatabase, all_indexes: list[tuple[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_MANY", 1)
    monkeypatch.setattr(late_indexes, "_KEY_PATIENCE_S", 0.1)
    with closing(psycopg2.connect(grid_database.dsn)) as reader:

        def read_from_now_on(*_: object) -> None:
            reader.cursor().execute("SELECT count(*) FROM switch")

        store.load_package(trunk_package(["450122"], 20), on_loaded=read_from_now_on)
        assert [name for (name,) in grid_database.query("SELECT name FROM index_to_build")] == ["switch_pkey"]
        with pytest.raises(psycopg2.errors.UniqueViolation):  # it is unique even so
            grid_database.query("INSERT INTO switch SELECT * FROM switch RETURNING id")
    assert store.build_missing_indexes() == ["switch_pkey"]


def test_a_key_does_not_wait_for_an_autovacuum_to_end(
    grid_database: GridDatabase, all_indexes: list[tuple[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL cancels it for whoever has waited for a second, and for nobody who asks for less."""
    monkeypatch.setattr(loading, "_MANY", 1)
    monkeypatch.setattr(late_indexes, "_KEY_PATIENCE_S", 4.0)
    really_restore = late_indexes.restore_key
    vacuumed = "SELECT count(*) FROM pg_stat_progress_vacuum WHERE relid = 'connectivity_node'::regclass"

    met: list[str] = []

    def restore_amid_vacuum(index: late_indexes.LateIndex, held: psycopg2.extensions.connection) -> bool:
        if index.table == "connectivity_node" and not met:
            met.append(index.table)
            wait_for(lambda: grid_database.query(vacuumed) == [(1,)])
        return really_restore(index, held)

    monkeypatch.setattr(late_indexes, "restore_key", restore_amid_vacuum)
    at_once_and_slowly = {  # some 400 ms a page
        "autovacuum_vacuum_insert_threshold": 0,
        "autovacuum_vacuum_insert_scale_factor": 0,
        "autovacuum_vacuum_cost_delay": 100,
        "autovacuum_vacuum_cost_limit": 1,
    }
    told = ", ".join(f"{name} = {value}" for name, value in at_once_and_slowly.items())
    with closing(psycopg2.connect(grid_database.dsn)) as owner:
        owner.autocommit = True
        tell = owner.cursor().execute
        try:
            tell("ALTER SYSTEM SET autovacuum_naptime = '1s'")
            tell("SELECT pg_reload_conf()")
            tell(f"ALTER TABLE connectivity_node SET ({told})")
            store.load_package(trunk_package(["450122"], 3_000))
        finally:
            tell("ALTER SYSTEM RESET autovacuum_naptime")
            tell("SELECT pg_reload_conf()")
            tell(f"ALTER TABLE connectivity_node RESET ({', '.join(at_once_and_slowly)})")
    assert grid_database.query("SELECT name FROM index_to_build") == []


def test_a_key_is_left_for_later_where_somebody_maintains_the_table_by_hand(
    grid_database: GridDatabase, all_indexes: list[tuple[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody cancels that for the sake of a key, and readers would have to wait behind the key."""
    monkeypatch.setattr(loading, "_MANY", 1)
    monkeypatch.setattr(late_indexes, "_KEY_PATIENCE_S", 0.1)
    really_restore = late_indexes.restore_key
    with closing(psycopg2.connect(grid_database.dsn)) as operator:
        ends = threading.Timer(3.0, operator.rollback)  # sooner than a key outlasts an autovacuum

        def restore(index: late_indexes.LateIndex, held: psycopg2.extensions.connection) -> bool:
            if index.name == "switch_pkey" and not ends.is_alive():
                operator.cursor().execute("LOCK TABLE switch IN SHARE UPDATE EXCLUSIVE MODE")
                ends.start()
            return really_restore(index, held)

        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(late_indexes, "restore_key", restore)
            store.load_package(trunk_package(["450122"], 20))
        left = grid_database.query("SELECT name FROM index_to_build")
        ends.join()
    assert left == [("switch_pkey",)]


def test_a_first_load_returns_when_its_indexes_are_on_the_disk(
    grid_database: GridDatabase, all_indexes: list[tuple[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_MANY", 1)
    reached: list[object] = []
    really_wait = late_indexes.wait_for_disk

    def wait(held: psycopg2.extensions.connection) -> None:
        reached.append(grid_database.query("SELECT pg_current_wal_insert_lsn()::text")[0][0])
        really_wait(held)

    monkeypatch.setattr(late_indexes, "wait_for_disk", wait)
    store.load_package(trunk_package(["450122", "450123"], 300))
    (end,) = reached
    assert grid_database.query("SELECT pg_current_wal_flush_lsn() >= %s::pg_lsn", end) == [(True,)]


def test_later_loads_keep_the_indexes(
    all_indexes: list[tuple[str]], grid_database: GridDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.load_package(trunk_package(["450122"], 20))
    monkeypatch.setattr(loading, "_MANY", 1)
    seen: list[list[tuple[str]]] = []
    more = trunk_package(["450123"], 20)
    store.load_package(more, progress=lambda *_: seen.append(grid_database.query(SPATIAL)))
    assert all(one == all_indexes for one in seen)


def test_tables_in_use_keep_their_indexes(
    all_indexes: list[tuple[str]], grid_database: GridDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_MANY", 1)
    monkeypatch.setattr(late_indexes, "_PATIENCE", "100ms")
    reader = psycopg2.connect(grid_database.dsn)
    with reader.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM switch")
        store.load_package(sound_package())
    reader.close()
    assert grid_database.query(SPATIAL) == all_indexes


def test_indexes_set_aside_by_a_killed_load_are_built_by_whoever_comes_next(
    grid_database: GridDatabase, all_indexes: list[tuple[str]], tmp_path: Path
) -> None:
    counties = ["450122", "450123"]
    write_package(trunk_package(counties, 13_000), tmp_path / "large")
    with start_load(tmp_path / "large", grid_database) as process:
        wait_for(lambda: len(grid_database.query(SET_ASIDE)) == 7 + len(ELEMENT_LAYERS))
        process.send_signal(signal.SIGKILL)
        finished(process)
    wait_for(lambda: indexing_is_free())
    assert len(grid_database.query(SPATIAL)) == 1
    assert {one.county_code for one in store.unfinished_loads()} <= set(counties)
    waiting = sorted(name for (name,) in grid_database.query("SELECT name FROM index_to_build"))
    assert {f"{layer.name}_pkey" for layer in ELEMENT_LAYERS} < set(waiting)
    assert store.build_missing_indexes() == waiting
    assert grid_database.query(SPATIAL) == all_indexes
    assert store.build_missing_indexes() == []


def indexing_is_free() -> bool:
    with load_session() as held, held, held.cursor() as cursor:
        return hold_for_indexing(cursor)
