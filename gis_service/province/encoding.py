"""Whole columns as Arrow arrays: identifiers put together from numbers, words, geometries as WKB.

Bytes are laid out in NumPy and handed over as buffers; no Python object is made for a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gis_service.province.plane import Floats, Ints

Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]
Whole = npt.NDArray[np.integer[Any]]

AREA_DIGITS, NUMBER_DIGITS = 4, 5


class Ids:
    """Identifiers `CODE-lAAAA-NNNNN`: county code, a letter for the layer, area, number in the area.

    All are of one length, so that sorting them as text sorts them by county, area and number.
    """

    def __init__(self, codes: Sequence[str]) -> None:
        self._codes = np.array([list(code.encode("ascii")) for code in codes], np.uint8)
        self._width = self._codes.shape[1]

    def array(
        self, county: Whole, letter: str, area: Whole, number: Whole, *, where: Bools | None = None
    ) -> pa.Array:
        """Identifiers as a string array; null where `where` is False."""
        chars = self.chars(county, letter, area, number)
        return fixed_texts(chars) if where is None else _some_texts(chars, where)

    def chars(self, county: Whole, letter: str, area: Whole, number: Whole) -> Bytes:
        """Identifiers as characters, uint8 `(n, length)`."""
        width, n = self._width, len(number)
        out = np.empty((n, width + 3 + AREA_DIGITS + NUMBER_DIGITS), np.uint8)
        out[:, :width] = self._codes[county]
        out[:, width] = ord("-")
        out[:, width + 1] = ord(letter)
        _digits(out, width + 2, area, AREA_DIGITS)
        out[:, width + 2 + AREA_DIGITS] = ord("-")
        _digits(out, width + 3 + AREA_DIGITS, number, NUMBER_DIGITS)
        return out


def _digits(out: Bytes, at: int, number: Whole, digits: int) -> None:
    left = np.asarray(number, np.int32)
    for place in range(at + digits - 1, at - 1, -1):
        left, digit = np.divmod(left, 10)
        out[:, place] = 48 + digit


def fixed_texts(chars: Bytes) -> pa.Array:
    """Texts of one length, uint8 `(n, length)`, as a string array."""
    n, length = chars.shape
    offsets = np.arange(n + 1, dtype=np.int32) * np.int32(length)
    return pa.StringArray.from_buffers(n, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(chars)))


def _some_texts(chars: Bytes, where: Bools) -> pa.Array:
    n, length = chars.shape
    offsets = np.zeros(n + 1, np.int32)
    np.cumsum(where * np.int32(length), out=offsets[1:], dtype=np.int32)
    valid = np.packbits(where, bitorder="little")
    data = np.ascontiguousarray(chars[where])
    return pa.StringArray.from_buffers(n, pa.py_buffer(offsets), pa.py_buffer(data), pa.py_buffer(valid))


def words(codes: Whole, known: Sequence[str | None]) -> pa.Array:
    """The word of each code as a string array."""
    return pa.array(list(known), pa.string()).take(pa.array(np.asarray(codes, np.int32)))


def one_word(word: str | None, number: int) -> pa.Array:
    """The same word, or null, `number` times."""
    return pa.repeat(pa.scalar(word, pa.string()), number)


def numbers(values: npt.NDArray[Any], *, where: Bools | None = None) -> pa.Array:
    """Numbers or truth values; null where `where` is False."""
    return pa.array(values, mask=None if where is None else ~where)


def points(xy: Floats) -> pa.Array:
    """Points `(n, 2)` as WKB."""
    out = np.zeros((len(xy), 21), np.uint8)
    out[:, 0], out[:, 1] = 1, 1
    out[:, 5:] = np.ascontiguousarray(xy, "<f8").view(np.uint8).reshape(len(xy), 16)
    offsets = np.arange(len(xy) + 1, dtype=np.int32) * np.int32(21)
    return pa.BinaryArray.from_buffers(pa.binary(), len(xy), [None, pa.py_buffer(offsets), pa.py_buffer(out)])


def polygons(rings: Floats) -> pa.Array:
    """Polygons of one closed ring of k points each, `(n, k, 2)`, as WKB."""
    n, k, _ = rings.shape
    head = np.frombuffer(b"\x01" + b"".join(v.to_bytes(4, "little") for v in (3, 1, k)), np.uint8)
    out = np.empty((n, head.size + 16 * k), np.uint8)
    out[:, : head.size] = head
    out[:, head.size :] = np.ascontiguousarray(rings, "<f8").view(np.uint8).reshape(n, 16 * k)
    offsets = np.arange(n + 1, dtype=np.int32) * np.int32(out.shape[1])
    return pa.BinaryArray.from_buffers(pa.binary(), n, [None, pa.py_buffer(offsets), pa.py_buffer(out)])


def lines(coords: Floats, offsets: Ints) -> pa.Array:
    """Lines in flat coordinates as WKB."""
    count = np.diff(offsets)
    starts = np.concatenate([[0], np.cumsum(9 + 16 * count)])
    out = np.zeros(int(starts[-1]), np.uint8)
    heads = np.zeros((count.size, 9), np.uint8)
    heads[:, 0], heads[:, 1] = 1, 2
    heads[:, 5:] = count.astype("<u4").view(np.uint8).reshape(-1, 4)
    at = starts[:-1, None] + np.arange(9)
    is_head = np.zeros(out.size, np.bool_)
    is_head[at.ravel()] = True
    out[at.ravel()] = heads.ravel()
    out[~is_head] = np.ascontiguousarray(coords, "<f8").view(np.uint8).ravel()
    return pa.BinaryArray.from_buffers(
        pa.binary(), count.size, [None, pa.py_buffer(starts.astype(np.int32)), pa.py_buffer(out)]
    )
