"""`python -m demo [streets]`: everything on this machine until Ctrl-C; `make demo` runs it after the set-up.

Starts the private cluster, brings the tables up to date, loads its grid at the first start, starts the
engine and the business API, and waits. Ends with everything stopped, whatever ended it.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from types import FrameType

from demo.children import Child
from demo.first_query import first_query
from demo.grid import STREETS, TOWN, DemoGrid, load_demo_grid
from demo.readiness import require_free_port, wait_until_ready
from demo.surroundings import HOST, DemoError, Surroundings
from demo.tables import tables_are_current
from sharding.local import DATABASES, ClusterError, LocalCluster
from sharding.pg_programs import NoServerPrograms

GRIDGIS = [sys.executable, "-c", "import sys; from gis_service.cli import main; sys.exit(main())"]


class StopRequestedError(BaseException):
    """Ctrl-C or SIGTERM: a request, not a fault."""


def main() -> int:
    """Run the demo; 0 when it was asked to stop, 1 with one message when something is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m demo", description="The engine and the web map on a demo grid, until Ctrl-C."
    )
    parser.add_argument("grid", nargs="?", choices=("town", "streets"), default="town")
    grid = STREETS if parser.parse_args().grid == "streets" else TOWN
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _request_stop)
    try:
        with ExitStack() as stack:
            _run(stack, grid)
    except StopRequestedError:
        print("\nstopped; the data is kept", flush=True)
        return 0
    except (DemoError, ClusterError, NoServerPrograms, PermissionError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


def _run(stack: ExitStack, grid: DemoGrid) -> None:
    began = time.monotonic()
    here = Surroundings.read(os.environ)
    cluster = LocalCluster.from_environment()
    _hold_home(here, stack)
    require_free_port(here.engine_port, who="engine", variable="GRIDGIS_ENGINE_PORT")
    require_free_port(here.api_port, who="business API", variable="GRIDGIS_API_PORT")

    stack.callback(cluster.stop)
    server = cluster.start()
    if server.recovered:
        _say(f"recovered: {server.recovered}")
    _say(f"PostgreSQL on {HOST}:{server.port}, its data in {cluster.status().directory}")
    environment = here.child_environment(
        {name: cluster.dsn(database) for name, database in DATABASES.items()}
    )

    def start(name: str, command: Sequence[str], log: str) -> Child:
        child = Child(name, command, log=here.logs / f"{log}.log", environment=environment)
        stack.callback(child.stop)
        return child

    def run(name: str, arguments: Sequence[str]) -> None:
        _say(f"{name} …")
        start(name, [*GRIDGIS, *arguments], "setup").wait()

    python = [sys.executable, "-m"]
    migrations = [
        start(f"making the tables of {package}", [*python, package, "migrate"], "setup")
        for package, process in (("gis_service", "engine"), ("api", "api"))
        if not tables_are_current(cluster.dsn(DATABASES[process]), package)
    ]
    for migration in migrations:
        migration.wait()
    if load_demo_grid(cluster.dsn(DATABASES["engine"]), here.home, run, grid):
        _say(f"the {grid.name} is loaded; later starts keep it")

    _say(
        "starting the engine and the business API (a first start compiles the kernels, which takes minutes) …"
    )
    serve_engine = [*python, "gis_service", "serve", "--port", str(here.engine_port)]
    engine = start("the engine", serve_engine, "engine")
    serve_api = [*python, "api", "serve", "--port", str(here.api_port)]
    api = start("the business API", serve_api, "api")
    wait_until_ready([(engine, here.engine_port), (api, here.api_port)])
    _announce(here, grid, time.monotonic() - began)
    while True:
        for child in (engine, api):
            if child.exit_code() is not None:
                raise DemoError(child.obituary())
        if cluster.status().server is None:
            raise DemoError(f"PostgreSQL ended by itself; see {cluster.status().directory}/server.log")
        time.sleep(0.5)


def _announce(here: Surroundings, grid: DemoGrid, seconds: float) -> None:
    print(
        f"\nready after {seconds:.1f} s\n\n"
        f"  web map and business API   {here.api_url}\n"
        f"  GIS engine                 {here.engine_url}   (documentation: {here.engine_url}/v1/docs)\n\n"
        f"{first_query(here.engine_url, grid)}\n\n"
        f"Logs are in {here.logs}. Ctrl-C stops everything and keeps the data.",
        flush=True,
    )


def _hold_home(here: Surroundings, stack: ExitStack) -> None:
    """Hold the home directory for the life of this demo: two would stop each other's cluster."""
    here.home.mkdir(parents=True, exist_ok=True)
    lock = stack.enter_context((here.home / "demo.lock").open("w"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        message = (
            f"a demo already runs in {here.home}: stop it, or set GRIDGIS_HOME and the ports for a second one"
        )
        raise DemoError(message) from error


def _request_stop(_number: int, _frame: FrameType | None) -> None:
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)  # the first request stands; stopping is not interrupted
    raise StopRequestedError


def _say(text: str) -> None:
    print(f"→ {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
