"""Serves the engine over HTTP: one process with threads, because kernels and the driver release the GIL."""

from __future__ import annotations

import errno
import os
import socket

from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server import Server

from gis_service.errors import InvalidInput
from gis_service.sources import TITLES
from gis_service.web.extra_layers import DIRECTORY_VARIABLE, extra_layers
from gis_service.web.patience import DOORS

THREADS_VARIABLE = "GRIDGIS_ENGINE_THREADS"
THREADS, MOST_THREADS = 16, 256
LAST_PORT = 65_535


def serve(host: str, port: int, threads: int, extra: str | None = None) -> None:
    """Answer questions, `threads` at a time, until SIGINT or SIGTERM; those under way are finished first.

    Parameters
    ----------
    extra
        A directory of vector files that become layers; GRIDGIS_EXTRA_LAYERS where it is None.

    Raises
    ------
    InvalidInput
        When the port is taken or the address is not this machine's, in one sentence; or with every fault
        of the extra layers.
    """
    if not 1 <= threads <= MOST_THREADS:
        raise InvalidInput(f"--threads is a number from 1 to {MOST_THREADS}, not {threads}")
    if not 1 <= port <= LAST_PORT:
        raise InvalidInput(f"a port is a number from 1 to {LAST_PORT}, not {port}: mend --port")
    refuse_taken(host, port)
    if extra is not None:
        os.environ[DIRECTORY_VARIABLE] = extra
    extra_layers(TITLES)
    os.environ["GRIDGIS_ENGINE_SERVER_PID"] = str(os.getpid())
    os.environ[THREADS_VARIABLE] = str(threads)
    Server(
        "gis_service.wsgi:application",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=threads * DOORS,
        http=HTTPModes.http1,
        websockets=False,
        log_level=LogLevels.warning,
        workers_kill_timeout=15,
        respawn_failed_workers=True,
    ).serve()


def refuse_taken(host: str, port: int) -> None:
    """Say in one sentence that a port cannot be had, before the server says it in ten lines.

    Raises
    ------
    InvalidInput
        Naming the address and how to choose another.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise InvalidInput(
                    f"port {port} on {host} is taken: stop what listens there, or choose another with --port "
                    f"or GRIDGIS_ENGINE_PORT"
                ) from error
            raise InvalidInput(f"cannot listen on {host} port {port}: {error.strerror}") from error
