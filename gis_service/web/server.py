"""Serves the engine over HTTP: one process with threads, because kernels and the driver release the GIL."""

from __future__ import annotations

import os
import sys

from gis_service.errors import InvalidInput
from gis_service.sources import TITLES
from gis_service.web.extra_layers import DIRECTORY_VARIABLE, extra_layers
from serving.keeping import keep
from serving.server import STOP_S, CannotListen, listen

THREADS, MOST_THREADS = 16, 256
LAST_PORT = 65_535


def serve(host: str, port: int, threads: int, extra: str | None = None) -> None:
    """Answer questions, `threads` at a time, until SIGINT or SIGTERM; those under way are finished first.

    Another process answers, and is started again when it dies.

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
    try:
        listening = listen(host, port)
    except CannotListen as error:
        more = ": stop what listens there, or choose another with --port or GRIDGIS_ENGINE_PORT"
        raise InvalidInput(f"{error}{more if error.taken else ''}") from error
    with listening:
        if extra is not None:
            os.environ[DIRECTORY_VARIABLE] = extra
        extra_layers(TITLES)
        keep([sys.executable, "-m", "gis_service.answering", str(threads)], listening, stop_s=STOP_S + 5)
