"""The process as it is started: `python -m api`, over real HTTP."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.api.engine_process import ROOT, free_port, process, scratch_database, wait_until_ready
from tests.api.unusual_servers import nobody


@pytest.fixture(scope="module")
def server() -> str:
    dsn = os.environ.get("GRIDGIS_API_DSN")
    assert dsn, "set GRIDGIS_API_DSN to a PostgreSQL server, or run 'make test'"
    return dsn


@pytest.fixture(scope="module")
def environment(server: str) -> Iterator[dict[str, str]]:
    """An empty database, and a settings module of another process that must not be inherited."""
    with scratch_database(server, f"gridgis_api_process_{os.getpid()}") as dsn:
        yield {**os.environ, "GRIDGIS_API_DSN": dsn, "DJANGO_SETTINGS_MODULE": "gis_service.settings"}


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "api", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_migrating_twice_is_migrating_once(environment: dict[str, str]) -> None:
    first, second = run(environment, "migrate"), run(environment, "migrate")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert "No migrations to apply" in second.stdout


def test_it_serves_the_map_and_the_api(environment: dict[str, str], engine_url: str, tmp_path: Path) -> None:
    assert run(environment, "migrate").returncode == 0
    port, log = free_port(), tmp_path / "api.log"
    address = f"http://127.0.0.1:{port}"
    environment = environment | {"GRIDGIS_ENGINE_URL": engine_url}
    with process(["-m", "api", "serve", "--port", str(port)], environment, log) as child:
        wait_until_ready(f"{address}/readyz", child, log)
        with httpx.Client(base_url=address, timeout=60, trust_env=False) as browser:
            opened = browser.post("/api/v1/outages", json={"device_id": "S1"})
            assert opened.status_code == 201
            table = browser.get(opened.json()["customers_csv_url"])
            assert table.text.count("\r\n") == 4
            page = browser.get("/")
            if not (ROOT / "api/web/dist/index.html").exists():
                assert page.status_code == 503
                assert "make demo" in page.text
                pytest.skip("the map is not built: run 'npm ci && npm run build' in api/web")
            assert page.status_code == 200
            assert page.headers["Content-Type"].startswith("text/html")
            assert page.headers["Cache-Control"] == "no-cache"
            assert f"connect-src 'self' {engine_url}" in page.headers["Content-Security-Policy"]
            kinds = {}
            for file in (ROOT / "api/web/dist/assets").iterdir():
                asset = browser.get(f"/assets/{file.name}")
                assert asset.status_code == 200
                assert "immutable" in asset.headers["Cache-Control"]
                kinds[file.suffix] = asset.headers["Content-Type"].split(";")[0]
            assert kinds == {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css"}
            assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert "Traceback" not in log.read_text()


def test_it_stays_up_and_says_what_is_missing_when_the_engine_is_away(
    environment: dict[str, str], tmp_path: Path
) -> None:
    assert run(environment, "migrate").returncode == 0
    port, log = free_port(), tmp_path / "api.log"
    away = nobody()
    environment = environment | {"GRIDGIS_ENGINE_URL": away}
    with process(["-m", "api", "serve", "--port", str(port)], environment, log) as child:
        wait_until_ready(f"http://127.0.0.1:{port}/healthz", child, log)
        ready = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=60, trust_env=False)
        assert ready.status_code == 503
        assert away in ready.json()["checks"]["engine"]["detail"]
        listed = httpx.get(f"http://127.0.0.1:{port}/api/v1/outages", timeout=60, trust_env=False)
        assert listed.status_code == 200


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"GRIDGIS_API_DSN": "", "GRIDGIS_HOME": "/nonexistent"}, "make demo"),
        ({"GRIDGIS_API_DSN": "nonsense"}, "GRIDGIS_API_DSN"),
        ({"GRIDGIS_API_DSN": "postgresql://x@127.0.0.1:1/x"}, "does not answer"),
        ({"GRIDGIS_ENGINE_URL": "engine"}, "GRIDGIS_ENGINE_URL"),
        ({"GRIDGIS_ENGINE_TIMEOUT": "soon"}, "GRIDGIS_ENGINE_TIMEOUT"),
    ],
)
def test_a_wrong_setting_is_one_line_and_exit_code_2(
    environment: dict[str, str], changes: dict[str, str], said: str
) -> None:
    done = run(environment | changes, "migrate")
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.strip().count("\n") == 0
