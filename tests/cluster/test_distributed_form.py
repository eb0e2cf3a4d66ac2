"""The compose file at work without containers: its jobs, engines, business API and proxy, on real nodes.

Every command and every environment comes from the file. The expected answers are read off the hand-drawn
grid.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from gis_service.ingest.package import write_package
from tests.cluster.citus_cluster import ask
from tests.cluster.compose_form import Form
from tests.drawn import NORTH, SOUTH, drawn_package

pytestmark = [
    pytest.mark.citus,
    pytest.mark.skipif(shutil.which("caddy") is None, reason="caddy is not installed: apt-get install caddy"),
]


@pytest.fixture(scope="module")
def form() -> Iterator[Form]:
    with tempfile.TemporaryDirectory(prefix="gridgis-form-") as directory:
        Path(directory).chmod(0o711)
        made = Form(Path(directory))
        with made.databases():
            yield made


def test_the_distributed_form_starts_and_answers_over_both_engines(form: Form) -> None:
    for _ in range(2):  # a second run of the jobs changes nothing
        for job in ("grid-tables", "api-tables"):
            done = form.run(job)
            assert done.returncode == 0, (job, done.stdout, done.stderr)
    dsn = form.environment("engine-1")["GRIDGIS_ENGINE_DSN"]
    password = (form.directory / "secrets" / "engine-db-password").read_text().strip()
    nodes = "SELECT nodename || ':' || nodeport, groupid = 0 FROM pg_dist_node ORDER BY groupid"
    assert ask(f"{dsn}?password={password}", nodes) == [
        (form.addresses[name], name == "coordinator") for name in ("coordinator", "worker-1", "worker-2")
    ]
    shards = "SELECT nodeport, count(*) FROM citus_shards WHERE citus_table_type = 'distributed' GROUP BY 1"
    held = {f"127.0.0.1:{port}": count for port, count in ask(f"{dsn}?password={password}", shards)}
    assert held.keys() == {form.addresses["worker-1"], form.addresses["worker-2"]}
    assert max(held.values()) <= 2 * min(held.values())
    write_package(drawn_package(), form.directory / "grid")
    loaded = form.run("engine-1", "gridgis", "load", str(form.directory / "grid"))
    assert loaded.returncode == 0, loaded.stderr

    with ExitStack() as running:
        first = running.enter_context(form.serving("engine-1", ready="/readyz"))
        second = running.enter_context(form.serving("engine-2", ready="/readyz"))
        running.enter_context(form.serving("api", ready="/healthz"))
        proxy = running.enter_context(
            form.serving("proxy", ready="/v1/openapi.json", command=form.proxy_command())
        )
        client = running.enter_context(httpx.Client(base_url=proxy.address, timeout=60, trust_env=False))

        for _ in range(20):
            assert lost(client, "L1") == ["C1", "C2", "C3", "C4", "C5"]
        assert [asked(one.address) > 0 for one in (first, second)] == [True, True]
        assert client.get("/ogc/collections/switch/items").json()["numberReturned"] == 5
        assert client.get("/api/v1/openapi.json").status_code == 200
        assert client.get("/api/v1/config").json()["engine_url"] == "http://localhost:8080"
        opened = client.post("/api/v1/outages", json={"out": ["T2"]})
        assert opened.status_code == 201, opened.text
        assert opened.json()["assessment"]["affected"]["customers"] == 2

        operated = client.post("/v1/switch-operations", json=[{"id": "SW2", "open": True}])
        version = operated.json()["grid_version"]
        assert version.keys() == {NORTH, SOUTH}
        for one in (first, second):  # whichever engine recorded it, the other one follows
            answer = httpx.post(
                f"{one.address}/v1/outage-impact",
                json={"out": ["L1"], "at_least": version},
                timeout=60,
                trust_env=False,
            )
            assert [c["id"] for c in answer.json()["customers"]] == ["C1", "C2", "C3", "C4"]


def lost(client: httpx.Client, element: str) -> list[str]:
    answer = client.post("/v1/outage-impact", json={"out": [element]})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["customers"]
    return [one["id"] for one in found]


def asked(address: str) -> int:
    """How many outage questions an engine has answered."""
    lines = httpx.get(f"{address}/metrics", timeout=60, trust_env=False).text.splitlines()
    counters = [
        one for one in lines if one.startswith("gridgis_engine_requests_total{") and "outage-impact" in one
    ]
    return sum(int(float(one.rsplit(" ", 1)[1])) for one in counters)
