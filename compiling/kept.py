"""Whether all that this program compiles is kept on disk already, as a mark beside the compiled code says.

Knows which code there is and where it is kept; refuses to know what has it compiled. A mark that says too
much (somebody has deleted code and left the mark) costs time and no more.
"""

from __future__ import annotations

import hashlib
import sys
from contextlib import suppress
from pathlib import Path

import llvmlite.binding
import numba
from numba import config

from compiling import FILES
from compiling.sources import stamp_of

_PREFIX = "compiled-"


def all_is_kept() -> bool:
    """Whether the compiled functions of all modules that are imported by now were once compiled and kept."""
    mark = _mark()
    return mark is not None and mark.exists()


def note_all_kept() -> None:
    """Say so from now on; the marks of former programs go."""
    mark = _mark()
    if mark is None:
        return
    with suppress(OSError):  # a directory that cannot be written to keeps nothing
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
        for other in mark.parent.glob(f"{_PREFIX}*"):
            if other != mark:
                other.unlink(missing_ok=True)


def _mark() -> Path | None:
    """The mark of this program on this machine; None where code is kept beside its source."""
    directory: str = config.CACHE_DIR  # type: ignore[attr-defined]  # set as Numba is imported
    if not directory:
        return None
    digest = hashlib.sha256()
    for part in (sys.version, numba.__version__, llvmlite.binding.get_host_cpu_name()):
        digest.update(part.encode())
    for file, module in sorted(FILES):
        digest.update(f"{file} {stamp_of(Path(file), module)}".encode())
    return Path(directory) / f"{_PREFIX}{digest.hexdigest()[:16]}"
