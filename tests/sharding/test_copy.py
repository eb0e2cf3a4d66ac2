"""COPY there and back through a real table. Expected: what was sent, psycopg2's own SELECT, and shapely."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import psycopg2
import pyarrow as pa
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2 import extensions, sql

from sharding import copy_reading, copy_writing
from sharding.copy import (
    LINE,
    POINT,
    TEXT,
    IncompleteCopy,
    UnreadableCopy,
    copy_in,
    copy_out,
    lines,
    points,
    sorted_by,
    text_bytes,
    texts,
)

COLUMNS = {
    "id": TEXT,
    "number": pa.float64(),
    "whole": pa.int64(),
    "truth": pa.bool_(),
    "raw": pa.large_binary(),
}
MILLENNIUM = datetime(2000, 1, 1, tzinfo=UTC)
TIME = pa.timestamp("us", tz="UTC")
SELECT = "SELECT id, number, whole, truth, raw FROM copied ORDER BY n"
SENT = pa.schema([*COLUMNS.items(), ("at", TIME), ("n", pa.int64())])

any_text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
awkward = st.sampled_from(
    ["", "\\N", "\\.", '"', "a\nb\r\n", "\t,;'", "台区一号", "é e\u0301", "𝔾", "NULL", " "]
)
several = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def cursor() -> Iterator[extensions.cursor]:
    held = psycopg2.connect(os.environ["GRIDGIS_ENGINE_DSN"])
    with held.cursor() as cursor:
        cursor.execute("SET timezone TO 'UTC'")
        cursor.execute(
            "CREATE TEMP TABLE copied"
            " (id text, number float8, whole int8, truth bool, raw bytea, at timestamptz, n int8)"
        )
        yield cursor
    held.close()


def rows_of(**columns: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(
        st.fixed_dictionaries({name: st.none() | one for name, one in columns.items()}), max_size=20
    )


rows = rows_of(
    id=any_text | awkward,
    number=st.floats() | st.sampled_from([float("nan"), float("inf"), -0.0, 5e-324]),
    whole=st.integers(-(2**63), 2**63 - 1),
    truth=st.booleans(),
    raw=st.binary(max_size=20),
    at=st.integers(-(2**51), 2**57).map(lambda us: MILLENNIUM + timedelta(microseconds=us)),
)


def same(one: object, other: object) -> bool:
    """Equal to the bit, which `==` does not say of NaN and of zeros."""
    if isinstance(one, float) and isinstance(other, float):
        return struct.pack("d", one) == struct.pack("d", other) or (one != one and other != other)
    return type(one) is type(other) and one == other


def assert_same_rows(found: list[Any], expected: list[Any]) -> None:
    assert len(found) == len(expected)
    for got, want in zip(found, expected, strict=True):
        assert len(got) == len(want)
        for one, other in zip(got, want, strict=True):
            assert same(one, other), (got, want)


@several
@given(sent=rows)
def test_rows_come_back_as_sent_and_as_a_plain_select_gives_them(
    cursor: extensions.cursor, sent: list[Any]
) -> None:
    cursor.execute("TRUNCATE copied")
    numbered = [{**row, "n": n} for n, row in enumerate(sent)]
    copy_in(cursor, sql.Identifier("copied"), pa.Table.from_pylist(numbered, schema=SENT))
    cursor.execute("SELECT id, number, whole, truth, raw, at FROM copied ORDER BY n")
    plain = [
        (*row[:4], None if row[4] is None else bytes(row[4]), row[5].replace(tzinfo=UTC) if row[5] else None)
        for row in cursor.fetchall()
    ]
    assert_same_rows(plain, [tuple(row[name] for name in SENT.names if name != "n") for row in sent])
    copied = copy_out(cursor, sql.SQL(SELECT), COLUMNS).to_pylist()
    assert_same_rows([tuple(row.values()) for row in copied], [row[:5] for row in plain])


def test_many_blocks_make_one_table_also_with_a_row_larger_than_a_block(
    cursor: extensions.cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy_reading, "_BLOCK_BYTES", 100)
    monkeypatch.setattr(copy_writing, "_ROWS_AT_ONCE", 7)
    monkeypatch.setattr(copy_writing, "_ROWS_PREPARED", 100)
    sent = [{"id": f"line\n{k}", "number": k / 3, "whole": k, "n": k} for k in range(500)]
    sent[77]["id"] = "long " * 1000
    copy_in(cursor, sql.Identifier("copied"), pa.Table.from_pylist(sent, schema=SENT))
    assert copy_out(cursor, sql.SQL(SELECT), COLUMNS).select(["id", "number", "whole"]).to_pylist() == [
        {name: row[name] for name in ("id", "number", "whole")} for row in sent
    ]


def test_columns_grow_to_many_megabytes_and_hold_every_row(cursor: extensions.cursor) -> None:
    many = 300_000  # whole numbers come to 2.4 MB, texts to 6: several times what a column begins with
    query = sql.SQL(
        "SELECT CASE WHEN n % 1000 <> 0 THEN repeat('x', n % 40) END, n / 4.0::float8, n::bigint, n % 3 = 0, "
        "int4send(n), ST_SetSRID(ST_MakePoint(n, -n), 4326), "
        "ST_SetSRID(ST_MakeLine(ST_MakePoint(n, 0), ST_MakePoint(0, n)), 4326) FROM generate_series(1, {}) n"
    ).format(sql.Literal(many))
    found = copy_out(cursor, query, COLUMNS | {"place": POINT, "way": LINE})
    n = np.arange(1, many + 1)
    assert found["id"].to_pylist() == ["x" * (k % 40) if k % 1000 else None for k in n.tolist()]
    assert np.array_equal(found["number"].to_numpy(), n / 4)
    assert np.array_equal(found["whole"].to_numpy(), n)
    assert np.array_equal(found["truth"].to_numpy(), n % 3 == 0)
    assert found["raw"].to_pylist() == [struct.pack(">i", k) for k in n.tolist()]
    assert np.array_equal(points(found["place"]), np.column_stack([n, -n]))
    offsets, coords = lines(found["way"])
    assert np.array_equal(offsets, np.arange(many + 1) * 2)
    assert np.array_equal(coords.reshape(-1, 4), np.column_stack([n, n * 0, n * 0, n]))


def test_rows_come_whole_from_a_server_that_falters_in_the_midst(cursor: extensions.cursor) -> None:
    faltering = (
        "SELECT n::bigint, CASE WHEN n % 9000 = 0 THEN pg_sleep(0.02)::text ELSE repeat('x', 100) END "
        "FROM generate_series(1, 60000) n"
    )
    found = copy_out(cursor, sql.SQL(faltering), {"n": pa.int64(), "text": TEXT})
    assert np.array_equal(found["n"].to_numpy(), np.arange(1, 60001))
    assert found["text"].to_pylist() == ["x" * 100 if n % 9000 else "" for n in range(1, 60001)]


def test_what_the_server_refuses_after_many_rows_is_raised_as_the_driver_does(
    cursor: extensions.cursor,
) -> None:
    query = "SELECT repeat('x', 100) || (1 / (n - 50000)) FROM generate_series(1, 60000) n"
    with pytest.raises(psycopg2.errors.DivisionByZero, match="division by zero"):
        copy_out(cursor, sql.SQL(query), {"text": TEXT})


def test_no_rows_make_an_empty_table_of_the_same_columns(cursor: extensions.cursor) -> None:
    found = copy_out(cursor, sql.SQL(SELECT), COLUMNS)
    assert found.schema == pa.schema(list(COLUMNS.items()))
    assert len(found) == 0


def test_empty_pieces_of_a_table_end_nothing(cursor: extensions.cursor) -> None:
    """An Arrow table may be put together of parts without rows."""
    schema = pa.schema([("id", TEXT)])
    part = pa.table({"id": ["a", "b"]}, schema=schema)
    copy_in(
        cursor, sql.Identifier("copied"), pa.concat_tables([schema.empty_table(), part, part.slice(2), part])
    )
    cursor.execute("SELECT id FROM copied")
    assert cursor.fetchall() == [("a",), ("b",), ("a",), ("b",)]


def test_rows_that_do_not_arrive_are_missed(cursor: extensions.cursor) -> None:
    """A trigger keeps some back: what the database counts is compared with what was given."""
    cursor.execute(
        "CREATE FUNCTION pg_temp.keep_back() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN RETURN CASE WHEN new.n < 3 THEN new END; END'"
    )
    cursor.execute(
        "CREATE TRIGGER t BEFORE INSERT ON copied FOR EACH ROW EXECUTE FUNCTION pg_temp.keep_back()"
    )
    with pytest.raises(IncompleteCopy, match="3 of 5 rows arrived"):
        copy_in(cursor, sql.Identifier("copied"), pa.table({"n": range(5)}))


def test_coded_and_short_texts_and_slices_are_written_like_any_other(cursor: extensions.cursor) -> None:
    """Arrow keeps text in several ways; what arrives is the same."""
    ids = pa.array(["x", "aa", None, "b\u00fc", "aa"], pa.string())
    truths = pa.array([True, False, None, True, False])
    table = pa.table({"id": ids.dictionary_encode(), "truth": truths, "n": range(5)})
    copy_in(cursor, sql.Identifier("copied"), table.slice(1, 3))
    copy_in(cursor, sql.Identifier("copied"), table.set_column(0, "id", ids).slice(4))
    cursor.execute("SELECT id, truth FROM copied ORDER BY n")
    assert cursor.fetchall() == [("aa", False), (None, None), ("bü", True), ("aa", False)]


def test_a_type_that_is_not_written_is_named(cursor: extensions.cursor) -> None:
    with pytest.raises(TypeError, match="column n is of type int32"):
        copy_in(cursor, sql.Identifier("copied"), pa.table({"n": pa.array([1], pa.int32())}))


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)


@settings(max_examples=50)
@given(st.lists(st.tuples(words, words), min_size=1, max_size=30), st.booleans())
def test_sorting_is_by_code_point_as_in_python(pairs: list[tuple[str, str]], before: bool) -> None:
    pairs = sorted(set(pairs)) if before else pairs
    table = pa.table({"a": pa.array([a for a, _ in pairs], TEXT), "b": pa.array([b for _, b in pairs])})
    ordered = sorted_by(table, "a", "b")
    assert list(zip(texts(ordered["a"]), texts(ordered["b"]), strict=True)) == sorted(pairs)
    assert (ordered is table) == (pairs == sorted(set(pairs)))


@settings(max_examples=50)
@given(st.lists(st.none() | words), st.integers(0, 3))
def test_texts_as_bytes(strings: list[str | None], chunks: int) -> None:
    parts = np.array_split(np.array([*strings, None], dtype=object)[:-1], chunks + 1)
    column = pa.chunked_array([pa.array(part.tolist(), TEXT) for part in parts], TEXT)
    offsets, data = text_bytes(column)
    found = [data[a:b].tobytes().decode("utf-8", "surrogatepass") for a, b in pairwise(offsets)]
    assert found == [one or "" for one in strings]


coordinates = st.floats(-180, 180)
pairs = st.tuples(coordinates, coordinates)


def geometry_table(cursor: extensions.cursor, shapes: list[Any], srid: int = 4326) -> None:
    """Shapes into a table by the way of any other client: text, one row at a time."""
    cursor.execute("DROP TABLE IF EXISTS shapes; CREATE TEMP TABLE shapes (n int8, geom geometry)")
    for n, one in enumerate(shapes):
        told = (
            None if one is None else shapely.to_wkb(shapely.set_srid(one, srid), hex=True, include_srid=True)
        )
        cursor.execute("INSERT INTO shapes VALUES (%s, %s)", [n, told])


def shapes(cursor: extensions.cursor, kind: Any) -> Any:
    return copy_out(cursor, sql.SQL("SELECT geom FROM shapes ORDER BY n"), {"geom": kind})["geom"]


@several
@given(drawn=st.lists(st.lists(pairs, min_size=2, max_size=6), max_size=8))
def test_lines_become_flat_coordinates(cursor: extensions.cursor, drawn: list[Any]) -> None:
    geometry_table(cursor, [shapely.LineString(one) for one in drawn])
    offsets, coords = lines(shapes(cursor, LINE))
    assert np.array_equal(offsets, np.concatenate([[0], np.cumsum([len(one) for one in drawn])]))
    assert np.array_equal(coords, np.array([xy for one in drawn for xy in one]).reshape(-1, 2))
    assert offsets.dtype == np.int64


@several
@given(drawn=st.lists(pairs, max_size=8))
def test_points_become_flat_coordinates(cursor: extensions.cursor, drawn: list[Any]) -> None:
    geometry_table(cursor, [shapely.Point(one) for one in drawn])
    assert np.array_equal(points(shapes(cursor, POINT)), np.array(drawn).reshape(-1, 2))


def test_geometry_of_any_kind_comes_as_the_bytes_postgis_gives(cursor: extensions.cursor) -> None:
    several_kinds = [
        shapely.box(0, 0, 1, 1),
        None,
        shapely.Point(1, 2, 3),
        shapely.MultiPolygon([shapely.box(1, 1, 2, 2)]),
    ]
    geometry_table(cursor, several_kinds)
    cursor.execute("SELECT ST_AsEWKB(geom) FROM shapes ORDER BY n")
    expected = [None if value is None else bytes(value) for (value,) in cursor.fetchall()]
    assert shapes(cursor, pa.large_binary()).to_pylist() == expected


def test_geometry_goes_in_as_wkb_and_takes_the_srid_of_its_column(cursor: extensions.cursor) -> None:
    cursor.execute("CREATE TEMP TABLE placed (geom geometry(LineString, 4326))")
    line = shapely.LineString([(108.1, 22.5), (108.2, 22.6), (108.3, 22.5)])
    sent = [
        shapely.to_wkb(line, byte_order=1),
        shapely.to_wkb(shapely.set_srid(line, 4326), include_srid=True),
        None,
    ]
    copy_in(cursor, sql.Identifier("placed"), pa.table({"geom": pa.array(sent, pa.large_binary())}))
    cursor.execute("SELECT ST_AsEWKT(geom) FROM placed")
    expected = "SRID=4326;LINESTRING(108.1 22.5,108.2 22.6,108.3 22.5)"
    assert cursor.fetchall() == [(expected,), (expected,), (None,)]


FLAT = shapely.LineString([(0, 0), (1, 1)])


@pytest.mark.parametrize(
    ("kind", "wrong", "srid"),
    [
        (POINT, FLAT, 4326),
        (LINE, shapely.Point(1, 2), 4326),
        (POINT, shapely.Point(1, 2, 3), 4326),
        (LINE, shapely.LineString([(0, 0, 1), (1, 1, 1)]), 4326),
        (POINT, shapely.Point(1, 2), 4490),
        (LINE, FLAT, 3857),
        (LINE, FLAT, 0),
        (POINT, shapely.Point(), 4326),
        (POINT, None, 4326),
        (LINE, None, 4326),
        (LINE, shapely.MultiLineString([FLAT]), 4326),
        (POINT, shapely.box(0, 0, 1, 1), 4326),
    ],
)
def test_any_other_geometry_is_refused_naming_column_and_row(
    cursor: extensions.cursor, kind: Any, wrong: Any, srid: int
) -> None:
    good = shapely.Point(1, 2) if kind == POINT else FLAT
    geometry_table(cursor, [good, good])
    cursor.execute(
        "INSERT INTO shapes VALUES (2, %s)",
        [None if wrong is None else shapely.to_wkb(shapely.set_srid(wrong, srid), True, include_srid=True)],
    )
    with pytest.raises(UnreadableCopy, match=r"column geom, row 2: not a flat .* in EPSG:4326"):
        shapes(cursor, kind)
    cursor.connection.rollback()
    cursor.execute("SELECT 1")  # the connection goes on
    assert cursor.fetchone() == (1,)


@pytest.mark.parametrize(
    ("query", "columns", "said"),
    [
        ("SELECT 'a'::text, 1::int8", {"a": TEXT}, "row 0 has 2 columns where 1 were asked for"),
        (
            "SELECT 'a'::text",
            {"a": TEXT, "b": pa.int64()},
            "row 0 has 1 columns where 2 were asked for",
        ),
        ("SELECT 1::int4", {"a": pa.int64()}, "column a, row 0: not eight bytes, as int64 has"),
        ("SELECT 1::float4", {"a": pa.float64()}, "column a, row 0: not eight bytes, as double has"),
        ("SELECT 'text'::text", {"a": pa.bool_()}, "column a, row 0: not a truth value"),
    ],
)
def test_other_columns_than_asked_for_are_refused(
    cursor: extensions.cursor, query: str, columns: Mapping[str, Any], said: str
) -> None:
    with pytest.raises(UnreadableCopy, match=said):
        copy_out(cursor, sql.SQL(query), columns)


def test_another_encoding_is_refused_before_anything_is_read(cursor: extensions.cursor) -> None:
    cursor.connection.rollback()
    cursor.connection.set_client_encoding("LATIN1")
    with pytest.raises(UnreadableCopy, match="speaks LATIN1"):
        copy_out(cursor, sql.SQL("SELECT 'a'::text"), {"a": TEXT})


HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
ROW = b"\0\1" + b"\0\0\0\1x"
END = b"\xff\xff"


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (b"", "ended too early, after 0 whole ones"),
        (HEADER, "ended too early"),
        (HEADER + ROW, "ended too early, after 1 whole ones"),
        (HEADER + ROW + ROW[:-1], "ended too early"),
        (HEADER + b"\0\1" + b"\x7f\xff\xff\xff" + b"x", "ended too early, after 0"),
        (HEADER + ROW + b"\0\1" + b"\xff\xff\xff\xfe", "row 1 has a field of impossible length"),
        (HEADER + ROW + b"\0\2" + 2 * b"\xff\xff\xff\xff" + END, "row 1 has 2 columns where 1"),
        (HEADER + b"\xff\xfe", "row 0 has -2 columns"),
        (HEADER + ROW + END + b"x", "1 bytes came after the end"),
        (HEADER[:-1] + b"\1" + ROW + END, "not COPY in its binary format"),
        (b"id,name\n1,2,3,4,5,6,7,8,9\n", "not COPY in its binary format"),
    ],
)
@pytest.mark.parametrize("pieces", [1, 3, 1000])
def test_a_stream_that_is_not_whole_is_refused(stream: bytes, said: str, pieces: int) -> None:
    def read() -> None:
        rows = copy_reading._Rows({"a": TEXT})
        for at in range(0, len(stream), pieces):
            rows.write(stream[at : at + pieces])
        rows.table()

    with pytest.raises(UnreadableCopy, match=said):
        read()


@settings(max_examples=200)
@given(st.data())
def test_damage_to_a_stream_is_refused_or_gives_a_sound_table(data: Any) -> None:
    """A changed length may swallow fields and rows, but nothing is read beyond what came."""
    table = pa.table({"a": ["x", "", None], "b": [1.5, None, 2.5], "c": [True, None, False]})
    whole = b"".join(copy_writing.binary_rows(table))
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    rows = copy_reading._Rows({"a": TEXT, "b": pa.float64(), "c": pa.bool_()})
    try:
        rows.write(bytes(damaged))
        found = rows.table()
    except UnreadableCopy:
        return
    assert len(found) <= len(table)
    found.validate()
