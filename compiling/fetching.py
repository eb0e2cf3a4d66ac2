"""Memory asked for ahead of its use, for compiled searches that know where they will read a little later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

if TYPE_CHECKING:

    def fetch(source: Any, at: int | np.uint64) -> None:
        """Begin to bring `source[at]` into the cache; changes nothing, and a place outside does no harm.

        Compiled code only.
        """

else:

    @intrinsic
    def fetch(typing_context: Any, source: Any, at: Any) -> Any:
        """Begin to bring `source[at]` into the cache."""
        signature = types.void(source, types.intp)
        flag = ir.IntType(32)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array = cgutils.create_struct_proxy(signature.args[0])(context, builder, value=arguments[0])
            pointer = ir.IntType(8).as_pointer()
            kind = ir.FunctionType(ir.VoidType(), [pointer, flag, flag, flag])
            asked = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
            place = builder.bitcast(builder.gep(array.data, [arguments[1]]), pointer)
            reading, into_every_cache, of_data = (ir.Constant(flag, number) for number in (0, 3, 1))
            builder.call(asked, [place, reading, into_every_cache, of_data])
            return context.get_dummy_value()

        return signature, generate
