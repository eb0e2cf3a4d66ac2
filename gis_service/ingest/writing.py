"""Writing a grid package: a GeoPackage, or a directory with one GeoParquet file per layer.

Writes beside the target and renames, so the target is the old package or the new one and never half of
either. Declared column types are written as declared, also where a column holds only nulls.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from pyogrio.raw import write_arrow

from gis_service.errors import InvalidInput
from gis_service.ingest.columns import as_objects
from gis_service.ingest.frames import CRS, GEOMETRY, GridPackage
from gis_service.ingest.spec import BY_NAME, LAYERS, Layer

_ARROW_TYPES = {"text": pa.string(), "float": pa.float64(), "int": pa.int64(), "bool": pa.bool_()}
_ROWS_OF_A_GROUP = 1 << 17
_LAYER_FILES = {f"{name}{suffix}" for name in BY_NAME for suffix in (".parquet", ".geojson")}


def write_package(package: GridPackage, path: str | os.PathLike[str]) -> None:
    """Write a package to `FILE.gpkg` or, where the path has no suffix, to a directory of GeoParquet.

    An existing package of that name is replaced in one step.

    Raises
    ------
    InvalidInput
        When the path is neither form, its parent does not exist, or it is a directory that holds
        other things than a package.
    """
    target = Path(path)
    if not is_directory_form(target):
        with _writable(target):
            _write_geopackage(package, target)
        return
    write_counties([{layer.name: arrow_table(layer, package[layer.name]) for layer in LAYERS}], target)


def write_counties(counties: Iterable[Mapping[str, pa.Table]], path: str | os.PathLike[str]) -> None:
    """Write a directory of GeoParquet, one file per layer, county by county.

    Each county is given by its layers: the declared columns, then the geometry as WKB in `geom`. Its rows
    make row groups of their own, so that a reader finds them without the others. An existing package of that
    name is replaced in one step; where giving the counties fails, it stays.

    Raises
    ------
    InvalidInput
        As `write_package`.
    """
    target = Path(path)
    if not is_directory_form(target):
        raise InvalidInput(f"{target}: counties are written one by one to a directory; leave out the suffix")
    with _writable(target):
        _write_directory(counties, target)


def is_directory_form(path: str | os.PathLike[str]) -> bool:
    """Whether a package of this name is written as a directory.

    Raises
    ------
    InvalidInput
        When it can be written as neither a file nor a directory.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise InvalidInput(f"{target}: the directory {target.parent} does not exist; create it first")
    if target.suffix.lower() == ".gpkg":
        if target.is_dir():
            raise InvalidInput(f"{target} is a directory; name a file to write a GeoPackage")
        return False
    if target.exists() and not target.is_dir():
        raise InvalidInput(f"{target} is a file; write to a name ending in .gpkg, or to a directory")
    if target.suffix and not target.is_dir():
        raise InvalidInput(f"{target}: write to a name ending in .gpkg, or to a directory (no suffix)")
    return True


@contextmanager
def _writable(target: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, DataSourceError, DataLayerError) as error:
        raise InvalidInput(f"{target} cannot be written: {_reason(error)}; choose another place") from error


def _reason(error: Exception) -> str:
    """Why something could not be written; SQLite and Arrow say it in words of their own."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    said = " ".join(str(error).split())
    full = "disk is full" in said or os.strerror(errno.ENOSPC) in said
    return os.strerror(errno.ENOSPC) if full else f"{said} (is there room on the disk?)"


def arrow_table(layer: Layer, frame: gpd.GeoDataFrame) -> pa.Table:
    """A layer as an Arrow table with the declared types; the geometry is WKB in the last column."""
    arrays: list[Any] = []
    fields: list[Any] = []
    for column in layer.columns:
        values = as_objects(frame[column.name])
        fields.append(pa.field(column.name, _ARROW_TYPES[column.type]))
        arrays.append(pa.array(values, type=fields[-1].type, from_pandas=True))
    wkb = shapely.to_wkb(frame.geometry.to_numpy(), output_dimension=2, byte_order=1)
    metadata = {"ARROW:extension:name": "geoarrow.wkb"}
    fields.append(pa.field(GEOMETRY, pa.binary(), metadata=metadata))
    arrays.append(pa.array(np.asarray(wkb, dtype=object), type=pa.binary(), from_pandas=True))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _write_geopackage(package: GridPackage, target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=f".{target.stem}-", dir=target.parent) as beside:
        fresh = Path(beside) / "package.gpkg"
        with _synchronised_once():
            for layer in LAYERS:
                write_arrow(
                    arrow_table(layer, package[layer.name]),
                    fresh,
                    layer=layer.name,
                    driver="GPKG",
                    geometry_name=GEOMETRY,
                    geometry_type=layer.geometry,
                    crs=CRS,
                    append=fresh.exists(),
                )
        _flush([fresh])
        fresh.replace(target)


@contextmanager
def _synchronised_once() -> Iterator[None]:
    """Leave flushing to `_flush`: SQLite would do it some ten times for each layer of a file nobody sees."""
    option = "OGR_SQLITE_SYNCHRONOUS"
    before = pyogrio.get_gdal_config_option(option)
    pyogrio.set_gdal_config_options({option: "OFF"})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({option: before})


def _write_directory(counties: Iterable[Mapping[str, pa.Table]], target: Path) -> None:
    if target.is_dir():
        strange = sorted(one.name for one in target.iterdir() if one.name not in _LAYER_FILES)
        if strange:
            raise InvalidInput(
                f"{target} holds more than a grid package ({strange[0]}); name an empty or new directory"
            )
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as beside:
        fresh, old = Path(beside) / "new", Path(beside) / "old"
        fresh.mkdir()
        with ExitStack() as opened:
            files = {
                layer.name: opened.enter_context(_geoparquet(layer, fresh / f"{layer.name}.parquet"))
                for layer in LAYERS
            }
            for tables in counties:
                for name, file in files.items():
                    if len(tables[name]):
                        file.write_table(tables[name].cast(file.schema), row_group_size=_ROWS_OF_A_GROUP)
        _flush(fresh.iterdir())
        if target.exists():
            target.rename(old)
        fresh.rename(target)
        shutil.rmtree(old, ignore_errors=True)


def _geoparquet(layer: Layer, file: Path) -> pq.ParquetWriter:
    # GeoParquet 1.1: a column without "crs" is OGC:CRS84, which is EPSG:4326 in lon/lat order.
    geo = {
        "version": "1.1.0",
        "primary_column": GEOMETRY,
        "columns": {GEOMETRY: {"encoding": "WKB", "geometry_types": [layer.geometry]}},
    }
    fields = [pa.field(column.name, _ARROW_TYPES[column.type]) for column in layer.columns]
    schema = pa.schema([*fields, pa.field(GEOMETRY, pa.binary())], metadata={"geo": json.dumps(geo)})
    return pq.ParquetWriter(file, schema, compression="zstd")


def _flush(files: Iterable[Path]) -> None:
    for file in files:
        with file.open("rb") as handle:
            os.fsync(handle.fileno())
