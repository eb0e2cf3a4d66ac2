"""Columns of features: what a caller has, brought to the flat arrays that the compiled writer reads.

Knows NumPy, Arrow and texts as offsets into UTF-8; refuses what is none of these rather than guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from compiling import F64, I64, U8
from layers.addressed import Addressed, addressed_geometry, addressed_numbers, addressed_texts
from layers.geojson_rows import (
    DOUBLE,
    INTEGER,
    LINE,
    MULTILINE,
    MULTIPOLYGON,
    NOWHERE,
    POINT,
    POLYGON,
    TRUTH,
)


def _coords(values: npt.ArrayLike) -> F64:
    return read_only(np.ascontiguousarray(values, dtype=np.float64).reshape(-1, 2))


def _offsets(values: npt.ArrayLike) -> I64:
    return read_only(np.ascontiguousarray(values, dtype=np.int64))


def read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array as one that cannot be written to: compiled code is compiled for that alone."""
    view = array.view()
    view.setflags(write=False)
    return view


_NO_OFFSETS: I64 = _offsets([0])
_NO_COORDS: F64 = _coords([])


@dataclass(frozen=True, eq=False)
class Geometries:
    """Geometry of features as flat arrays; lon/lat.

    `coords` float64 `(m, 2)`; `paths` offsets of lines or rings into `coords`; `polygons` offsets into
    `paths`, and those of multilines, too; `multis` offsets into `polygons`. Of these only what the kind
    needs is given. A geometry without coordinates, or with one that is no number, is written as null.
    """

    kind: int
    length: int
    coords: F64 = field(default_factory=lambda: _NO_COORDS)
    paths: I64 = field(default_factory=lambda: _NO_OFFSETS)
    polygons: I64 = field(default_factory=lambda: _NO_OFFSETS)
    multis: I64 = field(default_factory=lambda: _NO_OFFSETS)

    @staticmethod
    def points(xy: npt.ArrayLike) -> Geometries:
        """Points, `(n, 2)`; NaN for a feature that is nowhere."""
        coords = _coords(xy)
        return Geometries(POINT, len(coords), coords)

    @staticmethod
    def lines(offsets: npt.ArrayLike, coords: npt.ArrayLike) -> Geometries:
        """Line strings; `offsets` `(n + 1,)`."""
        paths = _offsets(offsets)
        return Geometries(LINE, len(paths) - 1, _coords(coords), paths)

    @staticmethod
    def of_multilines(lines: npt.ArrayLike, paths: npt.ArrayLike, coords: npt.ArrayLike) -> Geometries:
        """Multilines as offsets into paths, and paths as offsets into coordinates."""
        found = _offsets(lines)
        return Geometries(MULTILINE, len(found) - 1, _coords(coords), _offsets(paths), found)

    @staticmethod
    def of_polygons(polygons: npt.ArrayLike, rings: npt.ArrayLike, coords: npt.ArrayLike) -> Geometries:
        """Polygons as offsets into rings, and rings as offsets into coordinates; closed rings."""
        found = _offsets(polygons)
        return Geometries(POLYGON, len(found) - 1, _coords(coords), _offsets(rings), found)

    @staticmethod
    def of_multipolygons(
        multis: npt.ArrayLike, polygons: npt.ArrayLike, rings: npt.ArrayLike, coords: npt.ArrayLike
    ) -> Geometries:
        """Multipolygons as offsets into polygons, and so on."""
        found = _offsets(multis)
        return Geometries(
            MULTIPOLYGON, len(found) - 1, _coords(coords), _offsets(rings), _offsets(polygons), found
        )

    @staticmethod
    def nowhere(length: int) -> Geometries:
        """Features without geometry."""
        return Geometries(NOWHERE, length)

    @cached_property
    def addressed(self) -> Addressed:
        """Of points and lines, for compiled code."""
        return addressed_geometry(self.kind, self.coords, self.paths, self.polygons)

    def at(self, coords: npt.ArrayLike) -> Geometries:
        """The same shapes with other coordinates, as many."""
        return replace(self, coords=_coords(coords))

    def coordinates_between(self, first: int, last: int) -> int:
        """How many coordinates, rings and polygons the features from `first` until `last` have."""
        count = 0
        if self.kind == MULTIPOLYGON:
            first, last = int(self.multis[first]), int(self.multis[last])
            count += last - first
        if self.kind in (POLYGON, MULTIPOLYGON, MULTILINE):
            first, last = int(self.polygons[first]), int(self.polygons[last])
            count += last - first
        if self.kind in (LINE, POLYGON, MULTIPOLYGON, MULTILINE):
            first, last = int(self.paths[first]), int(self.paths[last])
        return count + last - first


@dataclass(frozen=True, eq=False)
class TextColumn:
    """Texts as offsets `(w + 1,)` into UTF-8 bytes; row `i` is word `codes[i]`, null where that is negative.

    Without codes, row `i` is word `i`.
    """

    offsets: I64
    data: U8
    codes: npt.NDArray[np.integer[Any]] | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1 if self.codes is None else len(self.codes)

    @cached_property
    def addressed(self) -> Addressed:
        """For compiled code that reads many columns in one call."""
        return addressed_texts(self.offsets, self.data, self.codes)


