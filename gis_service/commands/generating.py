"""`generate province`: a synthetic province as a grid package; meets no database."""

from __future__ import annotations

import argparse
from pathlib import Path

from gis_service.commands.telling import counted
from gis_service.progress import Progress


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare `generate` and what it makes."""
    whole = commands.add_parser("generate", help="make a synthetic grid for scale tests")
    things = whole.add_subparsers(dest="thing", required=True, metavar="WHAT")
    province = things.add_parser(
        "province", help="counties with substations, feeders, districts, customers and streets"
    )
    province.add_argument("--counties", type=int, required=True, metavar="N", help="how many counties")
    province.add_argument("--customers", type=int, required=True, metavar="N", help="how many customers")
    province.add_argument(
        "--seed", type=int, default=0, metavar="S", help="same numbers, same province (default 0)"
    )
    province.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR", help="directory for the GeoParquet files"
    )
    province.add_argument(
        "--shapes",
        choices=("guangxi", "squares"),
        help="outlines of the counties: the first of Guangxi's 111, or squares with invented codes "
        "(default: guangxi as far as it goes)",
    )
    province.add_argument(
        "--force", action="store_true", help="put it in the place of a province written before"
    )
    province.set_defaults(run=run_province)


def run_province(arguments: argparse.Namespace) -> None:
    """Make the province and say what is in it."""
    from gis_service.province.files import check_target, write_province
    from gis_service.province.plan import plan_province
    from gis_service.province.report import page, table
    from gis_service.province.statistics import Statistics

    check_target(arguments.output, force=arguments.force)
    plan = plan_province(
        counties=arguments.counties,
        customers=arguments.customers,
        seed=arguments.seed,
        shapes=arguments.shapes,
    )
    statistics = Statistics()
    with Progress("generating", plan.customers, unit="customers") as bar:
        rows = write_province(
            plan,
            arguments.output,
            force=arguments.force,
            on_area=statistics.add,
            on_county=lambda code, layers: bar.step(layers["customer_point"], code),
            statistics=lambda: page(plan, statistics),
        )
    for layer, number in rows.items():
        print(f"{layer}: {counted(number, 'row')}")
    print(table(statistics))
    print(f"written to {arguments.output}")
