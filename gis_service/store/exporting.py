"""Counties out of the database as a grid package: what was loaded, with the switches as they stand now."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial
from typing import Any

import pandas as pd
import pyarrow as pa
import shapely
from psycopg2 import extensions, sql

from gis_service.errors import Conflict
from gis_service.ingest.frames import GridPackage, assemble
from gis_service.ingest.spec import BY_NAME, LAYERS, Layer
from gis_service.store.consistent import Layers, read_consistently, read_layers
from gis_service.store.database import distributed, reading
from gis_service.store.schema import GEOMETRY, arrow_types, select_layer
from gis_service.store.versions import county_versions, read_versions, require_loaded
from sharding.copy import copy_out, floats, sorted_by, texts
from sharding.readers import Readers


def export_package(counties: Collection[str] | None = None) -> GridPackage:
    """These counties (default: all loaded ones) as a package, every layer sorted by (county, id).

    Raises
    ------
    UnknownId
        For a county that is not loaded.
    """
    layers, _ = read_consistently(_read_layers, counties)
    return GridPackage({layer.name: _frame(layer, layers[layer.name]) for layer in LAYERS})


def export_counties(counties: Collection[str] | None = None) -> Iterator[tuple[str, Layers]]:
    """These counties (default: all loaded ones) one after another, every layer sorted by id.

    Each comes with its tables as `write_counties` takes them; no more than one is in memory. On one server
    all are of one moment; on a cluster each is of its own, and a load that comes between is found at the
    end.

    Raises
    ------
    UnknownId
        For a county that is not loaded.
    Conflict
        On a cluster, when one of them was loaded meanwhile: the counties that were given out may not fit.
    """
    with reading() as readers:
        cursor = readers.cursor
        before = read_versions(cursor) if counties is None else require_loaded(cursor, counties)
        if not distributed(cursor):
            for county in sorted(before):
                yield county, _in_order(_read_layers(readers, [county], binary=True))
            return
    for county in sorted(before):
        yield county, _in_order(read_consistently(partial(_read_layers, binary=True), [county])[0])
    now = county_versions()
    moved = [
        county
        for county, version in before.items()
        if county not in now or now[county].topology_version != version.topology_version
    ]
    if moved:
        raise Conflict(f"county {', '.join(sorted(moved))} was loaded meanwhile: export again")


def _in_order(layers: Layers) -> Layers:
    return {name: sorted_by(rows, BY_NAME[name].key) for name, rows in layers.items()}


def _read_layers(readers: Readers, counties: Collection[str], *, binary: bool = False) -> Layers:
    """The layers with their geometry as EWKB, or, `binary`, as plain WKB."""
    if not counties:
        return {layer.name: _read(readers.cursor, layer, [], binary=binary) for layer in LAYERS}
    names = [layer.name for layer in LAYERS]
    return read_layers(readers, names, counties, partial(_read_county, binary=binary))


def _read_county(cursor: extensions.cursor, /, *, layer: str, county: str, binary: bool) -> pa.Table:
    return _read(cursor, BY_NAME[layer], [county], binary=binary)


def _read(cursor: extensions.cursor, layer: Layer, counties: Collection[str], *, binary: bool) -> pa.Table:
    column: sql.Composable = sql.Identifier(GEOMETRY)
    geometry = {GEOMETRY: sql.SQL("ST_AsBinary({})").format(column) if binary else column}
    types = arrow_types(layer) | {GEOMETRY: pa.large_binary()}
    return copy_out(cursor, select_layer(layer, geometry, counties), types)


def _frame(layer: Layer, rows: pa.Table) -> Any:
    rows = sorted_by(rows, *(("code",) if layer.name == "county" else ("county_code", "id")))
    columns = {column.name: _canonical(column.type, rows[column.name]) for column in layer.columns}
    shapes = shapely.set_srid(shapely.from_wkb(rows[GEOMETRY].to_numpy()), 0)
    return assemble(layer, columns, shapes)


def _canonical(kind: str, values: Any) -> pd.Series[Any]:
    if kind == "text":
        return pd.Series(texts(values, absent=None), dtype=object)
    if kind == "float":
        return pd.Series(floats(values))
    dtype = "Int64" if kind == "int" else "boolean"
    return pd.Series(pd.array(values.to_pylist(), dtype=dtype))
