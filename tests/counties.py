"""Tables taken apart by county."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from gis_service.network.tables import GridTables, Table


def one_county(tables: GridTables, county: str) -> GridTables:
    """The rows of one county, in their order."""
    return GridTables(**{one.name: _rows_of(getattr(tables, one.name), county) for one in fields(GridTables)})


def by_county(tables: GridTables) -> list[tuple[str, GridTables]]:
    """Every county with its rows."""
    return [(county, one_county(tables, county)) for county in tables.counties]


def _rows_of(table: Table, county: str) -> Any:
    mine = np.asarray(table.county == county, np.bool_)
    columns = table.columns()
    taken = {name: column[mine] for name, column in columns.items() if name not in ("offsets", "coords")}
    if "offsets" in columns:
        counts = np.diff(columns["offsets"])
        taken["offsets"] = np.concatenate([[0], np.cumsum(counts[mine])]).astype(np.int64)
        taken["coords"] = columns["coords"][np.repeat(mine, counts)]
    return type(table)(**taken)
