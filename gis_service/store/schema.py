"""How the layers of the grid package lie in the database: tables, columns, and what a column reads as.

Names only; every layer lies in a table of its own name, with the package's columns and the geometry in
`geom`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pyarrow as pa
from psycopg2 import sql

from gis_service.ingest.spec import LAYERS, Layer

GEOMETRY = "geom"
ELEMENT_LAYERS = tuple(layer for layer in LAYERS if layer.name != "county")
_ARROW = {"text": pa.large_string(), "float": pa.float64(), "int": pa.int64(), "bool": pa.bool_()}


def arrow_types(layer: Layer) -> dict[str, Any]:
    """The Arrow types of a layer's columns in order, without the geometry."""
    return {column.name: _ARROW[column.type] for column in layer.columns}


def select_layer(
    layer: Layer,
    geometry: dict[str, sql.Composable],
    counties: Collection[str] | None,
    *,
    without: str | None = None,
) -> sql.Composable:
    """A query of a layer's columns, then `geometry` expressions by name, of these counties or of all.

    `without` names a column to leave out. The counties stand in it as a literal list, so that a cluster asks
    the right shards only.
    """
    columns = [sql.Identifier(column.name) for column in layer.columns if column.name != without]
    expressions = sql.SQL(", ").join([*columns, *geometry.values()])
    query = sql.SQL("SELECT {} FROM {}").format(expressions, sql.Identifier(layer.name))
    if counties is None:
        return query
    key = "code" if layer.name == "county" else "county_code"
    return query + in_counties(counties, key)


def in_pairs(column: str, pairs: Collection[tuple[str, Any]]) -> tuple[str, dict[str, Any]]:
    """A condition for rows of these (county, value of `column`), and its values by name.

    Written county by county, so that a cluster asks the right shards only.
    """
    by_county: dict[str, list[Any]] = {}
    for county, value in sorted(pairs):
        by_county.setdefault(county, []).append(value)
    parts, values = ["false"], dict[str, Any]()
    for number, (county, listed) in enumerate(by_county.items()):
        parts.append(f"county_code = %(county_{number})s AND {column} = ANY(%(of_{number})s)")
        values |= {f"county_{number}": county, f"of_{number}": listed}
    return f"({' OR '.join(f'({one})' for one in parts)})", values


def in_counties(counties: Collection[str], key: str = "county_code") -> sql.Composable:
    """A WHERE clause for these counties; an empty collection matches nothing."""
    return sql.SQL(" WHERE ") + of_counties(counties, sql.Identifier(key))


def of_counties(counties: Collection[str], key: sql.Composable) -> sql.Composable:
    """A condition for these counties; an empty collection matches nothing."""
    if not counties:
        return sql.SQL("false")
    listed = sql.SQL(", ").join(map(sql.Literal, sorted(counties)))
    return sql.SQL("{} IN ({})").format(key, listed)
