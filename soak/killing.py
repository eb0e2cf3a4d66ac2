"""Processes that are started to be killed: found by the number they were given, ended at once."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from soak.campaign import violated


def wait_for(condition: Callable[[], bool], what: str, *, seconds: float = 300.0) -> float:
    """Wait until something is so; the seconds that took. Long, for other programs may keep a machine busy.

    Raises
    ------
    Violation
        When it is not so in time.
    """
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            violated(f"after {seconds:g} s it is still not so that {what}")
        time.sleep(0.02)
    return time.monotonic() - began


def children(pid: int) -> list[int]:
    """The processes that a process started and that still run."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path("/proc", str(pid), "task").iterdir():
            found += [int(one) for one in (task / "children").read_text().split()]
    return sorted(found)


def command_line(pid: int) -> str:
    """How a process was called; empty when it is gone."""
    try:
        return Path("/proc", str(pid), "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def kill(*pids: int) -> None:
    """SIGKILL, to all of them before any can notice that another is gone."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def kill_group(child: subprocess.Popen[bytes]) -> None:
    """SIGKILL to a child and all it started, when it leads its process group."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
