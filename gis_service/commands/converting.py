"""`import`: grids in known formats into a grid package; meets no database.

Names the formats and their options; each format's reader is imported when it is asked for.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from gis_service.commands.telling import counted, refuse_faults, tell_notes
from gis_service.errors import NotReady
from gis_service.progress import Progress

if TYPE_CHECKING:
    from gis_service.ingest.package import GridPackage


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare `import` and its formats."""
    whole = commands.add_parser("import", help="convert a known format into a grid package")
    formats = whole.add_subparsers(dest="format", required=True, metavar="FORMAT")
    output = argparse.ArgumentParser(add_help=False)
    output.add_argument(
        "-o", "--output", type=Path, required=True, help="FILE.gpkg, or a directory for GeoParquet"
    )
    county = argparse.ArgumentParser(add_help=False)
    county.add_argument("--county-code", metavar="CODE", help="the county that everything is put into")
    county.add_argument("--county-name", metavar="NAME", help="its name")

    pandapower = formats.add_parser("pandapower", parents=[county, output], help="a net saved by pandapower")
    pandapower.add_argument("net", type=Path, metavar="NET.json")
    pandapower.add_argument(
        "--crs", default="EPSG:4326", help="what the net's coordinates are in (default EPSG:4326)"
    )
    pandapower.set_defaults(run=run_import, convert=_pandapower)

    simbench = formats.add_parser("simbench", parents=[county, output], help="a SimBench grid")
    simbench.add_argument("code", metavar="CODE", help="such as 1-MVLV-rural-all-0-sw")
    simbench.set_defaults(run=run_import, convert=_simbench)

    osm = formats.add_parser(
        "osm",
        parents=[county, output],
        help="streets and buildings of OpenStreetMap as corridors and customers",
    )
    osm.add_argument("extract", type=Path, metavar="FILE.osm.pbf")
    osm.add_argument("--grid", action="store_true", help="lay a synthetic grid along the streets")
    osm.set_defaults(run=run_import, convert=_osm)

    demo = formats.add_parser("demo", parents=[output], help="the demo grid: Oberrhein with Schutterwald")
    demo.set_defaults(run=run_import, convert=_demo)

    streets = formats.add_parser(
        "demo-streets",
        parents=[output],
        help="the second demo: a synthetic grid along the streets of Helsinki",
    )
    streets.set_defaults(run=run_import, convert=_demo_streets)


def run_import(arguments: argparse.Namespace) -> None:
    """Convert, check the result as `load` would, and write it."""
    from gis_service.ingest.package import validate, write_package

    with Progress("importing", 3, unit="steps") as bar:
        try:
            package: GridPackage = arguments.convert(arguments)
        except ModuleNotFoundError as error:
            raise NotReady(
                f"importing this format needs the package {error.name}: install gridgis[import]"
            ) from error
        bar.step(1, "converted")
        faults = validate(package)
        bar.step(1, "checked")
        if not faults:
            write_package(package, arguments.output)
            bar.step(1, "written")
    tell_notes(package.notes)
    refuse_faults(f"the imported {arguments.format} grid", faults)
    for layer, rows in package.row_counts.items():
        print(f"{layer}: {counted(rows, 'row')}")
    print(f"written to {arguments.output}")


def _pandapower(arguments: argparse.Namespace) -> GridPackage:
    from gis_service.ingest.pandapower_net import import_pandapower

    return import_pandapower(
        arguments.net,
        county_code=arguments.county_code or "pandapower",
        county_name=arguments.county_name or arguments.net.stem,
        crs=arguments.crs,
    )


def _simbench(arguments: argparse.Namespace) -> GridPackage:
    from gis_service.ingest.simbench_grid import import_simbench

    return import_simbench(
        arguments.code, county_code=arguments.county_code or "simbench", county_name=arguments.county_name
    )


def _demo(_arguments: argparse.Namespace) -> GridPackage:
    from gis_service.ingest.demo import demo_package

    return demo_package()


def _osm(arguments: argparse.Namespace) -> GridPackage:
    from gis_service.ingest.osm import import_osm

    return import_osm(
        arguments.extract,
        county_code=arguments.county_code or "osm",
        county_name=arguments.county_name,
        grid=arguments.grid,
    )


def _demo_streets(_arguments: argparse.Namespace) -> GridPackage:
    from gis_service.ingest.osm import streets_demo_package

    return streets_demo_package()
