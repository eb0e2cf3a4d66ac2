"""Layers out of vector files in a directory: shapefiles, GeoPackages and GeoJSON, in any CRS.

A file `Rivers.shp` becomes the layer `Rivers`; one in a directory below, `cite/Lakes.shp`, becomes
`cite:Lakes`, and so does the layer `Lakes` of a GeoPackage `cite.gpkg` that has several. `layers.toml` in a
directory may say otherwise. All faults of all files are found before any is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyogrio
import pyproj
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj.exceptions import ProjError

from layers.files_named import Naming, read_naming
from layers.source import Description, Field, FieldType, GeometryType, LayerError
from layers.still import Shapes, StillLayer

SUFFIXES = (".shp", ".gpkg", ".geojson", ".json")
MOST_COORDINATES = 20_000_000
"""Coordinates of one layer: such layers are held in memory whole."""

UNREADABLE = (DataSourceError, DataLayerError, pa.ArrowException, ProjError, shapely.GEOSException)

_LON_LAT = pyproj.CRS("OGC:CRS84")
_NAME = re.compile(r"[\w.-]+(:[\w.-]+)*", re.ASCII)
_KINDS: dict[int, GeometryType] = {0: "Point", 1: "LineString", 3: "Polygon", 4: "Point", 5: "LineString"}
_KINDS |= {6: "MultiPolygon"}


class BadFiles(LayerError):
    """Files that cannot be layers; `faults` holds a sentence for each fault, the message all of them."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(self.faults))


def read_layers(directory: Path, taken: Iterable[str] = ()) -> list[StillLayer]:
    """The layers of a directory and of those directly below, by file name.

    Parameters
    ----------
    taken
        Names that other layers have already.

    Raises
    ------
    BadFiles
        Naming each file, what is wrong with it, and how to mend it.
    """
    if not directory.is_dir():
        raise BadFiles([f"{directory} is not a directory: name one that holds vector files"])
    faults: list[str] = []
    found: dict[str, StillLayer] = {}
    owners = dict.fromkeys(taken, "the grid")
    below = sorted(one for one in directory.iterdir() if one.is_dir() and not one.name.startswith("."))
    for folder in (directory, *below):
        naming = read_naming(folder, "" if folder == directory else f"{folder.name}:", faults)
        files = sorted(one for one in folder.iterdir() if one.suffix.lower() in SUFFIXES)
        for file in files:
            for layer in _of_file(file, file.relative_to(directory), naming, faults):
                name = layer.description.id
                if name in owners:
                    faults.append(
                        f"{file.relative_to(directory)}: {owners[name]} has the layer {name!r} already: "
                        f"rename the file, or give it another name in layers.toml"
                    )
                owners.setdefault(name, str(file.relative_to(directory)))
                found.setdefault(name, layer)
        faults += naming.unused()
    if faults:
        raise BadFiles(faults)
    return list(found.values())


def _of_file(file: Path, shown: Path, naming: Naming, faults: list[str]) -> Iterator[StillLayer]:
    try:
        names = [str(name) for name, kind in pyogrio.list_layers(file) if kind is not None]
    except UNREADABLE as error:
        faults.append(f"{shown}: cannot be read as vector data ({_said(error)})")
        return
    if not names:
        faults.append(f"{shown}: holds no layer with geometry: take it out of the directory")
    for inner in names:
        stem = file.stem if len(names) == 1 else f"{file.stem}:{inner}"
        where = str(shown) if len(names) == 1 else f"{shown}, layer {inner}"
        try:
            yield _layer(file, inner, stem, naming)
        except BadFiles as error:
            faults += [f"{where}: {fault}" for fault in error.faults]
        except (
            DataSourceError,
            DataLayerError,
            pa.ArrowException,
            ProjError,
            shapely.GEOSException,
        ) as error:
            faults.append(f"{where}: cannot be read as vector data ({_said(error)})")


def _layer(file: Path, inner: str, stem: str, naming: Naming) -> StillLayer:
    """One layer of one file; BadFiles says what is wrong, but not where."""
    told = naming.of(stem)
    if not _NAME.fullmatch(told.name):
        raise BadFiles(
            [f"{told.name!r} is no name for a layer: give it one of letters, digits, _ . - in layers.toml"]
        )
    meta, table = pyogrio.raw.read_arrow(file, layer=inner)
    geometry_column = meta["geometry_name"] or "wkb_geometry"
    shapes = np.asarray(shapely.from_wkb(table[geometry_column].to_numpy()), dtype=object)
    table = _plain(table.drop_columns([geometry_column]))
    shapes = _lon_lat(shapes, meta["crs"])
    kind, shapes, rows = _of_one_kind(shapes)
    ids = _ids(table, told.id_column, rows)
    order = np.argsort(np.array(ids, dtype=object), kind="stable")
    description = Description(told.name, told.title, told.description, kind, _fields(table))
    return StillLayer(
        description,
        [ids[at] for at in order],
        shapes[order],
        table.take(pa.array(rows[order])).combine_chunks(),
    )


