"""Serves a WSGI application on a socket until SIGINT or SIGTERM; answers under way are finished first."""

from __future__ import annotations

import asyncio
import errno
import logging
import resource
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import uvicorn
import uvloop

from serving.asking import Application
from serving.behind import Behind, Refusal
from serving.memory import Memory
from serving.protocol import MOST_HEAD, Protocol
from serving.quick import Quick
from serving.threads import Threads
from serving.watching import IDLE_S, Watch

MEMORY = 1 << 29
"""Bytes of bodies and answers that are held at a time."""

MOST_LISTENERS = 1_000
"""Answers of events at a time."""

STOP_S = 15
"""Seconds after which answers that are still under way at the end are broken off."""

_URGENT_THREADS = 2
_BACKLOG = 2048
_MOST_FILES = 65_536


class CannotListen(Exception):
    """In one sentence; `taken` where somebody else listens there."""

    def __init__(self, why: str, *, taken: bool = False) -> None:
        self.taken = taken
        super().__init__(why)


def _plainly(_path: str, why: str) -> Refusal:
    return Refusal(
        503, [(b"content-type", b"text/plain; charset=utf-8"), (b"retry-after", b"2")], why.encode()
    )


@dataclass(frozen=True, kw_only=True)
class Service:
    """What is served, and how.

    Parameters
    ----------
    application
        A WSGI application that may be called by many threads.
    threads
        How many requests it answers at a time.
    most_body
        Bytes of the longest body that it is given.
    quick
        What is answered in the event loop.
    urgent
        Paths that are answered by threads of their own.
    refuse
        Words a 503.
    on_stop
        Called as soon as the end is asked for, in the event loop.
    """

    application: Application
    threads: int
    most_body: int
    quick: Quick | None = None
    urgent: frozenset[str] = frozenset()
    refuse: Callable[[str, str], Refusal] = _plainly
    on_stop: Callable[[], None] = lambda: None


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises
    ------
    CannotListen
        When the port is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise CannotListen(f"port {port} on {host} is taken", taken=True) from error
        raise CannotListen(f"cannot listen on {host} port {port}: {error.strerror}") from error
    return listening


def serve(service: Service, listening: socket.socket) -> None:
    """Answer until a signal says otherwise; closes the socket."""
    _raise_limits()
    # uvicorn raises the signal again when it is through: the end has been asked for and is here
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, lambda *_: None)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(service, listening))


async def _serve(service: Service, listening: socket.socket) -> None:
    memory = Memory(MEMORY)
    watch = Watch(memory)

    class Bound(Protocol):
        """The connections of this server."""

    Bound.quick = service.quick
    Bound.watch = watch
    # chunks and their extensions take room as well
    Bound.most_message = 2 * service.most_body + MOST_HEAD
    behind = Behind(
        service.application,
        threads=Threads(service.threads, "answers"),
        urgent_threads=Threads(_URGENT_THREADS, "urgent answers"),
        urgent=service.urgent,
        memory=memory,
        most_body=service.most_body,
        most_listeners=MOST_LISTENERS,
        refuse=service.refuse,
    )
    server = _Server(_config(behind, Bound), service.on_stop)
    looking = asyncio.create_task(watch.run())
    try:
        await server.serve(sockets=[listening])
    finally:
        looking.cancel()


def _config(behind: Behind, protocol: type[Protocol]) -> uvicorn.Config:
    return uvicorn.Config(
        behind,
        http=protocol,
        interface="asgi3",
        ws="none",
        lifespan="off",
        # what a client does wrong is in the answer, not in the log
        log_config=None,
        log_level=logging.ERROR,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=int(IDLE_S),
        timeout_graceful_shutdown=STOP_S,
    )


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stop()
        await super().shutdown(sockets)


def _raise_limits() -> None:
    """Let there be as many connections as the system allows; the usual 1,024 is for those that select()."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if most == resource.RLIM_INFINITY else min(most, _MOST_FILES)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
