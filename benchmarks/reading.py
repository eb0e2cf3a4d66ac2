"""Rows with geometry out of PostGIS into arrays: ours beside geopandas.read_postgis.

Ours gives every column as flat arrays: texts as offsets and bytes, numbers, coordinates; county by county and
over several connections, as the engine reads, which spares the bytes of the county's code. The answer of the
peer is one GeoDataFrame: it is not held against it that coordinates have yet to be taken out of shapely
objects.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from psycopg2 import extensions, sql
from psycopg2.extensions import connection

from benchmarks.pairing import Contest, LeftOut, quickest
from benchmarks.province import COUNTIES, SEED, province_edition
from benchmarks.server import connect, database, server
from benchmarks.setting import Setting
from gis_service.ingest.spec import BY_NAME
from gis_service.province.generate import generate, plan_province
from gis_service.store.database import LONG_DEADLINE_S, READERS
from sharding.cluster import Pool
from sharding.copy import LINE, POINT, TEXT, copy_in, copy_out, floats, lines, points, sorted_by, text_bytes
from sharding.readers import side_by_side

_LAYERS = "customer_point", "line_section"
_KEY = "county_code", "id"
_READS: dict[str, tuple[str, tuple[str, ...] | None]] = {
    "read-points-geopandas": ("customer_point", None),
    "read-lines-geopandas": ("line_section", None),
    "read-shapes-geopandas": ("line_section", _KEY),
}
"""What is read: a layer, and which of its columns beside the geometry, or all."""
NAMES = tuple(_READS)
_SQL_TYPES = {"text": "text", "float": "float8", "bool": "bool"}


def contests(setting: Setting) -> Iterator[Contest | LeftOut]:
    """Customers (points) and line sections (lines of several points), and the shapes of these alone."""
    if find_spec("adbc_driver_postgresql") is None:
        why = "geopandas' quickest driver is not installed: pip install 'gridgis[bench]'"
        yield from (LeftOut(name, why) for name in NAMES)
        return
    with server(setting) as cluster:
        dsn = database(
            cluster,
            f"reading_{setting.customers}",
            edition=f"2 {province_edition()}",
            fill=lambda session: _fill(session, setting.customers),
            setting=setting,
        )
        with closing(connect(dsn)) as session, closing(Pool({"dsn": dsn})) as pool:
            for name, (layer, some) in _READS.items():
                columns = {of: type for of, type in _columns(layer).items() if some is None or of in some}
                with _drivers(dsn, session) as drivers:
                    yield _contest(name, layer, columns, session, pool, drivers)


def _columns(layer: str) -> dict[str, str]:
    return {column.name: column.type for column in BY_NAME[layer].columns}


def _fill(session: connection, customers: int) -> None:
    with session.cursor() as cursor:
        cursor.execute("CREATE EXTENSION postgis")
        for layer in _LAYERS:
            columns = ", ".join(f"{name} {_SQL_TYPES[type]}" for name, type in _columns(layer).items())
            cursor.execute(
                f"CREATE TABLE {layer} ({columns}, geom geometry({BY_NAME[layer].geometry}, 4326))"
            )
        counties = max(1, min(COUNTIES, customers // 1000))
        plan = plan_province(counties=counties, customers=customers, seed=SEED, shapes="squares")
        for _, layers in generate(plan):
            for layer in _LAYERS:
                copy_in(cursor, sql.Identifier(layer), layers[layer])
        for layer in _LAYERS:
            cursor.execute(f"ALTER TABLE {layer} ADD PRIMARY KEY (county_code, id)")
        cursor.execute("VACUUM (FREEZE, ANALYZE)")


@contextmanager
def _drivers(dsn: str, session: connection) -> Iterator[dict[str, Any]]:
    """Connections that geopandas reads over; psycopg 3 and SQLAlchemy were slower than ADBC, or than both."""
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(dsn) as arrow:
        yield {"psycopg2": session, "ADBC": arrow}


def _contest(
    name: str,
    layer: str,
    columns: dict[str, str],
    session: connection,
    pool: Pool,
    drivers: dict[str, Any],
) -> Contest:
    import geopandas

    query = f"SELECT {', '.join(columns)}, geom FROM {layer}"
    of_county = {column: type for column, type in columns.items() if column != "county_code"}
    of_one = f"SELECT {', '.join(of_county)}, geom FROM {layer} WHERE county_code = {{}}"
    types = {column: TEXT if type == "text" else pa.float64() for column, type in of_county.items()}
    flat, taken = (POINT, points) if BY_NAME[layer].geometry == "Point" else (LINE, lines)
    with session.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {layer}")
        (count,) = cursor.fetchone() or (0,)
        cursor.execute(f"SELECT DISTINCT county_code FROM {layer} ORDER BY 1")
        counties = [code for (code,) in cursor.fetchall()]

    def county(cursor: extensions.cursor, *, code: str) -> dict[str, Any]:
        rows = copy_out(cursor, sql.SQL(of_one).format(sql.Literal(code)), {**types, "geom": flat})
        rows = sorted_by(rows, "id")
        arrays: dict[str, Any] = {"county_code": code, "geom": taken(rows["geom"])}
        for column, type in of_county.items():
            arrays[column] = text_bytes(rows[column]) if type == "text" else floats(rows[column])
        return arrays

    def ours(_: None) -> list[dict[str, Any]]:
        with side_by_side(pool, READERS, deadline_s=LONG_DEADLINE_S) as readers:
            return readers.each([partial(county, code=code) for code in counties])

    def over(driver: Any) -> Any:
        def theirs(_: None) -> Any:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # pandas would rather be given another driver
                return geopandas.read_postgis(query, driver, crs=4326)

        return theirs

    ways = {f"geopandas.read_postgis over {driver}": over(drivers[driver]) for driver in drivers}
    peer, theirs = quickest(ways, [None], lambda answer: _digest(answer, columns))
    return Contest(
        name=name,
        work=f"{count:,} rows of {layer}, {len(columns) + 1} columns with the geometry, into arrays",
        peer=peer,
        ours=ours,
        theirs=theirs,
        same=lambda answer: _digest(answer, columns),
        goal=10.0,
        rounds=3,
    )


def _digest(answer: Any, columns: dict[str, str]) -> dict[str, Any]:
    """All that an answer holds, by county: bytes of texts, numbers and coordinates in the order of ids."""
    if isinstance(answer, list):
        return {one["county_code"]: [_bytes(one[column]) for column in one] for one in answer}
    found: dict[str, Any] = {}
    for code, frame in answer.groupby("county_code"):
        ordered = frame.sort_values("id", kind="stable")
        coords = shapely.get_coordinates(ordered.geometry.values)
        offsets = np.concatenate([[0], np.cumsum(shapely.get_num_coordinates(ordered.geometry.values))])
        is_line = answer.geom_type.iloc[0] == "LineString"
        flat: dict[str, Any] = {"county_code": code, "geom": (offsets, coords) if is_line else coords}
        for column, type in columns.items():
            if type == "text" and column != "county_code":
                flat[column] = text_bytes(pa.array(ordered[column], pa.large_string(), from_pandas=True))
            elif type != "text":
                flat[column] = ordered[column].to_numpy(np.float64)
        found[str(code)] = [_bytes(flat[column]) for column in flat]
    return found


def _bytes(value: Any) -> Any:
    if isinstance(value, tuple):
        return np.asarray(value[0], np.int64).tobytes(), np.ascontiguousarray(value[1]).tobytes()
    return value if isinstance(value, str) else np.ascontiguousarray(value).tobytes()
