"""Sets of small numbers as marked bytes, for compiled code: to put thousands in order costs a store for each.

Bytes and not bits: numbers that come in order would wait for one another at every bit of the same word. Once
all are in, the bytes are brought into bits, of which 64 are looked at together. A little-endian machine is
taken for granted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from compiling import I32, I64, U8, U64, borrowing, compiled

_ONE, _THREE, _SIX = np.uint64(1), np.uint64(3), np.uint64(6)  # unsigned: such an index needs no wrapping
_IN_WORD, _ALL = np.uint64(63), ~np.uint64(0)
_MOST_SPREAD = 32  # bytes that are gone through in the time in which one number is sorted among few others

if TYPE_CHECKING:

    def _lowest(word: int) -> int:
        """Which is the lowest bit that is set in a word that is not 0."""

    def _marked(marks: U8, at: np.uint64) -> np.uint64:
        """Which of the 64 bytes from a place on are not 0, as bits."""

else:

    @intrinsic
    def _lowest(typing_context: Any, word: Any) -> Any:
        """Which is the lowest bit that is set in a word that is not 0."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

        return types.uint64(types.uint64), generate

    @intrinsic
    def _marked(typing_context: Any, marks: Any, at: Any) -> Any:
        """Which of the 64 bytes from a place on are not 0, as bits."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array = cgutils.create_struct_proxy(signature.args[0])(context, builder, value=arguments[0])
            line = ir.VectorType(ir.IntType(8), 64)
            place = builder.bitcast(builder.gep(array.data, [arguments[1]]), line.as_pointer())
            found = builder.icmp_unsigned("!=", builder.load(place, align=1), ir.Constant(line, None))
            return builder.bitcast(found, ir.IntType(64))

        return types.uint64(marks, types.uintp), generate


@compiled
def no_marks(size: int) -> U8:
    """An empty set of numbers below `size`: put one in by setting its byte to 1."""
    return np.zeros((size + 63) & ~63, np.uint8)


@compiled
def in_bits(marks: U8) -> U64:
    """The set as bits, 64 to a word: for `next_mark`."""
    words = np.empty(marks.size >> 6, np.uint64)
    for at in range(np.uint64(words.size)):
        words[at] = _marked(marks, at << _SIX)
    return words


@borrowing
def next_mark(words: U64, number: int) -> int:
    """The smallest member that is not below `number`, or a number beyond all; `words` are the set's bits."""
    here = np.uint64(number)
    at, end = here >> _SIX, np.uint64(words.size)
    if at >= end:
        return number
    word = words[at] & (_ALL << (here & _IN_WORD))
    while word == 0:
        at += _ONE
        if at == end:
            return int(np.int64(end << _SIX))
        word = words[at]
    return int(np.int64((at << _SIX) + _lowest(word)))


@borrowing
def put_marked(eights: U64, into: I64) -> int:
    """Write all members into an array, ascending; how many there are. `eights` views the set."""
    n = 0
    for at in range(np.uint64(eights.size)):
        word = eights[at]
        while word:
            lowest = _lowest(word) >> _THREE
            into[n] = np.int64((at << _THREE) + lowest)
            word ^= _ONE << (lowest << _THREE)
            n += 1
    return n


@compiled
def in_order(numbers: I32) -> I64:
    """Numbers, each of which comes once, ascending.

    Where they lie close together they are marked: to sort two hundred takes six times as long.
    """
    if not numbers.size:
        return np.empty(0, np.int64)
    low, high, rising = numbers[0], numbers[0], True
    for k in range(1, numbers.size):
        rising = rising and numbers[k] > numbers[k - 1]
        low, high = min(low, numbers[k]), max(high, numbers[k])
    if rising:
        return numbers.astype(np.int64)
    spread = int(np.int64(high) - np.int64(low))
    if spread >= _MOST_SPREAD * numbers.size:
        return np.sort(numbers.astype(np.int64))
    marks = no_marks(spread + 1)
    for number in numbers:
        marks[np.int64(number) - np.int64(low)] = 1
    found = np.empty(numbers.size, np.int64)
    put_marked(marks.view(np.uint64), found)
    for k in range(found.size):
        found[k] += low
    return found
