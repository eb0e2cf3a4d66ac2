"""`check`: the topology and data-quality report, as a table, JSON or GeoJSON.

The findings are `gis_service.checks`; this chooses the grid and the form. A report is a report: it exits 0
whatever is found, unless `--strict` is given.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from gis_service.commands.connecting import connect
from gis_service.commands.telling import counted, refuse_faults, tell_notes
from gis_service.errors import InvalidInput
from gis_service.progress import Progress

if TYPE_CHECKING:
    from gis_service.checks import Finding
    from gis_service.checks.reserved import Claim
    from gis_service.network.tables import GridTables

EXAMPLES = 3


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare `check`."""
    check = commands.add_parser("check", help="report on topology and data quality")
    check.add_argument(
        "counties", nargs="*", metavar="COUNTY", help="county codes; none: all that are loaded"
    )
    check.add_argument(
        "--package", type=Path, metavar="FILE", help="check a grid package instead of what is loaded"
    )
    form = check.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="every finding as JSON")
    form.add_argument("--geojson", action="store_true", help="every finding as a GeoJSON feature")
    check.add_argument(
        "--strict", action="store_true", help="exit 1 when there is a finding that is an error"
    )
    check.set_defaults(run=run_check)


def run_check(arguments: argparse.Namespace) -> int:
    """Report; 1 with `--strict` where a finding is an error, else 0."""
    from gis_service.checks import check_grid
    from gis_service.checks.run import CHECKS

    quiet = arguments.json or arguments.geojson
    tables, codes, versions = _grid(arguments.package, arguments.counties, quiet=quiet)
    with Progress("checking", len(CHECKS) + 1, unit="checks", quiet=quiet) as bar:
        findings = check_grid(
            tables,
            # what is reserved may lie in a county that is not loaded any more
            counties=codes if arguments.counties else None,
            on_check=lambda check: bar.step(1, check),
            claims=_claims() if arguments.package is None else (),
        )
    if arguments.json:
        _write({"grid_version": versions, "counties": codes, "findings": [one.as_dict() for one in findings]})
    elif arguments.geojson:
        _write({"type": "FeatureCollection", "features": [one.as_feature() for one in findings]})
    else:
        print(table(findings, codes))
    errors = sum(one.severity == "error" for one in findings)
    if errors and arguments.strict:
        what = counted(errors, "finding")
        print(f"gridgis: {what} of severity error, and --strict was given", file=sys.stderr)
        return 1
    return 0


def _claims() -> list[Claim]:
    """Where what is reserved joins the grid."""
    from gis_service.checks.reserved import Claim
    from gis_service.store.reservations import held_reservations

    return [
        Claim(one.reservation, one.county_code, "line_section", one.attach_id)
        if one.node_id is None
        else Claim(one.reservation, one.county_code, "connectivity_node", one.node_id)
        for supplies in held_reservations().supplies.values()
        for one in supplies
    ]


def _grid(
    package: Path | None, asked: list[str], *, quiet: bool
) -> tuple[GridTables, list[str], dict[str, int]]:
    """The whole grid, the counties to report on, and the versions of what is stored."""
    versions: dict[str, int] = {}
    if package is not None:
        from gis_service.ingest.package import inspect_package, tables_from_package

        inspection = inspect_package(package, references=False)
        if not quiet:
            tell_notes(inspection.package.notes)
        refuse_faults(str(package), inspection.faults, to_stdout=not quiet)
        tables, there = tables_from_package(inspection.package), sorted(inspection.package.counties)
    else:
        connect()
        from gis_service import store

        with Progress("reading", 1, unit="grid", quiet=quiet) as bar:
            tables, versions = store.load_tables()
            bar.step(1)
        there = sorted(versions)
    unknown = sorted(set(asked) - set(there))
    if unknown:
        raise InvalidInput(
            f"there is no county {', '.join(unknown)}; there are: {', '.join(there) or 'none'}"
        )
    return tables, sorted(set(asked)) or there, versions


def table(findings: Sequence[Finding], counties: Sequence[str]) -> str:
    """The findings by rule: severity, rule, how many, what it means and the first examples."""
    from gis_service.checks import RULES, SEVERITIES

    by_rule: dict[str, list[Finding]] = defaultdict(list)
    for one in findings:
        by_rule[one.rule].append(one)
    rows = [
        (RULES[rule].severity, rule, f"{len(found):,}", RULES[rule].title, _examples(found))
        for rule, found in by_rule.items()
    ]
    heads = ("severity", "rule", "count", "meaning")
    widths = (
        [max(len(head), *(len(row[k]) for row in rows), 0) for k, head in enumerate(heads)] if rows else []
    )
    lines = []
    if rows:
        lines.append("  ".join(head.ljust(width) for head, width in zip(heads, widths, strict=True)).rstrip())
        for severity, rule, count, title, examples in rows:
            cells = (severity.ljust(widths[0]), rule.ljust(widths[1]), count.rjust(widths[2]), title)
            lines += ["  ".join(cells), *(f"    {example}" for example in examples)]
    sums = [counted(sum(one.severity == name for one in findings), name) for name in SEVERITIES[:2]]
    remarks = counted(sum(one.severity == "info" for one in findings), "remark")
    lines.append(f"{', '.join(sums)} and {remarks} in {', '.join(counties) or 'no county'}")
    return "\n".join(lines)


def _examples(found: Sequence[Finding]) -> list[str]:
    shown = [f"{one.county_code}: {one.message}" for one in found[:EXAMPLES]]
    return [*shown, "…"] if len(found) > EXAMPLES else shown


def _write(document: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE))
    sys.stdout.buffer.flush()
