"""Rows gathered out of a patch, held against shapely and plain lists."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import shape

from layers.geojson_columns import Features, Geometries, TextColumn, column_of, truths
from layers.geojson_writer import feature_collection
from layers.sheet import Patch
from layers.sheet_features import features_of

NAMES = ["", "Ängelholm", "x", "yy", "zzz"]


def area(k: int) -> shapely.MultiPolygon:
    """One with a hole, and a second part for every other."""
    west = shapely.box(k, 0, k + 1, 1), shapely.box(k + 0.2, 0.2, k + 0.4, 0.4)
    first = shapely.Polygon(west[0].exterior.coords, [west[1].exterior.coords])
    return shapely.MultiPolygon([first, shapely.box(k, 2, k + 1, 3)][: 1 + k % 2])


AREAS = [area(k) for k in range(5)]


def patch_of(kind: str) -> Patch:
    _, coords, (rings, polygons, multis) = shapely.to_ragged_array(np.array(AREAS, dtype=object))
    squares = np.arange(50).reshape(25, 2) % 7
    geometries = {
        "points": Geometries.points([[k, -k] for k in range(5)]),
        "lines": Geometries.lines([0, 2, 5, 7, 9, 12], np.arange(24).reshape(12, 2)),
        "polygons": Geometries.of_polygons([0, 1, 2, 3, 4, 5], [0, 5, 10, 15, 20, 25], squares),
        "multipolygons": Geometries.of_multipolygons(multis, polygons, rings, coords),
        "nowhere": Geometries.nowhere(5),
    }[kind]
    words = np.array([0, 1, 3]), np.frombuffer(b"abb", np.uint8)
    columns = {
        "name": column_of(NAMES),
        "kind": TextColumn(*words, np.array([1, -1, 0, 1, 0], np.int8)),
        "kv": column_of(np.array([1.5, np.nan, 3, 4, 5])),
    }
    live = {"energised": truths(np.array([True, False, True, False]), np.array([True, True, False, True]))}
    ids = column_of([f"id{k}" for k in range(5)])
    assert isinstance(ids, TextColumn)
    return Patch("450101", np.array([0, 1, 3, 4]), geometries, ids, columns, live)


def written(*features: Features) -> Any:
    return orjson.loads(b"".join(feature_collection(features, {})))["features"]


KINDS = ("points", "lines", "polygons", "multipolygons", "nowhere")


@given(st.sampled_from(KINDS), st.lists(st.sampled_from([0, 1, 3, 4]), max_size=6))
def test_rows_are_gathered_in_the_order_asked(kind: str, rows: list[int]) -> None:
    """Expected: the features of the whole sheet, written without gathering, and picked from the list."""
    patch = patch_of(kind)
    found = written(features_of(patch, rows, ("kv", "energised", "name", "nothing", "kind")))
    every = written(Features(patch.geometries, patch.columns, patch.ids))
    live = {0: True, 1: False, 3: None, 4: False}
    assert [one["id"] for one in found] == [f"id{row}" for row in rows]
    for row, one in zip(rows, found, strict=True):
        assert one["geometry"] == every[row]["geometry"]
        assert list(one["properties"]) == ["kv", "energised", "name", "kind"]
        assert one["properties"] == {**every[row]["properties"], "energised": live[row]}


def test_areas_keep_their_holes_and_parts() -> None:
    found = written(features_of(patch_of("multipolygons")))
    for row, one in zip((0, 1, 3, 4), found, strict=True):
        assert shapely.equals_exact(shape(one["geometry"]), AREAS[row], 1e-7)


def test_a_row_outside_of_the_patch_is_named() -> None:
    with pytest.raises(KeyError, match=r"rows \[2\] are not among the 4 of the patch"):
        features_of(patch_of("points"), [4, 2])
