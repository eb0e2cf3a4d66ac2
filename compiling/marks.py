"""Sets of small numbers as marked bytes, for compiled code: to put thousands in order costs a store for each.

Bytes and not bits: numbers that come in order would wait for one another at every bit of the same word. Eight
are looked at together; a little-endian machine is taken for granted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from compiling import I64, U8, U64, borrowing, compiled

_ONE, _THREE, _SEVEN = np.uint64(1), np.uint64(3), np.uint64(7)  # unsigned: such an index needs no wrapping

if TYPE_CHECKING:

    def _lowest(word: int) -> int:
        """Which is the lowest bit that is set in a word that is not 0."""

else:

    @intrinsic
    def _lowest(typing_context: Any, word: Any) -> Any:
        """Which is the lowest bit that is set in a word that is not 0."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

        return types.uint64(types.uint64), generate


@compiled
def no_marks(size: int) -> U8:
    """An empty set of numbers below `size`: put one in by setting its byte to 1."""
    return np.zeros((size + 7) & ~7, np.uint8)


@borrowing
def next_mark(eights: U64, number: int) -> int:
    """The smallest member that is not below `number`, or a number beyond all; `eights` views the set."""
    here = np.uint64(number)
    at, end = here >> _THREE, np.uint64(eights.size)
    if at >= end:
        return number
    word = eights[at] & (~np.uint64(0) << ((here & _SEVEN) << _THREE))
    while word == 0:
        at += _ONE
        if at == end:
            return int(np.int64(end << _THREE))
        word = eights[at]
    return int(np.int64((at << _THREE) + (_lowest(word) >> _THREE)))


@borrowing
def put_marked(eights: U64, into: I64) -> int:
    """Write all members into an array, ascending; how many there are."""
    n = 0
    for at in range(np.uint64(eights.size)):
        word = eights[at]
        while word:
            lowest = _lowest(word) >> _THREE
            into[n] = np.int64((at << _THREE) + lowest)
            word ^= _ONE << (lowest << _THREE)
            n += 1
    return n
