"""What a worker process of the server does first: end when the server does, say what broke off, warm up."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from gis_service.web.service import WARMTH, recovery

PARENT_VARIABLE = "GRIDGIS_ENGINE_SERVER_PID"
_PR_SET_PDEATHSIG = 1


def begin() -> None:
    """Tie this process to the server that started it, and begin; does nothing under any other server."""
    parent = os.environ.get(PARENT_VARIABLE)
    if parent is None:
        return
    _end_with(int(parent))
    recovery().begin()
    WARMTH.start()


def _end_with(parent: int) -> None:
    """Should the server be killed, Linux ends this worker, so that the port is free for the next one."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        os.kill(os.getpid(), signal.SIGTERM)
