"""The demo grid in the engine's database: is it there, and putting it there.

Looks into the database only to see which counties are loaded; making and loading the package is the
command line's business (`gridgis import demo`, `gridgis load`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import psycopg2

COUNTIES = ("08317", "08317122")

# What a `gridgis` command line is run with: its name for messages, then its arguments.
RunCommand = Callable[[str, Sequence[str]], None]


def loaded_counties(dsn: str) -> set[str]:
    """Return the codes of the counties that the engine's database holds."""
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT county_code FROM county_version WHERE loaded_at IS NOT NULL")
        return {code for (code,) in cursor.fetchall()}


def load_demo_grid(dsn: str, home: Path, run: RunCommand) -> bool:
    """Load the demo grid unless both of its counties are there; whether anything was loaded.

    A first start that was cut off between the two counties is completed.
    """
    present = loaded_counties(dsn).intersection(COUNTIES)
    if len(present) == len(COUNTIES):
        return False
    package = home / "demo.gpkg"
    run("making the demo grid", ["import", "demo", "-o", str(package)])
    run("loading the demo grid", ["load", str(package), *(["--replace"] if present else [])])
    return True
