"""The journal of loads and the indexes that a first load sets aside; dead loads are really dead.

Expected answers come from PostgreSQL's own catalogue and from who was killed.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg2
import pytest

from gis_service import store
from gis_service.errors import Conflict, InvalidInput
from gis_service.ingest.package import GridPackage, tables_from_package, write_package
from gis_service.store import loading, spatial_indexes
from gis_service.store.journal import UnfinishedLoad, begin_runs
from gis_service.store.locks import hold_for_indexing, load_session
from tests.grid_database import GridDatabase
from tests.packages import put, sound_frames, sound_package
from tests.store.comparing import assert_same_tables
from tests.store.grids import trunk_package
from tests.store.test_interrupted_loads import finished, start_load, wait_for

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPATIAL = "SELECT indexdef FROM pg_indexes WHERE indexdef LIKE '%%USING gist (geom)' ORDER BY 1"
SET_ASIDE = "SELECT definition FROM index_to_build ORDER BY 1"


@pytest.fixture
def all_indexes(grid_database: GridDatabase) -> Iterator[list[tuple[str]]]:
    """The definitions of all spatial indexes, which stand again afterwards."""
    found = grid_database.query(SPATIAL)
    assert len(found) == 8  # seven layers of the map, and the counties
    yield found
    store.build_missing_indexes()
    assert grid_database.query(SPATIAL) == found


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
    assert set(seen) == {(1, 7)}
    assert grid_database.query(SPATIAL) == all_indexes
    assert grid_database.query(SET_ASIDE) == []
    assert [one.county for one in done] == ["450122", "450123", "450124"]
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
    monkeypatch.setattr(spatial_indexes, "_PATIENCE", "100ms")
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
        wait_for(lambda: len(grid_database.query(SET_ASIDE)) == 7)
        process.send_signal(signal.SIGKILL)
        finished(process)
    wait_for(lambda: indexing_is_free())
    assert len(grid_database.query(SPATIAL)) == 1
    assert {one.county_code for one in store.unfinished_loads()} <= set(counties)
    assert store.build_missing_indexes() == [
        "corridor",
        "customer_point",
        "line_section",
        "power_transformer",
        "substation",
        "switch",
        "transformer_district",
    ]
    assert grid_database.query(SPATIAL) == all_indexes
    assert store.build_missing_indexes() == []


def indexing_is_free() -> bool:
    with load_session() as held, held, held.cursor() as cursor:
        return hold_for_indexing(cursor)
