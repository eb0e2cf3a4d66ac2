"""Columns without strings of their own: an object array of the same strings says what each must answer."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis_service.network.columns import (
    Coded,
    JoinedNumbers,
    JoinedTexts,
    Repeated,
    Texts,
    distinct,
    is_any,
    joined_texts,
    runs,
    text_order,
    text_parts,
)

WORDS = st.one_of(
    st.sampled_from(["", "a", "ab", "b", "线路", "é", "450122"]),
    st.text(max_size=12),
    # halves of surrogate pairs: JSON can hold them, UTF-8 cannot
    st.text(st.characters(), max_size=3),
)
COLUMNS = st.lists(WORDS, max_size=90)
FORMS = ("texts", "coded", "joined", "arrow")


def objects(strings: list[str]) -> Any:
    array = np.empty(len(strings), np.object_)
    array[:] = strings
    return array


def column_of(strings: list[str], form: str, cut: int) -> Any:
    if form == "texts":
        return Texts.of(strings)
    if form == "coded":
        return Coded.of(objects(strings))
    if form == "arrow":
        whole = pa.array([text.encode("utf-8", "replace").decode() for text in strings], pa.string())
        return Texts.of(whole)
    cut = min(cut, len(strings))
    return joined_texts([Texts.of(strings[:cut]), Coded.of(strings[cut:]), Texts.of([])])


@given(COLUMNS, st.sampled_from(FORMS), st.integers(0, 90), st.data())
def test_a_column_answers_like_an_object_array(
    strings: list[str], form: str, cut: int, data: st.DataObject
) -> None:
    if form == "arrow":
        strings = [text.encode("utf-8", "replace").decode() for text in strings]
    column, array, n = column_of(strings, form, cut), objects(strings), len(strings)
    rows = st.lists(st.integers(-n, n - 1), max_size=100) if n else st.just([])
    some = np.array(data.draw(rows), np.int64)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), np.bool_)
    run = slice(*data.draw(st.tuples(*[st.none() | st.integers(-n - 1, n + 1)] * 2)))
    assert len(column) == column.size == n
    assert column.tolist() == list(column) == np.asarray(column).tolist() == strings
    for key in (some, some.astype(np.int32), some.tolist(), mask, run):
        found = column[key]
        assert found.dtype == np.object_
        expected = array[key] if len(array[key]) else []
        assert found.tolist() == list(expected)
    for row in some.tolist():
        assert column[row] == column[np.int64(row)] == strings[row]
        assert type(column[row]) is str
    word = data.draw(WORDS | st.sampled_from(strings) if strings else WORDS)
    assert (column == word).tolist() == [text == word for text in strings]
    assert (column != word).tolist() == [text != word for text in strings]
    assert (column == array).tolist() == [True] * n
    assert is_any(column, {word, "a"}).tolist() == [text in (word, "a") for text in strings]
    assert distinct(column) == set(strings)
    assert [word for word, a, b in runs(column) for _ in range(a, b)] == strings
    assert all(one[0] != next[0] for one, next in pairwise(runs(column)))
    assert text_order(column).tolist() == np.argsort(array, kind="stable").tolist()
    assert [text for _, part in text_parts(column) for text in part.tolist()] == strings


@given(COLUMNS)
def test_every_form_is_made_of_every_other(strings: list[str]) -> None:
    forms = [Texts.of(strings), Coded.of(strings), objects(strings), joined_texts([Texts.of(strings)])]
    for form in forms:
        assert Texts.of(form).tolist() == strings
        assert Coded.of(form).tolist() == strings


@pytest.mark.parametrize("form", FORMS[:3])
def test_a_row_out_of_range_is_refused_as_an_array_refuses_it(form: str) -> None:
    column = column_of(["a", "b", "c"], form, 1)
    for key in (3, -4, np.array([0, 3]), np.array([-4]), np.array([True, False])):
        with pytest.raises(IndexError):
            column[key]
        with pytest.raises(IndexError):
            objects(["a", "b", "c"])[key]


@pytest.mark.parametrize("words", [1, 256, 257, 65_536, 65_537])
def test_codes_are_as_wide_as_the_number_of_words_asks(words: int) -> None:
    strings = [f"w{k}" for k in range(words)]
    column = Coded.of(objects([*strings, *strings]))
    assert column.codes.dtype.itemsize == (1 if words <= 256 else 2 if words <= 65_536 else 4)
    assert column[[0, -1]].tolist() == [strings[0], strings[-1]]
    assert column.tolist() == [*strings, *strings]


def test_a_repeated_word_is_that_word_in_every_row() -> None:
    column = Repeated("450122", 3)
    assert column.tolist() == ["450122"] * 3
    assert column[1] == "450122"
    assert column[[2, 0]].tolist() == ["450122"] * 2
    assert (column == "450122").all()
    assert not (column == "450123").any()
    assert distinct(column) == {"450122"}
    assert distinct(Repeated("x", 0)) == set()
    with pytest.raises(IndexError):
        column[[3]]


def test_nulls_of_arrow_are_the_empty_text() -> None:
    for kind in (pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())):
        array = pa.array(["x", None, "yy", None], kind)
        assert Texts.of(array).tolist() == Coded.of(array).tolist() == ["x", "", "yy", ""]
        assert Texts.of(array[2:]).tolist() == Coded.of(array[2:]).tolist() == ["yy", ""]
        assert Texts.of(pa.chunked_array([array, array])).tolist() == ["x", "", "yy", ""] * 2


def test_a_column_cannot_be_changed() -> None:
    texts = Texts.of(["a", "b"])
    for array in (texts.offsets, texts.data, Coded.of(["a", "b"]).codes):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


NUMBERS = st.lists(st.lists(st.integers(-50, 50), max_size=8), min_size=1, max_size=5)


@given(NUMBERS, st.sampled_from([0, 2]), st.booleans(), st.data())
def test_joined_numbers_answer_like_one_array(
    parts: list[list[int]], width: int, shifted: bool, data: st.DataObject
) -> None:
    arrays = [np.array(part, np.int64) for part in parts]
    if width:
        arrays = [np.stack([array, -array], axis=1) for array in arrays]
    shifts = [100 * k for k in range(len(arrays))] if shifted else None
    joined: Any = JoinedNumbers(
        [len(array) for array in arrays], arrays.__getitem__, np.int64, width, shifts=shifts
    )
    array = np.concatenate([one + (shifts[k] if shifts else 0) for k, one in enumerate(arrays)])
    n = len(array)
    rows = np.array(data.draw(st.lists(st.integers(-n, n - 1), max_size=20) if n else st.just([])), np.int64)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), np.bool_)
    run = slice(*data.draw(st.tuples(*[st.none() | st.integers(-n - 1, n + 1)] * 2)))
    assert (joined.shape, joined.ndim, joined.size, joined.dtype, len(joined)) == (
        array.shape,
        array.ndim,
        array.size,
        array.dtype,
        n,
    )
    for key in (rows, mask, run, *rows.tolist(), (slice(None), 0) if width else run):
        assert np.array_equal(joined[key], array[key])
        assert joined[key].dtype == array.dtype
    assert np.array_equal(joined, array)
    assert joined.tolist() == array.tolist()
    # arithmetic and NumPy's functions
    assert np.array_equal(joined > 3, array > 3)
    assert np.array_equal(2 * joined + joined, 3 * array)
    assert np.array_equal(np.abs(joined), np.abs(array))
    for key in (n, -n - 1, np.array([n])):
        with pytest.raises(IndexError):
            joined[key]


def test_parts_are_opened_when_a_row_of_them_is_asked_for_and_once_a_time() -> None:
    opened: list[int] = []

    def open_part(part: int) -> Texts:
        opened.append(part)
        return Texts.of([f"{part}-{row}" for row in range(3)])

    column = JoinedTexts([3, 0, 3, 3], open_part)
    assert opened == []
    assert column[4] == "2-1"
    assert opened == [2]
    assert column[[0, 5, 1]].tolist() == ["0-0", "2-2", "0-1"]
    assert opened == [2, 0, 2]
    assert column[6:9].tolist() == ["3-0", "3-1", "3-2"]
    assert opened == [2, 0, 2, 3]