def _plain(table: pa.Table) -> pa.Table:
    """The columns that a property can hold; moments as texts, what is no single value is left out."""
    columns = {}
    for name in table.column_names:
        column = table[name]
        kind = column.type
        if pa.types.is_temporal(kind):
            column = pc.cast(column, pa.string())
        elif pa.types.is_dictionary(kind):
            column = pc.cast(column, kind.value_type)
        kind = column.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            columns[name] = pc.cast(column, pa.large_string())
        elif pa.types.is_floating(kind):
            columns[name] = pc.cast(column, pa.float64())
        elif pa.types.is_integer(kind):
            columns[name] = pc.cast(column, pa.int64())
        elif pa.types.is_boolean(kind):
            columns[name] = column
    # a table without columns would have forgotten how many rows there are
    return pa.table(columns) if columns else pa.table({"row": pa.array(range(1, len(table) + 1), pa.int64())})


def _fields(table: pa.Table) -> tuple[Field, ...]:
    kinds: dict[Any, FieldType] = {
        pa.large_string(): "string",
        pa.float64(): "number",
        pa.int64(): "integer",
        pa.bool_(): "boolean",
    }
    return tuple(Field(one.name, kinds[one.type]) for one in table.schema)


def _lon_lat(shapes: Shapes, crs: str | None) -> Shapes:
    """Flat shapes in lon/lat, whatever their CRS says of the order of its axes: files have east first."""
    if crs is None:
        raise BadFiles(["says nothing of its CRS: add one (for a shapefile, a .prj file)"])
    shapes = shapely.force_2d(shapes)
    if (count := int(shapely.get_num_coordinates(shapes).sum())) > MOST_COORDINATES:
        raise BadFiles(
            [f"has {count:,} coordinates, more than the {MOST_COORDINATES:,} that a layer may: simplify it"]
        )
    try:
        given = pyproj.CRS(crs)
    except ProjError as error:
        raise BadFiles([f"has a CRS that is not known ({_said(error)})"]) from None
    moving = pyproj.Transformer.from_crs(given, _LON_LAT, always_xy=True)

    def moved(xy: Any) -> Any:
        return np.column_stack(moving.transform(xy[:, 0], xy[:, 1]))

    shapes = np.asarray(shapely.transform(shapes, moved), dtype=object)
    coords = shapely.get_coordinates(shapes)
    if not (np.isfinite(coords).all() and (np.abs(coords) <= (180.0, 90.0)).all()):
        raise BadFiles([f"has coordinates that lie outside lon/lat: is its CRS really {given.name}?"])
    return shapes


def _of_one_kind(shapes: Shapes) -> tuple[GeometryType, Shapes, Any]:
    """Shapes of one kind, and for each the row it comes from: lines and points of many parts become many.

    Polygons that cross themselves are mended, so that a question for what meets a box has an answer.
    """
    present = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    types = {int(one) for one in np.unique(shapely.get_type_id(shapes[present]))}
    kinds = {_KINDS[one].removeprefix("Multi") for one in types if one in _KINDS}
    if not types:
        raise BadFiles(["has no feature with geometry: take it out of the directory"])
    if len(kinds) != 1 or types - _KINDS.keys():
        names = ", ".join(sorted(shapely.GeometryType(one).name.lower() for one in types))
        raise BadFiles([f"mixes geometries ({names}): a layer holds points, lines or polygons; part them"])
    if kinds == {"Polygon"}:
        crossed = present & ~shapely.is_valid(shapes)
        shapes[crossed] = shapely.make_valid(shapes[crossed], method="structure", keep_collapsed=False)
        kind: GeometryType = "MultiPolygon" if (shapely.get_type_id(shapes) == 6).any() else "Polygon"
        return kind, shapes, np.arange(len(shapes))
    shapes[~present] = None
    parts, rows = shapely.get_parts(shapes, return_index=True)
    nowhere = np.flatnonzero(~present)
    merged = np.concatenate([parts, np.full(len(nowhere), None, dtype=object)])
    rows = np.concatenate([rows, nowhere])
    order = np.argsort(rows, kind="stable")
    return ("Point" if kinds == {"Point"} else "LineString"), merged[order], rows[order]


def _ids(table: pa.Table, column: str | None, rows: Any) -> list[str]:
    """An id for each shape: the value of a column or the number of the row, and of the part after a point."""
    if column is None:
        width = len(str(len(table)))
        own = [str(number).zfill(width) for number in range(1, len(table) + 1)]
    elif column not in table.column_names:
        raise BadFiles([f"has no column {column!r}, which layers.toml takes ids from"])
    else:
        values = table[column].to_pylist()
        if None in values or len(set(values)) < len(values):
            raise BadFiles([f"the column {column!r} has no value, or the same twice: take ids from another"])
        own = [str(value) for value in values]
    seen: dict[int, int] = {}
    counts = np.bincount(rows, minlength=len(table))
    ids = []
    for row in map(int, rows):
        seen[row] = seen.get(row, 0) + 1
        ids.append(own[row] if counts[row] == 1 else f"{own[row]}.{seen[row]:0{len(str(counts[row]))}}")
    return ids


def _said(error: Exception) -> str:
    return " ".join(str(error).split())
