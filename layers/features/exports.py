"""Features as files of other formats: CSV, FlatGeobuf, GeoParquet; a bounded number, column by column."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pyogrio
import shapely

from layers.arrow_columns import arrow_of, shapes_of
from layers.features.crs import System
from layers.features.media import CSV, FLATGEOBUF, PARQUET
from layers.geojson_columns import Features
from layers.source import Description, FieldType, Page

MAX_EXPORT_ROWS = 100_000
"""Features of one file; its `Link` header says where the next one begins."""

ENDINGS = {CSV: "csv", FLATGEOBUF: "fgb", PARQUET: "parquet"}

_GEOMETRY = "geometry"
_TYPES: dict[FieldType, Any] = {
    "string": pa.large_string(),
    "number": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
}


def exported(pages: Iterable[Page], media_type: str, description: Description, system: System) -> bytes:
    """The features of pages as one file; coordinates in the order x, y that these formats have."""
    parts = [page.features for page in pages]
    table = pa.concat_tables([_table(part, description) for part in parts], promote_options="default")
    shapes = np.concatenate([_shapes(part, system) for part in parts])
    if media_type == CSV:
        return _csv(table, shapes, description, system)
    table = table.append_column(_GEOMETRY, pa.array(shapely.to_wkb(shapes), pa.binary()))
    return (
        _parquet(table, shapes, system)
        if media_type == PARQUET
        else _flatgeobuf(table, shapes, description, system)
    )


def _table(features: Features, description: Description) -> Any:
    types = {field.name: _TYPES[field.type] for field in description.fields}
    columns = {}
    if features.ids is not None and "id" not in features.properties:
        columns["id"] = arrow_of(features.ids)
    for name, column in features.properties.items():
        found = arrow_of(column)
        # a column of nothing but nulls may be of any kind
        columns[name] = pa.nulls(len(found), types[name]) if found.null_count == len(found) else found
    return pa.table(columns)


def _shapes(features: Features, system: System) -> Any:
    geometry = features.geometry
    if not system.is_lonlat and len(geometry.coords):
        coords = system.from_lonlat(geometry.coords)
        geometry = geometry.at(coords[:, ::-1] if system.is_north_first else coords)
    return shapes_of(geometry)


def _csv(table: Any, shapes: Any, description: Description, system: System) -> bytes:
    if description.geometry == "Point":
        names = ("lon", "lat") if system.name in ("OGC:CRS84", "EPSG:4326", "EPSG:4490") else ("x", "y")
        for name, of in zip(names, (shapely.get_x, shapely.get_y), strict=True):
            numbers = of(shapes).astype(np.float64)
            name = name if name not in table.column_names else f"{name}_"
            table = table.append_column(name, pa.array(numbers, mask=~np.isfinite(numbers)))
    else:
        name = "wkt" if "wkt" not in table.column_names else "wkt_"
        table = table.append_column(
            name, pa.array(shapely.to_wkt(shapes, rounding_precision=7), pa.large_string())
        )
    out = BytesIO()
    pyarrow.csv.write_csv(table, out)
    return out.getvalue()


def _parquet(table: Any, shapes: Any, system: System) -> bytes:
    """GeoParquet 1.1.0; without `crs` it is lon/lat."""
    told: dict[str, Any] = {"encoding": "WKB", "geometry_types": _types(shapes)}
    if not system.is_lonlat:
        told["crs"] = system.projjson()
    bounds = shapely.total_bounds(shapes) if len(shapes) else np.array([np.nan])
    if np.isfinite(bounds).all():
        told["bbox"] = bounds.tolist()
    geo = {"version": "1.1.0", "primary_column": _GEOMETRY, "columns": {_GEOMETRY: told}}
    table = table.replace_schema_metadata({"geo": orjson.dumps(geo)})
    out = BytesIO()
    pyarrow.parquet.write_table(table, out, compression="zstd")
    return out.getvalue()


def _types(shapes: Any) -> list[str]:
    found = shapes[~shapely.is_missing(shapes)]
    _, first = np.unique(shapely.get_type_id(found), return_index=True)
    return sorted(found[row].geom_type for row in first.tolist())


def _flatgeobuf(table: Any, shapes: Any, description: Description, system: System) -> bytes:
    out = BytesIO()
    pyogrio.write_arrow(
        table,
        out,
        layer=description.id,  # without one the file tells the name of a buffer, another each time
        driver="FlatGeobuf",
        geometry_name=_GEOMETRY,
        geometry_type=description.geometry,
        crs=system.name,
        # the index is of boxes, and what is nowhere has none
        SPATIAL_INDEX="NO" if shapely.is_missing(shapes).any() else "YES",
    )
    return out.getvalue()
