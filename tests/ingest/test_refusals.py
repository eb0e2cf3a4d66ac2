"""What a grid package is refused for, one broken thing at a time.

Every expected sentence was written by hand from the rules of the grid package (layer, id, reason, mend).
"""

from __future__ import annotations

import os
import re
import shutil
import warnings
from collections.abc import Callable, Collection
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from gis_service.errors import InvalidInput
from gis_service.ingest.package import (
    inspect_package,
    open_package,
    read_package,
    validate,
    write_package,
)
from gis_service.ingest.spec import LAYERS
from tests.packages import Frames, put, save, save_geojson, sound_frames, sound_package

Break = Callable[[Frames], object]


def sentences(path: Path) -> list[str]:
    """What stands against a package, which is the same read as a whole and county by county."""
    found = inspect_package(path)
    opened = open_package(path)
    assert opened.faults == found.faults
    assert opened.package.notes == found.package.notes
    return [fault.sentence for fault in found.faults]


def test_a_sound_package_has_no_fault_in_any_form(tmp_path: Path) -> None:
    for path in (save(sound_frames(), tmp_path / "a.gpkg"), save(sound_frames(), tmp_path / "b")):
        assert sentences(path) == []
    assert sentences(save_geojson(sound_frames(), tmp_path / "c")) == []


@pytest.mark.parametrize("layer", [layer.name for layer in LAYERS])
def test_a_missing_layer_is_refused_and_references_to_it_are_not_blamed(tmp_path: Path, layer: str) -> None:
    frames = sound_frames()
    del frames[layer]
    expected = f"{layer}: the layer is missing; add it, without rows if there are none"
    assert sentences(save(frames, tmp_path / "p")) == [expected]


REQUIRED = [(layer.name, column.name) for layer in LAYERS for column in layer.columns if column.required]


@pytest.mark.parametrize(("layer", "column"), REQUIRED)
def test_a_missing_required_column_is_refused(tmp_path: Path, layer: str, column: str) -> None:
    frames = sound_frames()
    del frames[layer][column]
    (found,) = sentences(save(frames, tmp_path / "p"))
    assert found.startswith(f"{layer}: the column {column} is missing; add it (")


@pytest.mark.parametrize(("layer", "column"), REQUIRED)
def test_a_null_in_a_required_column_is_refused(tmp_path: Path, layer: str, column: str) -> None:
    frames = sound_frames()
    put(frames, layer, 0, column, None)
    found = inspect_package(save(frames, tmp_path / "p")).faults
    assert found[0].layer == layer or column in ("id", "code")
    assert [one for one in found if (one.layer, one.column) == (layer, column) and "is null" in one.reason]


CROSSED = shapely.Polygon([(108, 22), (109, 23), (109, 22), (108, 23), (108, 22)])
with np.errstate(invalid="ignore"):
    NAN_LINE = shapely.LineString([(108, 22), (float("nan"), 22)])
POINT = shapely.Point(108, 22)

