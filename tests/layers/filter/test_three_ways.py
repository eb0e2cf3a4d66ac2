"""A filter keeps the same features in PostGIS, on columns, and by plain Python over one row after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import orjson
import psycopg2
import pyarrow as pa
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st

from layers.arrow_columns import arrow_of, shapes_of
from layers.filter.check import read_filter
from layers.filter.columns import kept
from layers.geojson_columns import Features, Geometries, TextColumn
from layers.postgis import CountyTable
from layers.rows import taken
from layers.source import BadQuery, Query
from tests.grid_database import GridDatabase
from tests.layers.filter.trees import FILTERS, LINES, NAMES, Row, kept_ids, rows

MANY = 60
NAMES_OF_FIELDS = ("county_code", "name", "length_m", "strands", "buried", "geometry")
KINDS = {
    "string": pa.large_string(),
    "number": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
}


def columns_of(features: dict[str, Row]) -> Features:
    """The rows as columns; what has no geometry has a line without coordinates."""
    shapes = [row["geometry"] for row in features.values()]
    paths = [[] if one is None else list(one.coords) for one in shapes]
    offsets = np.cumsum([0, *(len(path) for path in paths)])
    coords = np.array([at for path in paths for at in path], dtype=float).reshape(-1, 2)
    properties = {
        field.name: pa.array(
            [{**row, "id": id}[field.name] for id, row in features.items()], KINDS[field.type]
        )
        for field in LINES.fields
    }
    return Features.of(Geometries.lines(offsets, coords), properties, properties["id"])


def ids_of(features: Features) -> list[str]:
    assert isinstance(features.ids, TextColumn)
    found: list[str] = arrow_of(features.ids).to_pylist()
    return found


@settings(max_examples=200)
@example({"op": "like", "args": ["A", "%\\A"]}, [{**dict.fromkeys(NAMES_OF_FIELDS), "county_code": "01"}])
@given(FILTERS, st.lists(rows(), max_size=8))
def test_on_columns_as_row_by_row(tree: Any, made: list[Row]) -> None:
    features = {f"f{k}": row for k, row in enumerate(made)}
    condition = read_filter(orjson.dumps(tree).decode(), "cql2-json", LINES)
    columns = columns_of(features)
    found = taken(columns, np.flatnonzero(kept(condition, columns)))
    assert ids_of(found) == kept_ids(tree, features)
    wanted = [features[id]["geometry"] for id in ids_of(found)]
    assert list(shapes_of(found.geometry)) == wanted


@pytest.fixture(scope="module")
def probe(
    migrated_database: GridDatabase,
) -> Iterator[tuple[dict[str, Row], Callable[[], CountyTable]]]:
    """A table of random lines, and a layer over it."""
    features: dict[str, Row] = {}
    random = np.random.default_rng(7)

    def some(values: Any) -> Any:
        return None if random.random() < 0.2 else values[int(random.integers(len(values)))]

    names = ["", "a", "A", "aB", "é", "É", "%", "_", "\\", "'", '"', "x x", "线", "ab", "Bé"]
    for k in range(MANY):
        path = random.permutation(25)[: random.integers(2, 4)]
        features[f"f{k:02}"] = {
            "county_code": "01" if k < MANY // 2 else "02",
            "name": some(names),
            "length_m": some([half / 2 for half in range(-6, 13)]),
            "strands": some(list(range(-2, 5))),
            "buried": some([True, False]),
            "geometry": shapely.LineString([(int(at) // 5, int(at) % 5) for at in path]),
        }
    held = psycopg2.connect(migrated_database.dsn)
    with held.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE probe_line (id text, county_code text, name text, length_m float8, "
            "strands bigint, buried boolean, geom geometry(LineString, 4326))"
        )
        for id, row in features.items():
            cursor.execute(
                "INSERT INTO probe_line "
                "VALUES (%s, %s, %s, %s, %s, %s, ST_GeomFromWKB(decode(%s, 'hex'), 4326))",
                [
                    id,
                    *(row[name] for name in ("county_code", "name", "length_m", "strands", "buried")),
                    row["geometry"].wkb_hex,
                ],
            )

    def layer() -> CountyTable:
        def read(counties: Any, read_of: Any) -> Any:
            with held.cursor() as cursor:
                cursor.execute("SAVEPOINT asked")
                try:
                    return [read_of(cursor, counties)], ()
                finally:
                    cursor.execute("ROLLBACK TO asked")

        return CountyTable(
            LINES,
            read=read,
            rows_by_county=lambda _: {"01": MANY // 2, "02": MANY - MANY // 2},
            counties_of_id=lambda _: ["01", "02"],
            extent_of=lambda _: None,
        )

    yield features, layer
    held.close()


@settings(max_examples=100)
@example(tree={"op": "<", "args": ["", {"op": "casei", "args": [""]}]})
@given(tree=FILTERS)
def test_in_postgis_as_row_by_row(probe: Any, tree: Any) -> None:
    features, layer = probe
    condition = read_filter(orjson.dumps(tree).decode(), "cql2-json", LINES)
    page = layer().page(Query(MANY, where=condition))
    expected = kept_ids(tree, features)
    assert page.sifted
    assert ids_of(page.features) == expected
    assert layer().count(Query(1, where=condition), MANY) == (len(expected), True)


def test_a_count_beyond_what_is_counted_is_an_estimate(probe: Any) -> None:
    _, layer = probe
    condition = read_filter("id LIKE 'f%'", "cql2-text", LINES)
    count = layer().count(Query(1, where=condition), 10)
    assert (count.exact, count.number >= 11) == (False, True)


def test_pages_of_a_filter_follow_each_other(probe: Any) -> None:
    features, layer = probe
    condition = read_filter("strands > 0", "cql2-text", LINES)
    found, query = [], Query(3, where=condition)
    while True:
        page = layer().page(query)
        found += ids_of(page.features)
        if page.after is None:
            break
        assert len(page.features) == 3
        query = Query(3, where=condition, after=page.after)
    assert found == [id for id, row in features.items() if (row["strands"] or 0) > 0]


@given(text=NAMES | st.text(max_size=8))
def test_no_text_is_ever_read_as_sql(probe: Any, text: str) -> None:
    features, layer = probe
    if "\x00" in text:
        return
    for wanted in (text, f"'; DROP TABLE probe_line; --{text}", f"\\'{text}"):
        tree = {"op": "=", "args": [{"property": "name"}, wanted]}
        quoted = wanted.replace("'", "''")
        for written, language in (
            (orjson.dumps(tree).decode(), "cql2-json"),
            (f"name = '{quoted}'", "cql2-text"),
        ):
            condition = read_filter(written, language, LINES)
            assert ids_of(layer().page(Query(MANY, where=condition)).features) == kept_ids(tree, features)


def test_what_becomes_too_large_in_postgis_is_told_to_whoever_asked(probe: Any) -> None:
    _, layer = probe
    condition = read_filter("(length_m + 7) * 1e300 * 1e300 > 0", "cql2-text", LINES)
    with pytest.raises(BadQuery, match="out of range"):
        layer().page(Query(5, where=condition))
