"""The grid package's front door: read one, write one, hand it on as arrays.

Knows how raw layers become a `GridPackage` (columns, types, CRS, geometry kinds) and collects everything
that stands against it; the files themselves are `reading` and `writing`, the rules `validate`.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyproj
import shapely
from pyproj.exceptions import CRSError

from gis_service.ingest.arrays import tables_from_package
from gis_service.ingest.columns import coerce
from gis_service.ingest.faults import Fault, refusal
from gis_service.ingest.frames import CRS, GEOMETRY, GridPackage, assemble, empty_layer
from gis_service.ingest.reading import OnLayer, RawLayer, RawPackage, read_raw, unheard
from gis_service.ingest.spec import LAYERS, Column, Layer
from gis_service.ingest.validate import Reported, StoredIds, validate
from gis_service.ingest.writing import write_package

__all__ = [
    "Fault",
    "GridPackage",
    "Inspection",
    "StoredIds",
    "inspect_package",
    "read_package",
    "tables_from_package",
    "validate",
    "write_package",
]

_SINGLE = {"Point": "MultiPoint", "LineString": "MultiLineString", "Polygon": "MultiPolygon"}


@dataclass(frozen=True)
class Inspection:
    """A package as far as it could be read, everything that stands against it, and remarks.

    The package may be loaded when `faults` is empty.
    """

    package: GridPackage
    faults: list[Fault] = field(default_factory=list)


def read_package(path: str | os.PathLike[str], *, stored: StoredIds | None = None) -> GridPackage:
    """Read a package from a `.gpkg` file, or a directory with one `.parquet` or `.geojson` per layer.

    Coordinates in any declared CRS come out as lon/lat; missing optional columns as nulls; undeclared
    columns are left out and noted. `stored` are the counties the package may refer to; without it the
    package must be whole in itself.

    Raises
    ------
    InvalidInput
        When there is no package, or it has faults; `faults` then holds one sentence each.
    """
    inspection = inspect_package(path, stored=stored)
    if inspection.faults:
        raise refusal(str(path), inspection.faults)
    return inspection.package


def inspect_package(
    path: str | os.PathLike[str],
    *,
    stored: StoredIds | None = None,
    references: bool = True,
    on_layer: OnLayer = unheard,
) -> Inspection:
    """Read a package and list every fault instead of raising for them, in the order of layers.

    `references` False leaves references to elements of other counties alone, for a look at a part of a
    grid. `on_layer` is called with the name of each layer before it is read.

    Raises
    ------
    InvalidInput
        When there is no package at `path` at all: nothing there, not a GeoPackage, truncated.
    """
    raw = read_raw(path, on_layer=on_layer)
    gathered = _Gathered()
    layers = {layer.name: _taken(layer, raw, gathered) for layer in LAYERS}
    notes = [f"layer {name} is not of the grid package and is left out" for name in raw.ignored]
    package = GridPackage(layers, tuple(notes + gathered.notes))
    faults = gathered.faults + validate(
        package, stored=stored, references=references, reported=gathered.reported
    )
    place = {layer.name: number for number, layer in enumerate(LAYERS)}
    return Inspection(package, sorted(faults, key=lambda fault: place[fault.layer]))


@dataclass
class _Gathered:
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    reported: Reported = field(default_factory=Reported)


def _taken(layer: Layer, raw: RawPackage, gathered: _Gathered) -> Any:
    found = raw.layers.get(layer.name)
    if found is None:
        gathered.reported.columns.update((layer.name, column.name) for column in layer.columns)
        if layer.name in raw.unreadable:
            gathered.faults.append(Fault(layer.name, None, None, *_split(raw.unreadable[layer.name])))
        else:
            gathered.faults.append(
                Fault(
                    layer.name, None, None, "the layer is missing", "add it, without rows if there are none"
                )
            )
        return empty_layer(layer)
    columns = {}
    for column in layer.columns:
        values = _column(layer, column, found, gathered)
        if values is not None:
            columns[column.name] = values
    declared = {column.name for column in layer.columns}
    extra = [str(name) for name in found.attributes.columns if name not in declared]
    if extra:
        gathered.notes.append(f"{layer.name}: not part of the package and left out: {', '.join(extra)}")
    return assemble(layer, columns, _geometry(layer, found, gathered))


def _split(sentence: str) -> tuple[str, str]:
    reason, _, mend = sentence.rpartition("; ")
    return reason, mend


def _column(layer: Layer, column: Column, found: RawLayer, gathered: _Gathered) -> pd.Series[Any] | None:
    if column.name not in found.attributes.columns:
        if column.required and found.declares_columns:
            gathered.reported.columns.add((layer.name, column.name))
            alike = [str(name) for name in found.attributes.columns if str(name).lower() == column.name]
            mend = f"rename {alike[0]}" if alike else f"add it ({column.type}, without nulls)"
            gathered.faults.append(
                Fault(layer.name, None, column.name, f"the column {column.name} is missing", mend)
            )
        return None
    coerced = coerce(found.attributes[column.name], column)
    if coerced.note:
        gathered.notes.append(f"{layer.name}: {coerced.note}")
    given = found.attributes[column.name]
    gathered.reported.rows[layer.name, column.name] = coerced.wrong
    for row in np.flatnonzero(coerced.wrong).tolist():
        reason = f"{column.name} {_plain(given.iloc[row])!r} is not {_WANTED[column.type]}"
        gathered.faults.append(_row_fault(layer, found, row, column.name, reason, "correct the value"))
    return coerced.values


def _row_fault(layer: Layer, found: RawLayer, row: int, column: str, reason: str, mend: str) -> Fault:
    keys = found.attributes.get(layer.key)
    key = None if keys is None else keys.iloc[row]
    if key is None or column == layer.key:
        return Fault(layer.name, None, column, f"row {row + 1}: {reason}", mend)
    return Fault(layer.name, str(key), column, reason, mend)


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value


_WANTED = {"text": "text", "float": "a number", "int": "a whole number", "bool": "true or false"}


def _geometry(layer: Layer, found: RawLayer, gathered: _Gathered) -> npt.NDArray[np.object_]:
    rows = len(found.attributes)
    if found.geometry is None:
        if layer.geometry_required and (rows or found.declares_columns):
            gathered.reported.columns.add((layer.name, GEOMETRY))
            gathered.faults.append(
                Fault(
                    layer.name, None, GEOMETRY, "the geometry column is missing", f"add it ({layer.geometry})"
                )
            )
        return np.full(rows, None, dtype=object)
    shapes = found.geometry
    if found.broken:
        told = np.zeros(rows, dtype=bool)
        told[list(found.broken)] = True
        gathered.reported.rows[layer.name, GEOMETRY] = told
        for row, why in found.broken.items():
            reason = f"the geometry cannot be read ({why})"
            gathered.faults.append(_row_fault(layer, found, row, GEOMETRY, reason, "write it anew"))
    if bool(np.any(shapely.has_z(shapes))) or bool(np.any(shapely.has_m(shapes))):
        gathered.notes.append(f"{layer.name}: heights and measures of the geometry are left out")
        shapes = shapely.force_2d(shapes)
    if len(shapes) and not bool(np.all(shapely.is_missing(shapes))):
        shapes = _lonlat(layer, found.crs, shapes, gathered)
    return _declared_kind(layer, shapes)


def _lonlat(layer: Layer, crs: Any, shapes: Any, gathered: _Gathered) -> npt.NDArray[np.object_]:
    declared = _known_crs(crs if isinstance(crs, str) else json.dumps(crs))
    if declared is None:
        gathered.reported.columns.add((layer.name, GEOMETRY))
        gathered.faults.append(
            Fault(
                layer.name,
                None,
                GEOMETRY,
                "the layer declares no coordinate reference system that is known here",
                "declare it, such as EPSG:4326 for lon/lat",
            )
        )
        return np.asarray(shapes, dtype=object)
    if declared.equals(_known_crs(CRS), ignore_axis_order=True):
        return np.asarray(shapes, dtype=object)
    onto = pyproj.Transformer.from_crs(declared, CRS, always_xy=True)

    def moved(xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.column_stack(onto.transform(xy[:, 0], xy[:, 1]))

    gathered.notes.append(f"{layer.name}: coordinates brought from {declared.name} to lon/lat")
    return np.asarray(shapely.transform(shapes, moved), dtype=object)


@cache
def _known_crs(text: str) -> pyproj.CRS | None:
    """The CRS of a name, WKT or PROJJSON; None where there is none. Parsing one takes milliseconds."""
    try:
        return pyproj.CRS.from_user_input(text)
    except CRSError:
        return None


def _declared_kind(layer: Layer, shapes: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """Polygons as MultiPolygon where that is declared, and collections of one as their only part."""
    kinds = shapely.get_type_id(shapes)
    out = shapes.copy()
    if layer.geometry == "MultiPolygon":
        rows = kinds == shapely.GeometryType.POLYGON
        out[rows] = [shapely.MultiPolygon([one]) for one in shapes[rows]]
        return out
    multi = getattr(shapely.GeometryType, _SINGLE[layer.geometry].upper())
    rows = (kinds == multi) & (shapely.get_num_geometries(shapes) == 1)
    out[rows] = shapely.get_geometry(shapes[rows], 0)
    return out
