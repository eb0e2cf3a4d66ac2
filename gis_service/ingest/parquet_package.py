"""A package as a directory of GeoParquet files that is never in memory as a whole.

A batch at a time is checked, a county at a time loaded.

Memory is bounded by the largest county, and eight bytes for each id while checking. Files whose row groups
hold one county each are read where they lie; others are sorted by county into a temporary directory first.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gis_service.errors import InvalidInput
from gis_service.ingest.faults import Fault, Placed, in_order
from gis_service.ingest.known_ids import KnownIds
from gis_service.ingest.parts import PartReader, column_values
from gis_service.ingest.reading import (
    OnLayer,
    RawLayer,
    RawPackage,
    Unreadable,
    geoparquet_geometry,
    not_parquet,
    strangers,
    unheard,
    why_unreadable,
)
from gis_service.ingest.regrouping import regrouped, worth_regrouping
from gis_service.ingest.spec import BY_NAME, LAYERS, Layer
from gis_service.ingest.taking import Gathered, take_layer
from gis_service.ingest.validate import Rules, StoredIds

_ROWS_AT_ONCE = 1 << 16
_REFERRED = {column.refers_to for layer in LAYERS for column in layer.columns}
_UNREADABLE = (pa.ArrowException, OSError)


@dataclass(frozen=True)
class RowGroup:
    """One row group of a file: its number, its first row, and how many rows of each county it holds."""

    number: int
    first: int
    counties: Mapping[str | None, int]


@dataclass
class LayerFile:
    """The file of one layer, opened."""

    layer: Layer
    file: pq.ParquetFile
    geometry: str | None
    crs: Any
    groups: list[RowGroup] = field(default_factory=list)

    @staticmethod
    def open(layer: Layer, path: Path) -> LayerFile:
        """The file at a path; raises Unreadable where it is none."""
        if path.stat().st_size == 0:
            raise Unreadable("is empty; write it anew")
        try:
            file = pq.ParquetFile(path)
        except PermissionError:
            raise
        except _UNREADABLE as error:
            raise not_parquet(error) from None
        return LayerFile(layer, file, *geoparquet_geometry(file.schema_arrow))

    def header(self) -> RawLayer:
        """The layer without rows: what its columns, types and reference system have to say."""
        empty = self.file.schema_arrow.empty_table()
        if self.geometry is not None:
            empty = empty.drop_columns([self.geometry])
        frame: pd.DataFrame = empty.to_pandas(ignore_metadata=True)
        return RawLayer(frame, None if self.geometry is None else np.empty(0, dtype=object), self.crs)

    @property
    def county(self) -> str:
        """The column that says which county a row belongs to."""
        return "code" if self.layer.name == "county" else "county_code"

    def index(self, known: KnownIds | None = None) -> None:
        """Find which counties the row groups hold, and add the layer's ids to those known."""
        columns = [name for name in {self.layer.key, self.county} if name in self.file.schema_arrow.names]
        first = 0
        self.groups = []
        for number in range(self.file.num_row_groups):
            rows = self.file.read_row_group(number, columns=columns)
            counted = pc.value_counts(self._values(rows, self.county))
            counties = dict(zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True))
            if known is not None:
                known.add(self.layer.name, self._values(rows, self.layer.key))
            self.groups.append(RowGroup(number, first, counties))
            first += self.file.metadata.row_group(number).num_rows

    def _values(self, rows: pa.Table, name: str) -> Any:
        if name not in rows.column_names:
            return pa.nulls(len(rows), pa.large_string())
        return column_values(rows[name], self.layer.column(name)).values

    def regrouped(self, directory: Path) -> LayerFile:
        """The same rows with each county's together, in a file of its own in a directory."""
        target = directory / f"{self.layer.name}.parquet"
        counties = [group.counties for group in self.groups]
        regrouped(self.file, counties, lambda rows: self._values(rows, self.county), target)
        again = LayerFile.open(self.layer, target)
        again.index()
        return again

    def batches(self) -> Iterator[tuple[int, pa.Table]]:
        """All rows in pieces, each with the number of its first row."""
        first = 0
        for batch in self.file.iter_batches(batch_size=_ROWS_AT_ONCE):
            yield first, pa.Table.from_batches([batch])
            first += batch.num_rows

    def of_county(self, county: str) -> pa.Table:
        """The rows of one county, in canonical form."""
        reader = PartReader(self.layer, self.geometry, self.crs)
        tables = [
            reader.part(self.file.schema_arrow.empty_table(), np.empty(0, np.int64), check=False).table()
        ]
        for group in self.groups:
            if county in group.counties:
                rows = self.file.read_row_group(group.number)
                numbers = group.first + np.arange(len(rows))
                table = reader.part(rows, numbers, check=False).table()
                if len(group.counties) > 1:
                    table = table.filter(pc.equal(table[self.county], county))
                tables.append(table)
        return pa.concat_tables(tables)


