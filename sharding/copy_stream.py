"""What a running COPY sends, out of libpq into a block of bytes, without the interpreter's lock.

psycopg2 makes an object of every row, and takes the lock for each: a quarter of a million times a second, and
two threads that read at once then stand in each other's way more than they gain. So psycopg2 begins the COPY,
gives the first piece, and ends it; what comes in between is asked of libpq directly. Knows libpq's own
functions and who owns what they give; refuses to know what the rows hold.

A server that sends more slowly than we read would wake us for each of its eight kilobytes, and pay for that
itself. While many rows come it is left alone for half a millisecond at a time.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg2
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from psycopg2 import _psycopg, errors, extensions

from compiling import I64, U8, compiled

SPARE = 16
"""Bytes at the end of a block that are not filled, so that a moving copy may read beyond the last row."""

_LIBPQ = ctypes.CDLL(_psycopg.__file__)  # a look-up goes on to what the driver was linked with: its libpq
_LIBPQ.PQgetResult.restype = ctypes.c_void_p
_LIBPQ.PQresultErrorField.restype = ctypes.c_char_p
_LIBPQ.PQresultErrorMessage.restype = ctypes.c_char_p
_SQLSTATE = ord("C")
_CONNECTION_BAD = 1


def _address(name: str) -> int:
    return ctypes.cast(getattr(_LIBPQ, name), ctypes.c_void_p).value or 0


_GET, _FREE, _CONSUME = map(_address, ("PQgetCopyData", "PQfreemem", "PQconsumeInput"))
_USLEEP = _address("usleep")
_WAITING, _LENGTH, _SO_FAR = 0, 1, 2
_PATIENTLY, _AT_ONCE, _PAUSE_US = np.int32(0), np.int32(1), np.int32(500)
_MANY = 1 << 18
"""Bytes of one COPY after which more are expected: what is shorter must not wait for a pause to end."""

_Functions = tuple[int, int, int, int]


class Source:
    """The pieces of a COPY that a connection is in the middle of.

    A piece is what the server sent as one: a row, a header with a row, the end of the rows.
    """

    def __init__(self, held: extensions.connection) -> None:
        self._connection = held
        self._pointer = held.pgconn_ptr or 0
        # address and length of a piece that waits for room, and how many bytes came before it
        self._next: I64 = np.zeros(3, np.int64)

    def fill(self, block: U8, used: int) -> int:
        """Append pieces to the first `used` bytes until no more fit or the end has come; how many are used.

        No more than before: the next piece needs a larger block, see `needs`.

        Raises
        ------
        psycopg2.Error
            The server broke off; what it said.
        """
        filled: int = _fill((_GET, _FREE, _CONSUME, _USLEEP), self._pointer, self._next, block, used)
        if self._next[_LENGTH] == -1:
            raise self._said()
        return filled

    @property
    def lost(self) -> bool:
        """Whether the connection broke; psycopg2 says how, once it is asked for more."""
        return bool(self._next[_LENGTH] < -1)

    @property
    def needs(self) -> int:
        """How large a block must be, beyond what is used of it, for the piece that waits."""
        return int(self._next[_LENGTH]) + SPARE

    def close(self) -> None:
        """Give back what waits."""
        _release(_FREE, self._next)

    def _said(self) -> psycopg2.Error:
        found: psycopg2.Error | None = None
        pointer = ctypes.c_void_p(self._pointer)
        while result := _LIBPQ.PQgetResult(pointer):
            one = ctypes.c_void_p(result)
            text = (_LIBPQ.PQresultErrorMessage(one) or b"").decode(errors="replace")
            code = (_LIBPQ.PQresultErrorField(one, _SQLSTATE) or b"").decode()
            found = found or _error(code, text or "the rows ended before their end was told")
            _LIBPQ.PQclear(one)
        if _LIBPQ.PQstatus(pointer) == _CONNECTION_BAD:
            self._connection.close()
        return found or psycopg2.OperationalError("the rows ended, and the server does not say why")


def _error(code: str, text: str) -> psycopg2.Error:
    try:
        kind: Any = errors.lookup(code)
    except KeyError:
        kind = psycopg2.DatabaseError
    error: psycopg2.Error = kind(text)
    error.__setstate__({"pgcode": code or None, "pgerror": text})  # type: ignore[no-untyped-call]
    return error


if TYPE_CHECKING:

    def _get_copy_data(function: int, connection: int, out: I64, at_once: np.int32) -> int: ...

    def _consume_input(function: int, connection: int) -> int: ...

    def _sleep(function: int, microseconds: np.int32) -> int: ...

    def _free(function: int, address: int) -> None: ...

    def _copy(target: U8, at: int, address: int, length: int) -> None: ...

else:
    _INT, _WORD = ir.IntType(32), ir.IntType(64)

    def _call(builder: Any, address: Any, gives: Any, *arguments: Any) -> Any:
        kind = ir.FunctionType(gives, [argument.type for argument in arguments])
        return builder.call(builder.inttoptr(address, kind.as_pointer()), arguments)

    def _data(context: Any, builder: Any, kind: Any, array: Any) -> Any:
        return cgutils.create_struct_proxy(kind)(context, builder, value=array).data

    @intrinsic
    def _get_copy_data(typing_context: Any, function: Any, connection: Any, out: Any, at_once: Any) -> Any:
        """`PQgetCopyData`: the length of a piece, -1 at the end, -2 where it failed; `out[0]` is its address.

        Waits for the piece, unless it is to answer at once: then 0 says that none is here.
        """
        signature = types.int32(types.int64, types.int64, out, types.int32)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            place = _data(context, builder, signature.args[2], arguments[2])
            pointer = builder.inttoptr(arguments[1], cgutils.voidptr_t)
            return _call(builder, arguments[0], _INT, pointer, place, arguments[3])

        return signature, generate

    @intrinsic
    def _consume_input(typing_context: Any, function: Any, connection: Any) -> Any:
        """`PQconsumeInput`: takes what has arrived and never waits; what it meets, the next piece tells."""
        signature = types.int32(types.int64, types.int64)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            pointer = builder.inttoptr(arguments[1], cgutils.voidptr_t)
            return _call(builder, arguments[0], _INT, pointer)

        return signature, generate

    @intrinsic
    def _sleep(typing_context: Any, function: Any, microseconds: Any) -> Any:
        """`usleep`."""
        signature = types.int32(types.int64, types.int32)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return _call(builder, arguments[0], _INT, arguments[1])

        return signature, generate

    @intrinsic
    def _free(typing_context: Any, function: Any, address: Any) -> Any:
        """`PQfreemem`."""
        signature = types.void(types.int64, types.int64)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            pointer = builder.inttoptr(arguments[1], cgutils.voidptr_t)
            _call(builder, arguments[0], ir.VoidType(), pointer)
            return context.get_dummy_value()

        return signature, generate

    @intrinsic
    def _copy(typing_context: Any, target: Any, at: Any, address: Any, length: Any) -> Any:
        """Copy bytes from an address to `target[at:]`, unchecked."""
        signature = types.void(target, types.int64, types.int64, types.int64)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            data = _data(context, builder, signature.args[0], arguments[0])
            source = builder.inttoptr(arguments[2], cgutils.voidptr_t)
            cgutils.raw_memcpy(builder, builder.gep(data, [arguments[1]]), source, arguments[3], 1)
            return context.get_dummy_value()

        return signature, generate


@compiled
def _next_piece(functions: _Functions, connection: int, waiting: I64) -> int:
    """The length of the next piece, see `_get_copy_data`; waits for it."""
    get, _, consume, sleep = functions
    if waiting[_SO_FAR] >= _MANY:
        for look in range(3):
            length = _get_copy_data(get, connection, waiting, _AT_ONCE)
            if length != 0:
                return length
            if look == 1:
                _sleep(sleep, _PAUSE_US)
            _consume_input(consume, connection)
    return _get_copy_data(get, connection, waiting, _PATIENTLY)


@compiled
def _fill(functions: _Functions, connection: int, waiting: I64, block: U8, used: int) -> int:
    free = functions[1]
    while True:
        if waiting[_WAITING] == 0:
            waiting[_LENGTH] = _next_piece(functions, connection, waiting)
            if waiting[_LENGTH] < 0:
                waiting[_WAITING] = 0
                return used
        length = waiting[_LENGTH]
        if used + length > block.size - SPARE:
            return used
        _copy(block, used, waiting[_WAITING], length)
        used += length
        waiting[_SO_FAR] += length
        _free(free, waiting[_WAITING])
        waiting[_WAITING] = 0
        # The end of the rows comes by itself. What follows it is psycopg2's to read.
        if length == 2 and block[used - 2] == 0xFF and block[used - 1] == 0xFF:
            return used


@compiled
def _release(free: int, waiting: I64) -> None:
    if waiting[_WAITING] != 0:
        _free(free, waiting[_WAITING])
        waiting[_WAITING] = 0
