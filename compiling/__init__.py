"""One decorator for every compiled function, so that all compile alike: cached on disk, without the GIL.

Knows Numba and the array types that compiled code takes; refuses to know what is computed. Every room may
reach it, so it reaches none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
from numba import config, njit

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
U64 = npt.NDArray[np.uint64]
F64 = npt.NDArray[np.float64]
B1 = npt.NDArray[np.bool_]

# What is compiled is kept on disk, until what it was made of changes; see `sources`.
_LOCATORS = ("compiling.sources.InTheGivenDirectory", "compiling.sources.BesideTheSource")
config.CACHE_LOCATOR_CLASSES = ",".join(_LOCATORS)  # type: ignore[attr-defined]  # set as Numba is imported

FILES: set[tuple[str, str]] = set()
"""The files that hold compiled functions, as far as they are imported, each with its module's name."""

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(function: Kernel) -> Kernel:
    """Compile in nopython mode; the type checker goes on seeing the Python signature."""
    return _kept(function, nogil=True)


def brief(function: Kernel) -> Kernel:
    """Compile what takes a few microseconds, and keep the GIL meanwhile.

    To let go of it is to wait for it again, behind every thread that wants it: more than such a call takes.
    """
    return _kept(function)


def borrowing(function: Kernel) -> Kernel:
    """Compile a function that makes no arrays, without counting references to those it is given.

    Counting costs two atomic operations for each array of each call that is not inlined: nearly half the time
    of a function that writes a few bytes. Whom it calls must borrow as well.
    """
    return _kept(function, nogil=True, _nrt=False)


def fusing(function: Kernel) -> Kernel:
    """Compile with products and sums as one instruction where the processor has it: rounded once, not twice.

    Nothing else is reordered. For sums over many products: a tenth of the time less.
    """
    return _kept(function, nogil=True, fastmath={"contract"})


def _kept(function: Kernel, **options: Any) -> Kernel:
    FILES.add((function.__code__.co_filename, function.__module__))
    return cast("Kernel", njit(cache=True, **options)(function))
