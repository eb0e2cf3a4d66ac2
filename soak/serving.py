"""A real engine process of a campaign: started, asked, killed, started again, its log read."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from soak.campaign import violated
from soak.killing import alive, children, command_line, kill, kill_group, wait_for
from soak.surroundings import ROOT, Surroundings
from tests.live import free_port

READY_WITHIN_S = 300.0  # the first start compiles the kernels


class Serving:
    """One engine, always on the same port; between a kill and the next start there is none."""

    def __init__(self, here: Surroundings, *, name: str = "engine", home: Path | None = None) -> None:
        self._here = here
        self._home = {} if home is None else {"GRIDGIS_HOME": str(home)}
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log: Path = here.home / f"{name}.log"
        self.log.write_bytes(b"")
        self._child: subprocess.Popen[bytes] | None = None
        self.client = httpx.Client(base_url=self.url, timeout=30, trust_env=False)

    @property
    def child(self) -> subprocess.Popen[bytes]:
        """The process that serves."""
        assert self._child is not None
        return self._child

    @property
    def worker(self) -> int:
        """The process that answers, a child of the one that listens."""
        found = [pid for pid in children(self.child.pid) if "resource_tracker" not in command_line(pid)]
        if len(found) != 1:
            violated(f"the engine has {len(found)} workers")
        return found[0]

    def start(self, *, seconds: float = READY_WITHIN_S) -> float:
        """Start it and wait until it is ready; the seconds that took."""
        began = time.monotonic()
        self.launch()
        self.wait_until_ready(seconds=seconds)
        return time.monotonic() - began

    def launch(self) -> None:
        """Start it, and wait for nothing."""
        with self.log.open("ab") as out:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "gis_service", "serve", "--port", str(self.port)],
                cwd=ROOT,
                env=self._here.environment(**self._home),
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def wait_until_ready(self, *, seconds: float = READY_WITHIN_S) -> float:
        """Wait for `/readyz`; the seconds that took.

        Raises
        ------
        Violation
            When the process ends, or is not ready in time.
        """
        return wait_for(self._is_ready, "the engine is ready", seconds=seconds)

    def ready(self) -> bool:
        """Whether it is ready now."""
        try:
            return self.client.get("/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def catch_up(self) -> None:
        """Wait until it has read all that the database holds."""

        def caught_up() -> bool:
            answer = self.client.get("/readyz")
            return answer.status_code == 200 and answer.json()["follower"]["counties_behind"] == []

        wait_for(caught_up, "the engine has caught up")

    def kill(self, how: str) -> None:
        """Kill `everything`, the `server` that listens, or the `worker` that answers; returns at once."""
        if how == "everything":
            kill_group(self.child)
        elif how == "server":
            worker = self.worker
            kill(self.child.pid)
            self.child.wait()
            wait_for(lambda: not alive(worker), "the worker ends with its server", seconds=30)
        else:
            kill(self.worker)

    def stop(self) -> None:
        """End it in order."""
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)
            try:
                self._child.wait(30)
            except subprocess.TimeoutExpired:
                kill_group(self._child)
                raise

    def said(self, since: int = 0) -> str:
        """What it has logged from a place on."""
        return self.log.read_bytes()[since:].decode(errors="replace")

    def logged(self) -> int:
        """How far its log reaches now."""
        return self.log.stat().st_size

    def _is_ready(self) -> bool:
        code = self.child.poll()
        if code is not None:
            violated(f"the engine ended with {code}; its log ends: {self.said()[-2000:]}")
        return self.ready()


@contextmanager
def serving(
    here: Surroundings, *, name: str = "engine", seconds: float = READY_WITHIN_S
) -> Iterator[Serving]:
    """An engine that runs when the block begins, and not after it; Violation unless it is ready in time."""
    engine = Serving(here, name=name)
    try:
        engine.start(seconds=seconds)
        yield engine
    finally:
        engine.client.close()
        engine.stop()
