"""Layers out of vector files: GeoPandas says what the same files hold, and shapely what meets a box."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from layers.files import BadFiles, read_layers
from layers.geojson import collection_pieces
from layers.sheet import Drawable, Sight
from layers.source import Box, Count, Key, Page, Query
from layers.still import StillLayer

EVERYWHERE = Box(-180.0, -90.0, 180.0, 90.0)
SQUARES = [shapely.box(east, 22.8, east + 0.01, 22.81) for east in (108.3, 108.32, 108.34)]


def frame(geometry: list[Any], crs: Any = 4326, **columns: Any) -> geopandas.GeoDataFrame:
    return geopandas.GeoDataFrame(columns, geometry=geometry, crs=crs)


def write(file: Path, features: geopandas.GeoDataFrame, **more: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    pyogrio.write_dataframe(features, file, **more)
    return file


def read(page: Page) -> list[dict[str, Any]]:
    pieces = collection_pieces([page], stamp="", members={}, tail=lambda _: {})
    found: list[dict[str, Any]] = json.loads(b"".join(pieces))["features"]
    return found


def only(directory: Path) -> StillLayer:
    (layer,) = read_layers(directory)
    return layer


# GeoJSON is in lon/lat (RFC 7946, section 4)
@pytest.mark.parametrize(
    ("name", "crs"),
    [
        *((name, crs) for name in ("parks.shp", "parks.gpkg") for crs in (4326, 3857, 4490, 32648, 4544)),
        ("parks.geojson", 4326),
    ],
)
def test_a_file_of_any_format_and_crs_becomes_a_layer_in_lon_lat(tmp_path: Path, name: str, crs: int) -> None:
    parks = frame(SQUARES, name=["A", "B", None], trees=[1, 2, 3], share=[0.5, np.nan, 1.0]).to_crs(crs)
    write(tmp_path / name, parks)

    layer = only(tmp_path)

    assert isinstance(layer, Drawable)
    assert (layer.description.id, layer.description.geometry) == ("parks", "Polygon")
    assert [(field.name, field.type) for field in layer.description.fields] == [
        ("name", "string"),
        ("trees", "integer"),
        ("share", "number"),
    ]
    features = read(layer.page(Query(10)))
    assert [feature["id"] for feature in features] == ["1", "2", "3"]
    assert features[1]["properties"] == {"name": "B", "trees": 2, "share": None}
    for feature, square in zip(features, SQUARES, strict=True):
        found = shapely.geometry.shape(feature["geometry"])
        assert shapely.hausdorff_distance(found, square) < 1e-6


def test_a_directory_below_and_a_geopackage_of_many_layers_lead_the_names(tmp_path: Path) -> None:
    write(tmp_path / "top.geojson", frame(SQUARES))
    write(tmp_path / "cite" / "Lakes.shp", frame(SQUARES))
    for layer in ("roads", "rivers"):
        write(tmp_path / "city.gpkg", frame(SQUARES), layer=layer)

    found = {layer.description.id: layer.description.title for layer in read_layers(tmp_path)}

    assert found == {name: name for name in ("city:rivers", "city:roads", "top", "cite:Lakes")}


def test_names_titles_and_ids_are_as_layers_toml_says(tmp_path: Path) -> None:
    write(tmp_path / "own" / "a.gpkg", frame(SQUARES, code=["z", "x", "y"]))
    (tmp_path / "own" / "layers.toml").write_text(
        'prefix = "town."\n[a]\nname = "parks"\ntitle = "Parks"\ndescription = "Green."\nid = "code"\n'
    )

    layer = only(tmp_path)

    told = layer.description
    assert (told.id, told.title, told.description) == ("town.parks", "Parks", "Green.")
    assert [feature["id"] for feature in read(layer.page(Query(10)))] == ["x", "y", "z"]
    found = layer.feature("x")
    assert found is not None
    assert found.geometry.coords.min(axis=0).tolist() == [108.32, 22.8]
    assert layer.feature("q") is None


def test_lines_and_points_of_many_parts_become_features_of_one_part(tmp_path: Path) -> None:
    first, second = [[0.0, 0.0], [1.0, 1.0]], [[2.0, 2.0], [3.0, 3.0]]
    ways = [shapely.MultiLineString([first, second]), shapely.LineString(first), None]
    write(tmp_path / "ways.gpkg", frame(ways, name=["both", "one", "none"]))

    features = read(only(tmp_path).page(Query(10)))

    assert [(one["id"], one["properties"]["name"]) for one in features] == [
        ("1.1", "both"),
        ("1.2", "both"),
        ("2", "one"),
        ("3", "none"),
    ]
    assert [one["geometry"] and one["geometry"]["coordinates"] for one in features] == [
        first,
        second,
        first,
        None,
    ]


def test_heights_are_left_out_and_moments_are_texts(tmp_path: Path) -> None:
    import pandas

    pits = frame([shapely.Point(1, 2, 3)], since=pandas.to_datetime(["2026-11-27T08:00:00Z"]))
    write(tmp_path / "pits.gpkg", pits)

    (feature,) = read(only(tmp_path).page(Query(10)))

    assert feature["geometry"]["coordinates"] == [1.0, 2.0]
    assert feature["properties"]["since"].startswith("2026-11-27 08:00:00")


def test_a_polygon_that_crosses_itself_is_mended(tmp_path: Path) -> None:
    write(tmp_path / "bow.geojson", frame([shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])]))

    layer = only(tmp_path)

    (feature,) = read(layer.page(Query(1)))
    assert shapely.geometry.shape(feature["geometry"]).is_valid
    assert len(layer.page(Query(1, box=Box(0.0, 0.4, 0.1, 0.6))).features) == 1


def test_every_fault_of_every_file_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "broken.shp").write_bytes(b"no shapefile")
    write(tmp_path / "mixed.geojson", frame([shapely.Point(0, 0), SQUARES[0]]))
    write(tmp_path / "bare.shp", frame(SQUARES))
    (tmp_path / "bare.prj").unlink()
    write(tmp_path / "far.gpkg", frame([shapely.Point(500_000, 2_500_000)]))
    write(tmp_path / "county.geojson", frame(SQUARES))
    write(tmp_path / "a, b.geojson", frame(SQUARES))
    write(tmp_path / "twice.geojson", frame(SQUARES, code=["a", "a", "b"]))
    (tmp_path / "layers.toml").write_text(
        '[twice]\nid = "code"\n[nowhere]\ntitle = "?"\n[far]\ncolour = "red"\n'
    )

    with pytest.raises(BadFiles) as caught:
        read_layers(tmp_path, taken=["county"])

    told = "\n".join(caught.value.faults)
    for sentence in (
        "broken.shp: cannot be read as vector data",
        "mixed.geojson: mixes geometries (point, polygon)",
        "bare.shp: says nothing of its CRS",
        "far.gpkg: has coordinates that lie outside lon/lat: is its CRS really WGS 84?",
        "county.geojson: the grid has the layer 'county' already",
        "a, b.geojson: 'a, b' is no name for a layer",
        "twice.geojson: the column 'code' has no value, or the same twice",
        "[nowhere] speaks of no file here",
        "[far] colour: only name, title, description, id",
    ):
        assert sentence in told
    assert len(caught.value.faults) == 9


def test_what_is_no_directory_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(BadFiles, match="is not a directory"):
        read_layers(tmp_path / "missing")


def test_a_sheet_says_what_lies_in_a_box_to_everybody_and_always_the_same(tmp_path: Path) -> None:
    write(tmp_path / "parks.gpkg", frame(SQUARES, name=["A", "B", "C"]))
    layer, again = only(tmp_path), only(tmp_path)
    sight = Sight(Box(108.325, 22.7, 108.4, 22.9), ("name", "energised"), counties=frozenset({"450122"}))

    (patch,) = layer.look(sight).patches

    assert patch.rows.tolist() == [1, 2]
    assert list(patch.columns) == ["name"]
    assert patch.geometries.length == 3
    assert layer.stamp(sight) == again.stamp(Sight(EVERYWHERE))
    write(tmp_path / "parks.gpkg", frame(SQUARES, name=["A", "B", "D"]))
    assert only(tmp_path).stamp(sight) != layer.stamp(sight)


@pytest.fixture(scope="module")
def scattered(tmp_path_factory: pytest.TempPathFactory) -> tuple[StillLayer, list[Any]]:
    folder = tmp_path_factory.mktemp("scattered")
    rng = np.random.default_rng(5)
    starts = rng.uniform(-10, 10, (60, 2))
    lines = [shapely.LineString([at, at + rng.uniform(-5, 5, 2)]) for at in starts]
    write(folder / "lines.gpkg", frame(lines))
    return only(folder), lines


edges = st.floats(-16, 16, allow_nan=False)


@given(xs=st.tuples(edges, edges), ys=st.tuples(edges, edges), size=st.integers(1, 70))
def test_pages_hold_what_meets_the_box_once_and_in_order(
    scattered: tuple[StillLayer, list[Any]], xs: tuple[float, float], ys: tuple[float, float], size: int
) -> None:
    layer, lines = scattered
    box = Box(min(xs), min(ys), max(xs), max(ys))
    met = [f"{row:02}" for row, line in enumerate(lines, 1) if line.intersects(shapely.box(*box))]

    assert layer.count(Query(1, box=box), most=1) == Count(len(met), True)
    found: list[str] = []
    after: Key | None = None
    while True:
        page = layer.page(Query(size, box=box, after=after))
        found += [feature["id"] for feature in read(page)]
        after = page.after
        if after is None:
            break

    assert found == met


def test_a_box_over_the_180th_meridian_is_two(tmp_path: Path) -> None:
    write(tmp_path / "isles.geojson", frame([shapely.Point(east, 0) for east in (-179.5, 0.0, 179.5)]))

    assert [one["id"] for one in read(only(tmp_path).page(Query(9, box=Box(179.0, -1.0, -179.0, 1.0))))] == [
        "1",
        "3",
    ]
