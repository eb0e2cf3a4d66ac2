"""A directory of GeoParquet read county by county: the same rows and the same faults as read as a whole.

Expected rows are those of the package that was written; expected faults those of `inspect_package`, which
other tests hold against sentences written by hand.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import HealthCheck, given, settings

from gis_service.errors import InvalidInput
from gis_service.ingest.known_ids import KnownIds, id_hashes
from gis_service.ingest.package import (
    GridPackage,
    ParquetPackage,
    inspect_package,
    open_package,
    tables_from_arrow,
    tables_from_package,
    write_counties,
    write_package,
)
from gis_service.ingest.regrouping import regrouped, worth_regrouping
from gis_service.ingest.spec import BY_NAME, GEOMETRY, LAYERS
from gis_service.ingest.wkb import plain_lines, plain_points, plain_rows
from gis_service.network.columns import Coded
from gis_service.network.texts import Texts
from tests.ingest.test_identity import packages
from tests.packages import Frames, put, save, sound_frames, sound_package


def opened(path: Path) -> ParquetPackage:
    found = open_package(path)
    assert found.faults == []
    assert isinstance(found.package, ParquetPackage)
    return found.package


def assert_rows(package: GridPackage, by_county: ParquetPackage) -> None:
    """Every county's tables are the package's rows of it, in their order."""
    assert by_county.counties == package.counties
    for county in package.counties:
        tables = by_county.county_tables(county)
        assert list(tables) == list(BY_NAME)
        for layer in LAYERS:
            frame = package[layer.name]
            frame = frame[frame["code" if layer.name == "county" else "county_code"] == county]
            table = tables[layer.name]
            for column in layer.columns:
                given_ = [None if pd.isna(one) else one for one in frame[column.name].tolist()]
                assert table[column.name].to_pylist() == given_
            assert table[GEOMETRY].to_pylist() == [None if one is None else one.wkb for one in frame.geometry]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(package=packages())
def test_what_is_written_is_read_back_county_by_county(package: GridPackage) -> None:
    with tempfile.TemporaryDirectory() as directory:
        write_package(package, Path(directory) / "p")
        assert_rows(package, opened(Path(directory) / "p"))


def test_rows_are_counted_by_county_without_the_counties_themselves(tmp_path: Path) -> None:
    write_package(sound_package(), tmp_path / "p")
    package = opened(tmp_path / "p")
    expected = {"0801": 0, "0802": 0}
    for name, frame in sound_frames().items():
        if name != "county":
            for code in frame["county_code"]:
                expected[code] += 1
    assert package.rows_by_county() == expected


def many(rows: int, *, shuffled: bool) -> Frames:
    """The sound package with many customers, at nodes and in districts of their own county."""
    frames = sound_frames()
    customers = frames["customer_point"].iloc[[0] * rows].reset_index(drop=True)
    customers["id"] = [f"C{k:05d}" for k in range(rows)]
    customers["county_code"] = np.where(np.arange(rows) * 3 < rows, "0801", "0802")
    if shuffled:
        customers = customers.sample(frac=1, random_state=1).reset_index(drop=True)
    frames["customer_point"] = customers
    return frames


def save_in_groups(frames: Frames, path: Path, rows: int) -> Path:
    """Write frames as a foreign tool would, in row groups of so many rows."""
    path.mkdir()
    for name, frame in frames.items():
        frame.to_parquet(path / f"{name}.parquet", row_group_size=rows)
    return path


@pytest.mark.parametrize("rows", [7, 1_000])
@pytest.mark.parametrize("shuffled", [False, True])
def test_row_groups_may_hold_several_counties(tmp_path: Path, rows: int, shuffled: bool) -> None:
    frames = many(100, shuffled=shuffled)
    assert_rows(GridPackage.of(frames), opened(save_in_groups(frames, tmp_path / "p", rows)))


def test_a_scattered_file_is_brought_together_before_its_counties_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gis_service.ingest.regrouping._SMALL", 10)
    monkeypatch.setattr("gis_service.ingest.regrouping._WORTH", 1.5)
    frames = many(100, shuffled=True)
    package = opened(save_in_groups(frames, tmp_path / "p", 50))
    customers = {county: package.county_tables(county)["customer_point"] for county in package.counties}
    groups = [group.counties for group in package.files["customer_point"].groups]
    assert [set(counties) for counties in groups] == [{"0801"}, {"0802"}]
    assert [sum(counties.values()) for counties in groups] == [34, 66]
    for county, table in customers.items():
        given_ = frames["customer_point"]
        assert table["id"].to_pylist() == given_["id"][given_["county_code"] == county].tolist()


def test_regrouping_pays_only_where_rows_would_be_read_many_times() -> None:
    assert not worth_regrouping([{"a": 10, "b": 10}])  # small
    assert not worth_regrouping([{"a": 300_000}, {"b": 300_000}, {"a": 1, "b": 1}])
    assert worth_regrouping([{"a": 100_000, "b": 100_000, "c": 100_000}])


@pytest.mark.parametrize("most", [1, 30, 1_000])
def test_regrouping_keeps_every_row_whatever_fits_into_memory(tmp_path: Path, most: int) -> None:
    rng = np.random.default_rng(0)
    rows = pa.table({"n": np.arange(100), "county_code": rng.choice(["b", "a", "c"], 100)})
    pq.write_table(rows, tmp_path / "in.parquet", row_group_size=9)
    with pq.ParquetFile(tmp_path / "in.parquet") as file:
        groups = [
            dict(file.read_row_group(k)["county_code"].to_pandas().value_counts().items())
            for k in range(file.num_row_groups)
        ]
        regrouped(file, groups, lambda one: one["county_code"], tmp_path / "out.parquet", rows_in_memory=most)
    back = pq.read_table(tmp_path / "out.parquet")
    assert back.equals(rows.take(pc.sort_indices(rows, [("county_code", "ascending"), ("n", "ascending")])))


def both(path: Path) -> Sequence[str]:
    """The faults, read as a whole and county by county."""
    found = open_package(path)
    assert isinstance(found.package, ParquetPackage)
    assert found.faults == inspect_package(path).faults
    return [fault.sentence for fault in found.faults]


@pytest.mark.parametrize("rows", [3, 1_000])
def test_faults_across_row_groups_name_the_rows_of_the_layer(tmp_path: Path, rows: int) -> None:
    frames = many(30, shuffled=False)
    for row in (4, 11, 29):
        put(frames, "customer_point", row, "id", "C00001")
    put(frames, "customer_point", 20, "id", None)
    put(frames, "customer_point", 25, "node_id", "nowhere")
    put(frames, "customer_point", 26, "contracted_kva", -1.0)
    put(frames, "customer_point", 9, "geom", shapely.Point(200, 0))
    put(frames, "customer_point", 28, "county_code", "9999")
    assert both(save_in_groups(frames, tmp_path / "p", rows)) == [
        "customer_point 'C00001': the id stands 4 times (rows 2, 5, 12, 30); give each row its own",
        (
            "customer_point 'C00009': the coordinate (200, 0) is out of range; "
            "give longitude between -180 and 180 and latitude between -90 and 90 (in this order)"
        ),
        "customer_point: row 21: id is null or empty; give it a value",
        (
            "customer_point 'C00025': node_id 'nowhere' is no connectivity node of the package; "
            "add it to the layer connectivity_node or correct node_id"
        ),
        "customer_point 'C00026': contracted_kva -1 is less than 0; give 0 or more",
        (
            "customer_point 'C00028': county_code '9999' is no county of the package; "
            "add it to the layer county or correct county_code"
        ),
    ]


def test_many_broken_things_at_once_are_told_as_when_read_as_a_whole(tmp_path: Path) -> None:
    frames = many(40, shuffled=True)
    frames["switch"]["open"] = ["maybe"]
    frames["substation"]["id"] = [7]
    frames["customer_point"]["contracted_kva"] = ["8,0"] * 20 + ["x", None, "3", "-2"] * 5
    frames["line_section"] = frames["line_section"].drop(columns=["length_m", "name"])
    frames["corridor"]["maker"] = ["ACME"]
    frames["corridor"]["ducts_free"] = [2.5]
    put(frames, "line_section", 1, "geom", shapely.Point(1, 2))
    put(frames, "customer_point", 3, "geom", None)
    del frames["transformer_district"]
    said = both(save_in_groups(frames, tmp_path / "p", 8))
    # customers: 25 no number, 5 null, 5 below 0, a null geometry; a Point for a line; the lost substation;
    # a column and a layer missing; one truth and one count
    assert len(said) == 42
    notes = open_package(tmp_path / "p").package.notes
    assert notes == inspect_package(tmp_path / "p").package.notes
    assert len(notes) == 2


def test_a_page_damaged_in_the_middle_of_a_file_is_one_fault_of_its_layer(tmp_path: Path) -> None:
    frames = many(5_000, shuffled=False)
    path = save_in_groups(frames, tmp_path / "p", 1_000)
    file = path / "customer_point.parquet"
    with pq.ParquetFile(file) as parquet:
        at = parquet.metadata.row_group(2).column(7).data_page_offset
    content = bytearray(file.read_bytes())
    content[at : at + 40] = b"\xff" * 40
    file.write_bytes(content)
    (found,) = open_package(path).faults
    assert (found.layer, found.id, found.column) == ("customer_point", None, None)
    assert found.reason.startswith("customer_point.parquet is truncated or not a Parquet file (")


def test_other_reference_systems_and_kinds_are_brought_over_in_each_county(tmp_path: Path) -> None:
    frames = {name: frame.to_crs("EPSG:4490") for name, frame in sound_frames().items()}
    put(frames, "line_section", 0, "geom", shapely.MultiLineString([frames["line_section"].geom.iloc[0]]))
    put(frames, "switch", 0, "geom", shapely.force_3d(frames["switch"].geom.iloc[0], 12.0))
    path = save(frames, tmp_path / "p")
    assert_rows(inspect_package(path).package, opened(path))
    assert opened(path).notes == inspect_package(path).package.notes


def wkb(*shapes: Any, **options: Any) -> Any:
    return pa.array(
        [None if one is None else shapely.to_wkb(one, **options) for one in shapes], pa.large_binary()
    )


def test_what_is_plain_is_read_flat_and_all_else_left_to_a_parser() -> None:
    line, point = shapely.LineString([(1, 2), (3, 4), (5, 6)]), shapely.Point(-180, 90)
    lines = wkb(line, shapely.LineString([(7, 8), (7, 8)]))
    assert plain_rows(lines, 2).all()
    offsets, coords = plain_lines(lines.slice(0))
    assert (offsets.tolist(), coords.tolist()) == ([0, 3, 5], [[1, 2], [3, 4], [5, 6], [7, 8], [7, 8]])
    assert plain_lines(lines.slice(1))[1].tolist() == [[7, 8], [7, 8]]
    assert plain_points(wkb(point, point)).tolist() == [[-180, 90]] * 2
    strange = [
        wkb(line, byte_order=0),
        wkb(shapely.force_3d(line)),
        wkb(shapely.set_srid(line, 4326), include_srid=True),
        wkb(shapely.LineString()),
        wkb(shapely.LineString([(1, 2), (181, 2)])),
        wkb(shapely.MultiLineString([line])),
        wkb(point),
        wkb(None),
        pa.array([b"", b"\x01", wkb(line)[0].as_py()[:-1], wkb(line)[0].as_py() + b"\0"], pa.large_binary()),
    ]
    for column in strange:
        assert not plain_rows(column, 2).any()
    for column in (wkb(shapely.Point()), wkb(shapely.Point(0, 90.5)), wkb(line), wkb(None)):
        assert not plain_rows(column, 1).any()
    assert plain_rows(wkb(), 1).shape == (0,)


def test_known_ids_tell_who_is_known_and_what_stands_twice() -> None:
    known = KnownIds()
    for some in (["a", "b", None], ["c", "b", ""], []):
        known.add("switch", pa.array(some, pa.large_string()))
    asked = id_hashes(pa.array(["c", "x", "", "a", "b"], pa.large_string()))
    assert known.has("switch", asked).tolist() == [True, False, True, True, True]
    assert known.repeated("switch").tolist() == [asked[4]]
    assert known.has("line_section", asked).tolist() == [False] * 5
    assert known.repeated("line_section").tolist() == []
    known.settle("switch")
    assert known.repeated("switch").tolist() == [asked[4]]


def test_tables_of_a_county_are_those_of_the_package_cut_to_it(tmp_path: Path) -> None:
    frames = many(50, shuffled=True)
    package = opened(save_in_groups(frames, tmp_path / "p", 9))
    for county in ("0801", "0802"):
        cut = {
            name: frame[frame["code" if name == "county" else "county_code"] == county]
            for name, frame in frames.items()
        }
        expected = tables_from_package(GridPackage.of(cut))
        found = tables_from_arrow(package.county_tables(county))
        for kept, wanted in ((getattr(found, one), getattr(expected, one)) for one in vars(expected)):
            assert len(kept) == len(wanted)
            for name, column in wanted.columns().items():
                np.testing.assert_array_equal(np.asarray(getattr(kept, name)), column)


def test_tables_of_all_counties_at_once_are_sorted_by_county_and_id(tmp_path: Path) -> None:
    frames = many(50, shuffled=True)
    package = opened(save_in_groups(frames, tmp_path / "p", 9))
    parts = [package.county_tables(county) for county in reversed(package.counties)]
    together = tables_from_arrow({name: pa.concat_tables([part[name] for part in parts]) for name in BY_NAME})
    expected = tables_from_package(GridPackage.of(frames))
    for one in vars(expected):
        for name, column in getattr(expected, one).columns().items():
            np.testing.assert_array_equal(np.asarray(getattr(getattr(together, one), name)), column)
    assert isinstance(together.customers.id, Texts)
    assert isinstance(together.customers.customer_class, Coded)


def test_counties_are_written_one_after_another_or_not_at_all(tmp_path: Path) -> None:
    write_package(sound_package(), tmp_path / "p")
    package = opened(tmp_path / "p")
    tables = [package.county_tables(county) for county in package.counties]

    def failing() -> Iterator[dict[str, Any]]:
        yield tables[0]
        raise RuntimeError("the server is gone")

    with pytest.raises(RuntimeError, match="gone"):
        write_counties(failing(), tmp_path / "p")
    assert_rows(sound_package(), opened(tmp_path / "p"))
    write_counties(tables, tmp_path / "q")
    assert_rows(sound_package(), opened(tmp_path / "q"))
    assert sorted(one.name for one in tmp_path.iterdir()) == ["p", "q"]
    with pytest.raises(InvalidInput, match="leave out the suffix"):
        write_counties(tables, tmp_path / "q.gpkg")
