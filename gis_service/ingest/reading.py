"""Reading the files of a grid package: bytes in, raw layers out.

Knows GeoPackage, GeoParquet and GeoJSON, and how each of them is broken; knows nothing of columns,
types or rules. A raw layer is what the file says: every attribute column, the geometries, the CRS.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from pyogrio.raw import read_arrow

from gis_service.errors import InvalidInput
from gis_service.ingest.spec import BY_NAME, LAYERS

CRS84 = "OGC:CRS84"
_SQLITE_MAGIC = b"SQLite format 3\x00"
_READERS = (".parquet", ".geojson")


@dataclass(frozen=True)
class RawLayer:
    """One layer as its file has it; `geometry` None: the file has no geometry column for it.

    `crs` is anything pyproj understands, None where the file does not say. `broken` gives the reason for
    each row whose geometry cannot be parsed (it is null in `geometry`).
    """

    attributes: pd.DataFrame
    geometry: npt.NDArray[np.object_] | None
    crs: Any
    declares_columns: bool = True
    broken: dict[int, str] = field(default_factory=dict)


@dataclass
class RawPackage:
    """The layers that could be read, why others could not, and which names were passed over."""

    layers: dict[str, RawLayer] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)


OnLayer = Callable[[str], None]


def unheard(_layer: str) -> None:
    """The listener of a reader nobody listens to."""


class Unreadable(Exception):
    """One file or layer cannot be read; the text says why and how to mend it."""


def read_raw(path: str | os.PathLike[str], *, on_layer: OnLayer = unheard) -> RawPackage:
    """Read every known layer of a package; `on_layer` is called with each name before it is read.

    Raises
    ------
    InvalidInput
        When there is no package at `path`: nothing there, not a GeoPackage, truncated, not readable.
    """
    source = Path(path)
    try:
        if source.is_dir():
            return _read_directory(source, on_layer)
        return _read_geopackage(source, on_layer)
    except FileNotFoundError:
        raise InvalidInput(f"{source}: there is no such file or directory; check the path") from None
    except PermissionError:
        raise InvalidInput(f"{source}: not readable for this user; change its permissions") from None
    except Unreadable as reason:
        raise InvalidInput(f"{source}: {reason}") from None


def _read_geopackage(file: Path, on_layer: OnLayer) -> RawPackage:
    _sound_geopackage(file)
    raw = RawPackage()
    try:
        present = {str(name): bool(kind) for name, kind in pyogrio.list_layers(file)}
    except DataSourceError as error:
        raise Unreadable(f"GDAL cannot open it as a GeoPackage ({_first_line(error)})") from None
    raw.ignored = [name for name in present if name not in BY_NAME]
    for layer in LAYERS:
        if layer.name not in present:
            continue
        on_layer(layer.name)
        try:
            raw.layers[layer.name] = _geopackage_layer(file, layer.name)
        except (DataSourceError, DataLayerError, pa.ArrowException) as error:
            raw.unreadable[layer.name] = f"the layer cannot be read ({_first_line(error)}); write it anew"
    return raw


def _sound_geopackage(file: Path) -> None:
    with file.open("rb") as handle:
        head = handle.read(len(_SQLITE_MAGIC))
        size = os.fstat(handle.fileno()).st_size
    if size == 0:
        raise Unreadable("the file is empty; write it anew")
    if head != _SQLITE_MAGIC:
        raise Unreadable("not a GeoPackage; give a .gpkg file, or a directory of .parquet or .geojson files")
    truncated = "the file is truncated or damaged; copy or write it anew"
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
            pages, page = (
                database.execute(f"PRAGMA {one}").fetchone()[0] for one in ("page_count", "page_size")
            )
            if pages * page > size or database.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise Unreadable(truncated)
            known = database.execute(
                "SELECT count(*) FROM sqlite_master WHERE name = 'gpkg_contents'"
            ).fetchone()
    except sqlite3.DatabaseError:
        raise Unreadable(truncated) from None
    if not known[0]:
        raise Unreadable("an SQLite database, but not a GeoPackage (it has no gpkg_contents table)")


def _geopackage_layer(file: Path, name: str) -> RawLayer:
    meta, table = read_arrow(file, layer=name, return_fids=False)
    column = meta["geometry_name"] or "wkb_geometry"
    geometry: npt.NDArray[np.object_] | None = None
    broken: dict[int, str] = {}
    if column in table.column_names and meta["geometry_type"] is not None:
        geometry, broken = parsed(shapely.from_wkb, _objects(table.column(column)))
        table = table.drop_columns([column])
    crs = meta["crs"]
    if crs is not None and "undefined" in str(crs).lower():
        crs = None
    return RawLayer(_frame(table), geometry, crs, broken=broken)


def _read_directory(directory: Path, on_layer: OnLayer) -> RawPackage:
    raw = RawPackage(ignored=strangers(directory))
    for layer in LAYERS:
        files = [directory / f"{layer.name}{suffix}" for suffix in _READERS]
        present = [file for file in files if file.exists()]
        if not present:
            continue
        on_layer(layer.name)
        try:
            raw.layers[layer.name] = _layer_file(present)
        except (PermissionError, Unreadable) as error:
            raw.unreadable[layer.name] = why_unreadable(present[0], error)
    if not raw.layers and not raw.unreadable:
        raise Unreadable(
            "the directory holds no layer of a grid package, such as county.parquet or county.geojson"
        )
    return raw


def strangers(directory: Path) -> list[str]:
    """Names of what lies in a directory and is no layer of a package."""
    return sorted(
        one.name for one in directory.iterdir() if one.suffix not in _READERS or one.stem not in BY_NAME
    )


def why_unreadable(file: Path, error: PermissionError | Unreadable) -> str:
    """What to say of one layer's file: reason and mend."""
    if isinstance(error, PermissionError):
        return f"{file.name} is not readable for this user; change its permissions"
    return f"{file.name} {error}"


