"""`cluster`: the Citus side of the engine's database: which nodes, which shards where.

Says what happens and where it is; the work itself is the store's.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

import orjson

from gis_service.commands import local_cluster
from gis_service.commands.connecting import connect
from gis_service.commands.telling import counted
from gis_service.errors import InvalidInput
from gis_service.progress import Progress

if TYPE_CHECKING:
    from gis_service.store.cluster_nodes import Node
    from gis_service.store.cluster_shards import Isolated, Move


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare `cluster` and its verbs."""
    whole = commands.add_parser("cluster", help="the nodes that the counties are spread over")
    verbs = whole.add_subparsers(dest="verb", required=True, metavar="VERB")

    init = verbs.add_parser("init", help="make the engine's database a coordinator, and spread its tables")
    init.add_argument("--host", help="where the other nodes find it (default: as in the engine's address)")
    init.add_argument("--port", type=int, help="the same")
    init.set_defaults(run=run_init)

    for verb, about, run in (
        ("add-node", "make a server a worker; rebalance gives it shards", run_add),
        ("drain-node", "move all shards of a node to the others", run_drain),
        ("remove-node", "take a drained node out of the cluster", run_remove),
    ):
        one = verbs.add_parser(verb, help=about)
        one.add_argument("node", metavar="HOST:PORT")
        one.set_defaults(run=run)

    rebalance = verbs.add_parser("rebalance", help="move shards until the nodes hold about the same")
    rebalance.set_defaults(run=run_rebalance)

    isolate = verbs.add_parser("isolate", help="give counties a shard of their own")
    isolate.add_argument("counties", nargs="*", metavar="COUNTY", help="county codes")
    isolate.add_argument("--largest", type=int, metavar="N", help="the N counties with the most nodes")
    isolate.set_defaults(run=run_isolate)

    status = verbs.add_parser("status", help="nodes, shards, sizes, and what is moving")
    status.add_argument("--json", action="store_true", help="all of it as JSON")
    status.set_defaults(run=run_status)
    local_cluster.add_command(verbs)


def run_init(arguments: argparse.Namespace) -> None:
    """Make a coordinator; then make its tables, or spread those that there are."""
    connect()
    from django.core.management import call_command

    from gis_service.store import cluster_nodes
    from gis_service.store.health import missing_migrations

    done = cluster_nodes.make_coordinator(arguments.host, arguments.port)
    if missing_migrations():
        call_command("migrate", interactive=False, skip_checks=True, verbosity=0)
        done.append("the tables are made")
    if cluster_nodes.spread_grid():
        done.append("the grid that was here is spread")
    _tell(done, otherwise="this is a coordinator already, and its tables are spread")


def run_add(arguments: argparse.Namespace) -> None:
    """Make a server a worker."""
    node = _node(arguments.node)
    connect()
    from gis_service.store import cluster_nodes

    done = cluster_nodes.add_node(node)
    _tell(done, otherwise=f"{node} is a node already")
    if done:
        print("gridgis cluster rebalance gives it shards")


def run_drain(arguments: argparse.Namespace) -> None:
    """Empty a node."""
    node = _node(arguments.node)
    connect()
    from gis_service.store import cluster_shards

    with _Moves("draining") as told:
        moves = cluster_shards.drain(node, begins=told.begins, waits=told.bar.say)
    print(f"{node} holds no shards, {counted(len(moves), 'shard group')} moved; {_removal(node)}")


def run_remove(arguments: argparse.Namespace) -> None:
    """Take a node out."""
    node = _node(arguments.node)
    connect()
    from gis_service.store import cluster_nodes

    removed = cluster_nodes.remove_node(node)
    print(f"{node} is no node any more" if removed else f"{node} is no node of this cluster")


def run_rebalance(_arguments: argparse.Namespace) -> None:
    """Even the nodes out."""
    connect()
    from gis_service.store import cluster_shards

    with _Moves("rebalancing") as told:
        moves = cluster_shards.rebalance(begins=told.begins, waits=told.bar.say)
    done = f"{counted(len(moves), 'shard group')} moved" if moves else "nothing had to be moved"
    print(f"the nodes are balanced, {done}")


def run_isolate(arguments: argparse.Namespace) -> None:
    """Give counties shards of their own."""
    if bool(arguments.counties) == (arguments.largest is not None):
        raise InvalidInput("name the counties to isolate, or say --largest N")
    if arguments.largest is not None and arguments.largest < 1:
        raise InvalidInput(f"--largest takes a number from 1 on, not {arguments.largest}")
    connect()
    from gis_service.store import cluster_shards

    counties = arguments.counties or cluster_shards.largest_counties(arguments.largest)
    with Progress("isolating", len(counties), unit="counties") as bar:

        def step(one: Isolated) -> None:
            has = "has a shard of its own already" if one.already else "has a shard of its own now"
            bar.say(f"{one.key} {has}, on {one.node}")
            bar.step(1, one.key)

        cluster_shards.isolate(list(dict.fromkeys(counties)), step=step, waits=bar.say)


def run_status(arguments: argparse.Namespace) -> None:
    """Tell what the cluster looks like."""
    connect()
    from gis_service.commands.cluster_status import as_document, as_table
    from gis_service.store import cluster_shards

    found = cluster_shards.overview()
    if arguments.json:
        sys.stdout.buffer.write(orjson.dumps(as_document(found), option=orjson.OPT_APPEND_NEWLINE))
        sys.stdout.buffer.flush()
    else:
        print(as_table(found))


class _Moves:
    """Progress through moves, a line for each where there is no terminal."""

    def __init__(self, what: str) -> None:
        self.bar = Progress(what, None, unit="shard groups")

    def __enter__(self) -> _Moves:
        self.bar.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.__exit__(None, None, None)

    def begins(self, number: int, of: int, move: Move) -> None:
        self.bar.say(f"{number} of {of}: {move}")
        self.bar.step(int(number > 1), f"{number} of {of}: {move}")


def _tell(done: list[str], *, otherwise: str) -> None:
    for line in done or [otherwise]:
        print(line)


def _removal(node: Node) -> str:
    return f"gridgis cluster remove-node {node} takes it out, add-node lets it hold shards again"


def _node(text: str) -> Node:
    """The node of an address such as 10.0.0.5:5432.

    Raises
    ------
    InvalidInput
        It is none.
    """
    from gis_service.store.cluster_nodes import Node

    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise InvalidInput(f"{text!r} is no address: write HOST:PORT, such as 10.0.0.5:5432")
    return Node(host.strip("[]"), int(port))
