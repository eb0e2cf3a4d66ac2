"""`gridgis snapshots`: what it says of files whose state the test has made."""

from __future__ import annotations

from pathlib import Path

import pytest

from gis_service.cli import main
from gis_service.snapshots.file import SnapshotFile
from gis_service.snapshots.province import write_counties
from tests.counties import by_county
from tests.snapshots.test_province import TABLES


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRIDGIS_HOME", str(tmp_path))
    directory = tmp_path / "snapshots" / "one-database"
    write_counties(directory, by_county(TABLES))
    return directory


def test_status_lists_each_file_and_who_uses_it(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    opened = SnapshotFile(shelf / "county-450102-1.snapshot")
    assert main(["snapshots", "status"]) == 0
    north, south, whole = capsys.readouterr().out.splitlines()
    assert north.startswith("one-database/county-450101-1.snapshot: county 450101 topology 1, ")
    assert "in use" not in north
    assert south.endswith(", in use")
    assert whole.startswith(f"2 snapshots in {shelf.parent}, ")
    assert whole.endswith("; 0 cannot be used")
    del opened


def test_verify_finds_what_status_does_not_look_at(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = shelf / "county-450101-1.snapshot"
    content = bytearray(path.read_bytes())
    content[content.index(b"n1n2n3")] ^= 1
    path.write_bytes(content)
    assert main(["snapshots", "status"]) == 0
    assert "is damaged" not in capsys.readouterr().out
    assert main(["snapshots", "verify"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        "one-database/county-450101-1.snapshot: is damaged in nodes.id.data: the next start makes it again"
    )
    assert lines[-1].endswith("; 1 cannot be used")


def test_clear_removes_all_of_them(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["snapshots", "clear"]) == 0
    assert capsys.readouterr().out == "2 snapshots removed\n"
    assert not list(shelf.iterdir())
    assert main(["snapshots", "status"]) == 0
    assert capsys.readouterr().out.startswith("0 snapshots in ")


def test_there_may_be_none_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRIDGIS_HOME", str(tmp_path / "nowhere"))
    assert main(["snapshots", "verify"]) == 0
    assert main(["snapshots", "clear"]) == 0