def is_parquet_directory(path: Path) -> bool:
    """Whether a package is a directory of GeoParquet files and nothing else."""
    if not path.is_dir():
        return False
    suffixes = {one.suffix for one in path.iterdir() if one.stem in BY_NAME and one.suffix in _READERS}
    return suffixes == {".parquet"}


def _layer_file(files: Sequence[Path]) -> RawLayer:
    if len(files) > 1:
        raise Unreadable(f"and {files[1].name} both give the layer; remove one of them")
    file = files[0]
    if file.stat().st_size == 0:
        raise Unreadable("is empty; write it anew")
    return _read_geoparquet(file) if file.suffix == ".parquet" else _read_geojson(file)


def _read_geoparquet(file: Path) -> RawLayer:
    try:
        with pq.ParquetFile(file) as opened:
            table = opened.read()
    except (pa.ArrowException, OSError) as error:
        raise not_parquet(error) from None
    name, crs = geoparquet_geometry(table.schema)
    if name is None:
        return RawLayer(_frame(table), None, None)
    shapes, broken = parsed(shapely.from_wkb, _objects(table.column(name)))
    return RawLayer(_frame(table.drop_columns([name])), shapes, crs, broken=broken)


def geoparquet_geometry(schema: pa.Schema) -> tuple[str | None, Any]:
    """The name of the geometry column that a file's schema declares, None without one, and its CRS.

    Raises
    ------
    Unreadable
        When the declaration is broken, or the geometry is not WKB.
    """
    declared = (schema.metadata or {}).get(b"geo")
    if declared is None:
        return None, None
    try:
        geo = json.loads(declared)
        name = geo["primary_column"]
        column = geo["columns"][name]
        schema.field(name)
    except (ValueError, KeyError, TypeError):
        raise Unreadable("has broken GeoParquet metadata; write it anew") from None
    if column.get("encoding") != "WKB":
        raise Unreadable(f"encodes its geometry as {column.get('encoding')!r}; write it as WKB")
    return name, column.get("crs", CRS84)


def not_parquet(error: BaseException) -> Unreadable:
    """What to say of a file that Arrow cannot read."""
    return Unreadable(f"is truncated or not a Parquet file ({_first_line(error)}); write it anew")


def _read_geojson(file: Path) -> RawLayer:
    try:
        document = orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError as error:
        raise Unreadable(f"is truncated or not JSON ({error}); write it anew") from None
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list) or not all(isinstance(one, dict) for one in features):
        raise Unreadable("is not a GeoJSON FeatureCollection; write it as one")
    rows = [one.get("properties") or {} for one in features]
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise Unreadable(f"has a feature (number {number}) whose properties are no object; correct it")
    for row, feature in zip(rows, features, strict=True):
        if "id" in feature:
            row.setdefault("id", feature["id"])
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: pd.Series([row.get(name) for row in rows], dtype=object) for name in names}
    texts = np.full(len(features), None, dtype=object)
    for row, feature in enumerate(features):
        if feature.get("geometry") is not None:
            try:
                texts[row] = orjson.dumps(feature["geometry"]).decode()
            except TypeError:
                raise Unreadable(
                    f"has a feature (number {row + 1}) whose geometry is nested too deeply; correct it"
                ) from None
    shapes, broken = parsed(shapely.from_geojson, texts)
    return RawLayer(
        pd.DataFrame(columns, index=pd.RangeIndex(len(rows))),
        shapes,
        _geojson_crs(document),
        declares_columns=bool(rows),
        broken=broken,
    )


def _geojson_crs(document: dict[str, Any]) -> Any:
    """RFC 7946 says lon/lat; the older "crs" member is still written and is believed."""
    member = document.get("crs")
    if member is None:
        return CRS84
    try:
        return member["properties"]["name"]
    except (KeyError, TypeError):
        return None


def _objects(column: Any) -> npt.NDArray[np.object_]:
    values: npt.NDArray[np.object_] = np.asarray(column.to_pandas(), dtype=object)
    return values


def parsed(
    parse: Callable[..., Any], encoded: npt.NDArray[np.object_]
) -> tuple[npt.NDArray[np.object_], dict[int, str]]:
    """Parse what can be parsed; the reason for each row that cannot."""
    with np.errstate(invalid="ignore"):  # a NaN coordinate is refused later, with the id of its row
        shapes = np.asarray(parse(encoded, on_invalid="ignore"), dtype=object)
    lost = shapely.is_missing(shapes) & ~np.asarray(pd.isna(encoded), dtype=bool)
    broken: dict[int, str] = {}
    for row in np.flatnonzero(lost).tolist():
        try:
            parse(encoded[row])
        except shapely.GEOSException as error:
            broken[row] = _first_line(error).removeprefix("IllegalArgumentException: ").rstrip(".")
    return shapes, broken


def _frame(table: pa.Table) -> pd.DataFrame:
    # Objects for integers with nulls: as floats they would lose digits beyond 2**53.
    frame: pd.DataFrame = table.to_pandas(integer_object_nulls=True, ignore_metadata=True)
    return frame


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
