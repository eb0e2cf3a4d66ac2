from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from gis_service.cli import main
from gis_service.home import home
from tests.grid_database import GridDatabase

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture
def gridgis(tmp_path: Path) -> Run:
    """Run `gridgis` as a process of its own, with no database known and nobody at a terminal."""
    return _processes(tmp_path, {})


@pytest.fixture
def gridgis_process(tmp_path: Path, grid_database: GridDatabase) -> Run:
    """The same with the empty test database."""
    return _processes(tmp_path, {"GRIDGIS_ENGINE_DSN": grid_database.dsn})


@pytest.fixture
def gridgis_db(
    grid_database: GridDatabase, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Run `gridgis` in this process, with the empty test database: a second less for each call."""
    monkeypatch.setenv("GRIDGIS_ENGINE_DSN", grid_database.dsn)
    monkeypatch.setattr("sys.stdin", io.StringIO())

    def run(*arguments: object, expect: int = 0) -> CompletedProcess[str]:
        capfd.readouterr()
        try:
            code = main([str(one) for one in arguments])
        except SystemExit as left:
            code = int(left.code or 0)
        out, err = capfd.readouterr()
        return _as_promised(CompletedProcess(list(map(str, arguments)), code, out, err), expect)

    return run


def _processes(directory: Path, more: dict[str, str]) -> Run:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GRIDGIS_")}
    kept.setdefault("NUMBA_CACHE_DIR", str(home() / "numba"))  # compiled once, for all these processes
    environment = {**kept, "GRIDGIS_HOME": str(directory / "home"), "PYTHONWARNINGS": "error", **more}

    def run(*arguments: object, expect: int = 0, **changed: str) -> CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "gis_service.cli", *map(str, arguments)],
            env={**environment, **changed},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        return _as_promised(done, expect)

    return run


def _as_promised(done: CompletedProcess[str], expect: int) -> CompletedProcess[str]:
    """The exit code; one line on stderr where it failed, silence where it did not; never a traceback."""
    assert done.returncode == expect, done
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stderr.count("\n") == (0 if expect == 0 else 1), done.stderr
    return done
