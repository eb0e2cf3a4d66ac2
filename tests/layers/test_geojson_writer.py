"""The compiled GeoJSON writer against `json` and geopandas, value by value; expected answers are theirs."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import example, given
from hypothesis import strategies as st

from layers.geojson_columns import Features, Geometries, TextColumn, column_of, constant
from layers.geojson_writer import BLOCK_ROWS, PIECE_ROWS, feature_collection, features_text

TEXT = st.text(st.characters(blacklist_categories=["Cs"]), max_size=8)
COORDINATE = st.floats(-180, 180)
FLOAT = st.floats() | st.floats(0, 1000).map(lambda x: round(x, 2)) | st.integers(-(2**60), 2**60).map(float)


def written(*parts: Features, **members: Any) -> Any:
    text = b"".join(feature_collection(parts, members))
    return json.loads(text)


def properties(**columns: Any) -> list[dict[str, Any]]:
    rows = len(next(iter(columns.values())))
    found = written(Features.of(Geometries.nowhere(rows), columns))["features"]
    return [feature["properties"] for feature in found]


def numbers_text(values: Sequence[float]) -> list[str]:
    """The very text of numbers, which a JSON parser would hide."""
    part = Features.of(Geometries.nowhere(len(values)), {"x": np.array(values, dtype=np.float64)})
    text = b"".join(features_text([part])).decode()
    return [piece.split("}")[0] for piece in text.split('"x":')[1:]]


def digits(text: str) -> str:
    return text.lower().split("e")[0].lstrip("-").replace(".", "").strip("0")


@given(st.lists(FLOAT, min_size=1, max_size=30))
@example([0.0, -0.0, 1e-7, 1e22, 1e16, 1e15, 123456789012345680.0, 0.1 + 0.2, 0.001, 0.0001, 0.00001])
@example([5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 9007199254740993.0, 2.0**-44, 1e23])
def test_a_number_is_the_shortest_decimal_that_reads_back_the_same(values: list[float]) -> None:
    for value, text in zip(values, numbers_text(values), strict=True):
        if not math.isfinite(value):
            assert text == "null"
            continue
        assert struct.pack("d", json.loads(text)) == struct.pack("d", value)
        assert isinstance(json.loads(text), float)  # a reader that types columns sees a fraction
        assert digits(text) == digits(repr(value))


def test_every_power_of_two_is_written_as_python_writes_it() -> None:
    values = [2.0**k for k in range(-1074, 1024)]
    for value, text in zip(values, numbers_text(values), strict=True):
        assert (json.loads(text), digits(text)) == (value, digits(repr(value)))


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.none(), min_size=1))
def test_whole_numbers_are_exact_and_absent_ones_null(values: list[int | None]) -> None:
    assert [row["n"] for row in properties(n=pa.array(values, pa.int64()))] == values


@given(st.lists(TEXT | st.none(), min_size=1), st.lists(st.booleans() | st.none(), min_size=1))
@example(
    ['"\\/\b\f\n\r\t\x00\x1f\x7f', "", "国家电网 ﷽ 🗼", None, "</script>"], [None, True, False, True, True]
)
def test_texts_and_truths_are_what_json_reads(texts: list[str | None], truths: list[bool | None]) -> None:
    rows = min(len(texts), len(truths))
    texts, truths = texts[:rows], truths[:rows]
    expected = [{"t": t, "b": b} for t, b in zip(texts, truths, strict=True)]
    plain = pa.array(texts, pa.string())
    for column in (np.array(texts, dtype=object), plain, pa.chunked_array([plain, plain[:0]])):
        assert properties(t=column, b=pa.array(truths, pa.bool_())) == expected
    for coded in (plain.dictionary_encode(), pa.array(texts, pa.dictionary(pa.uint8(), pa.string()))):
        assert properties(t=coded, b=pa.array(truths, pa.bool_())) == expected


@given(TEXT, st.lists(TEXT, min_size=1, max_size=4, unique=True))
def test_names_and_foreign_members_are_escaped_too(value: str, names: list[str]) -> None:
    part = Features.of(Geometries.nowhere(2), {name: constant(value, 2) for name in names})
    answer = written(part, note=value)
    assert answer["note"] == value
    assert answer["features"][1]["properties"] == dict.fromkeys(names, value)


@given(st.lists(st.tuples(COORDINATE, COORDINATE), min_size=1))
@example([(-0.0, 1e-7), (1e-8, -1e-8), (-0.00000005, 179.99999996), (180.0, -90.0)])
def test_points_are_rounded_to_seven_decimals(points: list[tuple[float, float]]) -> None:
    for point, feature in zip(
        points, written(Features.of(Geometries.points(points), {}))["features"], strict=True
    ):
        assert feature["properties"] == {}
        assert feature["geometry"]["type"] == "Point"
        for given_, told in zip(point, feature["geometry"]["coordinates"], strict=True):
            assert abs(told - given_) <= 0.5000001e-7
            assert told == round(told, 7)


def test_metres_of_a_projected_system_and_enormous_numbers_survive() -> None:
    points = [(430000.1234567, 5300000.5), (1e22, -1e300)]
    features = written(Features.of(Geometries.points(points), {}))["features"]
    assert [tuple(feature["geometry"]["coordinates"]) for feature in features] == points


def test_what_lies_nowhere_has_a_null_geometry() -> None:
    points = Features.of(Geometries.points([(1, 2), (math.nan, 2), (1, math.inf)]), {})
    lines = Features.of(Geometries.lines([0, 2, 2, 4], [(1, 2), (3, 4), (5, 6), (7, math.nan)]), {})
    kinds = [
        feature["geometry"] and feature["geometry"]["type"] for feature in written(points, lines)["features"]
    ]
    assert kinds == ["Point", None, None, "LineString", None, None]


RING = [(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 0.0)]
HOLE = [(2.0, 1.0), (3.0, 1.0), (3.0, 2.0), (2.0, 1.0)]
AWAY = [(10.0, 0.0), (14.0, 0.0), (14.0, 4.0), (10.0, 0.0)]


def test_lines_and_polygons_are_those_of_geopandas() -> None:
    shapes: list[tuple[Callable[..., Geometries], list[Any]]] = [
        (Geometries.lines, [shapely.LineString(RING), shapely.LineString(HOLE[:2])]),
        (
            Geometries.of_multilines,
            [shapely.MultiLineString([RING[:3], AWAY[:2]]), shapely.MultiLineString([AWAY[:2]])],
        ),
        (Geometries.of_polygons, [shapely.Polygon(RING, [HOLE]), shapely.Polygon(AWAY)]),
        (
            Geometries.of_multipolygons,
            [shapely.MultiPolygon([(RING, [HOLE]), (AWAY, [])]), shapely.MultiPolygon([(AWAY, [])])],
        ),
    ]
    for make, given_ in shapes:
        _, coords, offsets = shapely.to_ragged_array(given_)
        ours = written(Features.of(make(*reversed(offsets), coords), {"n": np.arange(2)}))
        theirs = json.loads(gpd.GeoDataFrame({"n": [0, 1]}, geometry=given_).to_json(drop_id=True))
        assert ours["features"] == theirs["features"]


def test_a_collection_of_many_blocks_is_what_geopandas_writes() -> None:
    n = 2 * BLOCK_ROWS + PIECE_ROWS + 17
    rng = np.random.default_rng(0)
    columns = {
        "name": np.array([f"客户 {k}" if k % 5 else None for k in range(n)], dtype=object),
        "class": rng.choice(np.array(["residential", 'pub"lic'], dtype=object), n),
        "kva": np.where(rng.random(n) < 0.1, np.nan, rng.random(n) * 100),
        "count": rng.integers(-5, 5, n),
        "live": rng.random(n) < 0.5,
    }
    xy = np.round(np.column_stack([rng.random(n), rng.random(n)]), 7)
    frame = gpd.GeoDataFrame(columns, geometry=gpd.points_from_xy(*xy.T), index=[f"id-{k}" for k in range(n)])
    ids = np.array(frame.index, dtype=object)
    pieces = list(feature_collection([Features.of(Geometries.points(xy), columns, ids)], {}))
    assert len(pieces) == 2 + 2 * BLOCK_ROWS // PIECE_ROWS + 2
    assert json.loads(b"".join(pieces))["features"] == json.loads(frame.to_json())["features"]


def test_words_that_few_rows_use_are_looked_up_all_the_same() -> None:
    words = [f"w{k}" for k in range(50)]
    offsets = np.cumsum([0, *map(len, words)])
    data = np.frombuffer("".join(words).encode(), dtype=np.uint8)
    column = TextColumn(offsets, data, np.array([49, -1, 7, 49]))
    assert [row["x"] for row in properties(a=column, x=column)] == ["w49", None, "w7", "w49"]


def test_no_features_are_an_empty_collection() -> None:
    nothing = Features.of(Geometries.points(np.empty((0, 2))), {"x": np.empty(0)}, np.empty(0, dtype=object))
    assert written(nothing, Features.of(Geometries.nowhere(0), {})) == {
        "type": "FeatureCollection",
        "features": [],
    }
    assert written() == {"type": "FeatureCollection", "features": []}


def test_parts_of_different_kinds_stand_one_after_another() -> None:
    one = Features.of(Geometries.points([(1, 2)]), {"a": ["x"]}, ["p"])
    two = Features.of(Geometries.lines([0, 2], [(1, 2), (3, 4)]), {"b": [1.5]})
    first, second = written(one, Features.of(Geometries.nowhere(0), {}), two)["features"]
    assert (first["id"], first["properties"]) == ("p", {"a": "x"})
    assert ("id" in second, second["properties"]) == (False, {"b": 1.5})


def test_columns_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="a has 1 values for 2 features"):
        Features.of(Geometries.nowhere(2), {"a": ["x"]})
    for wrong in (np.array([b"x"]), [object()], np.array([2**64 - 1], dtype=np.uint64), pa.array([[1]])):
        with pytest.raises(TypeError):
            column_of(wrong)


@given(st.lists(TEXT, min_size=1, max_size=5), TEXT.filter(bool))
def test_ids_may_be_led_by_the_same_words(ids: list[str], lead: str) -> None:
    part = Features(Geometries.nowhere(len(ids)), {"id": column_of(ids)}, column_of(ids), lead)
    assert [(one["id"], one["properties"]["id"]) for one in written(part)["features"]] == [
        (lead + id, id) for id in ids
    ]
    with pytest.raises(ValueError, match="none of them null"):
        Features(Geometries.nowhere(1), {}, column_of([None]), lead)
