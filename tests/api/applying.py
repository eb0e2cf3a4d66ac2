"""Connection applications as tests make them, and an engine that they may kill.

The grid is the drawing in `small_grid`: X1 has 250 kVA and customers who contract for 30.5. Without diversity
(the rules of each question say so) 219.5 kVA are free behind it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2

from tests.api.asking import Api
from tests.api.engine_process import ROOT, free_port, wait_until_ready

APPLICATIONS = "/api/v1/applications"
FREE = 250.0 - 30.5
FLAT = {"load": {"coincidence": [{"customers": 1, "factor": 1.0}]}}
HERE = [-1.48, 51.9902]
"""Some 22 m from the low side of X1."""


class OwnEngine:
    """An engine of these tests alone, which they may kill and start again over the same database."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.environment, self.folder, self.port = environment, folder, free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return when it is ready; nothing to do where it runs."""
        if self._child is not None and self._child.poll() is None:
            return
        log = self.folder / "own.log"
        command = [sys.executable, "-m", "gis_service", "serve", "--port", str(self.port)]
        with log.open("ab") as out:
            self._child = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=out, stderr=out, start_new_session=True
            )
        wait_until_ready(f"{self.address}/readyz", self._child, log)

    def kill(self) -> None:
        """End all of it at once, as a power cut would."""
        if self._child is not None and self._child.poll() is None:
            os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Asked past the engine."""
        dsn = self.environment["GRIDGIS_ENGINE_DSN"]
        with closing(psycopg2.connect(dsn)) as held, held, held.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def held(self) -> list[tuple[str, float]]:
        """Key and kVA of what is reserved."""
        return self.query("SELECT idempotency_key, kva FROM reservation WHERE state = 'held' ORDER BY id")

    def wait_until_it_waits(self) -> None:
        """Until a decision waits for a lock on the supplies."""
        deadline = time.monotonic() + 20
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND query LIKE 'INSERT INTO reservation_supply%'"
        )
        while self.query(waiting) == [(0,)]:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def new(api: Api, kva: float = 50, **more: Any) -> str:
    """The number of a new application."""
    body = {"applicant": {"name": "A. Smith", "contact": "a@example.org"}, "point": HERE, "kva": kva}
    answer = api.send(APPLICATIONS, {**body, "decided_by": "clerk", **more})
    assert answer.status == 201, answer.text
    number: str = answer.json["id"]
    return number


def decide(api: Api, number: str, what: str, status: int = 200, **body: Any) -> Any:
    """The application after a decision."""
    answer = api.send(f"{APPLICATIONS}/{number}/{what}", {"decided_by": "planner", **body})
    assert answer.status == status, answer.text
    return answer.json


def offered(api: Api, kva: float = 50, **more: Any) -> str:
    """The number of an application with schemes, the first of which joins behind X1."""
    number = new(api, kva, **more)
    document = decide(api, number, "schemes", rules=FLAT)
    assert document["scheme_answers"][0]["answer"]["schemes"][0]["attach"]["id"] == "D1"
    return number
