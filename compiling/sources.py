"""When compiled code on disk is out of date: when its file changed, or one that it takes functions from.

Numba itself looks at the file of a function alone. But what a function calls is compiled into it: after an
upgrade it would go on with the old callee, whose arguments may have another layout by then, and answer
nonsense. Knows files and import lines, not what is computed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from numba.core.caching import InTreeCacheLocator, UserProvidedCacheLocator

ROOMS = ("compiling", "gis_service", "layers", "sharding")
_FROM = re.compile(r"^[ \t]*from ([\w.]+) import (\([^)]*\)|[^\n]*)", re.MULTILINE)
_IMPORT = re.compile(r"^[ \t]*import ([\w., ]+)", re.MULTILINE)
_COMPILES = re.compile(r"^[ \t]*from (compiling|[\w.]+\.compiled) import ", re.MULTILINE)


@lru_cache(maxsize=256)
def stamp_of(file: Path, module: str) -> str:
    """A digest of what the compiled functions of a file are made of; a new one when any of it is another.

    Worked out once in a process, which goes on with the code it has: Numba asks twice for each function.
    """
    digest = hashlib.sha256()
    for path in taken_from(file, module):
        digest.update(_text(path).encode())
    return digest.hexdigest()


def taken_from(file: Path, module: str) -> list[Path]:
    """The files that the compiled functions of a file are made of, itself among them, sorted.

    Follows imports through files that hold compiled functions, and one step into others, whose constants are
    compiled in as well.

    Parameters
    ----------
    file
        The file of a compiled function.
    module
        Its dotted name, which says where its packages lie.
    """
    file = file.resolve()
    found = {file}
    _gather(file, file.parents[module.count(".")], {*ROOMS, module.split(".")[0]}, found)
    return sorted(found)


def _gather(file: Path, root: Path, packages: set[str], found: set[Path]) -> None:
    for name in _imported(_text(file)):
        if name.split(".")[0] not in packages:
            continue
        place = root.joinpath(*name.split("."))
        for path in (place.with_suffix(".py"), place / "__init__.py"):
            if path not in found and path.is_file():
                found.add(path)
                if _COMPILES.search(_text(path)):
                    _gather(path, root, packages, found)


def _imported(text: str) -> Iterator[str]:
    """Dotted names of modules that a source imports, and some that are not modules."""
    for module, names in _FROM.findall(text):
        yield module
        for name in re.findall(r"\w+", names):
            yield f"{module}.{name}"
    for modules in _IMPORT.findall(text):
        yield from re.findall(r"[\w.]+", modules)


@lru_cache(maxsize=256)
def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


class _Stamped:
    """Gives a locator of Numba's the stamp above."""

    _py_file: str
    module: str

    def get_source_stamp(self) -> str:
        return stamp_of(Path(self._py_file), self.module)

    def get_disambiguator(self) -> str:
        # Part of the file's name: Numba unpickles an index before it looks at the stamp inside, and one that
        # names a type which is elsewhere by now cannot be unpickled at all.
        return f"{super().get_disambiguator()}-{self.get_source_stamp()[:16]}"  # type: ignore[misc]

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> Any:
        located = super().from_function(py_func, py_file)  # type: ignore[misc]  # that of Numba's locator
        if located is not None:
            located.module = py_func.__module__
        return located


class InTheGivenDirectory(_Stamped, UserProvidedCacheLocator):
    """Compiled code in `NUMBA_CACHE_DIR`."""


class BesideTheSource(_Stamped, InTreeCacheLocator):
    """Compiled code in `__pycache__`."""
