"""Numbers put in order by marks: what `sorted` gives, close together or far apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiling.marks import in_bits, in_order, no_marks

NEAR = st.integers(-40, 400)
FAR = st.integers(-(2**31), 2**31 - 1)


@given(st.one_of(st.lists(NEAR, unique=True), st.lists(FAR, unique=True)))
def test_numbers_come_as_sorted_puts_them(numbers: list[int]) -> None:
    assert in_order(np.array(numbers, np.int32)).tolist() == sorted(numbers)


@pytest.mark.parametrize("spread", [31, 32, 33, 63, 64, 65])
def test_the_way_by_marks_and_the_way_by_sorting_meet(spread: int) -> None:
    numbers = [2 * spread, 0]  # marked up to a spread of 63, sorted from 64 on
    found = in_order(np.array(numbers, np.int32))
    assert found.dtype == np.int64
    assert found.tolist() == [0, 2 * spread]
    assert in_order(np.array([spread, 0], np.int32)).tolist() == [0, spread]


def test_numbers_in_order_are_copied() -> None:
    numbers = np.array([3, 5, 9], np.int32)
    found = in_order(numbers)
    numbers[0] = 4
    assert found.tolist() == [3, 5, 9]


@given(st.lists(st.integers(0, 300), unique=True), st.integers(301, 400))
def test_marks_become_the_bits_of_their_numbers(numbers: list[int], size: int) -> None:
    marks = no_marks(size)
    marks[numbers] = 1
    bits = int.from_bytes(in_bits(marks).tobytes(), "little")
    assert bits == sum(1 << number for number in numbers)
