"""A real Chromium in front of the real API process, in front of a real engine with the demo grid."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.api.engine_process import (
    ROOT,
    engine_over,
    free_port,
    process,
    scratch_database,
    wait_until_ready,
)

WEB = ROOT / "api" / "web"
PLAYWRIGHT = WEB / "node_modules" / "playwright-core" / "index.mjs"
Drive = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def demo_grid(tmp_path_factory: pytest.TempPathFactory, browser: tuple[str, str]) -> Iterator[dict[str, str]]:
    """What an engine process is told, over a database with the demo grid."""
    server = os.environ.get("GRIDGIS_ENGINE_DSN")
    assert server, "set GRIDGIS_ENGINE_DSN to a PostgreSQL server with PostGIS, or run 'make test'"
    folder = tmp_path_factory.mktemp("demo")
    package = str(folder / "demo.gpkg")
    with engine_over(
        server, folder, [["import", "demo", "-o", package], ["load", package]], name="demo"
    ) as environment:
        yield environment


@pytest.fixture(scope="session")
def demo_engine(demo_grid: dict[str, str]) -> Iterator[str]:
    """A running engine that holds the demo grid."""
    with serving(demo_grid) as address:
        yield address


@pytest.fixture(scope="session")
def map_url(demo_engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The map in front of the demo grid."""
    with business_api(demo_engine, tmp_path_factory.mktemp("api")) as address:
        yield address


@pytest.fixture(scope="session")
def node() -> str:
    """The program node, with the map's packages installed and the map built."""
    node = shutil.which("node", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if node is None or not PLAYWRIGHT.exists() or not (WEB / "dist" / "index.html").exists():
        pytest.skip("THE MAP IS NOT TESTED: it is not built; run 'npm ci && npm run build' in api/web")
    return node


@pytest.fixture(scope="session")
def browser(node: str) -> tuple[str, str]:
    """The programs: node and Chromium."""
    names = (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    chromium = next((found for name in names if name and (found := shutil.which(name))), None)
    if chromium is None:
        pytest.skip(
            "THE MAP IS NOT TESTED: no Chromium here; install it (apt-get install chromium) or set CHROMIUM"
        )
    return node, chromium


@pytest.fixture
def drive(browser: tuple[str, str]) -> Drive:
    """Plays a scenario of drive.mjs; what the browser saw."""
    node, chromium = browser

    def driven(scenario: str, address: str, **more: Any) -> dict[str, Any]:
        asked = {
            "scenario": scenario,
            "map": address,
            "chromium": chromium,
            "playwright": str(PLAYWRIGHT),
            **more,
        }
        if shots := os.environ.get("GRIDGIS_SHOTS"):
            asked["shots"] = shots
        done = subprocess.run(
            [node, str(Path(__file__).with_name("drive.mjs")), json.dumps(asked)],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        saw: dict[str, Any] = json.loads(done.stdout)
        assert "failed" not in saw, saw["failed"]
        return saw

    return driven


@contextmanager
def serving(environment: dict[str, str]) -> Iterator[str]:
    """The address of an engine process that is told this environment."""
    port = free_port()
    log = Path(environment["GRIDGIS_HOME"]) / f"engine-{port}.log"
    with process(["-m", "gis_service", "serve", "--port", str(port)], environment, log) as child:
        address = f"http://127.0.0.1:{port}"
        wait_until_ready(f"{address}/readyz", child, log)
        yield address


@contextmanager
def business_api(engine_url: str, folder: Path, *, public: str = "") -> Iterator[str]:
    """The address of the API process on a database of its own; `public` is where browsers find the engine."""
    server = os.environ.get("GRIDGIS_API_DSN")
    assert server, "set GRIDGIS_API_DSN to a PostgreSQL server, or run 'make test'"
    port, log = free_port(), folder / "api.log"
    address = f"http://127.0.0.1:{port}"
    with scratch_database(server, f"gridgis_api_browser_{port}") as dsn:
        environment = os.environ | {"GRIDGIS_API_DSN": dsn, "GRIDGIS_ENGINE_URL": engine_url}
        environment["GRIDGIS_ENGINE_PUBLIC_URL"] = public or engine_url
        migrated = subprocess.run(
            [sys.executable, "-m", "api", "migrate"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            check=False,
        )
        assert migrated.returncode == 0, migrated.stderr
        with process(["-m", "api", "serve", "--port", str(port)], environment, log) as child:
            wait_until_ready(f"{address}/healthz", child, log)
            yield address
