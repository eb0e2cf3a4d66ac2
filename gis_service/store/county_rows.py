"""The rows of one county on their way into the tables and out of them.

Every statement names one county, so that on a cluster it meets one shard. Locks, checks and versions are the
caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from psycopg2 import extensions, sql

from gis_service.errors import InvalidInput
from gis_service.ingest.frames import GridPackage
from gis_service.ingest.spec import BY_NAME, LAYERS, Layer
from gis_service.store.database import rely_on_all_nodes
from gis_service.store.schema import ELEMENT_LAYERS, GEOMETRY, arrow_types
from gis_service.store.table_turns import Turns
from sharding.copy import copy_in, sorted_by

REFERRED = {column.refers_to for layer in ELEMENT_LAYERS for column in layer.columns if column.refers_to}

CountyTables = Mapping[str, pa.Table]
"""Every layer of one county, `county` with its one row: the package's columns, and WKB in `geom`."""


class PackageByCounty(Protocol):
    """A package that gives one county at a time, so that a province need not fit into memory."""

    @property
    def counties(self) -> Sequence[str]:
        """The codes of its counties."""

    def county_tables(self, county: str, /) -> CountyTables:
        """The rows of one of them; asked for by code, in order, and before that for one that is replaced."""


Package = GridPackage | PackageByCounty


def tables_of(package: Package, county: str) -> CountyTables:
    """The rows of one county of any package."""
    if isinstance(package, GridPackage):
        return {layer.name: _of_frames(package, layer, county) for layer in LAYERS}
    return package.county_tables(county)


def put_in(
    cursor: extensions.cursor,
    county: str,
    tables: CountyTables,
    progress: Callable[[str, str, int], None],
    turns: Turns,
) -> dict[str, int]:
    """Append the county's elements in the order of their ids; the number of rows by layer."""
    counts = dict.fromkeys((layer.name for layer in ELEMENT_LAYERS), 0)
    left = sorted(counts, key=lambda name: -tables[name].nbytes)  # who waits at the end waits for little
    while left:
        with turns.first_free(left) as name:
            counts[name] = _put_layer(cursor, county, BY_NAME[name], tables[name])
        left.remove(name)
        progress(county, name, counts[name])
    return counts


def _put_layer(cursor: extensions.cursor, county: str, layer: Layer, rows: pa.Table) -> int:
    rows = sorted_by(_checked(layer, county, rows), "id")
    _refuse_repeated(layer, county, rows["id"])
    if layer.name == "switch":
        rows = rows.append_column("open_at_load", rows["open"])
    if len(rows):
        copy_in(cursor, sql.Identifier(layer.name), rows)
    return len(rows)


def take_out(cursor: extensions.cursor, county: str) -> None:
    """Delete the county's elements."""
    for layer in ELEMENT_LAYERS:
        query = sql.SQL("DELETE FROM {} WHERE county_code = %s").format(sql.Identifier(layer.name))
        cursor.execute(query, [county])


def put_county(cursor: extensions.cursor, tables: CountyTables) -> None:
    """Write the county's name and area, unless they stand there already: each such write meets every node."""
    (row,) = tables["county"].to_pylist()
    values = [row["code"], row["name"], row[GEOMETRY]]
    cursor.execute(
        "SELECT name = %s AND ST_AsBinary(geom) = ST_AsBinary(%s::geometry) FROM county WHERE code = %s",
        [*values[1:], row["code"]],
    )
    if cursor.fetchone() == (True,):
        return
    rely_on_all_nodes(cursor)
    cursor.execute(
        """
        INSERT INTO county (code, name, geom) VALUES (%s, %s, ST_SetSRID(%s::geometry, 4326))
        ON CONFLICT (code) DO UPDATE SET name = excluded.name, geom = excluded.geom
        """,
        values,
    )


def ids_by_layer(tables: CountyTables) -> dict[str, set[str]]:
    """The ids of a county, for the layers that others may refer to."""
    return {name: set(tables[name]["id"].to_pylist()) for name in REFERRED if name != "county"}


def stored_ids_by_layer(cursor: extensions.cursor, county: str) -> dict[str, Collection[str]]:
    """The stored ids of this county, for the layers that others may refer to."""
    found: dict[str, Collection[str]] = {}
    for layer in ELEMENT_LAYERS:
        if layer.name in REFERRED:
            query = sql.SQL("SELECT id FROM {} WHERE county_code = %s").format(sql.Identifier(layer.name))
            cursor.execute(query, [county])
            found[layer.name] = [id for (id,) in cursor.fetchall()]
    return found


def _checked(layer: Layer, county: str, rows: pa.Table) -> pa.Table:
    """The columns of the layer, of rows that belong to the county: no key of the database says so."""
    same = pc.all(pc.equal(rows["county_code"], county), skip_nulls=False)
    if len(rows) and same.as_py() is not True:
        codes = rows["county_code"].unique().to_pylist()
        raise ValueError(f"the rows of {layer.name} of county {county} name the counties {codes}")
    return rows.select([*arrow_types(layer), GEOMETRY])


def _refuse_repeated(layer: Layer, county: str, ids: pa.ChunkedArray) -> None:
    """Refuse an id that stands twice: the primary key may only be built when all counties are in."""
    same = pc.equal(ids.slice(1), ids.slice(0, max(0, len(ids) - 1)))
    if pc.any(same).as_py():
        named = ids[1 + pc.index(same, True).as_py()]
        raise InvalidInput(
            f"county {county} has the {layer.name} {named} more than once: give each an id of its own"
        )


def _of_frames(package: GridPackage, layer: Layer, county: str) -> pa.Table:
    frame = package[layer.name]
    code = "code" if layer.name == "county" else "county_code"
    frame = frame[(frame[code] == county).to_numpy(dtype=bool)]
    columns = {}
    for name, arrow_type in arrow_types(BY_NAME[layer.name]).items():
        values = frame[name].to_numpy(dtype=object, na_value=None)
        columns[name] = pa.array(values, type=arrow_type, from_pandas=True)
    wkb: Any = shapely.to_wkb(frame.geometry.to_numpy(), output_dimension=2, byte_order=1)
    columns[GEOMETRY] = pa.array(np.asarray(wkb, dtype=object), type=pa.large_binary(), from_pandas=True)
    return pa.table(columns)
