"""`load`, `export`, `unload`: counties into the database, out into a package, and out for good.

Says what happens and asks before destroying; the work itself is `ingest` and `store`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gis_service.commands.connecting import connect
from gis_service.commands.telling import counted, refuse_faults, tell_notes
from gis_service.errors import InvalidInput, UnknownId
from gis_service.progress import Progress

if TYPE_CHECKING:
    from gis_service.ingest.package import GridPackage, ParquetPackage


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the three commands."""
    load = commands.add_parser("load", help="check a grid package and load it, county by county")
    load.add_argument("package", type=Path, help="a .gpkg file, or a directory of .parquet or .geojson files")
    load.add_argument(
        "--replace", action="store_true", help="put it in the place of counties that are loaded"
    )
    load.add_argument(
        "--keep-switching", action="store_true", help="switches that stay keep their current state"
    )
    load.add_argument("--dry-run", action="store_true", help="check everything and report; change nothing")
    load.add_argument(
        "--all-faults", action="store_true", help="print every fault, not the first of each kind"
    )
    load.add_argument("--json", type=Path, metavar="FILE", help="write every fault to FILE")
    load.set_defaults(run=run_load)

    export = commands.add_parser("export", help="write counties as a grid package")
    export.add_argument(
        "counties", nargs="*", metavar="COUNTY", help="county codes; none: all that are loaded"
    )
    export.add_argument(
        "-o", "--output", type=Path, required=True, help="FILE.gpkg, or a directory for GeoParquet"
    )
    export.set_defaults(run=run_export)

    unload = commands.add_parser("unload", help="take counties out of the database")
    unload.add_argument("counties", nargs="+", metavar="COUNTY", help="county codes")
    unload.add_argument("--yes", action="store_true", help="do not ask")
    unload.set_defaults(run=run_unload)


def run_load(arguments: argparse.Namespace) -> None:
    """Load a package, or with `--dry-run` say what loading it would do."""
    from gis_service.ingest.package import open_package
    from gis_service.ingest.spec import LAYERS

    if not arguments.package.exists():
        raise InvalidInput(f"{arguments.package}: there is no such file or directory; check the path")
    connect()
    from gis_service import store
    from gis_service.engine.recording.loaded import end_restored

    died = store.unfinished_loads()
    for unfinished in died:
        print(unfinished)
    stored = store.StoredIds()
    with Progress("reading", len(LAYERS), unit="layers") as bar:
        opened = open_package(arguments.package, stored=stored, on_layer=lambda layer: bar.step(1, layer))
    package = opened.package
    tell_notes(package.notes)
    refuse_faults(
        str(arguments.package), opened.faults, all_faults=arguments.all_faults, json_file=arguments.json
    )
    if not package.counties:
        raise InvalidInput(f"{arguments.package} has no county; add one to the layer county")
    if arguments.dry_run:
        store.rehearse_load(package, replace=arguments.replace)
        _tell_plan(package, store.county_versions())
        return
    with Progress("loading", sum(package.rows_by_county().values())) as bar:

        def moved(county: str, layer: str, rows: int) -> None:
            bar.step(rows, f"{county} {layer}")

        done = store.load_package(
            package,
            replace=arguments.replace,
            keep_switching=arguments.keep_switching,
            stored=stored,
            progress=moved,
            on_loaded=end_restored,
        )
    store.acknowledge_loads(died)  # told, and no load broke off since
    for one in done:
        verb = "replaced" if one.replaced else "loaded"
        rows = counted(sum(one.rows.values()), "row")
        print(f"{one.county}: {verb}, {rows} in {one.seconds:.1f} s, version {one.version}")


def _tell_plan(package: GridPackage | ParquetPackage, loaded: Collection[str]) -> None:
    for county, rows in package.rows_by_county().items():
        verb = "would be replaced" if county in loaded else "would be loaded"
        print(f"{county}: {verb}, {counted(rows, 'row')}")
    print("dry run: nothing was changed")


def run_export(arguments: argparse.Namespace) -> None:
    """Write counties as a package."""
    from gis_service.ingest.package import is_directory_form

    by_county = is_directory_form(arguments.output)
    connect()
    from gis_service import store

    counties = sorted(arguments.counties or store.county_versions())
    if not counties:
        raise InvalidInput("no county is loaded, so there is nothing to export")
    rows = (_export_by_county if by_county else _export_whole)(counties, arguments.output)
    for county, count in rows.items():
        print(f"{county}: {counted(count, 'row')}")
    print(f"written to {arguments.output}")


def _export_by_county(counties: list[str], output: Path) -> dict[str, int]:
    from gis_service import store
    from gis_service.ingest.package import write_counties

    rows: dict[str, int] = {}

    def read() -> Iterator[Mapping[str, Any]]:
        for county, tables in store.export_counties(counties):
            bar.step(1, county)
            rows[county] = sum(len(table) for name, table in tables.items() if name != "county")
            yield tables

    with Progress("exporting", len(set(counties)), unit="counties") as bar:
        write_counties(read(), output)
    return rows


def _export_whole(counties: list[str], output: Path) -> dict[str, int]:
    from gis_service import store
    from gis_service.ingest.package import write_package

    with Progress("exporting", 2, unit="steps") as bar:
        package = store.export_package(counties)
        bar.step(1, "read")
        write_package(package, output)
        bar.step(1, "written")
    return package.rows_by_county()


def run_unload(arguments: argparse.Namespace) -> None:
    """Take counties out of the database, after asking."""
    connect()
    from gis_service import store

    loaded = store.county_versions()
    unknown = [code for code in arguments.counties if code not in loaded]
    if unknown:
        raise UnknownId(unknown, what="loaded county")
    if not arguments.yes:
        _ask(arguments.counties)
    store.unload_counties(arguments.counties)
    for county in sorted(set(arguments.counties)):
        print(f"{county}: unloaded")


def _ask(counties: list[str]) -> None:
    if not sys.stdin.isatty():
        raise InvalidInput("unload asks before it takes a county out; say --yes where nobody can answer")
    answer = input(f"Take {', '.join(counties)} out of the database? Type yes: ")
    if answer.strip().lower() != "yes":
        raise InvalidInput("not confirmed; nothing was changed")
