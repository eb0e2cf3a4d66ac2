"""`python -m demo` as a user meets it: real processes, a real cluster, in a home of its own.

Expected answers: the largest low-voltage district of the demo grid has 177 households in the data that
pandapower ships; the rest is the operating system's word on processes and ports.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from sharding.local import LocalCluster

pytestmark = pytest.mark.usefixtures("demo_home")


class RunningDemo:
    """A demo in the background, and what it has printed so far."""

    def __init__(self, home: Path, ports: tuple[int, int]) -> None:
        self.engine_port, self.api_port = ports
        self.home = home
        self.printed = ""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GRIDGIS_")}
        environment |= {"GRIDGIS_HOME": str(home), "PYTHONUNBUFFERED": "1"}
        environment |= {"GRIDGIS_ENGINE_PORT": str(ports[0]), "GRIDGIS_API_PORT": str(ports[1])}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "demo"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )
        assert self.process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,))
        self._reader.start()

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + 600
        while "Ctrl-C stops everything" not in self.printed:
            assert self.process.poll() is None, self.printed
            assert time.monotonic() < deadline, self.printed
            time.sleep(0.05)

    def end(self) -> int:
        """Wait for the end; the exit code."""
        code = self.process.wait(60)
        self._reader.join()
        return code

    def stop(self) -> int:
        """Ask it to stop, as Ctrl-C or an init system does; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.end()

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                self.printed += line


@pytest.fixture(scope="module")
def demo_home(reachable_directory: Path) -> Iterator[Path]:
    yield reachable_directory / "demo"
    LocalCluster(reachable_directory / "demo").stop()


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


@contextmanager
def running_demo(home: Path, ports: tuple[int, int]) -> Iterator[RunningDemo]:
    running = RunningDemo(home, ports)
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.stop()


@pytest.fixture
def demo(demo_home: Path, ports: tuple[int, int]) -> Iterator[RunningDemo]:
    with running_demo(demo_home, ports) as running:
        yield running


@pytest.fixture(scope="class")
def later(demo_home: Path, ports: tuple[int, int]) -> Iterator[RunningDemo]:
    with running_demo(demo_home, ports) as running:
        yield running


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_first_query_it_prints_answers_and_everything_ends_with_it(demo: RunningDemo) -> None:
    (line,) = re.findall(r"^  ((?:curl|\.venv).*)$", demo.printed, re.MULTILINE)
    if line.startswith(".venv"):
        line = f"{shlex.quote(sys.executable)}{line.removeprefix('.venv/bin/python')}"
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["affected"]["customers"] == 177

    assert demo.stop() == 0
    assert "the data is kept" in demo.printed
    assert not listening(demo.engine_port)
    assert not listening(demo.api_port)
    assert LocalCluster(demo.home).status().server is None


class TestALaterStart:
    """One start for all that is only looked at."""

    def test_it_keeps_data_and_loads_nothing(self, later: RunningDemo) -> None:
        assert "loading the demo grid" not in later.printed
        connection = http.client.HTTPConnection("127.0.0.1", later.engine_port, timeout=60)
        connection.request("GET", "/readyz")
        counties = json.loads(connection.getresponse().read())["counties"]
        connection.close()
        assert sorted(counties) == ["08317", "08317122"]

    def test_it_serves_the_map_page(self, later: RunningDemo) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", later.api_port, timeout=60)
        connection.request("GET", "/")
        response = connection.getresponse()
        page = response.read().decode()
        connection.close()
        assert response.status == 200
        assert "<html" in page

    def test_a_second_demo_in_the_same_home_is_refused(self, later: RunningDemo) -> None:
        second = RunningDemo(later.home, (later.engine_port + 2, later.api_port + 2))
        assert second.end() == 1
        assert f"a demo already runs in {later.home}" in second.printed
        assert later.process.poll() is None


def test_a_child_that_dies_ends_the_demo_with_its_log(demo: RunningDemo) -> None:
    children = (
        Path("/proc", str(demo.process.pid), "task", str(demo.process.pid), "children").read_text().split()
    )
    (api,) = [pid for pid in children if b"\0api\0serve\0" in Path("/proc", pid, "cmdline").read_bytes()]
    os.kill(int(api), signal.SIGKILL)
    assert demo.end() == 1
    assert "the business API was killed by SIGKILL" in demo.printed
    assert not listening(demo.engine_port)
    assert not listening(demo.api_port)
    assert LocalCluster(demo.home).status().server is None


def test_a_killed_demo_takes_its_processes_along_and_the_next_start_adopts_postgresql(
    demo: RunningDemo, demo_home: Path, ports: tuple[int, int]
) -> None:
    demo.process.kill()
    demo.end()
    deadline = time.monotonic() + 20
    while (listening(demo.engine_port) or listening(demo.api_port)) and time.monotonic() < deadline:
        time.sleep(0.1)
    server = LocalCluster(demo_home).status().server
    assert server is not None
    following = RunningDemo(demo_home, ports)
    try:
        following.wait_until_ready()
        assert LocalCluster(demo_home).status().server == server
    finally:
        assert following.stop() == 0


def test_a_taken_port_is_named_with_the_variable_that_moves_it(
    demo_home: Path, ports: tuple[int, int]
) -> None:
    with socket.create_server(("127.0.0.1", ports[0])):
        refused = RunningDemo(demo_home, ports)
        assert refused.end() == 1
    assert f"port {ports[0]}, meant for the engine, is taken" in refused.printed
    assert "GRIDGIS_ENGINE_PORT" in refused.printed
