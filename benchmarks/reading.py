"""Rows with geometry out of PostGIS into arrays: ours beside geopandas.read_postgis.

Ours gives every column as flat arrays: texts as offsets and bytes, numbers, coordinates. The answer of the
peer is its GeoDataFrame; that coordinates have yet to be taken out of shapely objects is not held against it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from psycopg2 import sql
from psycopg2.extensions import connection

from benchmarks.pairing import Contest, LeftOut
from benchmarks.province import COUNTIES, SEED, province_edition
from benchmarks.server import connect, database, server
from benchmarks.setting import Setting
from gis_service.ingest.spec import BY_NAME
from gis_service.province.generate import generate, plan_province
from sharding.copy import LINE, POINT, TEXT, copy_in, copy_out, floats, lines, points, sorted_by, text_bytes

NAMES = ("read-points-geopandas", "read-lines-geopandas")
_LAYERS = {"read-points-geopandas": "customer_point", "read-lines-geopandas": "line_section"}
_SQL_TYPES = {"text": "text", "float": "float8", "bool": "bool"}


def contests(setting: Setting) -> Iterator[Contest | LeftOut]:
    """Customers (points) and line sections (lines of several points) of the province."""
    with server(setting) as cluster:
        dsn = database(
            cluster,
            f"reading_{setting.customers}",
            edition=province_edition(),
            fill=lambda session: _fill(session, setting.customers),
            setting=setting,
        )
        with closing(connect(dsn)) as session:
            for name, layer in _LAYERS.items():
                yield _contest(name, layer, session)


def _columns(layer: str) -> dict[str, str]:
    return {column.name: column.type for column in BY_NAME[layer].columns}


def _fill(session: connection, customers: int) -> None:
    with session.cursor() as cursor:
        cursor.execute("CREATE EXTENSION postgis")
        for layer in _LAYERS.values():
            columns = ", ".join(f"{name} {_SQL_TYPES[type]}" for name, type in _columns(layer).items())
            cursor.execute(
                f"CREATE TABLE {layer} ({columns}, geom geometry({BY_NAME[layer].geometry}, 4326))"
            )
        counties = max(1, min(COUNTIES, customers // 1000))
        plan = plan_province(counties=counties, customers=customers, seed=SEED, shapes="squares")
        for _, layers in generate(plan):
            for layer in _LAYERS.values():
                copy_in(cursor, sql.Identifier(layer), layers[layer])
        cursor.execute("VACUUM (FREEZE, ANALYZE)")


def _contest(name: str, layer: str, session: connection) -> Contest:
    import geopandas

    columns = _columns(layer)
    query = f"SELECT {', '.join(columns)}, geom FROM {layer}"
    types = {column: TEXT if type == "text" else pa.float64() for column, type in columns.items()}
    flat, taken = (POINT, points) if BY_NAME[layer].geometry == "Point" else (LINE, lines)
    with session.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {layer}")
        (count,) = cursor.fetchone() or (0,)

    def ours(_: None) -> dict[str, Any]:
        with session.cursor() as cursor:
            rows = copy_out(cursor, sql.SQL(query), {**types, "geom": flat})
        rows = sorted_by(rows, "county_code", "id")
        arrays = {
            column: text_bytes(rows[column]) if type == "text" else floats(rows[column])
            for column, type in columns.items()
        }
        return {**arrays, "geom": taken(rows["geom"])}

    def theirs(_: None) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pandas would rather be given another driver
            return geopandas.read_postgis(query, session, crs=4326)

    return Contest(
        name=name,
        work=f"{count:,} rows of {layer}, {len(columns) + 1} columns with the geometry, into arrays",
        peer="geopandas.read_postgis over psycopg2",
        ours=ours,
        theirs=theirs,
        same=lambda answer: _digest(answer, columns),
        goal=10.0,
        rounds=3,
    )


def _digest(answer: Any, columns: dict[str, str]) -> list[Any]:
    """All that an answer holds: texts as bytes, numbers, coordinates in the order of the rows."""
    if isinstance(answer, dict):
        found: list[Any] = []
        for column, type in columns.items():
            if type == "text":
                offsets, data = answer[column]
                found.append((np.asarray(offsets, np.int64).tobytes(), np.asarray(data).tobytes()))
            else:
                found.append(np.asarray(answer[column], np.float64).tobytes())
        coords = answer["geom"][1] if isinstance(answer["geom"], tuple) else answer["geom"]
        return [*found, np.ascontiguousarray(coords).tobytes()]
    frame = answer.sort_values(["county_code", "id"], kind="stable")
    flat = {
        column: text_bytes(pa.array(frame[column], pa.large_string(), from_pandas=True))
        if type == "text"
        else frame[column].to_numpy(np.float64)
        for column, type in columns.items()
    }
    return _digest({**flat, "geom": shapely.get_coordinates(frame.geometry.values)}, columns)
