"""Columns and geometry as rows of numbers that compiled code reads: kinds, sizes, and where arrays lie."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from compiling import F64, I64, U8
from compiling.addresses import address_of

ABSENT, TEXTS = -2, -1
"""Kinds of columns: one that is not there, one of texts; other kinds are those of numbers."""

KIND, LENGTH, VALUES, KNOWN, CODES, WIDTH, WORDS, OFFSETS, DATA = range(9)
"""What each number tells.

`LENGTH` rows. Of numbers `VALUES` (int64) and `KNOWN` (bytes, 0 where all are). Of texts `CODES`, signed
whole numbers of `WIDTH` bytes (0 where row `i` is word `i`), and of the `WORDS` words `OFFSETS` (int64) and
`DATA`.
"""

ADDRESSED = DATA + 1


class Addressed(NamedTuple):
    """Numbers, int64, and the arrays that lie at the addresses among them."""

    told: I64
    arrays: tuple[npt.NDArray[Any], ...]


def addressed_texts(offsets: I64, data: U8, codes: npt.NDArray[np.integer[Any]] | None) -> Addressed:
    """A column of texts; `codes` is negative where a row has none."""
    told = np.zeros(ADDRESSED, np.int64)
    offsets, data = np.ascontiguousarray(offsets, np.int64), np.ascontiguousarray(data, np.uint8)
    told[[KIND, LENGTH, WORDS]] = TEXTS, len(offsets) - 1, len(offsets) - 1
    told[[OFFSETS, DATA]] = address_of(offsets), address_of(data)
    if codes is None:
        return Addressed(told, (offsets, data))
    codes = np.ascontiguousarray(codes, codes.dtype if codes.dtype.kind == "i" else np.int64)
    told[[LENGTH, CODES, WIDTH]] = len(codes), address_of(codes), codes.itemsize
    return Addressed(told, (offsets, data, codes))


def addressed_numbers(kind: int, values: I64, known: U8 | None) -> Addressed:
    """A column of numbers or truths."""
    told = np.zeros(ADDRESSED, np.int64)
    values = np.ascontiguousarray(values, np.int64)
    told[[KIND, LENGTH, VALUES]] = kind, len(values), address_of(values)
    if known is None:
        return Addressed(told, (values,))
    known = np.ascontiguousarray(known, np.uint8)
    told[KNOWN] = address_of(known)
    return Addressed(told, (values, known))


SHAPE, COORDS, COORDS_SIZE, PATHS, PATHS_SIZE, LINES, LINES_SIZE = range(7)
"""What is told of geometry: its kind, and where the arrays lie and how long they are.

`COORDS` float64, two for each place; `PATHS` and `LINES` int64, the offsets of paths into places and of
multilines into paths.
"""

ADDRESSED_GEOMETRY = LINES_SIZE + 1


def addressed_geometry(kind: int, coords: F64, paths: I64, lines: I64) -> Addressed:
    """Points or lines."""
    told = np.zeros(ADDRESSED_GEOMETRY, np.int64)
    coords = np.ascontiguousarray(coords, np.float64)
    paths, lines = np.ascontiguousarray(paths, np.int64), np.ascontiguousarray(lines, np.int64)
    told[SHAPE] = kind
    told[[COORDS, PATHS, LINES]] = address_of(coords), address_of(paths), address_of(lines)
    told[[COORDS_SIZE, PATHS_SIZE, LINES_SIZE]] = coords.size, paths.size, lines.size
    return Addressed(told, (coords, paths, lines))
