"""Engines of their own as `one_process` runs them: started anew for each measurement, asked what it took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.one_process import OPERATIONS, QUESTIONS
from gis_service.errors import NotReady

__all__ = ["OPERATIONS", "QUESTIONS", "Process"]


class Process:
    """Engines over one province.

    Parameters
    ----------
    arguments
        Of `benchmarks.one_process`.
    files
        Directory of the snapshots that a start in the cold must read from the disk.
    environment
        Added to this process' own.
    """

    def __init__(
        self, arguments: Sequence[str], files: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self._command = [sys.executable, "-m", "benchmarks.one_process", *arguments]
        self._files = files
        self._environment = os.environ | dict(environment or {})
        self._last: dict[str, Any] | None = None

    @property
    def last(self) -> dict[str, Any]:
        """What the last one told; starts one if there was none."""
        if self._last is None:
            self.start(cached=True)
        assert self._last is not None
        return self._last

    def start(self, *, cached: bool) -> float:
        """Start one, wait for what it tells, and give the seconds until its first answer.

        Without `cached` the system is made to let go of the files before.
        """
        if not cached:
            for path in self._files.iterdir():
                handle = os.open(path, os.O_RDONLY)
                os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
                os.close(handle)
        begin = time.time()
        done = subprocess.run(
            self._command, env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise NotReady(f"the engine over {self._files} did not start: {done.stderr.strip()[-500:]}")
        self._last = json.loads(done.stdout.splitlines()[-1])
        return float(self._last["answered_at"] - begin)
