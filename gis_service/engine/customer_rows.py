"""Rows of customers as JSON text, compiled: out of the columns as they are kept, no object for any of them.

Trusts that the arrays fit together. Writes as many rows as the buffer has room for, so that a list of any
length passes through a buffer of one size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from compiling import F64, I32, I64, U8, borrowing
from compiling.moving import STRIDE, copy, literal, put
from layers.geojson_numbers import NUMBER_ROOM, write_coordinate, write_double

U32 = npt.NDArray[np.uint32]
Codes = npt.NDArray[np.integer[Any]]

ROW_ROOM = 384
"""Bytes of a row without its texts, at most: names, words, numbers, and what a moving copy overshoots."""

LONGEST_WORD = 80
"""Bytes of a word, with what stands around it, that `ROW_ROOM` has a place for."""

_ESCAPED = 6  # bytes of a character written as a number
_DECIMALS = 1e7


def _escapes() -> U8:
    """For each byte: 0 as it is, `u` as a number, or the letter after the backslash (RFC 8259, section 7)."""
    table = np.zeros(256, np.uint8)
    table[:32] = ord("u")
    for byte, letter in {8: "b", 9: "t", 10: "n", 12: "f", 13: "r", 34: '"', 92: "\\"}.items():
        table[byte] = ord(letter)
    return table


_ESCAPES = _escapes()
_HEXADECIMAL = np.frombuffer(b"0123456789abcdef", np.uint8)
_ID = literal('{"id":"')
_QUOTE = literal('"')
_QUOTED_NODE = literal('","node_id":"')
_NULL_NODE = literal('null,"node_id":"')
_POINT = literal(',"point":[')
_NOWHERE = literal(',"point":null},')
_END = literal("]},")

CLASS_BETWEEN = ('","customer_class":', ',"critical_grade":')
"""What a word of the class column is to have before and behind it."""

GRADE_BETWEEN = ("", ',"contracted_kva":')
"""The same for the grade."""


@borrowing
def _text(out: U8, at: int, source: U8, start: int, stop: int, plain: bool) -> int:
    if plain:
        return copy(out, at, source, start, stop)
    for place in range(start, stop):
        byte = source[place]
        letter = _ESCAPES[byte]
        if letter == 0:
            out[at] = byte
            at += 1
            continue
        out[at] = np.uint8(92)
        out[at + 1] = letter
        at += 2
        if letter == 117:
            out[at] = np.uint8(48)
            out[at + 1] = np.uint8(48)
            out[at + 2] = _HEXADECIMAL[byte >> 4]
            out[at + 3] = _HEXADECIMAL[byte & 15]
            at += 4
    return at


@borrowing
def _coordinate(out: U8, at: int, value: float) -> int:
    """All digits of it; few have more than seven, which are written faster."""
    if np.rint(value * _DECIMALS) / _DECIMALS == value:
        return write_coordinate(out, at, value)
    return write_double(out, at, np.float64(value).view(np.int64))


@borrowing
def is_plain(data: U8) -> bool:
    """Whether no byte of a text needs an escape."""
    found = False
    for byte in data:
        found |= (byte < np.uint8(32)) | (byte == np.uint8(34)) | (byte == np.uint8(92))
    return not found


@borrowing
def write_rows(
    out: U8,
    at: int,
    place: int,
    stop: int,
    rows: I64,
    plain: bool,
    county: U8,
    first: int,
    id_offsets: U32,
    id_data: U8,
    node_offsets: U32,
    node_data: U8,
    class_codes: Codes,
    class_ends: I64,
    class_words: U8,
    grade_codes: Codes,
    grade_ends: I64,
    grade_words: U8,
    kva: F64,
    xy: F64,
    district: I32,
    district_base: int,
    districts: I64,
    district_offsets: U32,
    district_data: U8,
    ends: I64,
) -> tuple[int, int]:
    """What `customer_columns.write_customers` says, of columns that stand by themselves."""
    last = np.int64(-2)
    belongs, belongs_stop = 0, 0  # where the last row says to what it belongs
    while place < stop:
        row = rows[place] - first
        id_start, id_stop = int(np.int64(id_offsets[row])), int(np.int64(id_offsets[row + 1]))
        node_start, node_stop = int(np.int64(node_offsets[row])), int(np.int64(node_offsets[row + 1]))
        of = np.int64(district[row])
        text_start, text_stop = 0, 0
        if of >= 0:
            word = of - district_base
            if districts.size:
                low, high = 0, districts.size
                while low < high:
                    middle = (low + high) // 2
                    if districts[middle] < of:
                        low = middle + 1
                    else:
                        high = middle
                word = np.int64(low)
            text_start = int(np.int64(district_offsets[word]))
            text_stop = int(np.int64(district_offsets[word + 1]))
        texts = id_stop - id_start + node_stop - node_start + text_stop - text_start
        if out.size - at < ROW_ROOM + county.size + _ESCAPED * texts:
            break
        at = put(out, at, _ID)
        at = _text(out, at, id_data, id_start, id_stop, plain)
        if of == last:  # neighbours often hang on one transformer
            begin = at
            at = copy(out, at, out, belongs, belongs_stop)
            belongs, belongs_stop = begin, at
        else:
            belongs = at
            at = put(out, at, county)
            if of >= 0:
                at = put(out, at, _QUOTE)
                at = _text(out, at, district_data, text_start, text_stop, plain)
                at = put(out, at, _QUOTED_NODE)
            else:
                at = put(out, at, _NULL_NODE)
            belongs_stop = at
            last = of
        at = _text(out, at, node_data, node_start, node_stop, plain)
        word = np.int64(class_codes[row])
        at = copy(out, at, class_words, class_ends[word], class_ends[word + 1])
        word = np.int64(grade_codes[row])
        at = copy(out, at, grade_words, grade_ends[word], grade_ends[word + 1])
        at = write_double(out, at, np.float64(kva[row]).view(np.int64))
        x, y = xy[row, 0], xy[row, 1]
        if np.isnan(x):
            at = put(out, at, _NOWHERE)
        else:
            at = put(out, at, _POINT)
            at = _coordinate(out, at, x)
            out[at] = np.uint8(44)
            at = _coordinate(out, at + 1, y)
            at = put(out, at, _END)
        if ends.size:
            ends[place] = at
        place += 1
    return place, at


assert 3 * NUMBER_ROOM + 2 * LONGEST_WORD + 8 * STRIDE < ROW_ROOM
