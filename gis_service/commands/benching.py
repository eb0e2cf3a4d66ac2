"""`bench`: the benchmarks, each beside its peer; they live outside the engine, imported when asked for."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from gis_service.errors import InvalidInput, NotReady
from gis_service.home import home

CUSTOMERS, LARGEST = 1_000_000, 10_000_000
QUICK_CUSTOMERS, QUICK_LARGEST = 20_000, 40_000


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare `bench`."""
    bench = commands.add_parser("bench", help="run the benchmarks, each beside its peer")
    bench.add_argument("names", nargs="*", metavar="NAME", help="only those whose name begins so")
    bench.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON as well")
    bench.add_argument("--charts", type=Path, metavar="DIR", help="draw the charts of the documentation")
    bench.add_argument("--quick", action="store_true", help="less work and fewer rounds, to try it out")
    bench.add_argument(
        "--customers",
        type=int,
        metavar="N",
        help=f"of the province that most are held on (default {CUSTOMERS:,}; quick: {QUICK_CUSTOMERS:,})",
    )
    bench.add_argument(
        "--largest",
        type=int,
        metavar="N",
        help=f"customers of the largest province (default {LARGEST:,}; quick: {QUICK_LARGEST:,})",
    )
    bench.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="where provinces and the peers' database are kept for the next run "
        "(default: bench in GRIDGIS_HOME)",
    )
    bench.set_defaults(run=run_bench)


def run_bench(arguments: argparse.Namespace) -> int:
    """Run them; 1 when an answer differs from its peer's."""
    try:
        from benchmarks.report import run_benchmarks
        from benchmarks.setting import Setting
    except ModuleNotFoundError as error:
        raise NotReady(
            f"the benchmarks need {error.name}: run them from a checkout after make test"
        ) from error
    # so that the servers and peers it has started end with it
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    quick = arguments.quick
    setting = Setting(
        data=(arguments.data or home() / "bench").absolute(),
        customers=_enough(arguments.customers, QUICK_CUSTOMERS if quick else CUSTOMERS),
        largest=_enough(arguments.largest, QUICK_LARGEST if quick else LARGEST),
        quick=quick,
    )
    rows = run_benchmarks(arguments.names, setting, json_file=arguments.json, charts=arguments.charts)
    if rows is None:
        raise InvalidInput(f"no benchmark's name begins with {' or '.join(arguments.names)}")
    return 0 if all(row.answers_equal for row in rows) else 1


def _enough(given: int | None, default: int) -> int:
    if given is not None and given < 1000:
        raise InvalidInput(f"a province for benchmarks has at least 1,000 customers, not {given:,}")
    return default if given is None else given
