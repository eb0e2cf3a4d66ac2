"""A real engine process over the test database: tests load grids beside it and ask it over HTTP."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.apps import apps

from gis_service import store
from gis_service.ingest.package import GridPackage
from tests.drawn import drawn_package
from tests.grid_database import GridDatabase

ROOT = Path(__file__).resolve().parents[1]
MAP_KEY = "a key for tests alone, of enough bytes"
READY_WITHIN_S = 300.0  # every kernel may have to be compiled, on a machine that does other things


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def engine_environment(dsn: str) -> dict[str, str]:
    """What an engine process is told; kernels are compiled once for all of them."""
    home = Path(os.environ.get("GRIDGIS_HOME") or ".gridgis").absolute()
    told = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    return {
        "NUMBA_CACHE_DIR": str(home / "numba"),
        **told,
        "GRIDGIS_ENGINE_DSN": dsn,
        "GRIDGIS_MAP_KEY": MAP_KEY,
        "GRIDGIS_LOG_LEVEL": "INFO",
    }


@dataclass
class LiveEngine:
    """One engine process, and the client that asks it."""

    child: subprocess.Popen[bytes]
    port: int
    log: Path
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60, trust_env=False)

    def get(self, path: str, **more: Any) -> httpx.Response:
        """The answer of a GET."""
        return self.client.get(path, **more)

    def post(self, path: str, body: Any, **more: Any) -> httpx.Response:
        """The answer of a POST with a JSON body."""
        return self.client.post(path, json=body, **more)

    def ask(self, path: str, body: Any = None, *, params: Mapping[str, Any] | None = None) -> Any:
        """The JSON of an answer that must be a success: POST with a body, else GET."""
        answer = self.get(path, params=params) if body is None else self.post(path, body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def operate(self, *operations: Mapping[str, Any]) -> Any:
        """Record switch operations that must succeed."""
        return self.ask("/v1/switch-operations", list(operations))

    def wait_until_ready(self) -> None:
        """Return when `/readyz` says so; AssertionError with the log when it does not."""
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline and self.child.poll() is None:
            try:
                if self.get("/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                pass  # it does not listen yet
            time.sleep(0.05)
        raise AssertionError(f"the engine is not ready; its log:\n{self.log_text()}")

    def catch_up(self) -> None:
        """Return when the engine has read all that its database holds; AssertionError when it does not."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.get("/readyz").json()["follower"]["counties_behind"] == []:
                return
            time.sleep(0.01)
        raise AssertionError(f"the engine does not catch up; its log:\n{self.log_text()}")

    def log_text(self) -> str:
        """What the process has logged."""
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """End the whole process group at once, as a power cut would."""
        os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()


@contextmanager
def running_engine(dsn: str, folder: Path, *, name: str = "engine") -> Iterator[LiveEngine]:
    """An engine process over a database that has the tables; ready when the block begins."""
    log = folder / f"{name}.log"
    port = free_port()
    command = [sys.executable, "-m", "gis_service", "serve", "--port", str(port)]
    with log.open("wb") as out:
        child = subprocess.Popen(
            command, cwd=ROOT, env=engine_environment(dsn), stdout=out, stderr=out, start_new_session=True
        )
    live = LiveEngine(child, port, log)
    try:
        live.wait_until_ready()
        yield live
    finally:
        live.client.close()
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(60)
            except subprocess.TimeoutExpired:
                live.kill()
                raise


@pytest.fixture(scope="session")
def shared_engine(
    migrated_database: GridDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveEngine]:
    """One engine process for the whole session; tests change what its database holds."""
    with running_engine(migrated_database.dsn, tmp_path_factory.mktemp("engine")) as live:
        yield live


@pytest.fixture
def live_engine(grid_database: GridDatabase, shared_engine: LiveEngine) -> Iterator[LiveEngine]:
    """The engine over an empty grid; afterwards its log must not tell of a fault."""
    shared_engine.catch_up()
    before = len(shared_engine.log_text())
    yield shared_engine
    said = shared_engine.log_text()[before:]
    assert "ERROR" not in said, said
    assert "Traceback" not in said, said


@pytest.fixture(scope="module")
def still_engine(
    migrated_database: GridDatabase, shared_engine: LiveEngine, django_db_blocker: Any
) -> Iterator[LiveEngine]:
    """The engine over the hand-drawn grid, loaded once for a whole module: for tests that only ask."""
    with django_db_blocker.unblock():
        empty(migrated_database)
        load(drawn_package())
        shared_engine.catch_up()
        before = len(shared_engine.log_text())
        yield shared_engine
        said = shared_engine.log_text()[before:]
        assert "ERROR" not in said, said


@pytest.fixture
def drawn_engine(live_engine: LiveEngine) -> LiveEngine:
    """The engine over the hand-drawn grid."""
    load(drawn_package())
    live_engine.catch_up()
    return live_engine


def empty(database: GridDatabase) -> None:
    """Take every row out of the test database."""
    models = apps.get_app_config("gis_service").get_models()
    database.query(f"TRUNCATE {', '.join(model._meta.db_table for model in models)}")


def load(package: GridPackage, *, replace: bool = False) -> None:
    """Load a package into the test database from this process, beside the running engine."""
    store.load_package(package, replace=replace)
