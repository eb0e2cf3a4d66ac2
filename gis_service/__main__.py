"""The engine process: `python -m gis_service migrate`, `compile` and `serve`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from gis_service.errors import GridError, InvalidInput, NotReady
from gis_service.home import engine_dsn, prepare_environment
from gis_service.map_key import tokens_required


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gis_service", description="The GIS engine of an electricity grid."
    )
    add_commands(parser.add_subparsers(dest="command", required=True))
    return parser


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare `migrate`, `compile` and `serve`, here and for `gridgis`."""
    migrate = commands.add_parser("migrate", help="create or update the engine's tables")
    migrate.add_argument(
        "target", nargs="?", help="a migration to go to (`zero` undoes all); default: the newest"
    )
    compiling = commands.add_parser(
        "compile",
        help="compile what is not kept yet, as the first start does: an upgrade starts in seconds then",
    )
    compiling.add_argument(
        "parts", nargs="*", metavar="PART", help="questions, planning, tiles, maps; default: all of them"
    )
    compiling.add_argument("--for", dest="parent", type=int, metavar="PID", help="end when this parent ends")
    serve = commands.add_parser("serve", help="answer questions over HTTP until stopped")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    serve.add_argument(
        "--port",
        type=int,
        default=int(os.environ.get("GRIDGIS_ENGINE_PORT", "8001")),
        help="port to listen on (default: GRIDGIS_ENGINE_PORT, else 8001)",
    )
    serve.add_argument(
        "--threads", type=int, default=16, help="questions answered at the same time (default 16)"
    )
    serve.add_argument(
        "--extra-layers",
        metavar="DIR",
        help="a directory of shapefiles, GeoPackages and GeoJSON to show as layers (default: "
        "GRIDGIS_EXTRA_LAYERS)",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 on success, 2 with one line on stderr when something is not right."""
    arguments = _parser().parse_args(argv)
    prepare_environment()
    try:
        run(arguments)
    except GridError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def run(arguments: argparse.Namespace) -> None:
    """Run a parsed `migrate`, `compile` or `serve`; the environment has been prepared."""
    if arguments.command != "compile":
        engine_dsn()
    if arguments.command == "serve":
        tokens_required()
    import django

    django.setup()
    if arguments.command == "compile":
        _compile(arguments.parts, arguments.parent)
    elif arguments.command == "migrate":
        from django.core.management import call_command
        from django.db.utils import OperationalError

        target = ["gis_service", arguments.target] if arguments.target else []
        try:
            call_command("migrate", *target, interactive=False, skip_checks=True)
        except OperationalError as error:
            said = " ".join(str(error).split())
            raise NotReady(f"the engine's database does not answer: {said}") from error
    else:
        from gis_service.web.server import serve

        serve(arguments.host, arguments.port, arguments.threads, arguments.extra_layers)


def _compile(parts: Sequence[str], parent: int | None) -> None:
    from gis_service.web.warming import PARTS, compile_all, compile_parts
    from serving.keeping import end_with

    if unknown := [name for name in parts if name not in PARTS]:
        raise InvalidInput(f"{unknown[0]!r} is no part that is compiled: name some of {', '.join(PARTS)}")
    if parent is not None:
        end_with(parent)
    if parts:
        compile_parts(parts)
    else:
        compile_all()


if __name__ == "__main__":
    sys.exit(main())
