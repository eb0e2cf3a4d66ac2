"""`gridgis`, the command line: which commands there are, and how each of them ends.

Exit codes: 0 done; 2 bad input, one line on stderr, nothing changed; 1 our own failure or a database that is
away, one line on stderr; 130 interrupted. What a command has to say goes to stdout.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import NoReturn

from gis_service import __main__ as process
from gis_service.commands import (
    benching,
    checking,
    clustering,
    converting,
    generating,
    loading,
    snapshots,
    tokens,
)
from gis_service.errors import GridError, NotReady
from gis_service.home import prepare_environment


class _Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    """The whole command line; each command's `run` is in the parsed arguments."""
    whole = _Parser(
        prog="gridgis",
        description="Load, check and serve the grid of an electricity distributor.",
        epilog="Exit codes: 0 done, 2 bad input (nothing changed), 1 failure or database away.",
    )
    whole.add_argument("--version", action="version", version=f"gridgis {version('gridgis')}")
    commands: argparse._SubParsersAction[argparse.ArgumentParser] = whole.add_subparsers(
        dest="command", required=True, metavar="COMMAND", parser_class=_Parser
    )
    loading.add_commands(commands)
    converting.add_commands(commands)
    generating.add_commands(commands)
    checking.add_commands(commands)
    benching.add_commands(commands)
    clustering.add_commands(commands)
    snapshots.add_commands(commands)
    tokens.add_commands(commands)
    process.add_commands(commands)
    return whole


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    prepare_environment()
    arguments = parser().parse_args(argv)
    try:
        run = getattr(arguments, "run", process.run)
        return int(run(arguments) or 0)
    except GridError as error:
        _complain(error)
        return 1 if isinstance(error, NotReady) else 2
    except KeyboardInterrupt:
        _complain("interrupted; nothing is half-done")
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone (`gridgis check | head`); do not fail again while flushing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if os.environ.get("GRIDGIS_TRACEBACK"):
            raise
        _complain(f"failed: {type(error).__name__}: {error} (GRIDGIS_TRACEBACK=1 shows where)")
        return 1


def _complain(what: object) -> None:
    print("gridgis:", " ".join(str(what).split()), file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
