"""The small application in a process of its own, and clients that speak HTTP by hand."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class SmallServer:
    """One server process."""

    def __init__(self, child: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.child, self.port, self.log = child, port, log

    def connect(self, *, room: int | None = None) -> socket.socket:
        """A connection; with `room` bytes of the answer that the client's side holds."""
        one = socket.socket()
        one.settimeout(20)
        if room is not None:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        one.connect(("127.0.0.1", self.port))
        return one

    def ask(self, request: bytes) -> bytes:
        """All that comes to a request that asks for the connection to be closed."""
        with self.connect() as one:
            one.sendall(request)
            held = b""
            while piece := one.recv(1 << 20):
                held += piece
            return held

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and content of a GET."""
        answer = self.ask(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        head, _, content = answer.partition(b"\r\n\r\n")
        return int(head.split(b" ")[1]), content


@contextmanager
def small_server(folder: Path, **times: float) -> Iterator[SmallServer]:
    """A server, running while the block does; `times` of `serving.watching`."""
    log = folder / "server.log"
    command = [sys.executable, "-m", "tests.serving.small_application"]
    with log.open("wb") as errors:
        child = subprocess.Popen(
            [*command, *(f"{name}={value}" for name, value in times.items())],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    assert child.stdout is not None
    try:
        yield SmallServer(child, int(child.stdout.readline()), log)
    finally:
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
        try:
            child.wait(30)
        finally:
            child.kill()
            child.stdout.close()
