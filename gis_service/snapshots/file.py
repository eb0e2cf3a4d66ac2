"""One file of arrays: written whole or not at all, mapped read-only, checked before it is believed.

Layout: a preamble of 32 bytes (`GRIDSNAP`, format version, length of the header, length of the file, checksum
of all of that and the header), the header as JSON (`meta`, and name, type, shape, place and checksum of each
array), and the arrays, each from a page boundary on. Checksums are XXH3, 64 bits; little-endian.

Knows nothing of what the arrays mean.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import mmap
import os
import secrets
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

Arrays = Mapping[str, npt.NDArray[Any]]
Meta = dict[str, Any]

FORMAT = 1
"""Rises with every change of this layout and of what the arrays of a county mean."""

UNFINISHED = ".part"

_MAGIC = b"GRIDSNAP"
_PREAMBLE = struct.Struct("<8sIIQQ")
_PAGE = mmap.ALLOCATIONGRANULARITY
_CHUNK = 1 << 18


class BadSnapshot(Exception):
    """A file that cannot be used, and why, in words that follow "the snapshot …"."""


class CannotWrite(Exception):
    """A snapshot that could not be written, and why."""


def checksum(array: npt.NDArray[Any]) -> int:
    """XXH3 of an array's bytes."""
    return xxhash.xxh3_64_intdigest(_bytes(array))


def write_snapshot(path: Path, meta: Meta, arrays: Arrays) -> None:
    """Write a file under its name when all of it is on the disk; a reader sees the old one or the new one.

    Raises
    ------
    CannotWrite
        When the disk is full, the directory cannot be written to, and so on; nothing is left behind.
    """
    header, places, size = _described(meta, arrays)
    passing = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}{UNFINISHED}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with passing.open("xb") as file:
            file.write(_preamble(header, size))
            file.write(header)
            for name, array in arrays.items():
                file.seek(places[name])
                file.write(_bytes(array))
            file.truncate(size)
            file.flush()
            os.fsync(file.fileno())
        passing.replace(path)
        _sync_directory(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            passing.unlink()
        raise CannotWrite(error.strerror or str(error)) from error


class SnapshotFile:
    """A mapped file, its header checked; the arrays are checked by `verify`.

    As long as one of its arrays lives the file stays mapped, and locked as in use (`in_use`).

    Raises
    ------
    FileNotFoundError
        When there is none of that name.
    BadSnapshot
        When it cannot be read, is no snapshot, of another format, cut short, or its header is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise
        except NotADirectoryError:
            raise FileNotFoundError(path) from None
        except OSError as error:
            raise BadSnapshot(f"cannot be opened ({error.strerror})") from None
        try:
            with contextlib.suppress(OSError):  # where there are no locks, nothing is tidied while in use
                fcntl.flock(handle, fcntl.LOCK_SH)
            if os.fstat(handle).st_nlink == 0:
                raise FileNotFoundError(path)
            self.size = os.fstat(handle).st_size
            self.meta, self._places = _read_header(handle, self.size)
            self._map = mmap.mmap(handle, 0, access=mmap.ACCESS_READ)
        except OSError as error:
            os.close(handle)
            if isinstance(error, FileNotFoundError):
                raise
            raise BadSnapshot(f"cannot be read ({error.strerror or error})") from None
        except BadSnapshot:
            os.close(handle)
            raise
        self._handle: int | None = handle

    def __del__(self) -> None:
        self._close()

    def _close(self) -> None:
        handle, self._handle = getattr(self, "_handle", None), None
        if handle is not None:
            os.close(handle)

    @property
    def names(self) -> list[str]:
        """The arrays that are here."""
        return list(self._places)

    def array(self, name: str) -> npt.NDArray[Any]:
        """One array, mapped and read-only; KeyError for a name that is not here."""
        of = self._places[name]
        dtype, shape = np.dtype(of["dtype"]), tuple(of["shape"])
        count = int(np.prod(shape, dtype=np.int64))
        if not count:
            return np.empty(shape, dtype)
        return np.frombuffer(self._map, dtype, count, of["offset"]).reshape(shape)

    def verify(self) -> None:
        """Compare every array with its checksum, reading beside the map so that nothing stays in memory.

        Raises
        ------
        BadSnapshot
            Naming the first array that is not as it was written.
        """
        if self._handle is None:
            return
        for name, of in self._places.items():
            try:
                found = _hash_of(self._handle, of["offset"], _nbytes(of))
            except OSError as error:
                raise BadSnapshot(f"cannot be read ({error.strerror or error})") from None
            if found != of["checksum"]:
                raise BadSnapshot(f"is damaged in {name}")
        # the map holds a handle of its own, and with it the lock
        self._close()

    def forget(self, names: Iterable[str]) -> None:
        """Let go of the memory of some arrays; they stay valid, and are read again where they are used."""
        for name in names:
            of = self._places[name]
            if size := _nbytes(of):
                self._map.madvise(mmap.MADV_DONTNEED, of["offset"], size)


class SnapshotInMemory:
    """The same arrays where no file could be written."""

    def __init__(self, meta: Meta, arrays: Arrays) -> None:
        self.meta = meta
        self._arrays = arrays

    def array(self, name: str) -> npt.NDArray[Any]:
        """One array."""
        return self._arrays[name]

    def verify(self) -> None:
        """Nothing to compare with."""

    def forget(self, names: Iterable[str]) -> None:
        """Nothing to read them again from."""


Snapshot = SnapshotFile | SnapshotInMemory


def in_use(path: Path) -> bool:
    """Whether a process of this machine has the file open; False where it is gone."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def remove_unused(path: Path) -> bool:
    """Remove a file that no process has open; whether it is gone."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        # whoever opens it now waits for the lock, and finds the file gone
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _bytes(array: npt.NDArray[Any]) -> memoryview:
    plain = np.ascontiguousarray(array)
    return plain.reshape(-1).view(np.uint8).data if plain.size else memoryview(b"")


def _nbytes(of: Mapping[str, Any]) -> int:
    return int(np.prod(of["shape"], dtype=np.int64)) * int(np.dtype(of["dtype"]).itemsize)


def _described(meta: Meta, arrays: Arrays) -> tuple[bytes, dict[str, int], int]:
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


def _preamble(header: bytes, size: int) -> bytes:
    bare = _PREAMBLE.pack(_MAGIC, FORMAT, len(header), size, 0)
    return _PREAMBLE.pack(_MAGIC, FORMAT, len(header), size, xxhash.xxh3_64_intdigest(bare + header))


def _read_header(handle: int, size: int) -> tuple[Meta, dict[str, dict[str, Any]]]:
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
    header = os.pread(handle, length, _PREAMBLE.size)
    if found != xxhash.xxh3_64_intdigest(_PREAMBLE.pack(magic, version, length, whole, 0) + header):
        raise BadSnapshot("has a damaged header")
    told = json.loads(header)
    return told["meta"], {entry["name"]: entry for entry in told["arrays"]}


def _hash_of(handle: int, offset: int, size: int) -> int:
    held = memoryview(bytearray(min(_CHUNK, max(size, 1))))
    found = xxhash.xxh3_64()
    done = 0
    while done < size:
        wanted = held[: min(len(held), size - done)]
        got = os.preadv(handle, [wanted], offset + done)
        if not got:
            raise BadSnapshot("is cut short")
        found.update(wanted[:got])
        done += got
    return found.intdigest()


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
