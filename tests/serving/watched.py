"""What a server process holds, as the kernel tells it, and sockets that are read by hand."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tests.live import LiveEngine

PATIENCE_S = 20.0


class Resources(NamedTuple):
    """Threads, open sockets, and resident memory in bytes."""

    threads: int
    sockets: int
    resident: int


def resources_of(engine: LiveEngine) -> Resources:
    """Those of the process that answers."""
    return resources(answering(engine))


def answering(engine: LiveEngine) -> int:
    """The process that answers, the one child of that which keeps it."""
    children = Path(f"/proc/{engine.child.pid}/task/{engine.child.pid}/children").read_text().split()
    assert len(children) == 1
    return int(children[0])


def resources(process: int) -> Resources:
    """Those of a process of this machine."""
    told = dict(
        line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines() if ":" in line
    )
    sockets = 0
    for one in Path(f"/proc/{process}/fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            sockets += str(one.readlink()).startswith("socket:")
    return Resources(int(told["Threads"]), sockets, int(told["VmRSS"].split()[0]) * 1024)


def settles(true: Callable[[], bool], what: str, *, seconds: float = PATIENCE_S) -> None:
    """Return when something has become true; AssertionError when it does not in time."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def read_until(one: socket.socket, end: bytes) -> bytes:
    """What comes, up to the line that holds some bytes; AssertionError when the connection ends before."""
    held = b""
    while end not in held or not held.endswith(b"\n"):
        piece = one.recv(65_536)
        assert piece, f"the connection ended behind {held[-200:]!r}"
        held += piece
    return held


def read_all(one: socket.socket) -> bytes:
    """All that comes until the connection ends."""
    held = []
    while piece := one.recv(1 << 20):
        held.append(piece)
    return b"".join(held)
