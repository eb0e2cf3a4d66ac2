"""`bench`: the benchmarks, each beside its peer; they live outside the engine, imported when asked for."""

from __future__ import annotations

import argparse
from pathlib import Path

from gis_service.errors import InvalidInput, NotReady


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare `bench`."""
    bench = commands.add_parser("bench", help="run the benchmarks, each beside its peer")
    bench.add_argument("names", nargs="*", metavar="NAME", help="only those whose name begins so")
    bench.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON as well")
    bench.add_argument("--quick", action="store_true", help="less work and fewer rounds, to try it out")
    bench.set_defaults(run=run_bench)


def run_bench(arguments: argparse.Namespace) -> int:
    """Run them; 1 when an answer differs from its peer's."""
    try:
        from benchmarks.report import run_benchmarks
    except ModuleNotFoundError as error:
        raise NotReady(
            f"the benchmarks need {error.name}: run them from a checkout after make test"
        ) from error
    rows = run_benchmarks(arguments.names, json_file=arguments.json, quick=arguments.quick)
    if not rows:
        raise InvalidInput(f"no benchmark's name begins with {' or '.join(arguments.names)}")
    return 0 if all(row.answers_equal for row in rows) else 1