ONE_FAULT: dict[str, tuple[Break, str]] = {
    "unknown node of a line": (
        lambda f: put(f, "line_section", 1, "to_node", "n9"),
        (
            "line_section 'L2': to_node 'n9' is no connectivity node of the package; "
            "add it to the layer connectivity_node or correct to_node"
        ),
    ),
    "ids are case-sensitive": (
        lambda f: put(f, "switch", 0, "from_node", "N1"),
        (
            "switch 'B1': from_node 'N1' is no connectivity node of the package; "
            "add it to the layer connectivity_node or correct from_node"
        ),
    ),
    "unknown substation": (
        lambda f: put(f, "connectivity_node", 1, "substation_id", "S9"),
        (
            "connectivity_node 'n2': substation_id 'S9' is no substation of the package; "
            "add it to the layer substation or correct substation_id"
        ),
    ),
    "unknown transformer": (
        lambda f: put(f, "transformer_district", 0, "transformer_id", "X9"),
        (
            "transformer_district 'D1': transformer_id 'X9' is no power transformer of the package; "
            "add it to the layer power_transformer or correct transformer_id"
        ),
    ),
    "unknown district": (
        lambda f: put(f, "customer_point", 1, "district_id", "D9"),
        (
            "customer_point 'C2': district_id 'D9' is no transformer district of the package; "
            "add it to the layer transformer_district or correct district_id"
        ),
    ),
    "unknown county, its leading zero lost": (
        lambda f: put(f, "corridor", 0, "county_code", "802"),
        (
            "corridor 'K1': county_code '802' is no county of the package; "
            "add it to the layer county or correct county_code"
        ),
    ),
    "duplicate id": (
        lambda f: put(f, "line_section", 1, "id", "L1"),
        "line_section 'L1': the id stands 2 times (rows 1, 2); give each row its own",
    ),
    "null id": (
        lambda f: put(f, "line_section", 1, "id", None),
        "line_section: row 2: id is null or empty; give it a value",
    ),
    "empty id": (
        lambda f: put(f, "line_section", 1, "id", ""),
        "line_section: row 2: id is null or empty; give it a value",
    ),
    "unknown construction": (
        lambda f: put(f, "line_section", 0, "construction", "aerial"),
        (
            "line_section 'L1': construction 'aerial' is not known; "
            "write one of overhead, underground, busbar, service"
        ),
    ),
    "unknown switch kind": (
        lambda f: put(f, "switch", 0, "kind", "Breaker"),
        (
            "switch 'B1': kind 'Breaker' is not known; "
            "write one of breaker, recloser, load_break_switch, disconnector, fuse, jumper"
        ),
    ),
    "unknown customer class": (
        lambda f: put(f, "customer_point", 0, "customer_class", "household"),
        (
            "customer_point 'C1': customer_class 'household' is not known; "
            "write one of residential, commercial, industrial, agricultural, public"
        ),
    ),
    "unknown critical grade": (
        lambda f: put(f, "customer_point", 0, "critical_grade", "third"),
        (
            "customer_point 'C1': critical_grade 'third' is not known; "
            "write one of special, first, second, temporary"
        ),
    ),
    "a phase that does not exist": (
        lambda f: put(f, "line_section", 0, "phases", "RST"),
        (
            "line_section 'L1': phases 'RST' cannot be read; "
            "write each of A, B, C at most once, N if there is a neutral, or null for three-phase"
        ),
    ),
    "a phase twice": (
        lambda f: put(f, "customer_point", 0, "phases", "AA"),
        (
            "customer_point 'C1': phases 'AA' cannot be read; "
            "write each of A, B, C at most once, N if there is a neutral, or null for three-phase"
        ),
    ),
    "a neutral alone": (
        lambda f: put(f, "customer_point", 0, "phases", "N"),
        (
            "customer_point 'C1': phases 'N' cannot be read; "
            "write each of A, B, C at most once, N if there is a neutral, or null for three-phase"
        ),
    ),
    "negative length": (
        lambda f: put(f, "line_section", 0, "length_m", -1.5),
        "line_section 'L1': length_m -1.5 is less than 0; give 0 or more",
    ),
    "negative ducts": (
        lambda f: put(f, "corridor", 0, "ducts_free", -1),
        "corridor 'K1': ducts_free -1 is less than 0; give 0 or more",
    ),
    "infinite rating": (
        lambda f: put(f, "power_transformer", 0, "rated_kva", float("inf")),
        "power_transformer 'X1': rated_kva is infinite; give a finite number",
    ),
    "not-a-number where a number is required": (
        lambda f: put(f, "power_transformer", 0, "rated_kva", float("nan")),
        "power_transformer 'X1': rated_kva is null; give it a value",
    ),
    "a word for a number": (
        lambda f: put(f, "line_section", slice(None), "length_m", ["long", "2060.5"]),  # type: ignore[arg-type]
        "line_section 'L1': length_m 'long' is not a number; correct the value",
    ),
    "a decimal comma": (
        lambda f: put(f, "line_section", slice(None), "length_m", ["930,5", "2060.5"]),  # type: ignore[arg-type]
        "line_section 'L1': length_m '930,5' is not a number; correct the value",
    ),
    "a fraction for a count": (
        lambda f: put(f, "corridor", 0, "ducts_free", 1.5),
        "corridor 'K1': ducts_free 1.5 is not a whole number; correct the value",
    ),
    "a count too large to store": (
        lambda f: put(f, "corridor", slice(None), "ducts_free", ["9223372036854775808"]),  # type: ignore[arg-type]
        "corridor 'K1': ducts_free '9223372036854775808' is not a whole number; correct the value",
    ),
    "a word for a truth value": (
        lambda f: put(f, "switch", 0, "normal_open", "closed"),
        "switch 'B1': normal_open 'closed' is not true or false; correct the value",
    ),
    "a number that is no truth value": (
        lambda f: put(f, "switch", 0, "open", 2),
        "switch 'B1': open 2 is not true or false; correct the value",
    ),
    "null geometry": (
        lambda f: put(f, "line_section", 0, "geom", None),
        "line_section 'L1': the geometry is null; give it a LineString",
    ),
    "empty geometry": (
        lambda f: put(f, "line_section", 0, "geom", shapely.LineString()),
        "line_section 'L1': the geometry is empty; give it a LineString",
    ),
    "empty geometry where it may be null": (
        lambda f: put(f, "transformer_district", 0, "geom", shapely.Polygon()),
        "transformer_district 'D1': the geometry is empty; give it a Polygon",
    ),
    "wrong type": (
        lambda f: put(f, "line_section", 0, "geom", POINT),
        "line_section 'L1': the geometry is a Point; give it a LineString",
    ),
    "several parts where one is meant": (
        lambda f: put(
            f, "line_section", 0, "geom", shapely.MultiLineString([[(1, 1), (2, 2)], [(3, 3), (4, 4)]])
        ),
        "line_section 'L1': the geometry is a MultiLineString; give it a LineString",
    ),
    "self-crossing district": (
        lambda f: put(f, "transformer_district", 0, "geom", CROSSED),
        "transformer_district 'D1': the geometry is invalid (Self-intersection[108.5 22.5]); correct it",
    ),
    "self-crossing county": (
        lambda f: put(f, "county", 0, "geom", shapely.MultiPolygon([CROSSED])),
        "county '0801': the geometry is invalid (Self-intersection[108.5 22.5]); correct it",
    ),
    "not-a-number in a line": (
        lambda f: put(f, "line_section", 0, "geom", NAN_LINE),
        "line_section 'L1': the geometry has a coordinate that is not a number; correct it",
    ),
    "infinite coordinate": (
        lambda f: put(f, "connectivity_node", 0, "geom", shapely.Point(float("inf"), 22)),
        "connectivity_node 'n1': the geometry has a coordinate that is not a number; correct it",
    ),
    "latitude and longitude swapped": (
        lambda f: put(f, "connectivity_node", 0, "geom", shapely.Point(22.8, 108)),
        (
            "connectivity_node 'n1': the coordinate (22.8, 108) is out of range; "
            "give longitude between -180 and 180 and latitude between -90 and 90 (in this order)"
        ),
    ),
    "metres declared as degrees": (
        lambda f: put(f, "line_section", 0, "geom", shapely.LineString([(0, 0), (430000, 5300000)])),
        (
            "line_section 'L1': the coordinate (430000, 5.3e+06) is out of range; "
            "give longitude between -180 and 180 and latitude between -90 and 90 (in this order)"
        ),
    ),
    "an endless identifier": (
        lambda f: put(f, "corridor", 0, "id", "c" * 201),
        f"corridor '{'c' * 201}': id 'cccccccccccccccccccc'… has 201 characters; give it at most 200",
    ),
    "NUL in a name": (
        lambda f: put(f, "substation", 0, "name", "Ma\0in"),
        "substation 'S1': name 'Ma\\x00in' holds a NUL character; remove it",
    ),
}


