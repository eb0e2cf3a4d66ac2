"""Words of several bytes at any place of a byte array, for compiled readers and writers.

Put together or taken apart byte by byte, a word costs as many steps as it has bytes; this is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from compiling import U8

if TYPE_CHECKING:

    def network_32(source: U8, at: int) -> int:
        """Four bytes in network order from `source[at:]`, signed, unchecked; compiled code only."""

    def network_64(source: U8, at: int) -> int:
        """Eight bytes in network order, unsigned; otherwise the same."""

    def little_32(source: U8, at: int) -> int:
        """Four bytes, the lowest first, unsigned; otherwise the same."""

    def little_64(source: U8, at: int) -> int:
        """Eight bytes, the lowest first, unsigned; otherwise the same."""

    def put_little_64(target: U8, at: int, value: np.uint64) -> None:
        """Write eight bytes, the lowest first; unchecked, compiled code only."""

    def leading_zeros(value: np.uint64) -> int:
        """How many bits above the highest one are zero, 64 of zero; compiled code only."""

else:

    def _word(kind: Any, *, swapped: bool) -> Any:
        @intrinsic
        def word(typing_context: Any, source: Any, at: Any) -> Any:
            signature = kind(source, types.intp)

            def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                array = cgutils.create_struct_proxy(signature.args[0])(context, builder, value=arguments[0])
                place = builder.gep(array.data, [arguments[1]])
                pointer = builder.bitcast(place, ir.IntType(kind.bitwidth).as_pointer())
                loaded = builder.load(pointer, align=1)
                return builder.bswap(loaded) if swapped else loaded

            return signature, generate

        return word

    network_32 = _word(types.int32, swapped=True)
    network_64 = _word(types.uint64, swapped=True)
    little_32 = _word(types.uint32, swapped=False)
    little_64 = _word(types.uint64, swapped=False)

    @intrinsic
    def put_little_64(typing_context: Any, target: Any, at: Any, value: Any) -> Any:
        """Write eight bytes, the lowest first; unchecked."""
        signature = types.void(target, types.intp, types.uint64)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array = cgutils.create_struct_proxy(signature.args[0])(context, builder, value=arguments[0])
            place = builder.gep(array.data, [arguments[1]])
            builder.store(arguments[2], builder.bitcast(place, ir.IntType(64).as_pointer()), align=1)
            return context.get_dummy_value()

        return signature, generate

    @intrinsic
    def leading_zeros(typing_context: Any, value: Any) -> Any:
        """How many bits above the highest one are zero."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 0))

        return types.int64(types.uint64), generate
