"""What a worker process of the server does first: end when the server does, say what broke off, warm up.

Streams of events would keep it from ending: they are let go as soon as it is told to end.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import threading

from gis_service.web.map_service import map_changes
from gis_service.web.service import WARMTH, recovery

PARENT_VARIABLE = "GRIDGIS_ENGINE_SERVER_PID"
_PR_SET_PDEATHSIG = 1
_HELD: list[socket.socket] = []  # signals are written to it until the process is gone


def begin() -> None:
    """Tie this process to the server that started it, and begin; does nothing under any other server."""
    parent = os.environ.get(PARENT_VARIABLE)
    if parent is None:
        return
    end_with(int(parent))
    _let_listeners_go()
    recovery().begin()
    WARMTH.start()


def end_with(parent: int) -> None:
    """Should this parent be killed, Linux ends the process: a server's worker lets go of its port."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        os.kill(os.getpid(), signal.SIGTERM)


def _let_listeners_go() -> None:
    """End the streams when a signal ends this process; the server has the handlers, so the bytes are read."""
    told, telling = socket.socketpair()
    telling.setblocking(False)
    _HELD.append(telling)
    signal.set_wakeup_fd(telling.fileno(), warn_on_full_buffer=False)

    def wait() -> None:
        while not {signal.SIGTERM, signal.SIGINT} & set(told.recv(64)):
            pass
        map_changes().stop()

    threading.Thread(target=wait, name="ending", daemon=True).start()
