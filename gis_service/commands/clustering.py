"""`cluster`: the Citus side of the engine's database, node by node."""

from __future__ import annotations

import argparse

from gis_service.commands import local_cluster


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare `cluster` and its verbs."""
    whole = commands.add_parser("cluster", help="the nodes that the counties are spread over")
    verbs = whole.add_subparsers(dest="verb", required=True, metavar="VERB")
    local_cluster.add_command(verbs)
