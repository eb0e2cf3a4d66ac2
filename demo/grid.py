"""The demo grid in the engine's database: is it there, and putting it there.

Looks into the database only to see which counties are loaded; making and loading the package is the
command line's business (`gridgis import demo`, `gridgis load`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2


@dataclass(frozen=True, slots=True)
class DemoGrid:
    """One of the grids to show: its counties, the format `gridgis import` knows it by, what it is called.

    `question` is the first thing to ask of it, and `asks` that question in words.
    """

    counties: tuple[str, ...]
    format: str
    name: str
    question: dict[str, Any]
    asks: str


TOWN = DemoGrid(
    ("08317", "08317122"),
    "demo",
    "demo grid",
    # the transformer whose district has the most households: 177
    {"out": ["trafo-10003"], "include": ["districts"]},
    "Who loses supply when one transformer of Schutterwald goes out",
)
STREETS = DemoGrid(
    ("091",),
    "demo-streets",
    "grid along the streets of Helsinki",
    {"out": ["F1/breaker"], "include": ["districts"]},
    "Who loses supply when a feeder goes out",
)
# What a `gridgis` command line is run with: its name for messages, then its arguments.
RunCommand = Callable[[str, Sequence[str]], None]


def loaded_counties(dsn: str) -> set[str]:
    """Return the codes of the counties that the engine's database holds."""
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT county_code FROM county_version WHERE loaded_at IS NOT NULL")
        return {code for (code,) in cursor.fetchall()}


def load_demo_grid(dsn: str, home: Path, run: RunCommand, grid: DemoGrid) -> bool:
    """Load a demo grid unless all of its counties are there; whether anything was loaded.

    A first start that was cut off between two counties is completed.
    """
    present = loaded_counties(dsn).intersection(grid.counties)
    if len(present) == len(grid.counties):
        return False
    package = home / f"{grid.format}.gpkg"
    run(f"making the {grid.name}", ["import", grid.format, "-o", str(package)])
    run(f"loading the {grid.name}", ["load", str(package), *(["--replace"] if present else [])])
    return True