@pytest.mark.parametrize("case", ONE_FAULT)
def test_one_broken_thing_gives_one_sentence(tmp_path: Path, case: str) -> None:
    frames = sound_frames()
    broken, expected = ONE_FAULT[case]
    broken(frames)
    path = save(frames, tmp_path / "p")
    assert sentences(path) == [expected]
    with pytest.raises(InvalidInput) as refused:
        read_package(path)
    assert refused.value.faults == (expected,)


@pytest.mark.parametrize("code", ["8", "0801-0802-0803"])
def test_a_county_code_has_two_to_twelve_characters(tmp_path: Path, code: str) -> None:
    frames = sound_frames()
    for layer, frame in frames.items():
        column = "code" if layer == "county" else "county_code"
        frame[column] = frame[column].replace("0801", code)
    expected = f"county {code!r}: the county code {code!r} has {len(code)} characters; give it 2 to 12"
    assert sentences(save(frames, tmp_path / "p")) == [expected]


def test_several_faults_at_once_are_all_named_in_the_order_of_layers_and_rows(tmp_path: Path) -> None:
    frames = sound_frames()
    put(frames, "customer_point", 1, "contracted_kva", -1)
    put(frames, "customer_point", 0, "node_id", "n9")
    put(frames, "line_section", 1, "phases", "X")
    put(frames, "line_section", 1, "from_node", "n8")
    put(frames, "county", 0, "geom", None)
    del frames["switch"]["kind"]
    del frames["corridor"]
    assert sentences(save(frames, tmp_path / "p.gpkg")) == [
        "county '0801': the geometry is null; give it a MultiPolygon",
        (
            "line_section 'L2': from_node 'n8' is no connectivity node of the package; "
            "add it to the layer connectivity_node or correct from_node"
        ),
        (
            "line_section 'L2': phases 'X' cannot be read; "
            "write each of A, B, C at most once, N if there is a neutral, or null for three-phase"
        ),
        "switch: the column kind is missing; add it (text, without nulls)",
        (
            "customer_point 'C1': node_id 'n9' is no connectivity node of the package; "
            "add it to the layer connectivity_node or correct node_id"
        ),
        "customer_point 'C2': contracted_kva -1 is less than 0; give 0 or more",
        "corridor: the layer is missing; add it, without rows if there are none",
    ]


