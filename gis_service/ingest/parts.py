"""Rows of one layer in Arrow columns of the declared types: what the rules check and the store copies.

Knows how the columns of a file become canonical, whole columns at a time; a value in a form that Arrow does
not give at once goes through `columns`, a geometry that is not plain through shapely. Refuses to know files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from gis_service.ingest.columns import as_objects, coerce, empty_means_null
from gis_service.ingest.faults import Fault, Placed
from gis_service.ingest.geometry_rules import geometry_faults
from gis_service.ingest.placing import UNDECLARED, declared_kind, flat, to_lonlat
from gis_service.ingest.reading import parsed
from gis_service.ingest.spec import GEOMETRY, Column, Layer
from gis_service.ingest.wkb import LINE, POINT, large_binary, plain_rows

ARROW_TYPES = {"text": pa.large_string(), "float": pa.float64(), "int": pa.int64(), "bool": pa.bool_()}

Rows = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]

WANTED = {"text": "text", "float": "a number", "int": "a whole number", "bool": "true or false"}
_PLAIN = {"Point": POINT, "LineString": LINE}
_INTEGERS = (pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32())


@dataclass
class Part:
    """Some rows of a layer.

    `columns` has every declared column in its Arrow type; `numbers` says which rows of the layer these are.
    `told` marks the rows, by column, whose value a reader has already found fault with; `shapes` holds the
    geometry where it is at hand as objects, and `geometry` where it is WKB.
    """

    layer: Layer
    columns: dict[str, Any]
    numbers: Numbers
    told: dict[str, Rows] = field(default_factory=dict)
    shapes: npt.NDArray[np.object_] | None = None
    geometry: Any = None

    def __len__(self) -> int:
        return len(self.numbers)

    def fault(self, row: int, column: str, reason: str, mend: str) -> Fault:
        """A fault of one row, which its key names, or its number where it has none."""
        key = self.columns[self.layer.key][row].as_py()
        if key is None:
            reason = f"row {self.numbers[row] + 1}: {reason}"
        return Fault(self.layer.name, key, column, reason, mend)

    def table(self) -> pa.Table:
        """The declared columns, then the geometry as WKB."""
        return pa.table({**self.columns, GEOMETRY: self.geometry})


def part_of_frame(layer: Layer, frame: gpd.GeoDataFrame, told: dict[str, Rows] | None = None) -> Part:
    """A part out of a canonical frame."""
    columns = {column.name: _of_series(frame[column.name], column) for column in layer.columns}
    shapes = frame.geometry.to_numpy() if len(frame) else np.empty(0, dtype=object)
    return Part(layer, columns, np.arange(len(frame)), told or {}, shapes)


def wkb_of(shapes: npt.NDArray[np.object_]) -> Any:
    """Shapes as flat little-endian WKB, `large_binary`."""
    wkb = np.asarray(shapely.to_wkb(shapes, output_dimension=2, byte_order=1), dtype=object)
    return pa.array(wkb, type=pa.large_binary(), from_pandas=True)


@dataclass
class PartReader:
    """Batches of one layer's file, turned into parts one after another.

    Parameters
    ----------
    geometry
        The name of the geometry column; None where there is none, or none that can be understood.
    crs
        As the file declares it, anything pyproj understands.
    """

    layer: Layer
    geometry: str | None
    crs: Any
    faults: list[Placed] = field(default_factory=list)
    column_notes: dict[int, str] = field(default_factory=dict)
    geometry_notes: list[str] = field(default_factory=list)

    def part(self, batch: pa.Table, numbers: Numbers, *, check: bool = True) -> Part:
        """The rows of a batch; where `check` asks for it, what stands against them is added to `faults`."""
        part = Part(self.layer, {}, numbers)
        wrong: list[tuple[int, Column, Rows]] = []
        for place, column in enumerate(self.layer.columns):
            if column.name not in batch.column_names:
                part.columns[column.name] = pa.nulls(len(batch), ARROW_TYPES[column.type])
                continue
            taken = column_values(batch[column.name], column)
            part.columns[column.name] = taken.values
            if taken.note:
                self.column_notes[place] = f"{self.layer.name}: {taken.note}"
            if taken.wrong is not None and taken.wrong.any():
                wrong.append((place, column, taken.wrong))
        if check:
            for place, column, rows in wrong:
                self._tell_wrong(part, place, column, rows, batch)
        part.geometry = self._geometry(part, batch, check=check)
        return part

    def _tell_wrong(self, part: Part, place: int, column: Column, rows: Rows, batch: pa.Table) -> None:
        part.told[column.name] = rows
        given = _series(batch[column.name])
        for row in np.flatnonzero(rows).tolist():
            reason = f"{column.name} {_plain(given.iloc[row])!r} is not {WANTED[column.type]}"
            fault = _form_fault(part, batch, row, column.name, reason, "correct the value")
            self.faults.append(Placed.by_form(place, int(part.numbers[row]), fault))

    def _geometry(self, part: Part, batch: pa.Table, *, check: bool) -> Any:
        if self.geometry is None:
            return pa.nulls(len(part), pa.large_binary())
        given = large_binary(batch[self.geometry])
        kind = _PLAIN.get(self.layer.geometry)
        known = to_lonlat(self.layer, self.crs)
        plain = np.zeros(len(part), dtype=np.bool_)
        if known is not None and known.as_it_is and kind is not None:
            plain = plain_rows(given, kind)
            if plain.all():
                return given
        rows = np.flatnonzero(~plain)
        encoded = np.asarray(given.take(pa.array(rows)).to_pandas(), dtype=object)
        shapes, broken = parsed(shapely.from_wkb, encoded)
        told = np.zeros(len(rows), dtype=np.bool_)
        told[list(broken)] = True
        if check:
            for at, why in broken.items():
                reason = f"the geometry cannot be read ({why})"
                fault = _form_fault(part, batch, int(rows[at]), GEOMETRY, reason, "write it anew")
                number = int(part.numbers[rows[at]])
                self.faults.append(Placed.by_form(len(self.layer.columns), number, fault))
        shapes, note = flat(self.layer, shapes)
        self._note(note)
        if len(shapes) and not shapely.is_missing(shapes).all():
            if known is None:
                self._tell_undeclared()
            else:
                shapes = known.moved(shapes)
                self._note(known.note)
        shapes = declared_kind(self.layer, shapes)
        if check and known is not None:
            for at, reason, mend in geometry_faults(self.layer, shapes, skip=told):
                row = int(rows[at])
                fault = part.fault(row, GEOMETRY, reason, mend)
                self.faults.append(Placed.by_rule(int(part.numbers[row]), len(self.layer.columns), fault))
        if len(rows) == len(part):
            return wkb_of(shapes)
        return pc.replace_with_mask(given, pa.array(~plain), wkb_of(shapes))

    def _tell_undeclared(self) -> None:
        fault = Fault(self.layer.name, None, GEOMETRY, *UNDECLARED)
        if all(placed.fault != fault for placed in self.faults):
            self.faults.append(Placed.by_form(len(self.layer.columns) + 1, 0, fault))

    def _note(self, note: str | None) -> None:
        if note and note not in self.geometry_notes:
            self.geometry_notes.append(note)


class Taken(NamedTuple):
    """A column in its declared Arrow type; `wrong` marks values that could not be taken (they are null)."""

    values: Any
    wrong: Rows | None
    note: str | None


def column_values(given: Any, column: Column) -> Taken:
    """A column of a file in its declared type; what may be taken is said in `columns.coerce`."""
    values = _at_once(given, column)
    if values is not None:
        return Taken(values, None, None)
    coerced = coerce(_series(given), column)
    return Taken(_of_series(coerced.values, column), coerced.wrong, coerced.note)


def _at_once(given: Any, column: Column) -> Any:
    """The values where Arrow can give them at once, None where they need a look one by one."""
    kind = given.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    wanted = ARROW_TYPES[column.type]
    if pa.types.is_null(kind):
        return pa.nulls(len(given), wanted)
    if column.type == "text":
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            return None
        values = _one_array(given.cast(wanted))
        return _without_empty(values) if empty_means_null(column) else values
    if column.type == "bool" and kind != wanted:
        return None
    if column.type == "int" and kind not in _INTEGERS:
        return None
    if column.type == "float":
        if not (pa.types.is_floating(kind) or kind in _INTEGERS):
            return None
        values = _one_array(given.cast(wanted, safe=False))
        nothing = pc.is_nan(values)
        return pc.if_else(nothing, None, values) if pc.any(nothing).as_py() else values
    return _one_array(given.cast(wanted))


def _without_empty(values: Any) -> Any:
    empty = pc.equal(pc.binary_length(values), 0)
    return pc.if_else(empty, None, values) if pc.any(empty).as_py() else values


def _one_array(values: Any) -> Any:
    if not isinstance(values, pa.ChunkedArray):
        return values
    if values.num_chunks == 1:
        return values.chunk(0)
    return pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)


def _of_series(values: pd.Series[Any], column: Column) -> Any:
    if column.type == "float":
        return pa.array(values.to_numpy(dtype=np.float64), from_pandas=True)
    return pa.array(as_objects(values), type=ARROW_TYPES[column.type], from_pandas=True)


def _series(given: Any) -> pd.Series[Any]:
    # Objects for integers with nulls: as floats they would lose digits beyond 2**53.
    frame = pa.table({"values": given}).to_pandas(integer_object_nulls=True, ignore_metadata=True)
    series: pd.Series[Any] = frame["values"]
    return series


def _form_fault(part: Part, batch: pa.Table, row: int, column: str, reason: str, mend: str) -> Fault:
    """A fault in the form of a value; the key is named as the file has it, whatever its type."""
    layer = part.layer
    key = batch[layer.key][row].as_py() if layer.key in batch.column_names else None
    if key is None or column == layer.key:
        return Fault(layer.name, None, column, f"row {part.numbers[row] + 1}: {reason}", mend)
    return Fault(layer.name, str(key), column, reason, mend)


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value
