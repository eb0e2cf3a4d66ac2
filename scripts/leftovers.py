"""What a run of the tests leaves behind when it is killed: processes, servers, its temporary directory.

Every run has a mark in the environment of its processes and a temporary directory of its own, both written
down before anything is started; PostgreSQL servers, whose environment is a short one, are found by the files
in that directory. Ends only what bears the mark or lies there, nothing by its name.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

MARK = "TESTED_IN_RUN"
"""The variable that every process of a run has in its environment."""

PATIENCE_S = 10.0
_PR_SET_PDEATHSIG = 1


class RunsAlready(Exception):
    """Another run works in the same home."""


@dataclass(frozen=True)
class TestRun:
    """One run: its mark, and where its temporary files lie."""

    mark: str
    directory: Path

    def environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """What the processes of the run are told on top; pytest goes on keeping its own directories."""
        elsewhere = inherited.get("PYTEST_DEBUG_TEMPROOT") or tempfile.gettempdir()
        return {MARK: self.mark, "TMPDIR": str(self.directory), "PYTEST_DEBUG_TEMPROOT": elsewhere}

    def sweep(self) -> list[str]:
        """End what is still there and remove the directory; a line for each process that was ended."""
        told = _end(lambda: _marked(self.mark), (signal.SIGTERM, signal.SIGKILL))
        told += _end(lambda: _servers_below(self.directory), (signal.SIGINT, signal.SIGQUIT))
        shutil.rmtree(self.directory, ignore_errors=True)
        return told


@contextmanager
def only_run(home: Path) -> Iterator[TestRun]:
    """A run that has this home for itself; what a former one left there is ended first, and said.

    Raises
    ------
    RunsAlready
        While another run works there.
    """
    home.mkdir(parents=True, exist_ok=True)
    record = home / "run.json"
    with (home / "run.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunsAlready(
                f"tests run in {home} already: wait for their end, or set GRIDGIS_HOME elsewhere"
            ) from None
        if record.exists():
            former = json.loads(record.read_text())
            for line in TestRun(former["mark"], Path(former["directory"])).sweep():
                print(f"left by a run that was killed, and ended now: {line}", flush=True)
        directory = Path(tempfile.mkdtemp(prefix="gridgis-tests-"))
        directory.chmod(0o711)  # servers below it may run under another account
        run = TestRun(secrets.token_hex(8), directory)
        record.write_text(json.dumps({"mark": run.mark, "directory": str(directory)}))
        try:
            yield run
        finally:
            for line in run.sweep():
                print(f"left by the tests, and ended now: {line}", flush=True)
            record.unlink()


def end_with_run() -> None:
    """Should the run be killed, Linux interrupts this process of it, which then takes down its servers."""
    if MARK in os.environ and sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)


def _marked(mark: str) -> list[int]:
    """The processes that have the mark in their environment, but for this one."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for pid in _processes():
        with suppress(OSError):  # it is gone, or another account's
            if wanted in Path("/proc", str(pid), "environ").read_bytes().split(b"\0"):
                found.append(pid)
    return [pid for pid in found if pid != os.getpid()]


def _servers_below(directory: Path) -> list[int]:
    """PostgreSQL servers whose data lies below the directory, as their own files and command lines say."""
    found = []
    for file in directory.rglob("postmaster.pid"):
        with suppress(OSError, ValueError, IndexError):
            pid = int(file.read_text().splitlines()[0])
            if bytes(file.parent) in Path("/proc", str(pid), "cmdline").read_bytes().split(b"\0"):
                found.append(pid)
    return found


def _end(find: Callable[[], list[int]], signals: Sequence[signal.Signals]) -> list[str]:
    """Send the signals one after the other to those that are found; what was ended."""
    told: dict[int, str] = {}
    for sent in signals:
        here = find()
        for pid in here:
            told.setdefault(pid, f"process {pid}, {_command(pid)}")
            with suppress(ProcessLookupError):
                os.kill(pid, sent)
        deadline = time.monotonic() + PATIENCE_S
        while here and time.monotonic() < deadline:
            time.sleep(0.05)
            here = find()
    return list(told.values())


def _command(pid: int) -> str:
    with suppress(OSError):
        words = Path("/proc", str(pid), "cmdline").read_bytes().decode(errors="replace").split("\0")
        return " ".join(words).strip()[:100]
    return "which is gone"


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
