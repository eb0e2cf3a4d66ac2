"""A real engine for the tests of the business API: its own process and database, met over HTTP only."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import psycopg2
from psycopg2 import sql
from psycopg2.extensions import make_dsn, parse_dsn

ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN_S = 300.0  # every kernel may have to be compiled, on a machine that does other things


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def scratch_database(server: str, name: str) -> Iterator[str]:
    """The address of a new database beside `server`, dropped at the end."""
    with closing(psycopg2.connect(server)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            cursor.execute(drop)
            cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            try:
                yield _uri(parse_dsn(server) | {"dbname": name})
            finally:
                cursor.execute(drop)


@contextmanager
def process(
    command: Sequence[str], environment: dict[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of this checkout, ended at the end; its output goes to `log`."""
    with log.open("wb") as out:
        child = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT
        )
        try:
            yield child
        finally:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
                try:
                    child.wait(60)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()


def wait_until_ready(
    url: str, child: subprocess.Popen[bytes], log: Path, within_s: float = READY_WITHIN_S
) -> None:
    """Return when `url` answers 200; AssertionError, quoting the log, when it never does."""
    deadline = time.monotonic() + within_s
    said = "no answer"
    while time.monotonic() < deadline and child.poll() is None:
        try:
            answer = httpx.get(url, timeout=5, trust_env=False)
        except httpx.TransportError as error:
            said = repr(error)
        else:
            if answer.status_code == 200:
                return
            said = answer.text
        time.sleep(0.1)
    raise AssertionError(
        f"{url} is not ready ({said}); the log says:\n{log.read_text(errors='replace')[-3000:]}"
    )


@contextmanager
def engine(server: str, folder: Path, commands: Sequence[Sequence[str]], *, name: str) -> Iterator[str]:
    """The address of an engine that holds what `commands` load; parameters as for `engine_over`."""
    log = folder / f"{name}.log"
    port = free_port()
    with (
        engine_over(server, folder, commands, name=name) as environment,
        process(["-m", "gis_service", "serve", "--port", str(port)], environment, log) as child,
    ):
        address = f"http://127.0.0.1:{port}"
        wait_until_ready(f"{address}/readyz", child, log)
        yield address


@contextmanager
def engine_over(
    server: str, folder: Path, commands: Sequence[Sequence[str]], *, name: str
) -> Iterator[dict[str, str]]:
    """What an engine process is told, over a database that holds what `commands` (of `gridgis`) load.

    Parameters
    ----------
    server
        A PostgreSQL server with PostGIS.
    folder
        For the log and whatever the engine keeps.
    commands
        Arguments of `gridgis`, run one after the other on the empty database.
    name
        Tells scratch databases of several engines apart.
    """
    with scratch_database(server, f"gridgis_{name}_{os.getpid()}") as dsn:
        environment = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
        environment |= {"GRIDGIS_ENGINE_DSN": dsn, "GRIDGIS_HOME": str(folder)}
        environment.setdefault(
            "NUMBA_CACHE_DIR", str(Path(os.environ.get("GRIDGIS_HOME") or folder) / "numba")
        )
        for command in (["gis_service", "migrate"], *(["gis_service.cli", *one] for one in commands)):
            done = subprocess.run(
                [sys.executable, "-m", *command],
                cwd=ROOT,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{command} failed:\n{done.stdout}\n{done.stderr}"
        yield environment


def _uri(parts: dict[str, str]) -> str:
    return str(make_dsn(**parts))
