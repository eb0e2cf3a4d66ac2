"""Many bytes at a time from array to array, for compiled writers that copy many short pieces of text.

A loop over the bytes of pieces of ten to forty costs about a nanosecond a byte; this costs one for sixteen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from compiling import U8, borrowing

STRIDE = 16
"""Bytes moved at once: how far beyond its end a piece may be read, and the target be written."""

if TYPE_CHECKING:

    def move(target: U8, at: int, source: U8, start: int) -> None:
        """Copy 16 bytes from `source[start:]` to `target[at:]`, unchecked.

        Both must reach that far; compiled code only.
        """

    def move_eight(target: U8, at: int, source: U8, start: int) -> None:
        """The same with 8 bytes."""

    def move_four(target: U8, at: int, source: U8, start: int) -> None:
        """The same with 4 bytes."""

else:

    def _mover(width: int) -> Any:
        @intrinsic
        def move(typing_context: Any, target: Any, at: Any, source: Any, start: Any) -> Any:
            signature = types.void(target, types.intp, source, types.intp)
            block = ir.VectorType(ir.IntType(8), width)

            def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                def place(array: int, offset: int) -> Any:
                    data = cgutils.create_struct_proxy(signature.args[array])(
                        context, builder, value=arguments[array]
                    ).data
                    return builder.bitcast(builder.gep(data, [arguments[offset]]), block.as_pointer())

                loaded = builder.load(place(2, 3), align=1)
                builder.store(loaded, place(0, 1), align=1)
                return context.get_dummy_value()

            return signature, generate

        return move

    move, move_eight, move_four = _mover(STRIDE), _mover(8), _mover(4)


def literal(text: str) -> U8:
    """A text to `put`, with as many bytes behind it as may be read beyond its end."""
    return np.frombuffer(text.encode() + bytes(STRIDE), np.uint8)


@borrowing
def copy(out: U8, at: int, source: U8, start: int, stop: int) -> int:
    """Copy `source[start:stop]` to `out[at:]`; the place behind it. `out` must reach `STRIDE` further."""
    done = at + stop - start
    while start + STRIDE <= source.size and start < stop:
        move(out, at, source, start)
        start += STRIDE
        at += STRIDE
    for place in range(start, stop):
        out[at] = source[place]
        at += 1
    return done


@borrowing
def copy_exactly(out: U8, at: int, source: U8, start: int, stop: int) -> None:
    """Copy `source[start:stop]` to `out[at:]` and touch nothing beyond, in neither; both must hold it.

    The last bytes of a piece are moved together with some before them, once more.
    """
    size = stop - start
    if size >= STRIDE:
        done = 0
        while done + STRIDE < size:
            move(out, at + done, source, start + done)
            done += STRIDE
        move(out, at + size - STRIDE, source, stop - STRIDE)
    elif size >= 8:
        move_eight(out, at, source, start)
        move_eight(out, at + size - 8, source, stop - 8)
    elif size >= 4:
        move_four(out, at, source, start)
        move_four(out, at + size - 4, source, stop - 4)
    else:
        for k in range(size):
            out[at + k] = source[start + k]


@borrowing
def put(out: U8, at: int, text: U8) -> int:
    """Copy what `literal` made; the place behind it."""
    return copy(out, at, text, 0, text.size - STRIDE)
