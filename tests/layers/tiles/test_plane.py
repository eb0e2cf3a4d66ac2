"""Where positions come to lie in a tile; expected are PROJ's places, put into the tile by its side."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from pyproj import Transformer

from layers.tiles.matrix import EXTENT, WEB_MERCATOR, WORLD_CRS84, Tile
from layers.tiles.placing import place_path
from layers.tiles.plane import LATITUDE, NEAR, plane_of

HALF = math.pi * 6378137.0
TO_PLANE = Transformer.from_crs("EPSG:4326", "EPSG:3857", always_xy=True)


def placed(lon: float, lat: float, tile: Tile) -> tuple[float, float]:
    x, y = np.empty(1), np.empty(1)
    assert place_path(np.array([[lon, lat]]), 0, 1, plane_of(WEB_MERCATOR, tile), x, y)
    return float(x[0]), float(y[0])


@given(
    st.integers(0, 22),
    st.floats(0, 0.999999),
    st.floats(0, 0.999999),
    st.floats(-1.5, 2.5),
    st.floats(-1.5, 2.5),
)
@example(16, 0.8, 0.45, 0.5, 0.5)
@example(0, 0.0, 0.0, 0.5, 0.001)
def test_a_position_in_and_around_a_tile_lies_where_proj_has_it(
    z: int, x: float, y: float, across: float, down: float
) -> None:
    tile = Tile(z, int(x * 2**z), int(y * 2**z))
    side = 2 * HALF / 2**z
    east = min(max(-HALF + (tile.x + across) * side, -HALF), HALF)
    north = min(max(HALF - (tile.y + down) * side, -HALF), HALF)
    lon, lat = TO_PLANE.transform(east, north, direction="INVERSE")
    east, north = TO_PLANE.transform(lon, lat)
    found = placed(lon, lat, tile)
    unit = side / EXTENT
    expected = ((east + HALF) / unit - tile.x * EXTENT, (HALF - north) / unit - tile.y * EXTENT)
    # doubles of metres across the world leave open some 1e-8 m, at each step
    assert np.allclose(found, expected, rtol=0, atol=1e-6 + 1e-7 / unit)


@given(st.integers(8, 22), st.floats(0.05, 0.95), st.booleans())
def test_at_the_end_of_the_series_both_ways_agree(z: int, share: float, upper: bool) -> None:
    plane = plane_of(WEB_MERCATOR, Tile(z, 0, int(share * 2**z)))
    lat = plane[LATITUDE] + (1 if upper else -1) * plane[NEAR] * (1 - 1e-9)
    x, y, exact = np.empty(1), np.empty(1), np.empty(1)
    assert place_path(np.array([[0.0, lat]]), 0, 1, plane, x, y)
    plane[NEAR] = -1.0
    assert place_path(np.array([[0.0, lat]]), 0, 1, plane, x, exact)
    assert abs(y[0] - exact[0]) < 2e-9 + 1e-15 * 2**z * EXTENT * 10


def test_degrees_on_the_equator_stay_degrees() -> None:
    x, y = np.empty(1), np.empty(1)
    assert place_path(np.array([[0.0, 0.0]]), 0, 1, plane_of(WORLD_CRS84, Tile(0, 0, 0)), x, y)
    assert (x[0], y[0]) == (EXTENT, EXTENT / 2)


def test_what_is_no_number_has_no_place() -> None:
    for bad in (math.nan, math.inf):
        for place in ([bad, 1.0], [1.0, bad]):
            x, y = np.empty(1), np.empty(1)
            assert not place_path(np.array([place]), 0, 1, plane_of(WEB_MERCATOR, Tile(9, 3, 3)), x, y)
