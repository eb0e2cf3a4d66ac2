"""Keeps the process that answers: starts it again when it dies, and ends it when this one is told to end.

The socket is this process', so that connections wait while another one starts, and are not refused.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

PAUSE_S = 1.0
"""Seconds between two starts, so that one that dies at once does not keep the machine busy."""

_PARENT = "SERVING_PARENT"
_PR_SET_PDEATHSIG = 1

log = logging.getLogger("serving")


def keep(command: Sequence[str], listening: socket.socket, *, stop_s: int) -> None:
    """Keep a process running until SIGINT or SIGTERM, which it is then told.

    Parameters
    ----------
    command
        The descriptor of the socket becomes its last argument.
    stop_s
        Seconds after which it is killed when it has been told to end.
    """
    state = _State()

    def stop(_number: int, _frame: object) -> None:
        state.ending = True
        signal.alarm(stop_s)
        if state.child is not None:
            state.child.send_signal(signal.SIGTERM)

    def kill(_number: int, _frame: object) -> None:
        if state.child is not None:
            log.error("the process that answers did not end within %d s: it is killed", stop_s)
            state.child.kill()

    signal.signal(signal.SIGALRM, kill)
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, stop)
    environment = {**os.environ, _PARENT: str(os.getpid())}
    while not state.is_ending():
        began = time.monotonic()
        state.child = child = subprocess.Popen(
            [*command, str(listening.fileno())], env=environment, pass_fds=[listening.fileno()]
        )
        if state.is_ending():  # told before there was a child
            child.send_signal(signal.SIGTERM)
        code = child.wait()
        if not state.is_ending():
            log.error("the process that answers ended with %d: it is started again", code)
            time.sleep(max(0.0, PAUSE_S - (time.monotonic() - began)))


class _State:
    """What signals change."""

    ending = False
    child: subprocess.Popen[bytes] | None = None

    def is_ending(self) -> bool:
        return self.ending


def end_with_parent() -> None:
    """Should the process that keeps this one be killed, this one ends, so that the port is free."""
    parent = os.environ.get(_PARENT)
    if parent is not None:
        end_with(int(parent))


def end_with(parent: int) -> None:
    """Should this parent be killed, Linux ends the process."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        os.kill(os.getpid(), signal.SIGTERM)
