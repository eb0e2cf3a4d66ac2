"""Starts over a real database: with snapshots, without, and with snapshots that something happened to.

The expected answers are always those of a `StoredGrid` that has no place for snapshots.
"""

from __future__ import annotations

import gc
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gis_service import store
from gis_service.engine import Engine
from gis_service.engine.following.current import CurrentWorld
from gis_service.engine.following.stored import StoredGrid
from gis_service.engine.recording.operated import Operated
from gis_service.network.text import parse_grid
from gis_service.snapshots.file import SnapshotFile
from tests.drawn import DRAWN, NORTH, drawn_package, package_of
from tests.grid_database import GridDatabase
from tests.snapshots.test_province import EXPECTED, NOON, every_answer


@pytest.fixture(autouse=True)
def drawn(grid_database: GridDatabase) -> None:
    store.load_package(drawn_package(), at=NOON)


def started(snapshots: Path | None) -> Engine:
    """A new process' engine."""
    return Engine(CurrentWorld(StoredGrid(snapshots)), clock=lambda: NOON + timedelta(days=365))


def without_snapshots() -> list[Any]:
    return every_answer(started(None))


def files(snapshots: Path) -> list[Path]:
    return sorted(path for path in snapshots.rglob("*") if path.is_file())


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    lines = [one.getMessage() for one in caplog.records if one.name == "gis_service.snapshots"]
    caplog.clear()
    return lines


def read_again(lines: list[str]) -> list[str]:
    return [line.split()[1][:-1] for line in lines if "read from the database (" in line]


def test_a_second_start_reads_no_county_and_answers_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "gis_service.snapshots")
    expected = without_snapshots()
    assert len(expected) == len(EXPECTED)
    assert every_answer(started(tmp_path)) == expected
    assert read_again(told(caplog)) == ["450101", "450102"]
    assert every_answer(started(tmp_path)) == expected
    assert read_again(told(caplog)) == []
    assert len(files(tmp_path)) == 3
    # another database never finds them
    assert {path.parent for path in files(tmp_path)} == {tmp_path / store.database_identity()}


def test_switches_stand_as_they_were_operated_and_not_as_a_snapshot_says(tmp_path: Path) -> None:
    before = without_snapshots()
    first = started(tmp_path)
    assert every_answer(first) == before
    later = NOON + timedelta(days=1)
    first.record_operations([Operated("SW2", open=True, at=later), Operated("TIE", open=False, at=later)])
    expected = without_snapshots()
    assert expected != before
    assert every_answer(first) == expected
    assert every_answer(started(tmp_path)) == expected
    assert started(tmp_path).element("SW2")["open"]


def test_a_county_loaded_again_is_read_again_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "gis_service.snapshots")
    running = started(tmp_path)
    every_answer(running)
    told(caplog)
    changed = parse_grid(DRAWN.replace("n2 n3  length=120", "n2 n3  length=1200"))
    store.load_county(package_of(changed), NORTH, replace=True)
    expected = without_snapshots()
    assert expected[0]["length_m"] == 1200
    assert every_answer(running) == expected
    assert read_again(told(caplog)) == [NORTH]
    assert every_answer(started(tmp_path)) == expected
    assert read_again(told(caplog)) == []
    # those of the load before are gone when nobody has them open
    del running
    gc.collect()
    every_answer(started(tmp_path))
    assert len(files(tmp_path)) == 3


def test_an_unloaded_county_is_gone(tmp_path: Path) -> None:
    every_answer(started(tmp_path))
    store.unload_county("450102")
    engine = started(tmp_path)
    assert engine.supply_path("C1")["grid_version"].keys() == {NORTH}
    assert len(engine.scene().topology.tables.customers) == 2


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_damaged_snapshot_is_made_again_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, which: int
) -> None:
    expected = without_snapshots()
    every_answer(started(tmp_path))
    path = files(tmp_path)[which]
    content = bytearray(path.read_bytes())
    # the last array's first byte
    snapshot = SnapshotFile(path)
    content[content.rindex(snapshot.array(snapshot.names[-1]).tobytes())] ^= 1
    del snapshot
    path.write_bytes(content)
    caplog.clear()
    assert every_answer(started(tmp_path)) == expected
    lines = [line for line in told(caplog) if line.startswith("recovered")]
    assert len(lines) == 1
    assert ("the network" if which == 2 else ("450101", "450102")[which]) in lines[0]
    assert "is damaged in" in lines[0]
    SnapshotFile(path).verify()
