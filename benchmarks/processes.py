"""Servers that are measured: started on a free port of this machine, awaited, and stopped.

Knows processes and HTTP; nothing of what is asked.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from benchmarks.setting import Setting
from gis_service.errors import NotReady
from gis_service.home import DSN_VARIABLE


@contextmanager
def serving(command: list[str], environment: Mapping[str, str], *, ready: str, log: Path) -> Iterator[str]:
    """The address of a server, ready when the block begins, stopped at its end.

    Parameters
    ----------
    command
        Its `{port}` is replaced by a free one.
    environment
        On top of ours; an empty value takes a variable out.
    ready
        The path that answers when it is ready.
    log
        Where its output goes.

    Raises
    ------
    NotReady
        When it ends, or is not ready within five minutes.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    given = {name: value for name, value in (os.environ | environment).items() if value}
    with log.open("w") as output:
        started = subprocess.Popen(
            [part.format(port=port) for part in command], env=given, stdout=output, stderr=output
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _await(address + ready, started, log)
            yield address
        finally:
            started.terminate()
            started.wait(30)


def engine_serving(setting: Setting, dsn: str) -> AbstractContextManager[str]:
    """The address of an engine over a database, ready when the block begins."""
    command = [sys.executable, "-m", "gis_service", "serve", "--port", "{port}"]
    told = {"GRIDGIS_HOME": str(setting.data / "served"), DSN_VARIABLE: dsn}
    bring_up_to_date(dsn)
    return serving(command, told, ready="/readyz", log=setting.data / "gis_service.log")


def bring_up_to_date(dsn: str) -> None:
    """Bring the engine's tables in a database that was kept to those of today."""
    command = [sys.executable, "-m", "gis_service", "migrate"]
    done = subprocess.run(
        command, env=os.environ | {DSN_VARIABLE: dsn}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotReady(f"the tables of a kept database cannot be migrated: {done.stderr.strip()[-300:]}")


def _await(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 300
    said = "nothing"
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except urllib.error.HTTPError as answer:
            if answer.code == 404:  # the peer has nothing there, and is ready
                return
            said = answer.read(300).decode(errors="replace")
        except OSError:
            pass
        else:
            return
        time.sleep(0.2)
    raise NotReady(f"{address} is not ready; it said {said}, its log is {log}")
