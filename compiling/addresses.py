"""Arrays by the address at which they lie: compiled code that reads dozens takes one table of numbers.

What a call costs is not the arrays that it is handed but the Python that gathers and makes them, call by
call. Whoever tells an address keeps the array while it is used; nothing here checks a place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from numba import carray, types  # type: ignore[attr-defined]
from numba.extending import intrinsic

from compiling import F64, I64, U8, compiled


def address_of(array: npt.NDArray[Any]) -> int:
    """Where the first element of a contiguous array lies.

    Raises
    ------
    ValueError
        For an array that is not contiguous.
    """
    if not array.flags.c_contiguous:
        raise ValueError("only an array that is contiguous is read by its address")
    return int(array.__array_interface__["data"][0])


if TYPE_CHECKING:

    def _pointer_8(address: int) -> Any: ...
    def _pointer_16(address: int) -> Any: ...
    def _pointer_32(address: int) -> Any: ...
    def _pointer_64(address: int) -> Any: ...
    def _pointer_bytes(address: int) -> Any: ...
    def _pointer_double(address: int) -> Any: ...

else:

    def _pointer(kind: Any) -> Any:
        @intrinsic
        def pointer(typing_context: Any, address: Any) -> Any:
            def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

            return types.CPointer(kind)(types.int64), generate

        return pointer

    _pointer_8, _pointer_16, _pointer_32, _pointer_64, _pointer_bytes, _pointer_double = map(
        _pointer, (types.int8, types.int16, types.int32, types.int64, types.uint8, types.float64)
    )


@compiled
def bytes_at(address: int, size: int) -> U8:
    """So many bytes from an address on."""
    found: U8 = carray(_pointer_bytes(address), (size,), np.uint8)
    return found


@compiled
def numbers_at(address: int, size: int) -> I64:
    """So many int64 from an address on."""
    found: I64 = carray(_pointer_64(address), (size,), np.int64)
    return found


@compiled
def places_at(address: int, size: int) -> F64:
    """So many float64 from an address on, as pairs, `(size / 2, 2)`."""
    found: F64 = carray(_pointer_double(address), (size // 2, 2), np.float64)
    return found


@compiled
def gather(address: int, width: int, size: int, rows: I64, out: I64) -> None:
    """Some of an array of `size` signed whole numbers of `width` bytes each."""
    if width == 1:
        a = carray(_pointer_8(address), (size,), np.int8)
        for k in range(len(rows)):
            out[k] = a[rows[k]]
    elif width == 2:
        b = carray(_pointer_16(address), (size,), np.int16)
        for k in range(len(rows)):
            out[k] = b[rows[k]]
    elif width == 4:
        c = carray(_pointer_32(address), (size,), np.int32)
        for k in range(len(rows)):
            out[k] = c[rows[k]]
    else:
        d = carray(_pointer_64(address), (size,), np.int64)
        for k in range(len(rows)):
            out[k] = d[rows[k]]