class ParquetPackage:
    """A package that gives one county at a time; valid where `inspect_parquet` found no fault."""

    def __init__(
        self, counties: Sequence[str], files: Mapping[str, LayerFile], notes: tuple[str, ...]
    ) -> None:
        self.counties = list(counties)
        self.notes = notes
        self.files = dict(files)
        self._in_order = False

    def rows_by_county(self) -> dict[str, int]:
        """How many elements each county has, by code."""
        rows = dict.fromkeys(sorted(self.counties), 0)
        for file in self.files.values():
            if file.layer.name != "county":
                for group in file.groups:
                    for county, count in group.counties.items():
                        if county in rows:
                            rows[county] += count
        return rows

    def county_tables(self, county: str) -> dict[str, pa.Table]:
        """The rows of one county by layer: every declared column in its type, then the geometry as WKB.

        Raises
        ------
        InvalidInput
            When a file has become unreadable since it was checked.
        """
        try:
            self._regroup()
            return {name: self.files[name].of_county(county) for name in BY_NAME}
        except _UNREADABLE as error:
            raise InvalidInput(f"the package cannot be read any more ({error}); write it anew") from error

    def _regroup(self) -> None:
        """Sort files by county in which counties lie scattered, once, before the first county is read."""
        if self._in_order:
            return
        scattered = [
            file
            for file in self.files.values()
            if worth_regrouping([group.counties for group in file.groups])
        ]
        if scattered:
            scratch = tempfile.mkdtemp(prefix="gridgis-counties-")
            weakref.finalize(self, shutil.rmtree, scratch, ignore_errors=True)
            for file in scattered:
                self.files[file.layer.name] = file.regrouped(Path(scratch))
        self._in_order = True


@dataclass(frozen=True)
class ParquetInspection:
    """A package by county, and everything that stands against it; it may be loaded when `faults` is empty."""

    package: ParquetPackage
    faults: list[Fault]


def inspect_parquet(
    directory: Path, *, stored: StoredIds | None = None, on_layer: OnLayer = unheard
) -> ParquetInspection:
    """Check a directory of GeoParquet files, listing every fault as `inspect_package` does.

    `on_layer` is called with the name of each layer before its rows are checked. Reads the ids of all layers
    first, and then every row once; about eight bytes an id stay in memory meanwhile.
    """
    return _Inspecting(directory, stored, on_layer).run()


class _Inspecting:
    def __init__(self, directory: Path, stored: StoredIds | None, on_layer: OnLayer) -> None:
        self._directory = directory
        self._stored = stored
        self._on_layer = on_layer
        self._known = KnownIds()
        self._files: dict[str, LayerFile] = {}
        self._raw = RawPackage(ignored=strangers(directory))

    def run(self) -> ParquetInspection:
        for layer in LAYERS:
            self._open(layer)
        taken: dict[str, Gathered] = {}
        for layer in LAYERS:
            taken[layer.name] = Gathered()
            take_layer(layer, self._raw, taken[layer.name])
        counties = self._counties()
        unread = {one for gathered in taken.values() for one in gathered.reported.columns}
        rules = Rules(self._known, counties, self._stored, unread=unread)
        notes = [f"layer {name} is not of the grid package and is left out" for name in self._raw.ignored]
        faults: list[Fault] = []
        for layer in LAYERS:
            self._on_layer(layer.name)
            found = [_placed(layer, fault) for fault in taken[layer.name].faults]
            if layer.name in self._files:
                found += self._rows(self._files[layer.name], rules, taken[layer.name].notes, notes)
            faults += in_order(found)
        return ParquetInspection(ParquetPackage(counties, self._files, tuple(notes)), faults)

    def _open(self, layer: Layer) -> None:
        path = self._directory / f"{layer.name}.parquet"
        if not path.exists():
            return
        try:
            file = LayerFile.open(layer, path)
            try:
                file.index(self._known)
            except _UNREADABLE as error:
                raise not_parquet(error) from None
        except (PermissionError, Unreadable) as error:
            self._known.forget(layer.name)
            self._raw.unreadable[layer.name] = why_unreadable(path, error)
            return
        if layer.name not in _REFERRED:
            self._known.settle(layer.name)
        self._files[layer.name] = file
        self._raw.layers[layer.name] = file.header()

    def _counties(self) -> list[str]:
        file = self._files.get("county")
        if file is None:
            return []
        return [code for group in file.groups for code in group.counties if code is not None]

    def _rows(self, file: LayerFile, rules: Rules, header: list[str], notes: list[str]) -> list[Placed]:
        reader = PartReader(file.layer, file.geometry, file.crs)
        checking = rules.of(file.layer)
        try:
            for first, batch in file.batches():
                checking.check(reader.part(batch, first + np.arange(len(batch))))
        except _UNREADABLE as error:
            reason, _, mend = f"{file.layer.name}.parquet {not_parquet(error)}".rpartition("; ")
            return [Placed.of_layer(Fault(file.layer.name, None, None, reason, mend))]
        notes += [*dict(sorted(reader.column_notes.items())).values(), *header, *reader.geometry_notes]
        return reader.faults + checking.finish()


def _placed(layer: Layer, fault: Fault) -> Placed:
    """The place of a fault that concerns a whole layer or column."""
    if fault.column is None:
        return Placed.of_layer(fault)
    names = [column.name for column in layer.columns]
    return Placed.by_form(names.index(fault.column) if fault.column in names else len(names), -1, fault)
