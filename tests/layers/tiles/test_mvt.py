"""The encoder of vector tiles: read back by a strict decoder and by GDAL, cut as shapely cuts."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyogrio
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st

from layers.geojson_columns import Column, Geometries, TextColumn, column_of, truths
from layers.sheet import Patch
from layers.tiles import crowded
from layers.tiles.crowded import crowded_layer
from layers.tiles.features import feature_number
from layers.tiles.matrix import EXTENT, WEB_MERCATOR, WORLD_CRS84, Tile, TileMatrixSet
from layers.tiles.mvt import layer_message
from layers.tiles.plane import MARGIN, plane_of
from layers.tiles.values import new_table, put_values, spread
from tests.layers.tiles.decoder import Layer, decoded, twice_area

WORLD = Tile(0, 0, 0)


def patch(geometries: Geometries, county: str = "450122", **columns: Any) -> Patch:
    ids = column_of([f"{county}-{row}" for row in range(geometries.length)])
    assert isinstance(ids, TextColumn)
    found: dict[str, Column] = {name: column_of(values) for name, values in columns.items()}
    return Patch(county, np.arange(geometries.length), geometries, ids, found)


def layer(
    *patches: Patch,
    tile: Tile = WORLD,
    grid: TileMatrixSet = WORLD_CRS84,
    fields: tuple[str, ...] = (),
    tolerance: float = 0.0,
    **more: Any,
) -> Layer | None:
    made = layer_message("x", patches, fields, plane_of(grid, tile), tolerance=tolerance, **more)
    found = decoded(made.data)
    assert len(found) == (made.features > 0)
    assert made.features == (len(found["x"].features) if found else 0)
    return found.get("x")


def units(places: Any) -> np.ndarray[Any, Any]:
    """Lon/lat that come out at these units of the level 0 tile (0, 0) of WorldCRS84Quad."""
    plane = np.asarray(places, dtype=np.float64)
    return np.column_stack([plane[:, 0] / EXTENT * 180 - 180, 90 - plane[:, 1] / EXTENT * 180])


def lines(*paths: Any) -> Geometries:
    return Geometries.lines(
        np.cumsum([0, *(len(one) for one in paths)]), np.concatenate([units(one) for one in paths])
    )


def polygons(*shapes: Any) -> Geometries:
    """Each a list of closed rings in units."""
    rings = [ring for shape in shapes for ring in shape]
    return Geometries.of_polygons(
        np.cumsum([0, *(len(one) for one in shapes)]),
        np.cumsum([0, *(len(one) for one in rings)]),
        np.concatenate([units(one) for one in rings]),
    )


SQUARE = [(10, 10), (110, 10), (110, 110), (10, 110), (10, 10)]
HOLE = [(30, 30), (60, 30), (60, 60), (30, 60), (30, 30)]


def test_a_point_has_its_place_its_number_and_its_attributes() -> None:
    one = patch(
        Geometries.points(units([(5, 7), (9, 9)])),
        name=["变电站", None],
        kv=np.array([110.0, math.nan]),
        rank=pa.array([-3, 4]),
        open=[True, None],
    )
    found = layer(one, fields=("name", "kv", "rank", "open", "nothing"))
    assert found is not None
    assert found.extent == EXTENT
    first, second = found.features
    assert (first.id, first.type, first.parts) == (feature_number("450122-0"), 1, [[(5, 7)]])
    assert first.properties == {"name": "变电站", "kv": 110.0, "rank": -3, "open": True}
    assert second.properties == {"rank": 4}


def test_the_number_of_a_feature_is_fnv_1a_and_fits_into_a_number_of_javascript() -> None:
    # the 64 bits of "foobar" are those of the authors' own table of test vectors
    assert feature_number("foobar") == 0x85944171F73967E8 >> 11
    assert feature_number("") == 0xCBF29CE484222325 >> 11


def test_live_columns_stand_for_the_rows_in_the_box_alone() -> None:
    here = patch(Geometries.points(units([(1, 1), (2, 2), (3, 3)])), open=[False, False, False])
    here = Patch(
        here.county,
        np.array([0, 2]),
        here.geometries,
        here.ids,
        here.columns,
        {"open": truths(np.array([True, False]))},
    )
    found = layer(here, fields=("open",))
    assert found is not None
    assert [(one.id, one.properties) for one in found.features] == [
        (feature_number("450122-0"), {"open": True}),
        (feature_number("450122-2"), {"open": False}),
    ]


def test_counties_share_one_layer_and_one_table_of_values() -> None:
    kinds = pa.array(["breaker", "fuse", "fuse"]).dictionary_encode()
    places = Geometries.points(units([(1, 1), (2, 2), (3, 3)]))
    found = layer(patch(places, "a", kind=kinds), patch(places, "b", kind=kinds), fields=("kind",))
    assert found is not None
    assert found.values == ["breaker", "fuse"]
    assert [one.properties["kind"] for one in found.features] == ["breaker", "fuse", "fuse"] * 2


def test_zero_with_and_without_a_sign_is_one_value() -> None:
    found = layer(
        patch(Geometries.points(units([(1, 1)] * 3)), f=pa.array([0.0, -0.0, 0.0], pa.float64())),
        fields=("f",),
    )
    assert found is not None
    assert [str(value) for value in found.values] == ["0.0"]


def test_the_quick_way_and_the_crowded_way_write_the_same() -> None:
    stream = np.random.default_rng(5)
    steps = stream.integers(-400, 4500, (300, 4, 2))
    roads = lines(*steps.tolist())
    dots = Geometries.points(units(stream.integers(-200, 4300, (300, 2))))
    kv = np.where(stream.random(300) < 0.1, np.nan, stream.choice([0.4, 10.0, 110.0], 300))
    columns = {"kv": kv, "name": [f"line {k % 90}" for k in range(300)], "open": stream.random(300) < 0.5}
    for geometries in (roads, dots):
        patches = [patch(geometries, county, **columns) for county in ("450122", "450123")]
        fields, at_least = ("name", "kv", "open", "none"), {"kv": 1.0, "name": 5.0, "none": 1.0}
        plane = plane_of(WORLD_CRS84, WORLD)
        quick = layer_message("x", patches, fields, plane, tolerance=3.0, at_least=at_least)
        other = crowded_layer(patches, fields, plane, tolerance=3.0, at_least=at_least)
        assert quick.features == quick.of == other.kept == other.of
        assert other.features.tobytes() in quick.data
        assert other.values.tobytes() in quick.data
        # two thirds have enough voltage, or one that is not known
        assert 100 < other.kept < 600


def test_values_that_differ_in_one_byte_anywhere_are_told_apart_quickly() -> None:
    """About as many slots are looked at as there are values: no place of a text is left out of its hash."""
    texts = [("a" * k + chr(98 + c) + "a" * (40 - k))[: 8 + k] for k in range(41) for c in range(20)]
    texts = sorted(set(texts))
    named = column_of(texts)
    table = put_values(
        new_table(), named.addressed.told, np.arange(len(texts)), np.empty(len(texts), np.int32)
    )
    assert table.used[0] == len(texts)
    mask = len(table.slots) - 1
    taken = np.flatnonzero(table.slots)
    far = 0
    for slot in taken.tolist():
        number = int(table.slots[slot]) - 1
        home = int(spread(table.store, int(table.starts[number]), int(table.starts[number + 1]))) & mask
        far += (slot - home) & mask
    assert far < len(texts)


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(blacklist_categories=["Cs"]), max_size=4) | st.none(),
            st.integers(-(2**62), 2**62) | st.none(),
            st.floats(allow_nan=False, allow_infinity=False) | st.none(),
            st.booleans() | st.none(),
        ),
        min_size=1,
        max_size=700,
    )
)
def test_every_attribute_is_read_back_as_it_was(rows: list[tuple[Any, ...]]) -> None:
    t, i, f, b = (list(column) for column in zip(*rows, strict=True))
    columns = {
        "t": pa.array(t, pa.string()),
        "c": pa.array(t, pa.string()).dictionary_encode(),
        "i": pa.array(i, pa.int64()),
        "f": pa.array(f, pa.float64()),
        "b": pa.array(b, pa.bool_()),
    }
    found = layer(patch(Geometries.points(units([(1, 1)] * len(rows))), **columns), fields=tuple(columns))
    assert found is not None
    expected = [
        {
            key: value
            for key, value in zip("tcifb", (row[0], row[0], *row[1:]), strict=True)
            if value is not None
        }
        for row in rows
    ]
    assert [one.properties for one in found.features] == expected


def test_a_line_that_leaves_and_comes_back_has_two_parts() -> None:
    found = layer(patch(lines([(10, 10), (10, -500), (50, -500), (50, 20)])))
    assert found is not None
    assert found.features[0].parts == [[(10, 10), (10, -MARGIN)], [(50, -MARGIN), (50, 20)]]


def test_a_line_across_a_tile_is_cut_at_both_sides() -> None:
    found = layer(patch(lines([(-5000, 100), (9000, 100)])))
    assert found is not None
    assert found.features[0].parts == [[(-MARGIN, 100), (EXTENT + MARGIN, 100)]]


def test_lines_of_one_feature_stay_one_feature_wherever_they_lie() -> None:
    paths = [[(10, 10), (20, 10)], [(9000, 9000), (9100, 9000)], [(30, 30), (30, 50)], [(5, 5), (5, 9)]]
    alone = lines(*paths)
    found = layer(patch(Geometries.of_multilines([0, 3, 4], alone.paths, alone.coords)))
    assert found is not None
    assert [one.parts for one in found.features] == [[paths[0], paths[2]], [paths[3]]]


def test_what_is_shorter_than_a_unit_or_elsewhere_is_left_out() -> None:
    far = [(9000, 9000), (9100, 9100)]
    assert layer(patch(lines([(10, 10), (10.2, 10.2)], far))) is None
    assert layer(patch(polygons([[(1, 1), (1.2, 1), (1.2, 1.2), (1, 1.2), (1, 1)]]))) is None
    assert layer(patch(Geometries.points([(math.nan, 3.0), (10.0, math.inf), (170.0, 0.0)]))) is None
    assert layer(patch(Geometries.nowhere(3))) is None


def test_a_polygon_goes_clockwise_and_its_hole_the_other_way() -> None:
    for outer in (SQUARE, SQUARE[::-1]):
        for hole in (HOLE, HOLE[::-1]):
            found = layer(patch(polygons([outer, hole])))
            assert found is not None
            assert [twice_area(part) for part in found.features[0].parts] == [20_000, -1_800]


def test_a_multipolygon_is_one_feature_and_a_tile_inside_it_is_covered() -> None:
    around = [(-9000, -9000), (9000, -9000), (9000, 9000), (-9000, 9000), (-9000, -9000)]
    far = [(x + 20_000, y) for x, y in SQUARE]
    rings = np.concatenate([units(one) for one in (around, far, SQUARE)])
    multis = Geometries.of_multipolygons([0, 2, 3], [0, 1, 2, 3], [0, 5, 10, 15], rings)
    found = layer(patch(multis))
    assert found is not None
    covering, square = found.features
    assert len(covering.parts) == 1
    assert twice_area(covering.parts[0]) == 2 * (EXTENT + 2 * MARGIN) ** 2
    assert twice_area(square.parts[0]) == 20_000


def test_a_polygon_that_falls_apart_at_the_margin_is_mended_into_valid_parts() -> None:
    # a comb whose back lies outside: its teeth are separate polygons within
    comb = [(-500, 0), (200, 0), (200, 50), (-300, 50), (-300, 100), (200, 100), (200, 150), (-500, 150)]
    found = layer(patch(polygons([[*comb, comb[0]]])))
    assert found is not None
    assert sorted(twice_area(part) for part in found.features[0].parts) == [2 * 50 * (200 + MARGIN)] * 2


def test_simplification_keeps_corners_and_drops_what_lies_on_the_way() -> None:
    path = [(0, 0), (50, 1), (100, 0), (100, 300), (101, 600), (100, 900)]
    found = layer(patch(lines(path)), tolerance=4.0)
    assert found is not None
    assert found.features[0].parts == [[(0, 0), (100, 0), (100, 900)]]


def test_rows_below_what_a_level_asks_for_are_not_shown_and_unknown_ones_are() -> None:
    kv = np.array([0.4, 10.0, math.nan, 110.0])
    found = layer(patch(Geometries.points(units([(1, 1)] * 4)), kv=kv), fields=("kv",), at_least={"kv": 10.0})
    assert found is not None
    assert [one.properties.get("kv") for one in found.features] == [10.0, None, 110.0]


def test_a_full_layer_is_thinned_to_the_largest_and_says_how_many_there_were(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crowded, "MOST_FEATURES", 3)
    paths = [[(0, 0), (size, 0)] for size in (5, 900, 7, 800, 6, 700)]
    made = layer_message("x", [patch(lines(*paths))], (), plane_of(WORLD_CRS84, WORLD))
    assert (made.features, made.of) == (3, 6)
    assert [one.parts[0][1][0] for one in decoded(made.data)["x"].features] == [900, 800, 700]
    places = patch(Geometries.points(units(np.random.default_rng(1).uniform(0, EXTENT, (500, 2)))))
    again = [layer_message("x", [places], (), plane_of(WORLD_CRS84, WORLD)) for _ in range(2)]
    assert again[0] == again[1]
    assert (again[0].features, again[0].of) == (3, 500)


def test_geometry_beyond_what_a_layer_may_hold_is_simplified_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowded, "MOST_BYTES", 2_000)
    stream = np.random.default_rng(2)
    path = np.column_stack([np.linspace(0, EXTENT, 5_000), 2000 + stream.uniform(-3, 3, 5_000)])
    made = layer_message("x", [patch(lines(path))], (), plane_of(WORLD_CRS84, WORLD))
    assert made.features == made.of == 1
    assert len(made.data) < 2_100


def test_a_line_that_winds_without_end_costs_no_more_than_its_length() -> None:
    turns = np.linspace(0, 2_000, 400_000)
    spiral = np.column_stack([2000 + turns * np.cos(turns), 2000 + turns * np.sin(turns)])
    found = layer(patch(lines(spiral)), tolerance=4.0)
    assert found is not None


NEAR = st.integers(-200, EXTENT + 200).map(float) | st.integers(-9_000, 9_000).map(lambda n: n + 0.3)
PLACE = st.tuples(NEAR, NEAR)


@settings(deadline=None)
@given(
    st.lists(st.lists(PLACE, min_size=1, max_size=12), min_size=1, max_size=5), st.sampled_from([0.0, 4.0])
)
@example([[(0.0, -64.0), (0.0, -65.0), (10.0, -64.0)]], 0.0)
def test_any_line_is_cut_as_shapely_cuts_it_to_a_unit(paths: list[Any], tolerance: float) -> None:
    found = layer(patch(lines(*paths)), tolerance=tolerance)
    shown = {} if found is None else {one.id: one for one in found.features}
    for row, path in enumerate(paths):
        one = shown.get(feature_number(f"450122-{row}"))
        if one is not None:
            assert one.type == 2
            for part in one.parts:
                assert all(
                    -MARGIN <= x <= EXTENT + MARGIN and -MARGIN <= y <= EXTENT + MARGIN for x, y in part
                )
        if tolerance or len(path) < 2:
            continue
        box = shapely.box(-MARGIN, -MARGIN, EXTENT + MARGIN, EXTENT + MARGIN)
        # positions are brought onto whole units before they are cut
        expected = shapely.LineString(np.floor(np.array(path) + 0.5)).intersection(box)
        if one is None:
            # at most pieces that round to one position each
            assert all(piece.length < 2 for piece in shapely.get_parts(expected))
        else:
            ours = shapely.MultiLineString(one.parts)
            assert shapely.hausdorff_distance(ours, expected) <= 1.5
            assert expected.buffer(1.5).contains(ours)


@settings(deadline=None)
@given(
    st.lists(st.lists(PLACE, min_size=3, max_size=10), min_size=1, max_size=3), st.sampled_from([0.0, 4.0])
)
def test_any_ring_becomes_valid_polygons_the_right_way_round(rings: list[Any], tolerance: float) -> None:
    found = layer(patch(polygons(*([[*ring, ring[0]]] for ring in rings))), tolerance=tolerance)
    for one in [] if found is None else found.features:
        assert one.type == 3
        shapes: list[shapely.Polygon] = []
        for part in one.parts:
            assert all(-MARGIN <= x <= EXTENT + MARGIN and -MARGIN <= y <= EXTENT + MARGIN for x, y in part)
            if twice_area(part) > 0:
                shapes.append(shapely.Polygon(part))
            else:
                shapes[-1] = shapely.Polygon(
                    shapes[-1].exterior, [*shapes[-1].interiors, shapely.LinearRing(part)]
                )
        assert all(shapely.is_valid(shape) for shape in shapes), shapes


@settings(deadline=None)
@given(st.lists(PLACE, min_size=3, max_size=8))
def test_the_area_of_a_simple_ring_is_that_of_shapely_to_a_unit_along_its_edge(places: list[Any]) -> None:
    hull = shapely.MultiPoint(places).convex_hull
    if hull.geom_type != "Polygon":
        return
    found = layer(patch(polygons([shapely.get_coordinates(hull)])))
    box = shapely.box(-MARGIN, -MARGIN, EXTENT + MARGIN, EXTENT + MARGIN)
    expected = hull.intersection(box)
    ours = sum(twice_area(part) for part in found.features[0].parts) / 2 if found else 0
    assert abs(ours - expected.area) <= expected.length + 4


def test_gdal_reads_the_same_features(tmp_path: Path) -> None:
    kinds = pa.array(["breaker", "fuse"]).dictionary_encode()
    tile = Tile(14, 13123, 7112)
    box = WEB_MERCATOR.bounds(tile)
    where = [(box.west + share * (box.east - box.west), box.south + share * 0.01) for share in (0.25, 0.75)]
    pieces = [
        layer_message(
            "switch",
            [patch(Geometries.points(where), kind=kinds, kv=np.array([10.5, 0.4]))],
            ("kind", "kv"),
            plane_of(WEB_MERCATOR, tile),
        ),
        layer_message(
            "district",
            [patch(Geometries.of_polygons([0, 1], [0, 4], [*where, (box.east, box.south), where[0]]))],
            (),
            plane_of(WEB_MERCATOR, tile),
        ),
    ]
    folder = tmp_path / "14" / "13123"
    folder.mkdir(parents=True)
    file = folder / "7112.mvt"
    file.write_bytes(b"".join(one.data for one in pieces))
    assert sorted(name for name, _ in pyogrio.list_layers(file)) == ["district", "switch"]
    switches = pyogrio.read_dataframe(file, layer="switch").to_crs(4326)
    assert switches["kind"].tolist() == ["breaker", "fuse"]
    assert switches["kv"].tolist() == [10.5, 0.4]
    assert switches["mvt_id"].tolist() == [feature_number("450122-0"), feature_number("450122-1")]
    unit = (box.east - box.west) / EXTENT
    assert np.allclose(shapely.get_coordinates(switches.geometry), where, rtol=0, atol=unit)
    (district,) = pyogrio.read_dataframe(file, layer="district").geometry
    assert shapely.is_valid(district)
