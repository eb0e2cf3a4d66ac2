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


def in_counties(counties: Collection[str], key: str = "county_code") -> sql.Composable:
    """A WHERE clause for these counties; an empty collection matches nothing."""
    if not counties:
        return sql.SQL(" WHERE false")
    listed = sql.SQL(", ").join(map(sql.Literal, sorted(counties)))
    return sql.SQL(" WHERE {} IN ({})").format(sql.Identifier(key), listed)