def test_a_column_in_another_case_is_named(tmp_path: Path) -> None:
    frames = sound_frames()
    frames["substation"] = frames["substation"].rename(columns={"name": "NAME"})
    assert sentences(save(frames, tmp_path / "p")) == ["substation: the column name is missing; rename NAME"]


def test_a_missing_geometry_column_is_refused(tmp_path: Path) -> None:
    frames = sound_frames()
    frames["switch"] = frames["switch"].drop(columns="geom")
    for path in (tmp_path / "p.gpkg", tmp_path / "p"):
        assert sentences(save(frames, path)) == ["switch: the geometry column is missing; add it (Point)"]


@pytest.mark.parametrize("name", ["p.gpkg", "p"])
def test_an_undeclared_reference_system_is_refused(tmp_path: Path, name: str) -> None:
    frames = sound_frames()
    frames["switch"] = frames["switch"].set_crs(None, allow_override=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the writer warns of just this
        path = save(frames, tmp_path / name)
    assert sentences(path) == [
        (
            "switch: the layer declares no coordinate reference system that is known here; "
            "declare it, such as EPSG:4326 for lon/lat"
        )
    ]


def test_an_open_ring_is_refused(tmp_path: Path) -> None:
    path = save_geojson(sound_frames(), tmp_path / "p")
    file = path / "transformer_district.geojson"
    text = file.read_text(encoding="utf-8")
    text = text.replace(text[text.index("[[[") : text.index("]]]") + 3], "[[[1, 2], [2, 2], [2, 3], [1, 3]]]")
    file.write_text(text, encoding="utf-8")
    (found,) = sentences(path)
    assert found.startswith("transformer_district 'D1': the geometry cannot be read (")
    assert found.endswith("; write it anew")


class Stored:
    """Two stored counties, as the store would answer for them."""

    held = {"connectivity_node": {"m1": "0901", "n1": "0801"}, "line_section": {"L1": "0901", "L2": "0802"}}

    def owners(self, layer: str, ids: Collection[str], *, outside: Collection[str]) -> dict[str, str]:
        held = self.held.get(layer, {})
        return {id: held[id] for id in ids if id in held and held[id] not in outside}


def test_nodes_of_other_stored_counties_may_be_referred_to() -> None:
    package = sound_package()
    package["line_section"].loc[1, "to_node"] = "m1"
    assert [fault.reason for fault in validate(package, stored=Stored()) if fault.column == "to_node"] == []
    package["line_section"].loc[1, "to_node"] = "m2"
    reasons = [fault.reason for fault in validate(package, stored=Stored()) if fault.column == "to_node"]
    assert reasons == ["to_node 'm2' is no connectivity node of the package and in no other county"]


def test_ids_of_other_stored_counties_may_not_come_again_and_those_of_replaced_ones_may() -> None:
    assert [fault.sentence for fault in validate(sound_package(), stored=Stored())] == [
        (
            "line_section 'L1': the id already stands in the stored county 0901; "
            "give it another, or load both counties together"
        )
    ]


def test_loops_parallels_islands_and_degenerate_lines_are_legal(tmp_path: Path) -> None:
    frames = sound_frames()
    put(frames, "line_section", 1, "to_node", "n3")  # a self-loop; n4 is an island now
    put(frames, "line_section", 1, "geom", shapely.LineString([(108, 22), (108, 22)]))
    put(frames, "line_section", 1, "length_m", 0)
    put(frames, "switch", 0, "to_node", "n1")
    put(frames, "transformer_district", 0, "geom", None)
    assert sentences(save(frames, tmp_path / "p")) == []


# --- files that are no package -------------------------------------------------------------------------


def refusal(path: Path) -> str:
    with pytest.raises(InvalidInput) as refused:
        read_package(path)
    assert "\n" not in str(refused.value)
    return str(refused.value).removeprefix(f"{path}: ")


def test_what_is_not_there_is_said_to_be_not_there(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.gpkg") == "there is no such file or directory; check the path"


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.gpkg").touch()
    assert refusal(tmp_path / "a.gpkg") == "the file is empty; write it anew"


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.gpkg").write_text("id;name\n1;x\n", encoding="utf-8")
    assert refusal(tmp_path / "a.gpkg").startswith("not a GeoPackage; give a .gpkg file, or a directory")


def test_an_empty_directory_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path).startswith("the directory holds no layer of a grid package")


@pytest.mark.parametrize("part", [0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_geopackage_is_refused(tmp_path: Path, part: float) -> None:
    path = save(sound_frames(), tmp_path / "a.gpkg")
    os.truncate(path, int(path.stat().st_size * part))
    assert refusal(path) == "the file is truncated or damaged; copy or write it anew"


def test_a_geopackage_with_a_damaged_page_is_refused(tmp_path: Path) -> None:
    path = save(sound_frames(), tmp_path / "a.gpkg")
    content = bytearray(path.read_bytes())
    for page in range(5, len(content) // 4096):
        content[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(content)
    assert refusal(path) == "the file is truncated or damaged; copy or write it anew"


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.95])
@pytest.mark.parametrize("suffix", ["parquet", "geojson"])
def test_a_truncated_layer_file_is_one_fault_and_the_others_are_still_checked(
    tmp_path: Path, suffix: str, part: float
) -> None:
    frames = sound_frames()
    put(frames, "switch", 0, "kind", "valve")
    path = (save if suffix == "parquet" else save_geojson)(frames, tmp_path / "p")
    file = path / f"line_section.{suffix}"
    os.truncate(file, int(file.stat().st_size * part))
    first, second = sentences(path)
    assert first.startswith(f"line_section: line_section.{suffix} is ")
    assert first.endswith("; write it anew")
    assert second.startswith("switch 'B1': kind 'valve' is not known")


@pytest.mark.parametrize(
    ("feature", "reason"),
    [
        ('{"properties": [1], "geometry": null}', "whose properties are no object"),
        (
            '{"properties": {}, "geometry": {"coordinates": ' + "[" * 500 + "]" * 500 + "}}",
            "whose geometry is nested too deeply",
        ),
    ],
)
def test_a_feature_that_cannot_be_one_is_one_fault(tmp_path: Path, feature: str, reason: str) -> None:
    path = save_geojson(sound_frames(), tmp_path / "p")
    (path / "switch.geojson").write_text(f'{{"type": "FeatureCollection", "features": [{feature}]}}')
    assert sentences(path) == [f"switch: switch.geojson has a feature (number 1) {reason}; correct it"]


def test_two_files_for_one_layer_are_refused(tmp_path: Path) -> None:
    path = save(sound_frames(), tmp_path / "p")
    save_geojson({"switch": sound_frames()["switch"]}, tmp_path / "other")
    shutil.copy(tmp_path / "other" / "switch.geojson", path)
    assert sentences(path) == [
        "switch: switch.parquet and switch.geojson both give the layer; remove one of them"
    ]


def test_writing_over_a_directory_of_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"thesis\.txt"):
        write_package(sound_package(), tmp_path)
    assert (tmp_path / "thesis.txt").read_text(encoding="utf-8") == "years of work"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("none/a.gpkg", "does not exist"),
        ("a.shp", "ending in .gpkg"),
        ("file/a.gpkg", "does not exist"),
        ("file", "is a file"),
    ],
)
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(InvalidInput, match=re.escape(reason)):
        write_package(sound_package(), tmp_path / name)
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_writing_leaves_the_old_package_where_it_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    write_package(sound_package(), path)
    before = path.read_bytes()
    broken = sound_package()
    broken.layers["corridor"] = gpd.GeoDataFrame()
    with pytest.raises((KeyError, AttributeError)):
        write_package(broken, path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["a.gpkg"]
