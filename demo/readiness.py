"""Whether the two processes answer yet, over HTTP and nothing else."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Sequence
from typing import Any

from demo.children import Child
from demo.surroundings import HOST, DemoError

READY_SECONDS = (
    900  # the first start compiles all kernels: three minutes were seen on two cores with nothing else to do
)


def require_free_port(port: int, *, who: str, variable: str) -> None:
    """Raise DemoError, naming the variable that moves it, when somebody listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise DemoError(
                f"port {port}, meant for the {who}, is taken: stop what listens there, or set {variable}"
            ) from error


def wait_until_ready(children: Sequence[tuple[Child, int]]) -> None:
    """Return when `/readyz` of every child answers 200.

    Raises
    ------
    DemoError
        A child ended, or is not ready in time; quotes its log or its last answer.
    """
    deadline = time.monotonic() + READY_SECONDS
    waiting = list(children)
    while waiting:
        for child, _ in children:
            if child.exit_code() is not None:
                raise DemoError(child.obituary())
        child, port = waiting[0]
        status, answer = get(port, "/readyz")
        if status == 200:
            waiting.pop(0)
        elif time.monotonic() > deadline:
            raise DemoError(f"{child.name} is not ready after {READY_SECONDS} s: {answer}; see {child.log}")
        else:
            time.sleep(0.1)


def get(port: int, path: str) -> tuple[int, Any]:
    """Ask one of the processes; its status and JSON, or (0, why) when it does not answer."""
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        return 0, str(error)
    finally:
        connection.close()
