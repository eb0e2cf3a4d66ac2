"""Text columns, and what every one of them answers like: an object array of `str`.

`Text` is that likeness. `Texts` keeps UTF-8 bytes and offsets and makes strings only of the rows asked for,
so that a province of ids costs its bytes. No column can be changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, Protocol, SupportsIndex, TypeAlias, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gis_service.kernels.compiled import B1, I64, U8
from gis_service.kernels.texts import U32, equal_to, gather

Strings = npt.NDArray[np.object_]
Rows: TypeAlias = npt.NDArray[np.integer[Any]] | npt.NDArray[np.bool_] | Sequence[int] | slice

_FEW = 64
"""Up to so many rows, slicing strings is quicker than handing them to Arrow."""


class Text(Protocol):
    """A column of text: an object array of `str`, or anything below that behaves like one."""

    @property
    def size(self) -> int: ...

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Any]: ...

    @overload
    def __getitem__(self, key: SupportsIndex, /) -> Any: ...

    @overload
    def __getitem__(self, key: Rows, /) -> Strings: ...

    def __eq__(self, other: object, /) -> Any: ...

    def __ne__(self, other: object, /) -> Any: ...

    def __array__(self) -> npt.NDArray[Any]: ...

    def tolist(self) -> Any: ...


class Column:
    """What all columns without strings of their own share; the rest says where the strings come from."""

    size: int
    __hash__ = None  # type: ignore[assignment]  # compared row by row, as arrays are

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[str]:
        return iter(self.tolist())

    def __ne__(self, other: object, /) -> Any:
        return ~np.asarray(self == other)

    def __eq__(self, other: object, /) -> Any:
        if isinstance(other, str):
            return self._equal_to(other)
        return self._all() == np.asarray(other)

    @overload
    def __getitem__(self, key: SupportsIndex, /) -> Any: ...

    @overload
    def __getitem__(self, key: Rows, /) -> Strings: ...

    def __getitem__(self, key: Any, /) -> Any:
        if isinstance(key, int | np.integer):
            row = int(key) + self.size if key < 0 else int(key)
            if not 0 <= row < self.size:
                raise IndexError(f"row {key} of a column of {self.size} rows")
            return self._one(row)
        return self._some(as_rows(key, self.size))

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if copy is False:
            raise ValueError("these strings are made when they are asked for: there is nothing to share")
        return self._all() if dtype is None else self._all().astype(dtype)

    def tolist(self) -> list[str]:
        """All rows as strings."""
        strings: list[str] = self._all().tolist()
        return strings

    def _one(self, row: int) -> str:
        raise NotImplementedError

    def _some(self, rows: I64) -> Strings:
        raise NotImplementedError

    def _all(self) -> Strings:
        return self._some(np.arange(self.size))

    def _equal_to(self, word: str) -> B1:
        raise NotImplementedError


class Texts(Column):
    """A column of bytes.

    Parameters
    ----------
    offsets
        uint32 `(n + 1,)` into `data`, rising from 0; a column holds less than 4 GiB.
    data
        uint8, UTF-8.
    """

    def __init__(self, offsets: U32, data: U8) -> None:
        self.offsets = frozen(offsets, np.uint32)
        self.data = frozen(data, np.uint8)
        self.size = int(self.offsets.size) - 1

    @classmethod
    def of(cls, strings: Any) -> Texts:
        """The column of a list, an object array, an Arrow array of text, or any other column.

        Raises
        ------
        ValueError
            For more than 4 GiB of text.
        """
        if isinstance(strings, Texts):
            return strings
        if isinstance(strings, pa.ChunkedArray):
            strings = strings.combine_chunks()
        if isinstance(strings, pa.Array):
            return _of_arrow(strings)
        return _of_bytes([encoded(text) for text in strings])

    def _one(self, row: int) -> str:
        return decoded(self.raw(row))

    def raw(self, row: int) -> bytes:
        """The bytes of a row, which must exist."""
        offsets, data = self._views
        return bytes(data[offsets[row] : offsets[row + 1]])

    @cached_property
    def _views(self) -> tuple[memoryview, memoryview]:
        """The two arrays as what gives plain numbers and bytes: a third of the time, for a single row."""
        return self.offsets.data, self.data.data

    def take(self, rows: I64) -> Texts:
        """The column of some rows, in their order."""
        return Texts(*self._gathered(rows))

    def _gathered(self, rows: I64) -> tuple[U32, U8]:
        offsets, data = gather(self.offsets, self.data, rows)
        if not offsets.size:
            raise IndexError(f"a row is outside of a column of {self.size} rows")
        return offsets, data

    def _some(self, rows: I64) -> Strings:
        return _strings(*self._gathered(rows))

    def _all(self) -> Strings:
        return _strings(self.offsets, self.data)

    def _equal_to(self, word: str) -> B1:
        return equal_to(self.offsets, self.data, np.frombuffer(encoded(word), np.uint8))


def as_rows(key: Any, size: int) -> I64:
    """Row numbers of a slice, a mask or numbers; negative ones as they are.

    Raises
    ------
    IndexError
        For a mask of another length, or a key that is neither.
    """
    if isinstance(key, slice):
        return np.arange(*key.indices(size))
    rows = np.asarray(key)
    if rows.dtype.kind == "b":
        if rows.shape != (size,):
            raise IndexError(f"a mask of {rows.size} rows for a column of {size} rows")
        return np.flatnonzero(rows)
    if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
        raise IndexError(f"rows are integers or a mask, not {rows.dtype} of {rows.ndim} dimensions")
    return rows.astype(np.int64, copy=False)


def frozen(array: npt.NDArray[Any], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """The array itself where it cannot be written to, else a read-only view; contiguous, of that type."""
    view = np.ascontiguousarray(array, dtype).view()
    view.setflags(write=False)
    return view


def encoded(text: str) -> bytes:
    """The bytes that a text is kept as; half of a surrogate pair, which JSON can hold, is kept as well."""
    return str(text).encode("utf-8", "surrogatepass")


def decoded(data: bytes) -> str:
    """The text of kept bytes."""
    return data.decode("utf-8", "surrogatepass")


def _of_bytes(pieces: Sequence[bytes]) -> Texts:
    offsets = np.zeros(len(pieces) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, pieces), np.int64, len(pieces)), out=offsets[1:])
    return _checked(offsets, np.frombuffer(b"".join(pieces), np.uint8))


def _of_arrow(strings: Any) -> Texts:
    if pa.types.is_dictionary(strings.type):
        strings = strings.dictionary_decode()
    if strings.null_count:
        strings = strings.fill_null("")
    wide = pa.types.is_large_string(strings.type)
    if not (wide or pa.types.is_string(strings.type)):
        raise ValueError(f"an Arrow array of text is wanted, not of {strings.type}")
    _, at, data = strings.buffers()
    if not len(strings):
        return Texts(np.zeros(1, np.uint32), np.empty(0, np.uint8))
    start = strings.offset
    offsets = np.frombuffer(at, np.int64 if wide else np.int32)[start : start + len(strings) + 1]
    first, last = int(offsets[0]), int(offsets[-1])
    held = np.empty(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)[first:last]
    return _checked(offsets.astype(np.int64) - first, held)


def _checked(offsets: I64, data: U8) -> Texts:
    if int(offsets[-1]) > np.iinfo(np.uint32).max:
        raise ValueError(
            f"a column of text holds 4 GiB at most, not {int(offsets[-1])} bytes: cut it in parts"
        )
    return Texts(offsets.astype(np.uint32), data)


def _strings(offsets: U32, data: U8) -> Strings:
    n = offsets.size - 1
    raw = data.tobytes() if n <= _FEW else b""
    if n <= _FEW:
        at = offsets.tolist()
        made = np.empty(n, np.object_)
        if raw.isascii():
            text = raw.decode("ascii")
            made[:] = [text[a:b] for a, b in pairwise(at)]
        else:
            made[:] = [decoded(raw[a:b]) for a, b in pairwise(at)]
        return made
    wide = np.ascontiguousarray(offsets, np.int64)
    held = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), n, [None, pa.py_buffer(wide), pa.py_buffer(data)]
    )
    try:
        strings: Strings = held.view(pa.large_string()).to_numpy(zero_copy_only=False)
    except UnicodeDecodeError:  # half of a surrogate pair, which Arrow does not know
        strings = np.empty(n, np.object_)
        strings[:] = [decoded(piece) for piece in held.to_pylist()]
    return strings
