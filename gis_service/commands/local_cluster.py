"""`cluster local`: a Citus cluster of private servers on this machine, in the foreground or beside it.

Starts, watches and stops the servers of one directory; the data stays, and no other server is touched.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from gis_service.errors import InvalidInput
from gis_service.home import home

if TYPE_CHECKING:
    from sharding.local_citus import LocalCitus, LocalNode

_LOOK_EVERY_S = 0.5


def add_command(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare `local` among the verbs of `cluster`."""
    local = verbs.add_parser("local", help="a coordinator and workers on this machine, until Ctrl-C")
    local.add_argument(
        "verb",
        nargs="?",
        choices=("start", "stop", "status"),
        default="start",
        help="stop ends what --detach left running; status exits 1 unless every server runs",
    )
    local.add_argument(
        "--workers", type=int, metavar="N", help="how many workers (default: those there are, else 2)"
    )
    local.add_argument(
        "--directory", type=Path, metavar="DIR", help="where the data lies (default: cluster in GRIDGIS_HOME)"
    )
    local.add_argument("--detach", action="store_true", help="leave the servers running and return")
    local.set_defaults(run=run_local)


def run_local(arguments: argparse.Namespace) -> int:
    """Start, stop or look; the exit code."""
    from sharding.local_citus import LocalCitus
    from sharding.pg_programs import NoServerPrograms
    from sharding.pg_server import ClusterError

    cluster = LocalCitus(arguments.directory or home() / "cluster")
    try:
        if arguments.verb == "stop":
            print("the cluster is stopped; its data is kept" if cluster.stop() else "the cluster did not run")
            return 0
        if arguments.verb == "status":
            return _tell(cluster, cluster.status())
        if arguments.detach:
            _tell(cluster, cluster.start(arguments.workers))
            _explain(cluster)
            return 0
        _run_in_foreground(cluster, arguments.workers)
    except (ClusterError, NoServerPrograms, PermissionError) as error:
        raise InvalidInput(str(error)) from error
    return 0


def _run_in_foreground(cluster: LocalCitus, workers: int | None) -> None:
    ours = not any(node.server for node in cluster.status())
    with _stop_requests():
        try:
            _tell(cluster, cluster.start(workers))
            ours = True  # also those that a killed one left running
            _explain(cluster)
            print("Ctrl-C stops the cluster and keeps its data.", flush=True)
            _watch(cluster)
        except KeyboardInterrupt:
            pass  # asked to stop
        finally:
            if ours and cluster.stop():
                print("\nstopped; the data is kept", flush=True)


def _watch(cluster: LocalCitus) -> NoReturn:
    """Say so when a server ends by itself, or is back; the others go on."""
    up = {node.name: True for node in cluster.status()}
    while True:
        time.sleep(_LOOK_EVERY_S)
        for node in cluster.status():
            if up.get(node.name, True) and node.server is None:
                print(
                    f"{node.name} has ended by itself; its log is in {_log(cluster, node)}, and "
                    f"gridgis cluster local --detach starts it again",
                    file=sys.stderr,
                    flush=True,
                )
            elif node.server is not None and not up.get(node.name, False):
                print(f"{node.name} runs on port {node.server.port}", flush=True)
            up[node.name] = node.server is not None


def _tell(cluster: LocalCitus, nodes: list[LocalNode]) -> int:
    """A line for each server; 1 unless all of them run."""
    if not nodes:
        print(f"there is no cluster in {cluster.directory}")
        return 1
    for node in nodes:
        runs = node.server
        if runs is not None and runs.recovered:
            print(f"{node.name}: recovered: {runs.recovered}")
        state = f"127.0.0.1:{runs.port}, process {runs.pid}" if runs else "does not run"
        print(f"{node.name}: {state}", flush=True)
    return 0 if all(node.server for node in nodes) else 1


def _explain(cluster: LocalCitus) -> None:
    print(
        f"\nThe engine's database is {cluster.dsn}\n\n"
        f'  export GRIDGIS_ENGINE_DSN="$(cat {cluster.directory}/engine.dsn)"\n'
        "  gridgis migrate          # once: makes the tables, spread over the nodes\n"
        "  gridgis load PACKAGE\n"
        "  gridgis serve\n",
        flush=True,
    )


def _log(cluster: LocalCitus, node: LocalNode) -> Path:
    directory = next(one.status().directory for one in cluster.nodes if one.home.name == node.name)
    return (directory or cluster.directory) / "server.log"


@contextmanager
def _stop_requests() -> Iterator[None]:
    """Let SIGTERM and a closed terminal stop the cluster as Ctrl-C does."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(one, signal.SIG_IGN)  # the first request stands; stopping is not interrupted
        raise KeyboardInterrupt

    before = {one: signal.signal(one, stop) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
