"""Pieces of text moved many bytes at a time; the expected bytes are those of a slice of Python's own."""

from __future__ import annotations

import numpy as np
import pytest

from compiling.moving import STRIDE, copy, copy_exactly

SOURCE = bytes(range(1, 201))


@pytest.mark.parametrize("start", [0, 1, 7])
@pytest.mark.parametrize("size", range(70))
def test_an_exact_copy_moves_the_piece_and_touches_nothing_beyond_it(start: int, size: int) -> None:
    out = np.full(100, 0xEE, np.uint8)
    source = np.frombuffer(SOURCE[: start + size], np.uint8)  # read-only, and no byte longer than it must be
    copy_exactly(out, 11, source, start, start + size)
    assert out.tobytes() == b"\xee" * 11 + SOURCE[start : start + size] + b"\xee" * (89 - size)


@pytest.mark.parametrize("size", range(70))
def test_a_copy_moves_the_piece_and_tells_the_place_behind_it(size: int) -> None:
    out = np.full(size + 5 + STRIDE, 0xEE, np.uint8)
    assert copy(out, 5, np.frombuffer(SOURCE, np.uint8), 3, 3 + size) == 5 + size
    assert out.tobytes()[: 5 + size] == b"\xee" * 5 + SOURCE[3 : 3 + size]
