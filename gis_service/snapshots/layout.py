"""How a file of arrays is laid out: preamble, header, arrays.

A preamble of 32 bytes (`GRIDSNAP`, format version, length of the header, length of the file, checksum of all
of that and the header), the header as JSON (`meta`, and name, type, shape, place and checksum of each array),
and the arrays, each from a page boundary on. Checksums are XXH3, 64 bits; little-endian.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

Arrays = Mapping[str, npt.NDArray[Any]]
Meta = dict[str, Any]

FORMAT = 2
"""Rises with every change of this layout and of what the arrays of a county mean."""

UNFINISHED = ".part"

_MAGIC = b"GRIDSNAP"
_PREAMBLE = struct.Struct("<8sIIQQ")
_PAGE = mmap.ALLOCATIONGRANULARITY


class BadSnapshot(Exception):
    """A file that cannot be used, and why, in words that follow "the snapshot …"."""


def checksum(array: npt.NDArray[Any]) -> int:
    """XXH3 of an array's bytes."""
    return xxhash.xxh3_64_intdigest(bytes_of(array))


def bytes_of(array: npt.NDArray[Any]) -> memoryview:
    """An array's bytes, copied only where they do not lie together."""
    plain = np.ascontiguousarray(array)
    return plain.reshape(-1).view(np.uint8).data if plain.size else memoryview(b"")


def nbytes_of(of: Mapping[str, Any]) -> int:
    """Bytes of an array that a header describes."""
    return int(np.prod(of["shape"], dtype=np.int64)) * int(np.dtype(of["dtype"]).itemsize)


def described(meta: Meta, arrays: Arrays) -> tuple[bytes, dict[str, int], int]:
    """The header, the place of each array, and the length of the file."""
    entries = [
        {"name": name, "dtype": array.dtype.newbyteorder("<").str, "shape": array.shape, "offset": 0,
         "checksum": checksum(array)}
        for name, array in arrays.items()
    ]  # fmt: skip
    # places are known when the header's length is: that of one with the widest numbers is enough
    room = _PREAMBLE.size + len(_json(meta, [entry | {"offset": 1 << 62} for entry in entries]))
    at = -(-room // _PAGE) * _PAGE
    for entry, array in zip(entries, arrays.values(), strict=True):
        entry["offset"] = at
        at += -(-array.nbytes // _PAGE) * _PAGE
    places = {str(entry["name"]): int(str(entry["offset"])) for entry in entries}
    return _json(meta, entries), places, at


def _json(meta: Meta, entries: list[dict[str, Any]]) -> bytes:
    return json.dumps({"meta": meta, "arrays": entries}, separators=(",", ":")).encode()


def preamble_of(header: bytes, size: int) -> bytes:
    """The first bytes of a file of that length."""
    bare = _PREAMBLE.pack(_MAGIC, FORMAT, len(header), size, 0)
    return _PREAMBLE.pack(_MAGIC, FORMAT, len(header), size, xxhash.xxh3_64_intdigest(bare + header))


def read_header(handle: int, size: int) -> tuple[Meta, dict[str, dict[str, Any]]]:
    """`meta`, and what describes each array by its name.

    Raises
    ------
    BadSnapshot
        When the file is none of ours, of another format or length, or its header damaged.
    """
    preamble = os.pread(handle, _PREAMBLE.size, 0)
    if len(preamble) < _PREAMBLE.size:
        raise BadSnapshot("is cut short")
    magic, version, length, whole, found = _PREAMBLE.unpack(preamble)
    if magic != _MAGIC:
        raise BadSnapshot("is no snapshot")
    if version != FORMAT:
        raise BadSnapshot(f"is of format {version}, and this is format {FORMAT}")
    if size != whole:
        raise BadSnapshot(f"has {size} bytes of {whole}")
    if length > size:
        raise BadSnapshot("has a damaged header")
    header = os.pread(handle, length, _PREAMBLE.size)
    if found != xxhash.xxh3_64_intdigest(_PREAMBLE.pack(magic, version, length, whole, 0) + header):
        raise BadSnapshot("has a damaged header")
    told = json.loads(header)
    return told["meta"], {entry["name"]: entry for entry in told["arrays"]}
