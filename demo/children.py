"""Child processes with a log file each: run to the end, or kept running, watched and stopped.

Knows processes, not what they do. Every child is its own session, so that a Ctrl-C reaches the supervisor
alone, which then stops its children in order. Should the supervisor be killed, Linux ends them with it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from demo.surroundings import DemoError

STOP_SECONDS = 15
LARGEST_LOG = 10_000_000
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class Child:
    """A process that was started; its output goes to the end of `log`.

    Parameters
    ----------
    name
        What messages call it.
    command
        Program and arguments.
    log
        A file, made when absent and set aside as `….1` when it has grown large.
    environment
        The whole environment of the process.
    """

    def __init__(
        self, name: str, command: Sequence[str], *, log: Path, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists() and log.stat().st_size > LARGEST_LOG:
            log.replace(log.with_suffix(log.suffix + ".1"))
        with log.open("ab") as out:
            self._written_before = out.tell()
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )

    def exit_code(self) -> int | None:
        """The exit code of a process that ended, None while it runs."""
        return self._process.poll()

    def wait(self) -> None:
        """Wait for the end; DemoError, quoting the log, unless it is a success."""
        if self._process.wait() != 0:
            raise DemoError(self.obituary())

    def stop(self) -> None:
        """End the process, politely, then by force, and whatever it left behind; returns when it is gone."""
        if self._process.poll() is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        with suppress(ProcessLookupError):  # nobody left in its session, as it should be
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def obituary(self) -> str:
        """Tell how the process ended, with the last lines it wrote."""
        code = self._process.returncode
        how = (
            f"was killed by {signal.Signals(-code).name}"
            if code and code < 0
            else f"ended with exit code {code}"
        )
        lines = self.log.read_bytes()[self._written_before :].decode(errors="replace").strip().splitlines()
        said = "".join(f"\n  | {line}" for line in lines[-15:])
        return f"{self.name} {how}; the end of {self.log}:{said}"


def _end_with_parent() -> None:
    """In the child: ask Linux for SIGTERM when the supervisor dies."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
