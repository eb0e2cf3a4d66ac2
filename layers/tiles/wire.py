"""Whole numbers as protocol buffers write them: seven bits a byte, signed ones folded; and bytes; compiled.

Trusts that `out` has room: ten bytes for any number.
"""

from __future__ import annotations

import numpy as np

from compiling import U8, borrowing
from compiling.words import little_64, put_little_64

_SEVEN, _LOW, _MORE = np.uint64(7), np.uint64(127), np.uint64(128)
_ONE = np.uint64(1)


@borrowing
def put_varint(out: U8, at: int, value: int) -> int:
    """Write a number that is not negative; the place behind it."""
    left = np.uint64(value)
    while left > _LOW:
        out[at] = np.uint8((left & _LOW) | _MORE)
        left >>= _SEVEN
        at += 1
    out[at] = np.uint8(left)
    return at + 1


@borrowing
def varint_size(value: int) -> int:
    """How many bytes a number takes."""
    left, size = np.uint64(value) >> _SEVEN, 1
    while left:
        left >>= _SEVEN
        size += 1
    return size


@borrowing
def put_signed(out: U8, at: int, value: int) -> int:
    """Write a number of either sign: 0, -1, 1, -2 are told as 0, 1, 2, 3."""
    return put_varint(out, at, (value << 1) ^ (value >> 63))


@borrowing
def put_bytes(out: U8, at: int, source: U8, begin: int, end: int) -> int:
    """Write `source[begin:end]`, eight at a time, the last ones twice; the place behind it."""
    stop = at + end - begin
    if end - begin < 8:
        while begin < end:
            out[at] = source[begin]
            at += 1
            begin += 1
        return stop
    while begin + 8 <= end:
        put_little_64(out, at, np.uint64(little_64(source, begin)))
        at += 8
        begin += 8
    put_little_64(out, stop - 8, np.uint64(little_64(source, end - 8)))
    return stop
