"""Words of several bytes out of a byte array at any place, for compiled readers of binary formats.

Put together byte by byte, a word costs as many loads and tests as it has bytes; this is one load.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from compiling import U8

if TYPE_CHECKING:

    def network_32(source: U8, at: int) -> int:
        """The signed number of four bytes in network order from `source[at:]`, unchecked; compiled code only."""

    def network_64(source: U8, at: int) -> int:
        """The unsigned number of eight bytes in network order, otherwise the same."""

    def little_32(source: U8, at: int) -> int:
        """The unsigned number of four bytes, the lowest first, otherwise the same."""

    def little_64(source: U8, at: int) -> int:
        """The unsigned number of eight bytes, the lowest first, otherwise the same."""

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
