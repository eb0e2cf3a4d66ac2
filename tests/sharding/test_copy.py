"""COPY there and back through a real table; the expected answer is what was sent, and shapely for lines."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg2
import pyarrow as pa
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2 import extensions, sql

from sharding import copy
from sharding.copy import copy_in, copy_out, lines, sorted_by, texts

COLUMNS = {"id": pa.large_string(), "number": pa.float64(), "whole": pa.int64(), "truth": pa.bool_()}
QUERY = sql.SQL("SELECT id, number, whole, truth FROM copied")


@pytest.fixture
def cursor() -> Iterator[extensions.cursor]:
    held = psycopg2.connect(os.environ["GRIDGIS_ENGINE_DSN"])
    with held.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE copied (id text, number float8, whole int8, truth bool)")
        yield cursor
    held.close()


rows = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.none()
            | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8),
            "number": st.none() | st.floats(allow_nan=False),
            "whole": st.none() | st.integers(-(2**63), 2**63 - 1),
            "truth": st.none() | st.booleans(),
        }
    ),
    max_size=20,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sent=rows)
def test_rows_come_back_as_sent_also_nulls_and_empty_texts(
    cursor: extensions.cursor, sent: list[Any]
) -> None:
    cursor.execute("TRUNCATE copied")
    copy_in(
        cursor, sql.Identifier("copied"), pa.Table.from_pylist(sent, schema=pa.schema(list(COLUMNS.items())))
    )
    assert copy_out(cursor, QUERY, COLUMNS).to_pylist() == sent


def test_many_blocks_make_one_table(cursor: extensions.cursor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copy, "_BLOCK_BYTES", 100)
    monkeypatch.setattr(copy, "_ROWS_AT_ONCE", 7)
    sent = [{"id": f"line\n{k}", "number": k / 3, "whole": k, "truth": None} for k in range(500)]
    copy_in(
        cursor, sql.Identifier("copied"), pa.Table.from_pylist(sent, schema=pa.schema(list(COLUMNS.items())))
    )
    assert copy_out(cursor, QUERY, COLUMNS).to_pylist() == sent


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)


@settings(max_examples=50)
@given(st.lists(st.tuples(words, words), min_size=1, max_size=30))
def test_sorting_is_by_code_point_as_in_python(pairs: list[tuple[str, str]]) -> None:
    table = pa.table(
        {"a": pa.array([a for a, _ in pairs], pa.large_string()), "b": pa.array([b for _, b in pairs])}
    )
    ordered = sorted_by(table, "a", "b")
    assert list(zip(texts(ordered["a"]), texts(ordered["b"]), strict=True)) == sorted(pairs)


coordinates = st.floats(-180, 180)
paths = st.lists(st.lists(st.tuples(coordinates, coordinates), min_size=2, max_size=6), max_size=8)


@settings(max_examples=60)
@given(paths)
def test_lines_become_flat_coordinates(drawn: list[list[tuple[float, float]]]) -> None:
    shapes = shapely.set_srid([shapely.LineString(one) for one in drawn], 4326)
    column = pa.chunked_array(
        [pa.array(shapely.to_wkb(shapes, hex=True, include_srid=True), pa.large_string())]
    )
    offsets, coords = lines(column)
    assert np.array_equal(offsets, np.concatenate([[0], np.cumsum([len(one) for one in drawn])]))
    assert np.array_equal(coords, np.array([xy for one in drawn for xy in one]).reshape(-1, 2))


def test_no_lines_at_all() -> None:
    offsets, coords = lines(pa.chunked_array([], pa.large_string()))
    assert offsets.tolist() == [0]
    assert coords.shape == (0, 2)


@pytest.mark.parametrize("shape", [shapely.Point(1, 2), shapely.LineString([(0, 0, 1), (1, 1, 1)])])
def test_anything_but_a_flat_line_with_an_srid_is_refused(shape: Any) -> None:
    told = shapely.to_wkb(shapely.set_srid(shape, 4326), hex=True, include_srid=True)
    with pytest.raises(ValueError, match="not a two-dimensional line string"):
        lines(pa.chunked_array([pa.array([told], pa.large_string())]))
