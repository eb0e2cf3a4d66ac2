"""Write → read is the identity, for every column, null, empty string and bit of a coordinate.

The expected answer is the package that was written. Hypothesis draws small packages that obey the rules;
packages that a foreign tool writes in other types or reference systems are named cases.
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from gis_service.ingest.columns import is_identifier
from gis_service.ingest.package import (
    GridPackage,
    inspect_package,
    read_package,
    tables_from_package,
    validate,
    write_package,
)
from gis_service.ingest.spec import LAYERS, Column, Layer
from tests.packages import put, save, save_geojson, sound_frames, sound_package

# Every character but surrogates (no UTF-8 form) and NUL (refused).
TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=5)
NAMES = TEXT.filter(bool)
COUNTIES = ["01", "国家-XII-abcdef"[:12]]
LON = st.floats(-180, 180, allow_subnormal=True)
LAT = st.floats(-90, 90, allow_subnormal=True)


def assert_same(given: GridPackage, back: GridPackage) -> None:
    for layer in LAYERS:
        before, after = given[layer.name], back[layer.name]
        assert list(after.columns) == [*(column.name for column in layer.columns), "geom"]
        assert after.crs == "EPSG:4326"
        for column in layer.columns:
            pd.testing.assert_series_equal(before[column.name], after[column.name], check_exact=True)
        assert [one and one.wkb for one in before.geom] == [one and one.wkb for one in after.geom]


def _value(column: Column, ids: dict[str, list[str]]) -> SearchStrategy[Any]:
    if column.name == "county_code":
        strategy: SearchStrategy[Any] = st.sampled_from(COUNTIES)
    elif column.refers_to is not None:
        known = ids[column.refers_to]
        strategy = st.sampled_from(known) if known else st.none()
    elif column.choices is not None:
        strategy = st.sampled_from(column.choices)
    elif column.name == "phases":
        strategy = st.sampled_from(["A", "CB", "ABC", "NAB", "ABCN"])
    elif column.type == "bool":
        strategy = st.booleans()
    elif column.type == "int":
        strategy = st.integers(0, 2**63 - 1)
    elif column.type == "float":
        strategy = st.floats(column.minimum, allow_infinity=False, allow_nan=False)
    else:
        strategy = NAMES if is_identifier(column) else TEXT
    return strategy if column.required else st.none() | strategy


def _shape(draw: st.DrawFn, layer: Layer) -> Any:
    if not layer.geometry_required and draw(st.booleans()):
        return None
    if layer.geometry == "Point":
        return shapely.Point(draw(LON), draw(LAT))
    if layer.geometry == "LineString":
        return shapely.LineString(draw(st.lists(st.tuples(LON, LAT), min_size=2, max_size=4)))
    x, y = draw(st.floats(-179, 178)), draw(st.floats(-89, 88))
    box = shapely.box(x, y, x + draw(st.floats(0.1, 1)), y + 1 / 3)
    return box if layer.geometry == "Polygon" else shapely.MultiPolygon([box])


@st.composite
def packages(draw: st.DrawFn) -> GridPackage:
    ids: dict[str, list[str]] = {}
    frames = {}
    for layer in LAYERS:
        needed = [column.refers_to for column in layer.columns if column.required and column.refers_to]
        most = 3 if all(ids[name] for name in needed) else 0
        chosen = draw(st.lists(NAMES, max_size=most, unique=True))
        ids[layer.name] = COUNTIES if layer.name == "county" else chosen
        rows = []
        for id in ids[layer.name]:
            row = {c.name: id if c.name == layer.key else draw(_value(c, ids)) for c in layer.columns}
            rows.append(row | {"geom": _shape(draw, layer)})
        columns = {name: [row[name] for row in rows] for name in [*(c.name for c in layer.columns), "geom"]}
        frames[layer.name] = pd.DataFrame({name: pd.Series(v, dtype=object) for name, v in columns.items()})
    return GridPackage.of(frames)


@pytest.mark.parametrize("name", ["p.gpkg", "p"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(package=packages())
def test_what_is_written_is_read_back_bit_for_bit(name: str, package: GridPackage) -> None:
    assert validate(package) == []
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / name
        write_package(package, path)
        assert_same(package, read_package(path))


def test_the_sound_package_survives_both_forms_in_turn(tmp_path: Path) -> None:
    write_package(sound_package(), tmp_path / "a.gpkg")
    write_package(read_package(tmp_path / "a.gpkg"), tmp_path / "b")
    write_package(read_package(tmp_path / "b"), tmp_path / "b")  # over itself
    assert_same(sound_package(), read_package(tmp_path / "b"))
    assert read_package(tmp_path / "b").notes == ()


def test_geojson_is_read_as_lonlat_with_its_own_types(tmp_path: Path) -> None:
    assert_same(sound_package(), read_package(save_geojson(sound_frames(), tmp_path / "p")))


def test_a_geojson_feature_id_serves_where_there_is_no_id_property(tmp_path: Path) -> None:
    path = save_geojson(sound_frames(), tmp_path / "p")
    file = path / "switch.geojson"
    text = file.read_text(encoding="utf-8")
    file.write_text(
        text.replace('"properties": {"id": "B1", ', '"id": "B1", "properties": {'), encoding="utf-8"
    )
    assert read_package(path)["switch"]["id"].tolist() == ["B1"]


def test_missing_optional_columns_are_nulls(tmp_path: Path) -> None:
    frames = sound_frames()
    for layer in LAYERS:
        optional = [column.name for column in layer.columns if not column.required]
        frames[layer.name] = frames[layer.name].drop(columns=optional)
    package = read_package(save(frames, tmp_path / "p.gpkg"))
    for layer in LAYERS:
        for column in layer.columns:
            assert package[layer.name][column.name].isna().all() == (not column.required)


def test_other_types_are_taken_where_they_are_unambiguous(tmp_path: Path) -> None:
    frames = sound_frames()
    lines, switches = frames["line_section"], frames["switch"]
    lines["length_m"] = ["930", " 2060.5 "]
    lines["base_voltage_kv"] = [10, 10]
    frames["corridor"]["ducts_free"] = [2.0]
    switches["normal_open"], switches["open"], switches["remote_controlled"] = ["FALSE"], [0], [1.0]
    put(frames, "customer_point", 1, "phases", "")
    assert_same(sound_package(), read_package(save(frames, tmp_path / "p")))


@pytest.mark.parametrize("name", ["p.gpkg", "p"])
def test_counts_beyond_what_a_float_holds_are_exact_beside_nulls(tmp_path: Path, name: str) -> None:
    frames = sound_frames()
    frames["corridor"] = frames["corridor"].loc[[0, 0, 0]].reset_index(drop=True)
    frames["corridor"]["id"] = ["K1", "K2", "K3"]
    frames["corridor"]["ducts_free"] = pd.array([2**53 + 1, None, 2**63 - 1], dtype="Int64")
    path = save(frames, tmp_path / name)
    assert read_package(path)["corridor"]["ducts_free"].tolist() == [2**53 + 1, pd.NA, 2**63 - 1]


def test_whole_numbers_serve_as_ids_and_zeros_at_the_front_survive_as_text(tmp_path: Path) -> None:
    frames = sound_frames()
    frames["corridor"] = frames["corridor"].loc[[0, 0, 0]].reset_index(drop=True)
    frames["corridor"]["id"] = [7, 2**60 + 1, 9]
    frames["corridor"]["from_vertex"] = [1.0, 2.0, 3.0]
    frames["corridor"]["to_vertex"] = ["007", "7", "7.0"]
    package = read_package(save(frames, tmp_path / "p.gpkg"))
    assert package["corridor"]["id"].tolist() == ["7", str(2**60 + 1), "9"]
    assert package["corridor"]["from_vertex"].tolist() == ["1", "2", "3"]
    assert package["corridor"]["to_vertex"].tolist() == ["007", "7", "7.0"]
    lost = "holds numbers, read as text: leading zeros, if there were any, are lost"
    assert package.notes == (f"corridor: id {lost}", f"corridor: from_vertex {lost}")


def test_a_number_with_a_fraction_is_no_id(tmp_path: Path) -> None:
    frames = sound_frames()
    frames["corridor"]["id"] = [7.5]
    faults = inspect_package(save(frames, tmp_path / "p")).faults
    assert [fault.sentence for fault in faults] == ["corridor: row 1: id 7.5 is not text; correct the value"]


def test_what_is_not_of_the_package_is_left_out_with_a_note(tmp_path: Path) -> None:
    frames = sound_frames()
    frames["switch"]["maker"] = ["ACME"]
    path = save({**frames, "layer_styles": frames["county"]}, tmp_path / "p.gpkg")
    package = read_package(path)
    assert_same(sound_package(), package)
    assert package.notes == (
        "layer layer_styles is not of the grid package and is left out",
        "switch: not part of the package and left out: maker",
    )


@pytest.mark.parametrize("name", ["p.gpkg", "p"])
@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:32649", "EPSG:4490"])
def test_another_declared_reference_system_is_brought_to_lonlat(tmp_path: Path, name: str, crs: str) -> None:
    frames = {layer: frame.to_crs(crs) for layer, frame in sound_frames().items()}
    package = read_package(save(frames, tmp_path / name))
    for layer in LAYERS:
        for there, here in zip(sound_package()[layer.name].geom, package[layer.name].geom, strict=True):
            moved = shapely.hausdorff_distance(there, here)
            assert moved < 1e-8  # a millimetre; Hausdorff distance in degrees
    assert len(package.notes) == len(LAYERS)


def test_single_parts_and_plain_polygons_take_the_declared_kind(tmp_path: Path) -> None:
    frames = sound_frames()
    frames["county"] = frames["county"].explode(ignore_index=True)
    put(frames, "line_section", 0, "geom", shapely.MultiLineString([frames["line_section"].geom.iloc[0]]))
    put(frames, "switch", 0, "geom", shapely.force_3d(frames["switch"].geom.iloc[0], 12.0))
    package = read_package(save(frames, tmp_path / "p"))
    assert_same(sound_package(), package)
    assert package.notes == ("switch: heights and measures of the geometry are left out",)


def test_arrays_are_sorted_by_county_and_id_with_absent_values_marked() -> None:
    frames = sound_frames()
    frames = {name: frame.iloc[::-1].reset_index(drop=True) for name, frame in frames.items()}
    tables = tables_from_package(GridPackage.of(frames))
    assert tables.nodes.id.tolist() == ["n1", "n2", "n3", "n4", "n5"]
    assert tables.nodes.county.tolist() == ["0801", "0801", "0801", "0802", "0802"]
    assert tables.nodes.xy[4].tolist() == [108.03, 22.801]
    assert tables.nodes.substation_id.tolist() == ["S1", "", "", "", ""]
    assert tables.lines.phases.tolist() == [7, 7]
    assert tables.lines.name.tolist() == ["", ""]
    assert tables.lines.offsets.tolist() == [0, 2, 4]
    assert tables.lines.coords[1:3].tolist() == [[108.01, 22.8], [108.01, 22.8]]
    assert tables.lines.r_ohm[0] == 0.3
    assert math.isnan(tables.lines.r_ohm[1])
    assert tables.customers.phases.tolist() == [1, 0]
    assert tables.customers.critical_grade.tolist() == ["", "first"]
    assert tables.switches.remote_controlled.tolist() == [True]
    assert tables.switches.normal_open.dtype == np.bool_


def test_arrays_of_an_empty_package_have_their_types() -> None:
    tables = tables_from_package(GridPackage.of({}))
    assert tables.counties == []
    assert tables.lines.coords.shape == (0, 2)
    assert tables.lines.offsets.tolist() == [0]
    assert tables.switches.xy.shape == (0, 2)
    assert tables.switches.open.dtype == np.bool_
    assert tables.nodes.base_voltage_kv.dtype == np.float64


def test_frames_of_importers_may_name_their_geometry_as_they_like() -> None:
    frames = sound_frames()
    renamed: dict[str, pd.DataFrame] = {
        name: gpd.GeoDataFrame(f).rename_geometry("g") for name, f in frames.items()
    }
    assert_same(sound_package(), GridPackage.of(renamed))
