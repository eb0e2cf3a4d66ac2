"""Whole numbers as protocol buffers write them: seven bits a byte, signed ones folded; compiled.

Trusts that `out` has room: ten bytes for any number.
"""

from __future__ import annotations

import numpy as np

from compiling import U8, borrowing

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
