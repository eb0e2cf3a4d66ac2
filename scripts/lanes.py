"""Pytest processes beside each other, so many at a time.

Their output goes to files; the terminal is told how far each is, and what failed in full when one has ended.
Knows pytest's output and its XML report, not what is tested.
"""

from __future__ import annotations

import ctypes
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

NO_TESTS_COLLECTED = 5
SLOWEST = 15
TELL_EVERY_S = 60.0
ENDS_WITHIN_S = 30.0
_PR_SET_CHILD_SUBREAPER = 36
_PERCENT = re.compile(rb"\[ *(\d+)%\]")
_SECTION = re.compile(r"^=+ (ERRORS|FAILURES|.* summary.*|.* in \d.*) =+$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Lane:
    """One pytest process: what it is called, its settings, what it collects."""

    name: str
    settings: str
    arguments: tuple[str, ...]
    database: str = ""
    """Behind the names of the databases, for a lane beside another that has them."""


@dataclass
class Lanes:
    """The lanes of one run.

    Parameters
    ----------
    environment
        What the processes of a lane are told.
    logs
        Directory of their output and reports.
    arguments
        Of pytest, for every lane.
    """

    environment: Callable[[Lane], Mapping[str, str]]
    logs: Path
    arguments: Sequence[str]
    _running: list[_Process] = field(default_factory=list, init=False)
    _ended: list[_Process] = field(default_factory=list, init=False)

    def run(self, lanes: Sequence[Lane], at_a_time: int) -> bool:
        """Run all of them, in this order; whether every one passed. Whatever happens, none runs on."""
        adopt_orphans()
        self.logs.mkdir(parents=True, exist_ok=True)
        began = told = time.monotonic()
        waiting = list(lanes)
        try:
            while waiting or self._running:
                while waiting and len(self._running) < at_a_time:
                    self._start(waiting.pop(0), shown=len(lanes) == 1)
                self._reap()
                if time.monotonic() - told > TELL_EVERY_S:
                    told = time.monotonic()
                    self._tell(told - began)
                time.sleep(0.1)
        finally:
            for process in self._running:
                process.end()
        return all(one.passed for one in self._ended)

    def summary(self) -> list[str]:
        """The slowest tests, and a line for each lane."""
        tests = sorted((test for one in self._ended for test in one.tests()), reverse=True)
        told = [f"=== the slowest {SLOWEST} of {len(tests)} tests"] if len(tests) > SLOWEST else []
        told += [f"{seconds:7.1f} s  {name}" for seconds, name in tests[:SLOWEST] if told]
        return [*told, *(f"=== {one.verdict()}" for one in self._ended)]

    def _start(self, lane: Lane, *, shown: bool) -> None:
        environment = self.environment(lane)
        process = _Process(lane, environment, self.arguments, self.logs, shown=shown)
        self._running.append(process)
        if not shown:
            print(f"→ {lane.name} tests, written to {process.log}", flush=True)

    def _reap(self) -> None:
        """Take note of what has ended; orphans of the tests are reaped as well, so that their CPU counts."""
        with suppress(ChildProcessError):
            while True:
                pid, status, used = os.wait4(-1, os.WNOHANG)
                if pid == 0:
                    return
                for process in [one for one in self._running if one.pid == pid]:
                    process.ended(os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime)
                    self._running.remove(process)
                    self._ended.append(process)
                    process.show()

    def _tell(self, seconds: float) -> None:
        far = ", ".join(f"{one.lane.name} {one.percent()}%" for one in self._running)
        print(f"  {seconds / 60:.0f} min: {far}", flush=True)


class _Process:
    """One pytest process, started at once; `shown` lets it write to the terminal instead of a file."""

    def __init__(
        self, lane: Lane, environment: Mapping[str, str], arguments: Sequence[str], logs: Path, *, shown: bool
    ) -> None:
        self.lane = lane
        self.log = logs / f"{lane.name.replace(' ', '-')}.log"
        self._report = self.log.with_suffix(".xml")
        self._report.unlink(missing_ok=True)
        self._shown = shown
        self._selected = bool(arguments)
        self._code = self._cpu = self._seconds = 0.0
        self._began = time.monotonic()
        command = [sys.executable, "-m", "pytest", f"--ds={lane.settings}", f"--junitxml={self._report}"]
        with self.log.open("wb") as output:
            self._child = subprocess.Popen(
                [*command, *lane.arguments, *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=None if shown else output,
                stderr=None if shown else subprocess.STDOUT,
            )

    @property
    def pid(self) -> int:
        """Its process."""
        return self._child.pid

    @property
    def passed(self) -> bool:
        """Whether no test failed; a selection may leave none."""
        return self._code == 0 or (self._code == NO_TESTS_COLLECTED and self._selected)

    def ended(self, code: int, cpu: float) -> None:
        """Note that it has ended, with which exit code and how many seconds of CPU."""
        self._child.returncode = code
        self._code, self._cpu, self._seconds = code, cpu, time.monotonic() - self._began

    def percent(self) -> int:
        """How much of it has run, as it says itself."""
        found = _PERCENT.findall(self.log.read_bytes())
        return int(found[-1]) if found else 0

    def show(self) -> None:
        """What it wrote behind the list of its tests: failures, what was left out, the last line."""
        if self._shown:
            return
        text = self.log.read_text(errors="replace")
        section = _SECTION.search(text)
        print(f"\n=== {self.lane.name} tests\n{text[section.start() if section else 0 :]}", flush=True)

    def tests(self) -> list[tuple[float, str]]:
        """Seconds and name of each test, fixtures included."""
        try:
            cases = ElementTree.parse(self._report).iter("testcase")
        except (OSError, ElementTree.ParseError):  # it was killed before it wrote one
            return []
        return [(float(one.get("time", 0)), f"{one.get('classname')}::{one.get('name')}") for one in cases]

    def verdict(self) -> str:
        """A line that says how it went and what it took."""
        outcome = "passed" if self.passed else f"FAILED (pytest exit code {self._code})"
        took = f"{self._seconds:.0f} s, of CPU {self._cpu:.0f} s in its own processes"
        return f"{self.lane.name} tests: {outcome}, {len(self.tests())} in {took}"

    def end(self) -> None:
        """Have it take down its servers and stop; then no more patience."""
        for sent in (signal.SIGINT, signal.SIGKILL):
            if self._child.poll() is None:
                self._child.send_signal(sent)
                with suppress(subprocess.TimeoutExpired):
                    self._child.wait(ENDS_WITHIN_S)


def adopt_orphans() -> None:
    """Make processes that lose their parents below this one its children."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def cpu_of_children() -> float:
    """Seconds of CPU of all processes below this one that have ended, servers of PostgreSQL included."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
