"""A province as a grid package on disk: a directory of GeoParquet, written county by county.

Every layer's rows come county after county, each county in row groups of its own with its code in their
statistics, so a reader can take one county and leave the rest. Nothing is seen under the directory's name
before all of it is there.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gis_service.errors import InvalidInput
from gis_service.ingest.spec import LAYERS, Layer
from gis_service.province.generate import OnArea, generate, unheard
from gis_service.province.plan import Plan
from gis_service.province.tables import GEOMETRY, schema

STATISTICS = "STATISTICS.md"
ROWS_OF_A_GROUP = 262_144

_OURS = {f"{layer.name}.parquet" for layer in LAYERS} | {STATISTICS}
_FEW_WORDS = [
    "county_code",
    "phases",
    "construction",
    "kind",
    "customer_class",
    "critical_grade",
    "district_id",
    "substation_id",
]

OnCounty = Callable[[str, dict[str, int]], None]


def check_target(target: Path, *, force: bool) -> None:
    """Refuse to write where something stands that must stay.

    Raises
    ------
    InvalidInput
        When the target exists (with `force`: when it is something else than a province written before), or
        when it cannot be written.
    """
    if target.parent.exists() and not target.parent.is_dir():
        raise InvalidInput(f"{target}: {target.parent} is a file, not a directory; choose another place")
    if not target.parent.is_dir():
        raise InvalidInput(f"{target}: the directory {target.parent} does not exist; create it first")
    if not os.access(target.parent, os.W_OK):
        raise InvalidInput(f"{target.parent} is not writable for this user; choose another place")
    if target.suffix.lower() == ".gpkg":
        raise InvalidInput(f"{target}: a province is written as a directory; leave the .gpkg out")
    if not target.exists() and not target.is_symlink():
        return
    if target.is_symlink():
        raise InvalidInput(f"{target} is a symbolic link; name the directory itself, or another one")
    if not target.is_dir():
        raise InvalidInput(f"{target} is a file, not a directory; choose another name")
    strange = sorted(one.name for one in target.iterdir() if one.name not in _OURS)
    if strange:
        raise InvalidInput(f"{target} holds other things ({strange[0]}); name an empty or new directory")
    if not force and any(target.iterdir()):
        raise InvalidInput(f"{target} is already there: say --force to put the new province in its place")


def write_province(
    plan: Plan,
    target: Path,
    *,
    force: bool = False,
    on_area: OnArea = unheard,
    on_county: OnCounty = lambda _code, _rows: None,
    statistics: Callable[[], str] | None = None,
) -> dict[str, int]:
    """Write a province to a directory, and its statistics page; returns the rows of each layer.

    `on_county` hears each county's code and rows when they are written; `statistics` gives the text of the
    page when all counties are. Memory is that of one county.

    Raises
    ------
    InvalidInput
        When the target is refused (see `check_target`), or the disk is full.
    """
    check_target(target, force=force)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as beside:
            fresh, old = Path(beside) / "new", Path(beside) / "old"
            fresh.mkdir()
            total = {layer.name: 0 for layer in LAYERS}
            for code, rows in _written(plan, fresh, on_area):
                for layer, number in rows.items():
                    total[layer] += number
                on_county(code, rows)
            if statistics is not None:
                (fresh / STATISTICS).write_text(statistics(), encoding="utf-8")
            for file in fresh.iterdir():
                with file.open("rb") as handle:
                    os.fsync(handle.fileno())
            if target.exists():
                target.rename(old)
            fresh.rename(target)
            shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise InvalidInput(f"{target} cannot be written: {error.strerror}; choose another place") from error
    return total


def _written(plan: Plan, directory: Path, on_area: OnArea) -> Iterator[tuple[str, dict[str, int]]]:
    with ExitStack() as open_files:
        writers = {
            layer.name: open_files.enter_context(_writer(layer, directory / f"{layer.name}.parquet"))
            for layer in LAYERS
        }
        for code, tables in generate(plan, on_area=on_area):
            for layer, table in tables.items():
                if table.num_rows:
                    writers[layer].write_table(table, row_group_size=ROWS_OF_A_GROUP)
            yield code, {layer: table.num_rows for layer, table in tables.items()}


def _writer(layer: Layer, file: Path) -> pq.ParquetWriter:
    # GeoParquet 1.1: a column without "crs" is OGC:CRS84, which is EPSG:4326 in lon/lat order.
    geo = {
        "version": "1.1.0",
        "primary_column": GEOMETRY,
        "columns": {GEOMETRY: {"encoding": "WKB", "geometry_types": [layer.geometry]}},
    }
    columns: pa.Schema = schema(layer)
    return pq.ParquetWriter(
        file,
        columns.with_metadata({"geo": json.dumps(geo)}),
        compression="zstd",
        use_dictionary=[name for name in columns.names if name in _FEW_WORDS],
        write_statistics=[name for name in columns.names if name in ("code", "county_code", "id")],
    )
