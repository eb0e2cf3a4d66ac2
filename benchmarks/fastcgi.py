"""A FastCGI program kept running, asked one request after another over a socket, without a web server."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gis_service.errors import NotReady

_BEGIN, _END, _PARAMS, _STDIN, _STDOUT, _STDERR = 1, 3, 4, 5, 6, 7  # FastCGI 1.0, section 8
_RESPONDER = 1


class FastCgi:
    """Asks the program that listens at a socket; one request for each connection, as web servers do."""

    def __init__(self, path: Path, environment: Mapping[str, str]) -> None:
        self._path = path
        self._environment = dict(environment)

    def get(self, query: str) -> bytes:
        """The body of the answer to a GET.

        Raises
        ------
        NotReady
            When it says that something went wrong.
        """
        asked = self._environment | {"QUERY_STRING": query, "REQUEST_METHOD": "GET"}
        with socket.socket(socket.AF_UNIX) as wire:
            wire.settimeout(120)
            wire.connect(str(self._path))
            wire.sendall(
                _record(_BEGIN, struct.pack(">HB5x", _RESPONDER, 0))
                + _record(_PARAMS, b"".join(_pair(*one) for one in asked.items()))
                + _record(_PARAMS, b"")
                + _record(_STDIN, b"")
            )
            out, complaint = bytearray(), bytearray()
            while True:
                _, kind, _, length, padding, _ = struct.unpack(">BBHHBB", _exactly(wire, 8))
                content = _exactly(wire, length + padding)[:length]
                if kind == _END:
                    break
                (out if kind == _STDOUT else complaint).extend(content)
        head, _, body = bytes(out).partition(b"\r\n\r\n")
        if complaint or b"image/" not in head:
            raise NotReady(f"the peer failed: {bytes(complaint or out)[-400:].decode(errors='replace')}")
        return body


def _record(kind: int, content: bytes) -> bytes:
    return struct.pack(">BBHHBB", 1, kind, 1, len(content), 0, 0) + content


def _pair(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    return b"".join(_length(one) for one in (key, text)) + key + text


def _length(text: bytes) -> bytes:
    return bytes([len(text)]) if len(text) < 128 else struct.pack(">I", len(text) | 1 << 31)


def _exactly(wire: socket.socket, size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        piece = wire.recv(size - len(found))
        if not piece:
            raise NotReady("the peer ended before its answer did")
        found += piece
    return bytes(found)


@contextmanager
def fastcgi(program: str, environment: Mapping[str, str], path: Path) -> Iterator[FastCgi]:
    """The program, listening at a socket of its own, stopped at the end."""
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(16)
        # a FastCGI program finds its socket where others have standard input
        # libraries of ours tell where their own data of PROJ and GDAL are, which are of other versions
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("PROJ", "GDAL"))}
        started = subprocess.Popen([program], stdin=listening.fileno(), env=plain | dict(environment))
    try:
        time.sleep(0.2)
        yield FastCgi(path, environment)
    finally:
        started.kill()  # it waits for a request before it looks at anything gentler
        started.wait(30)
        path.unlink(missing_ok=True)
