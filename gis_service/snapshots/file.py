"""One file of arrays: written whole or not at all, mapped read-only, checked before it is believed.

Knows nothing of what the arrays mean; `snapshots.layout` says how they lie.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from gis_service.snapshots.layout import (
    UNFINISHED,
    Arrays,
    BadSnapshot,
    Meta,
    bytes_of,
    described,
    nbytes_of,
    preamble_of,
    read_header,
)

_CHUNK = 1 << 18


class CannotWrite(Exception):
    """A snapshot that could not be written, and why."""


def write_snapshot(path: Path, meta: Meta, arrays: Arrays) -> None:
    """Write a file under its name when all of it is on the disk; a reader sees the old one or the new one.

    Raises
    ------
    CannotWrite
        When the disk is full, the directory cannot be written to, and so on; nothing is left behind.
    """
    header, places, size = described(meta, arrays)
    passing = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}{UNFINISHED}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with passing.open("xb") as file:
            file.write(preamble_of(header, size))
            file.write(header)
            for name, array in arrays.items():
                file.seek(places[name])
                file.write(bytes_of(array))
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

    As long as one of its arrays lives the file stays mapped, and locked as in use (`snapshots.use`).

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
            self.meta, self._places = read_header(handle, self.size)
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
                found = _hash_of(self._handle, of["offset"], nbytes_of(of))
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
            if size := nbytes_of(of):
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
