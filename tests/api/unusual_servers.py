"""Servers that are not a well engine, over real sockets: nobody, one that hangs, drips, talks rubbish."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.api.engine_process import free_port


def nobody() -> str:
    """An address at which connections are refused."""
    return f"http://127.0.0.1:{free_port()}"


@contextmanager
def hanging() -> Iterator[str]:
    """Takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def answering(
    status: int, body: bytes, content_type: str, headers: dict[str, str] | None = None, *, drip_s: float = 0.0
) -> Iterator[str]:
    """Answers everything alike; with `drip_s`, one byte at a time with that pause."""
    stop = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            if not drip_s:
                self.wfile.write(body)
                return
            for place in range(len(body)):
                if stop.wait(drip_s):
                    return
                try:
                    self.wfile.write(body[place : place + 1])
                    self.wfile.flush()
                except OSError:
                    return

        do_GET = do_POST = _answer  # noqa: N815  (http.server looks for these names)

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    with _serving(Handler) as address:
        try:
            yield address
        finally:
            stop.set()


@contextmanager
def dropping_kept_connections(body: bytes) -> Iterator[str]:
    """Promises to keep the connection and closes it after each answer, as a restarted engine seems to do."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    with _serving(Handler) as address:
        yield address


@contextmanager
def not_http() -> Iterator[str]:
    """Answers every connection with a line that is not HTTP."""
    listener = socket.create_server(("127.0.0.1", 0))

    def talk() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(b"220 mail.example.org ESMTP\r\n\r\n")

    talker = threading.Thread(target=talk, daemon=True)
    talker.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        talker.join(5)


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    worker = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    worker.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        worker.join(5)
