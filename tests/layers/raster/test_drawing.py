"""Pictures against what is known without the code under test: Pillow's lines, formulas, positions."""

from __future__ import annotations

import math
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from PIL import Image, ImageDraw

from layers.raster import Drawn, Frame, draw
from layers.style import Style, cartography
from layers.style.model import Line, Rule, Size
from tests.layers.handmade import Handmade

RED = "#c00000"
WIDTH, HEIGHT = 400, 300
FRAME = Frame("CRS:84", 10.0, 50.0, 10.4, 50.3, WIDTH, HEIGHT)


def plain(width: float) -> Style:
    """Every line red, of one width."""
    return Style("plain", "Plain", (Rule("Line", (), (Line(RED, Size(((1.0, width),))),)),))


def layer(shapes: list[Any], name: str = "line_section", **columns: Any) -> Handmade:
    count = len(shapes)
    data = {"id": [f"x{k}" for k in range(count)], "county_code": ["01"] * count, **columns}
    return Handmade(name, gpd.GeoDataFrame(data, geometry=shapes, crs=4326))


def random_lines(count: int, seed: int) -> list[shapely.LineString]:
    """Lines of a few vertices, some of which leave the picture."""
    rng = np.random.default_rng(seed)
    start = rng.uniform([9.95, 49.95], [10.45, 50.35], (count, 1, 2))
    steps = rng.normal(0, 0.02, (count, 5, 2))
    made: Any = shapely.linestrings(np.concatenate([start, start + np.cumsum(steps, axis=1)], axis=1))
    return list(made)


def test_lines_lie_where_another_renderer_draws_them() -> None:
    # Pillow draws the same lines, in four times the size, and the picture is made smaller: its anti-aliasing.
    lines = random_lines(60, 3)
    ours = draw(FRAME, [Drawn(layer(lines), plain(3.0))], cartography(), labels=False).pixels
    large = Image.new("L", (4 * WIDTH, 4 * HEIGHT))
    pen = ImageDraw.Draw(large)
    for line in lines:
        xy = (shapely.get_coordinates(line) - (10.0, 50.3)) * (1000, -1000) * 4
        pen.line([tuple(one) for one in xy], fill=255, width=12, joint="curve")
    theirs = np.asarray(large.resize((WIDTH, HEIGHT), Image.Resampling.BOX)).astype(int)
    off = np.abs(ours[..., 3].astype(int) - theirs) > 80
    # seen: 0.1 %, at round ends, which Pillow's lines do not have
    assert off.mean() < 0.005
    assert (theirs > 128).mean() > 0.05
    solid = ours[ours[..., 3] == 255]
    assert (solid[:, :3] == (0xC0, 0, 0)).all()


def test_lines_of_one_feature_are_drawn_as_those_of_several() -> None:
    lines = random_lines(60, 3)
    groups = [shapely.MultiLineString(lines[k : k + 7]) for k in range(0, 60, 7)]
    apart = draw(FRAME, [Drawn(layer(lines), plain(3.0))], cartography(), labels=False).pixels
    together = draw(FRAME, [Drawn(layer(groups, "feeder"), plain(3.0))], cartography(), labels=False).pixels
    assert (apart[..., 3] > 0).any()
    assert np.array_equal(apart, together)


def test_a_million_cells_of_one_class_are_all_drawn() -> None:
    # AGG silently stops at 1024 blocks of 4096 cells in one feature
    ys = 50.0 + np.arange(0.5, HEIGHT) * 0.001
    zigzag = [shapely.LineString([(10.0, y), (10.4, y)]) for y in ys for _ in range(40)]
    drawn = draw(FRAME, [Drawn(layer(zigzag), plain(1.0))], cartography(), labels=False).pixels
    assert (drawn[..., 3] > 250).all()


def test_lines_smaller_than_a_pixel_leave_a_trace_and_no_more_than_one_each_pixel() -> None:
    specks = [
        shapely.LineString([(10.2 + d, 50.15), (10.2 + d + 1e-6, 50.15)]) for d in np.linspace(0, 1e-4, 500)
    ]
    drawn = draw(FRAME, [Drawn(layer(specks), plain(2.0))], cartography(), labels=False).pixels
    assert 0 < (drawn[..., 3] > 0).sum() <= 16


@pytest.mark.parametrize("crs", ["CRS:84", "EPSG:3857"])
def test_a_point_lies_on_the_pixel_that_the_formula_gives(crs: str) -> None:
    lon, lat = 10.1234, 50.2222
    frame = FRAME
    x, y = (lon - 10.0) * 1000, (50.3 - lat) * 1000
    if crs == "EPSG:3857":
        radius = 6378137.0

        def north(degrees: float) -> float:
            return radius * math.asinh(math.tan(math.radians(degrees)))

        frame = Frame(
            crs, math.radians(10) * radius, north(50.0), math.radians(10.4) * radius, north(50.3), 400, 300
        )
        y = (north(50.3) - north(lat)) / (north(50.3) - north(50.0)) * 300
    points = layer([shapely.Point(lon, lat)], name="any")
    drawn = draw(frame, [Drawn(points, cartography().styles("any", "Point")[0])], cartography()).pixels
    rows, columns = np.nonzero(drawn[..., 3] > 128)
    assert abs(columns.mean() + 0.5 - x) < 0.35
    assert abs(rows.mean() + 0.5 - y) < 0.35


def test_an_open_switch_is_hollow_and_a_closed_one_filled() -> None:
    switches = layer(
        [shapely.Point(10.1, 50.15), shapely.Point(10.3, 50.15)],
        name="switch",
        kind=["breaker", "breaker"],
        open=[True, False],
        energised=[True, True],
    )
    near = Frame("CRS:84", 10.099, 50.1495, 10.301, 50.1505, 2020, 10)
    frame = Frame("CRS:84", 10.1 - 1e-3, 50.15 - 1e-3, 10.1 + 1e-3, 50.15 + 1e-3, 101, 101)
    style = cartography().layers["switch"][0]
    hollow = draw(frame, [Drawn(switches, style)], cartography()).pixels
    assert near.denominator > frame.denominator
    assert hollow[50, 50].tolist() == [255, 255, 255, 255]
    frame = Frame("CRS:84", 10.3 - 1e-3, 50.15 - 1e-3, 10.3 + 1e-3, 50.15 + 1e-3, 101, 101)
    filled = draw(frame, [Drawn(switches, style)], cartography()).pixels
    assert filled[50, 50].tolist() == [0xC6, 0x28, 0x28, 255]


def test_a_county_that_is_away_is_named() -> None:
    away = Handmade("line_section", layer(random_lines(3, 1)).frame, absent=("01",))
    picture = draw(FRAME, [Drawn(away, plain(1.0))], cartography())
    assert picture.missing == ("01",)
    assert not picture.pixels.any()