@dataclass(frozen=True, eq=False)
class NumberColumn:
    """Values as int64 (the bits of doubles; whole numbers; truths), and where they are known."""

    kind: int
    values: I64
    known: U8 | None = None

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def addressed(self) -> Addressed:
        """For compiled code that reads many columns in one call."""
        return addressed_numbers(self.kind, self.values, self.known)


Column = TextColumn | NumberColumn


@dataclass(frozen=True, eq=False)
class Features:
    """Features of one kind as columns: geometry, properties in their order, and ids.

    `id_lead` is written before every id, which is then a text that is never null.

    Raises
    ------
    ValueError
        When the columns differ in length, or ids cannot be led.
    TypeError
        For values that are no texts, numbers or truths.
    """

    geometry: Geometries
    properties: Mapping[str, Column]
    ids: Column | None = None
    id_lead: str = ""

    def __post_init__(self) -> None:
        for name, column in self.properties.items():
            if len(column) != len(self):
                raise ValueError(f"{name} has {len(column)} values for {len(self)} features")
        if self.ids is not None and len(self.ids) != len(self):
            raise ValueError(f"{len(self.ids)} ids for {len(self)} features")
        if self.id_lead and not (isinstance(self.ids, TextColumn) and self.ids.codes is None):
            raise ValueError(f"only ids that are text, none of them null, can follow {self.id_lead!r}")

    def __len__(self) -> int:
        return self.geometry.length

    @staticmethod
    def of(geometry: Geometries, properties: Mapping[str, Any], ids: Any = None) -> Features:
        """Features out of whatever `column_of` takes."""
        columns = {name: column_of(values) for name, values in properties.items()}
        return Features(geometry, columns, None if ids is None else column_of(ids))


def truths(values: npt.NDArray[np.bool_], known: npt.NDArray[np.bool_] | None = None) -> NumberColumn:
    """A column of truths, null where they are not known."""
    told = None if known is None or known.all() else known.view(np.uint8)
    return NumberColumn(TRUTH, values.astype(np.int64), told)


def column_of(values: Any) -> Column:
    """A column out of a NumPy array, an Arrow array or a sequence of values and None.

    Floats that are NaN or infinite are written as null. An object array holds text.

    Raises
    ------
    TypeError
        For any other kind of values.
    """
    if isinstance(values, TextColumn | NumberColumn):
        return values
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return _of_arrow(values)
    if not isinstance(values, np.ndarray):
        return _of_objects(values, None)
    array = values
    if array.dtype.kind == "f":
        return NumberColumn(DOUBLE, np.ascontiguousarray(array, dtype=np.float64).view(np.int64))
    if array.dtype.kind in "iu":
        if array.dtype == np.uint64 and len(array) and array.max() > np.iinfo(np.int64).max:
            raise TypeError("whole numbers beyond 2**63 - 1 have no column; give them as text")
        return NumberColumn(INTEGER, array.astype(np.int64, copy=False))
    if array.dtype.kind == "b":
        return NumberColumn(TRUTH, array.astype(np.int64))
    if array.dtype.kind == "U":
        array = array.astype(object)
    if array.dtype.kind != "O":
        raise TypeError(f"values of type {array.dtype} have no column")
    return _of_objects(array, pa.large_string())


def _of_objects(values: Any, kind: Any) -> Column:
    try:
        return _of_arrow(pa.array(values, type=kind, from_pandas=True))
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise TypeError(f"values that are not all of one kind have no column: {error}") from None


def constant(text: str, length: int) -> TextColumn:
    """A column of one text."""
    data = np.frombuffer(text.encode(), dtype=np.uint8)
    return TextColumn(np.array([0, len(data)]), data, np.zeros(length, dtype=np.int8))


def _of_arrow(values: Any) -> Column:
    if isinstance(values, pa.ChunkedArray):
        if pa.types.is_dictionary(values.type):
            values = values.unify_dictionaries()
        values = values.combine_chunks()
        if isinstance(values, pa.ChunkedArray):
            values = pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)
    kind = values.type
    if pa.types.is_dictionary(kind):
        words = _of_arrow(values.dictionary.cast(pa.large_string()))
        assert isinstance(words, TextColumn)
        codes = values.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
        return TextColumn(words.offsets, words.data, codes)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        values = values.cast(pa.large_string())
        _, offsets, data = values.buffers()
        ends = (
            np.frombuffer(offsets, dtype=np.int64)[values.offset : values.offset + len(values) + 1]
            if len(values)
            else _NO_OFFSETS
        )
        raw = np.frombuffer(data, dtype=np.uint8) if data else np.empty(0, dtype=np.uint8)
        codes = None
        if values.null_count:
            known = values.is_valid().to_numpy(zero_copy_only=False)
            codes = np.where(known, np.arange(len(values)), -1)
        return TextColumn(ends, raw, codes)
    if pa.types.is_floating(kind):
        return column_of(values.fill_null(float("nan")).to_numpy(zero_copy_only=False))
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        known = values.is_valid().to_numpy(zero_copy_only=False).view(np.uint8)
        found = column_of(values.fill_null(False if pa.types.is_boolean(kind) else 0).to_numpy(False))
        assert isinstance(found, NumberColumn)
        return NumberColumn(found.kind, found.values, known if values.null_count else None)
    if pa.types.is_null(kind):
        return NumberColumn(TRUTH, np.zeros(len(values), np.int64), np.zeros(len(values), np.uint8))
    raise TypeError(f"values of the Arrow type {kind} have no column")
