"""The rows of one county on their way: package to staging, staging to the tables, and out of the tables.

Every statement names one county, so that on a cluster it meets one shard. Locks, checks and versions are the
caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from psycopg2 import extensions, sql

from gis_service.ingest.frames import GridPackage
from gis_service.ingest.spec import Layer
from gis_service.store.schema import ELEMENT_LAYERS, GEOMETRY, arrow_types
from sharding.copy import copy_in

_REFERRED = {column.refers_to for layer in ELEMENT_LAYERS for column in layer.columns if column.refers_to}


def make_staging(cursor: extensions.cursor) -> None:
    """A temporary table beside each layer's table; they end with the session."""
    for layer in ELEMENT_LAYERS:
        cursor.execute(
            sql.SQL("CREATE TEMP TABLE {} AS SELECT {} FROM {} WITH NO DATA").format(
                _staging(layer), _columns(layer), sql.Identifier(layer.name)
            )
        )


def stage(
    cursor: extensions.cursor, package: GridPackage, county: str, progress: Callable[[str, str, int], None]
) -> dict[str, int]:
    """Copy one county of the package into the emptied staging tables; the number of rows by layer."""
    counts: dict[str, int] = {}
    for layer in ELEMENT_LAYERS:
        cursor.execute(sql.SQL("TRUNCATE {}").format(_staging(layer)))
        progress(county, f"staging {layer.name}", 0)
        rows = _arrow(layer, _of_county(package, layer, county))
        copy_in(cursor, _staging(layer), rows)
        counts[layer.name] = len(rows)
    return counts


def put_in(cursor: extensions.cursor, county: str, progress: Callable[[str, str, int], None]) -> None:
    """Insert what is staged."""
    for layer in ELEMENT_LAYERS:
        extra = (
            (sql.SQL(", open_at_load"), sql.SQL(", open")) if layer.name == "switch" else (sql.SQL(""),) * 2
        )
        cursor.execute(
            sql.SQL("INSERT INTO {} ({}{}) SELECT {}{} FROM {} WHERE county_code = {} ORDER BY id").format(
                sql.Identifier(layer.name),
                _columns(layer),
                extra[0],
                _columns(layer),
                extra[1],
                _staging(layer),
                sql.Literal(county),
            )
        )
        progress(county, layer.name, cursor.rowcount)


def take_out(cursor: extensions.cursor, county: str) -> None:
    """Delete the county's elements."""
    for layer in ELEMENT_LAYERS:
        query = sql.SQL("DELETE FROM {} WHERE county_code = %s").format(sql.Identifier(layer.name))
        cursor.execute(query, [county])


def put_county(cursor: extensions.cursor, package: GridPackage, county: str) -> None:
    """Write the county's name and area, unless they stand there already: each such write meets every node."""
    frame = package["county"]
    row = frame[frame["code"] == county].iloc[0]
    values = [county, row["name"], shapely.to_wkb(row[GEOMETRY], hex=True, output_dimension=2)]
    cursor.execute(
        "SELECT name = %s AND ST_AsBinary(geom) = ST_AsBinary(%s::geometry) FROM county WHERE code = %s",
        [*values[1:], county],
    )
    if cursor.fetchone() == (True,):
        return
    cursor.execute(
        """
        INSERT INTO county (code, name, geom) VALUES (%s, %s, ST_SetSRID(%s::geometry, 4326))
        ON CONFLICT (code) DO UPDATE SET name = excluded.name, geom = excluded.geom
        """,
        values,
    )


def ids_by_layer(package: GridPackage, county: str) -> dict[str, Collection[str]]:
    """The package's ids of this county, for the layers that others may refer to."""
    return {
        layer.name: _of_county(package, layer, county)["id"].tolist()
        for layer in ELEMENT_LAYERS
        if layer.name in _REFERRED
    }


def stored_ids_by_layer(cursor: extensions.cursor, county: str) -> dict[str, Collection[str]]:
    """The stored ids of this county, for the layers that others may refer to."""
    found: dict[str, Collection[str]] = {}
    for layer in ELEMENT_LAYERS:
        if layer.name in _REFERRED:
            query = sql.SQL("SELECT id FROM {} WHERE county_code = %s").format(sql.Identifier(layer.name))
            cursor.execute(query, [county])
            found[layer.name] = [id for (id,) in cursor.fetchall()]
    return found


def _of_county(package: GridPackage, layer: Layer, county: str) -> Any:
    frame = package[layer.name]
    return frame[(frame["county_code"] == county).to_numpy(dtype=bool)]


def _arrow(layer: Layer, frame: Any) -> pa.Table:
    columns = {}
    for name, arrow_type in arrow_types(layer).items():
        values = frame[name].to_numpy(dtype=object, na_value=None)
        columns[name] = pa.array(values, type=arrow_type, from_pandas=True)
    wkb = shapely.to_wkb(frame.geometry.to_numpy(), output_dimension=2, byte_order=1)
    columns[GEOMETRY] = pa.array(np.asarray(wkb, dtype=object), type=pa.large_binary(), from_pandas=True)
    return pa.table(columns)


def _columns(layer: Layer) -> sql.Composable:
    return sql.SQL(", ").join(sql.Identifier(name) for name in (*arrow_types(layer), GEOMETRY))


def _staging(layer: Layer) -> sql.Composable:
    return sql.Identifier(f"staged_{layer.name}")
