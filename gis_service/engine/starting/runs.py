"""Which runs of the engine did not end in order: one small file per run, locked for as long as it lives.

A run that ends in order takes its file away. One that is killed, or loses its machine, leaves it behind, and
the lock is gone with the process: so a file that nobody holds tells of such a run, and a file that is held is
a replica at work, whatever its number. Knows files, no database.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

SIGN_OF_LIFE_S = 5.0
_SUFFIX = ".run"
_UNFINISHED = ".part"
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class BrokenRun:
    """A run that did not end in order.

    process : its number
    started_at : when it began
    last_seen_at : its last sign of life, `SIGN_OF_LIFE_S` exact
    rebooted : whether the machine was started again since
    """

    process: int
    started_at: datetime
    last_seen_at: datetime
    rebooted: bool

    def __str__(self) -> str:
        since = "the machine was started again since" if self.rebooted else "it was killed or crashed"
        return (
            f"the engine run of {_second(self.started_at)} (process {self.process}, last seen "
            f"{_second(self.last_seen_at)}) did not end in order: {since}"
        )


class Run:
    """This process' run; made by `begin_run`."""

    def __init__(self, path: Path, handle: int) -> None:
        self._path = path
        self._handle = handle
        self._process = os.getpid()
        self._ended = threading.Event()
        threading.Thread(target=self._live, name="sign of life", daemon=True).start()

    def end(self) -> None:
        """Say that this run ended in order; a forked child that calls it does nothing."""
        if os.getpid() != self._process or self._ended.is_set():
            return
        self._ended.set()
        self._path.unlink(missing_ok=True)
        os.close(self._handle)

    def _live(self) -> None:
        while not self._ended.wait(SIGN_OF_LIFE_S):
            with contextlib.suppress(OSError):  # a full or lost disk: the last sign of life is then older
                os.utime(self._path)


def begin_run(directory: Path, now: datetime) -> Run:
    """Write down that this process begins to run.

    Raises
    ------
    OSError
        When the directory cannot be written to; nothing is left behind.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"engine-{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}"
    passing = path.with_suffix(_UNFINISHED)
    handle = os.open(passing, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)  # before it has the name under which others look for it
        told = {"process": os.getpid(), "started_at": now.astimezone(UTC).isoformat(), "boot": _boot()}
        os.write(handle, json.dumps(told).encode())
        os.fsync(handle)
        passing.rename(path)
    except OSError:
        os.close(handle)
        passing.unlink(missing_ok=True)
        raise
    return Run(path, handle)


def take_broken_runs(directory: Path) -> list[BrokenRun]:
    """The runs that did not end in order, by beginning; each is told once, to whoever asks first."""
    return sorted(_broken(directory), key=lambda one: (one.started_at, one.process))


def _broken(directory: Path) -> Iterator[BrokenRun]:
    for path in directory.glob(f"*{_SUFFIX}"):
        try:
            handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue  # ended, or taken by another replica, meanwhile
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue  # it runs
            stat = os.fstat(handle)
            if stat.st_nlink == 0:
                continue
            path.unlink(missing_ok=True)
            yield _read(os.read(handle, 4096), datetime.fromtimestamp(stat.st_mtime, UTC))
        finally:
            os.close(handle)


def _read(content: bytes, seen_at: datetime) -> BrokenRun:
    """What a file tells; one that a power cut emptied tells when it was last touched."""
    try:
        told = json.loads(content)
        process, started_at, boot = told["process"], datetime.fromisoformat(told["started_at"]), told["boot"]
    except (ValueError, KeyError, TypeError):
        return BrokenRun(0, seen_at, seen_at, rebooted=False)
    return BrokenRun(process, started_at, max(seen_at, started_at), rebooted=boot != _boot())


def _boot() -> str:
    """What tells one start of this machine from the next; empty where the system does not say."""
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _second(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
