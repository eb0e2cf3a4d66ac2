"""The grid package's front door: read one, write one, hand it on as arrays.

Knows how raw layers become a `GridPackage` (columns, types, CRS, geometry kinds) and collects everything
that stands against it; the files themselves are `reading` and `writing`, the rules `validate`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from gis_service.ingest.arrays import tables_from_arrow, tables_from_package
from gis_service.ingest.faults import Fault, refusal
from gis_service.ingest.frames import GridPackage
from gis_service.ingest.parquet_package import ParquetPackage, inspect_parquet
from gis_service.ingest.reading import OnLayer, is_parquet_directory, read_raw, unheard
from gis_service.ingest.spec import LAYERS
from gis_service.ingest.taking import Gathered, take_layer
from gis_service.ingest.validate import StoredIds, validate
from gis_service.ingest.writing import is_directory_form, write_counties, write_package

__all__ = [
    "Fault",
    "GridPackage",
    "Inspection",
    "Opened",
    "ParquetPackage",
    "StoredIds",
    "inspect_package",
    "is_directory_form",
    "open_package",
    "read_package",
    "tables_from_arrow",
    "tables_from_package",
    "validate",
    "write_counties",
    "write_package",
]


@dataclass(frozen=True)
class Opened:
    """A package to be loaded county by county, and everything that stands against it."""

    package: GridPackage | ParquetPackage
    faults: list[Fault]


def open_package(
    path: str | os.PathLike[str], *, stored: StoredIds | None = None, on_layer: OnLayer = unheard
) -> Opened:
    """Check a package of any form for loading: a directory of GeoParquet without taking it into memory.

    `on_layer` is called with the name of each layer before it is read.

    Raises
    ------
    InvalidInput
        As `inspect_package`.
    """
    if is_parquet_directory(Path(path)):
        found = inspect_parquet(Path(path), stored=stored, on_layer=on_layer)
        return Opened(found.package, found.faults)
    inspection = inspect_package(path, stored=stored, on_layer=on_layer)
    return Opened(inspection.package, inspection.faults)


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
    gathered = Gathered()
    layers = {layer.name: take_layer(layer, raw, gathered) for layer in LAYERS}
    notes = [f"layer {name} is not of the grid package and is left out" for name in raw.ignored]
    package = GridPackage(layers, tuple(notes + gathered.notes))
    faults = gathered.faults + validate(
        package, stored=stored, references=references, reported=gathered.reported
    )
    place = {layer.name: number for number, layer in enumerate(LAYERS)}
    return Inspection(package, sorted(faults, key=lambda fault: place[fault.layer]))
