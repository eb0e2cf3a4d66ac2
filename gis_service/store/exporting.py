"""Counties out of the database as a grid package: what was loaded, with the switches as they stand now."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pandas as pd
import pyarrow as pa
import shapely
from psycopg2 import extensions, sql

from gis_service.ingest.frames import GridPackage, assemble
from gis_service.ingest.spec import LAYERS, Layer
from gis_service.store.consistent import Layers, read_consistently
from gis_service.store.schema import GEOMETRY, arrow_types, select_layer
from sharding.copy import copy_out, floats, sorted_by, texts


def export_package(counties: Collection[str] | None = None) -> GridPackage:
    """These counties (default: all loaded ones) as a package, every layer sorted by (county, id).

    Raises
    ------
    UnknownId
        For a county that is not loaded.
    """
    layers, _ = read_consistently(_read_layers, counties)
    return GridPackage({layer.name: _frame(layer, layers[layer.name]) for layer in LAYERS})


def _read_layers(cursor: extensions.cursor, counties: Collection[str] | None) -> Layers:
    geometry: dict[str, sql.Composable] = {GEOMETRY: sql.Identifier(GEOMETRY)}
    return {
        layer.name: copy_out(
            cursor,
            select_layer(layer, geometry, counties),
            arrow_types(layer) | {GEOMETRY: pa.large_binary()},
        )
        for layer in LAYERS
    }


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
