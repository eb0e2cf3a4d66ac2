"""`gridgis` as people and scripts meet it: real processes, a real database, exit codes and what is said.

The expected sentences and counts follow from the small package of `tests.packages`, written by hand.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import shapely

from gis_service.ingest.package import GridPackage, read_package, write_package
from gis_service.ingest.spec import LAYERS
from tests.grid_database import GridDatabase
from tests.live import free_port
from tests.packages import put, save, sound_frames, sound_package

Run = Callable[..., subprocess.CompletedProcess[str]]
WEST_ROWS, EAST_ROWS = 8, 7  # elements of 0801 and 0802 in the small package


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return save(sound_frames(), tmp_path / "small.gpkg")


def single_county(code: str, prefix: str, *, to_node: str) -> GridPackage:
    """A county of two nodes and a line that ends at `to_node`."""
    frames = sound_frames()
    for layer in LAYERS:
        keep = {"county": 1, "connectivity_node": 2, "line_section": 1}.get(layer.name, 0)
        frames[layer.name] = frames[layer.name].iloc[:keep].copy()
        frames[layer.name]["code" if layer.name == "county" else "county_code"] = code
    frames["connectivity_node"]["id"] = [f"{prefix}1", f"{prefix}2"]
    frames["connectivity_node"]["substation_id"] = None
    frames["line_section"]["id"] = [f"{prefix}-line"]
    frames["line_section"]["from_node"] = [f"{prefix}1"]
    frames["line_section"]["to_node"] = [to_node]
    return GridPackage.of(frames)


# --- without a database --------------------------------------------------------------------------------


def test_the_version_and_the_help_are_told(gridgis: Run) -> None:
    assert gridgis("--version").stdout.startswith("gridgis ")
    shown = gridgis("--help").stdout
    for command in ("load", "import", "export", "unload", "check", "serve", "migrate"):
        assert command in shown
    assert "--keep-switching" in gridgis("load", "--help").stdout


@pytest.mark.parametrize(
    "arguments", [[], ["lod"], ["load"], ["export", "0801"], ["unload"], ["check", "--json", "--geojson"]]
)
def test_a_command_line_that_makes_no_sense_is_one_line_and_code_2(
    gridgis: Run, arguments: list[str]
) -> None:
    said = gridgis(*arguments, expect=2).stderr
    assert said.startswith("gridgis")
    assert said.endswith("--help\n")


def test_extra_layers_that_cannot_be_are_told_before_the_engine_listens(gridgis: Run, tmp_path: Path) -> None:
    (tmp_path / "one.geojson").write_text("{")
    (tmp_path / "county.shp").write_text("none")
    engine = {"GRIDGIS_ENGINE_DSN": "postgresql://nobody@127.0.0.1:1/none"}
    for told in (
        gridgis("serve", "--port", free_port(), "--extra-layers", tmp_path, expect=2, **engine),
        gridgis("serve", "--port", free_port(), expect=2, GRIDGIS_EXTRA_LAYERS=str(tmp_path), **engine),
    ):
        assert told.stderr.count("\n") == 1
        assert "one.geojson: cannot be read as vector data" in told.stderr
        assert "county.shp: cannot be read as vector data" in told.stderr


def test_what_is_compiled_is_kept_without_a_database_and_other_parts_are_refused(
    gridgis: Run, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    gridgis("compile", "maps", NUMBA_CACHE_DIR=str(cache))
    kept = {file.name: file.stat().st_mtime_ns for file in cache.rglob("*.nbc")}
    assert any("sprites" in name for name in kept)
    gridgis("compile", "maps", NUMBA_CACHE_DIR=str(cache))
    assert {file.name: file.stat().st_mtime_ns for file in cache.rglob("*.nbc")} == kept
    said = gridgis("compile", "mops", expect=2).stderr
    assert said == (
        "gridgis: 'mops' is no part that is compiled: name some of questions, planning, tiles, maps\n"
    )


def test_a_package_that_is_not_there_is_refused_before_the_database_is_asked(gridgis: Run) -> None:
    said = gridgis("load", "none.gpkg", expect=2).stderr
    assert said == "gridgis: none.gpkg: there is no such file or directory; check the path\n"


def test_a_database_that_nobody_named_is_code_1_and_says_what_to_do(gridgis: Run, package: Path) -> None:
    for command in (["load", package], ["check"], ["export", "-o", "x.gpkg"], ["unload", "0801", "--yes"]):
        said = gridgis(*command, expect=1).stderr
        assert "make demo" in said
        assert "GRIDGIS_ENGINE_DSN" in said


def test_a_database_that_is_away_is_code_1(gridgis: Run, package: Path) -> None:
    said = gridgis(
        "load", package, expect=1, GRIDGIS_ENGINE_DSN="postgresql://nobody@127.0.0.1:1/none"
    ).stderr
    assert "no connection to the database" in said


@pytest.mark.parametrize(("module", "code"), [("gis_service.cli", 1), ("gis_service", 2)])
def test_migrating_a_database_that_is_away_says_so_in_one_line(module: str, code: int) -> None:
    away = {**os.environ, "GRIDGIS_ENGINE_DSN": "postgresql://nobody@127.0.0.1:1/none"}
    done = subprocess.run(
        [sys.executable, "-m", module, "migrate"], env=away, capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert done.stderr.count("\n") == 1
    assert "the engine's database does not answer" in done.stderr


def test_a_package_can_be_checked_without_a_database(gridgis: Run, package: Path, tmp_path: Path) -> None:
    shown = gridgis("check", "--package", package).stdout
    assert "line_section: 1 of 2 have no r_ohm" in shown
    assert shown.endswith("0 errors, 0 warnings and 3 remarks in 0801, 0802\n")
    write_package(single_county("0901", "m", to_node="n1"), tmp_path / "part")
    found = json.loads(gridgis("check", "--package", tmp_path / "part", "--json").stdout)
    assert found["counties"] == ["0901"]
    assert [one["message"] for one in found["findings"] if one["rule"] == "unknown_reference"] == [
        "line_section 'm-line' names the node 'n1' in to_node, which is not loaded"
    ]


def test_strict_turns_errors_into_code_1_and_leaves_the_rest(
    gridgis_db: Run, package: Path, tmp_path: Path
) -> None:
    gridgis_db("check", "--package", package, "--strict")
    frames = sound_frames()
    put(frames, "switch", 0, "normal_open", True)
    broken = save(frames, tmp_path / "dark")
    shown = gridgis_db("check", "--package", broken).stdout
    assert "customer_point 'C1' has no supply in the normal state" in shown
    strict = gridgis_db("check", "--package", broken, "--strict", expect=1)
    assert strict.stderr == "gridgis: 2 findings of severity error, and --strict was given\n"


def test_geojson_is_a_feature_collection_that_any_reader_takes(
    gridgis_db: Run, package: Path, tmp_path: Path
) -> None:
    frames = sound_frames()
    put(frames, "line_section", 0, "length_m", 5000)
    path = save(frames, tmp_path / "p")
    document = json.loads(gridgis_db("check", "--package", path, "--geojson").stdout)
    assert document["type"] == "FeatureCollection"
    (feature,) = [one for one in document["features"] if one["properties"]["rule"] == "length_mismatch"]
    assert feature["properties"] == {
        "rule": "length_mismatch",
        "severity": "warning",
        "county_code": "0801",
        "layer": "line_section",
        "id": "L1",
        "message": "line_section 'L1' has length_m 5000 and is drawn 924 m long",
    }
    assert shapely.from_geojson(json.dumps(feature["geometry"])) == frames["line_section"].geom.iloc[0]


def test_importing_without_the_importers_names_what_to_install(gridgis: Run, tmp_path: Path) -> None:
    (tmp_path / "pandapower.py").write_text("raise ModuleNotFoundError(name='pandapower')", encoding="utf-8")
    said = gridgis("import", "demo", "-o", tmp_path / "demo.gpkg", expect=1, PYTHONPATH=str(tmp_path)).stderr
    assert said == "gridgis: importing this format needs the package pandapower: install gridgis[import]\n"
    assert not (tmp_path / "demo.gpkg").exists()


def test_a_net_that_is_no_net_is_code_2(gridgis: Run, tmp_path: Path) -> None:
    (tmp_path / "net.json").write_text("{", encoding="utf-8")
    gridgis("import", "pandapower", tmp_path / "net.json", "-o", tmp_path / "o.gpkg", expect=2)
    gridgis("import", "pandapower", tmp_path / "none.json", "-o", tmp_path / "o.gpkg", expect=2)
    assert not (tmp_path / "o.gpkg").exists()


# --- with a database -----------------------------------------------------------------------------------


def test_load_export_load_is_the_identity(gridgis_process: Run, package: Path, tmp_path: Path) -> None:
    told = gridgis_process("load", package).stdout.splitlines()
    assert told[0].startswith(f"0801: loaded, {WEST_ROWS} rows in ")
    assert told[1].startswith(f"0802: loaded, {EAST_ROWS} rows in ")
    assert told[1].endswith(", version 1")
    for name in ("out.gpkg", "out"):
        gridgis_process("export", "0801", "0802", "-o", tmp_path / name)
        assert _same(read_package(tmp_path / name), sound_package())
    with pq.ParquetFile(tmp_path / "out" / "connectivity_node.parquet") as nodes:
        codes = [nodes.read_row_group(k)["county_code"].unique().to_pylist() for k in (0, 1)]
    assert codes == [["0801"], ["0802"]]  # each county lies in row groups of its own
    assert "replaced" in gridgis_process("load", tmp_path / "out", "--replace").stdout
    gridgis_process("export", "-o", tmp_path / "again.gpkg")
    assert _same(read_package(tmp_path / "again.gpkg"), sound_package())


def _same(one: GridPackage, other: GridPackage) -> bool:
    for layer in LAYERS:
        pd.testing.assert_frame_equal(
            one[layer.name].drop(columns="geom"), other[layer.name].drop(columns="geom"), check_exact=True
        )
        assert one[layer.name].geom.to_wkb().tolist() == other[layer.name].geom.to_wkb().tolist()
    return True


def test_a_dry_run_tells_what_would_happen_and_changes_nothing(
    gridgis_db: Run, grid_database: GridDatabase, package: Path
) -> None:
    expected = [f"0801: would be loaded, {WEST_ROWS} rows", f"0802: would be loaded, {EAST_ROWS} rows"]
    assert gridgis_db("load", package, "--dry-run").stdout.splitlines() == [
        *expected,
        "dry run: nothing was changed",
    ]
    assert grid_database.query("SELECT count(*) FROM county_version") == [(0,)]
    gridgis_db("load", package)
    refused = (
        "gridgis: counties 0801, 0802 are already loaded: use --replace to put the package in its place\n"
    )
    assert gridgis_db("load", package, "--dry-run", expect=2).stderr == refused
    assert gridgis_db("load", package, expect=2).stderr == refused
    told = gridgis_db("load", package, "--dry-run", "--replace").stdout
    assert f"0801: would be replaced, {WEST_ROWS} rows" in told
    assert grid_database.query("SELECT DISTINCT version FROM county_version") == [(1,)]


def test_a_package_with_faults_lists_them_all_and_changes_nothing(
    gridgis_process: Run, grid_database: GridDatabase, tmp_path: Path
) -> None:
    frames = sound_frames()
    put(frames, "line_section", 1, "to_node", "n9")
    put(frames, "switch", 0, "kind", "valve")
    del frames["corridor"]
    path = save(frames, tmp_path / "broken.gpkg")
    done = gridgis_process("load", path, "--json", tmp_path / "faults.json", expect=2)
    assert done.stdout.splitlines() == [
        (
            "line_section 'L2': to_node 'n9' is no connectivity node of the package and in no other county; "
            "add it to the layer connectivity_node or correct to_node"
        ),
        (
            "switch 'B1': kind 'valve' is not known; "
            "write one of breaker, recloser, load_break_switch, disconnector, fuse, jumper"
        ),
        "corridor: the layer is missing; add it, without rows if there are none",
    ]
    assert done.stderr == f"gridgis: {path} has 3 faults and was refused; nothing was changed\n"
    told = json.loads((tmp_path / "faults.json").read_text(encoding="utf-8"))["faults"]
    assert [one["message"] for one in told] == done.stdout.splitlines()
    assert told[0]["layer"] == "line_section"
    assert told[0]["id"] == "L2"
    assert told[0]["column"] == "to_node"
    assert grid_database.query("SELECT count(*) FROM county") == [(0,)]


def test_a_long_list_of_faults_is_cut_in_print_alone(gridgis_db: Run, tmp_path: Path) -> None:
    frames = sound_frames()
    frames["corridor"] = frames["corridor"].loc[[0] * 70].reset_index(drop=True)
    frames["corridor"]["id"] = [f"K{n:02}" for n in range(70)]
    frames["corridor"]["cost_per_m"] = -1.0
    path = save(frames, tmp_path / "p")
    shown = gridgis_db("load", path, expect=2).stdout.splitlines()
    assert [line.split(":")[0] for line in shown] == [
        "corridor 'K00'",
        "corridor 'K01'",
        "corridor 'K02'",
        "  and 67 more like these",
        "(--all-faults prints all, --json FILE holds all)",
    ]
    assert len(gridgis_db("load", path, "--all-faults", expect=2).stdout.splitlines()) == 70


def test_a_wrong_county_code_does_not_hide_what_else_is_wrong(gridgis_db: Run, tmp_path: Path) -> None:
    """Every element of the county is told of it, in every layer; so is a lone fault of the last one."""
    frames = sound_frames()
    nodes = frames["connectivity_node"].loc[[0, 1, 2, 3, 4, *[4] * 60]].reset_index(drop=True)
    nodes["id"] = ["n1", "n2", "n3", "n4", "n5", *(f"m{k:02}" for k in range(60))]
    frames["connectivity_node"] = nodes
    put(frames, "county", 1, "code", "0803")
    put(frames, "corridor", 0, "ducts_free", -2)
    shown = gridgis_db("load", save(frames, tmp_path / "p"), expect=2).stdout.splitlines()
    assert [line.split(":")[0] for line in shown] == [
        "connectivity_node 'n4'",
        "connectivity_node 'n5'",
        "connectivity_node 'm00'",
        "  and 64 more like these",  # 59 nodes, and X1, D1, C1, C2 and K1
        "corridor 'K1'",
        "(--all-faults prints all, --json FILE holds all)",
    ]
    assert "ducts_free" in shown[4]


@pytest.mark.parametrize("size", [0, 500, 40_000])
def test_a_truncated_package_is_one_line_and_changes_nothing(
    gridgis_db: Run, grid_database: GridDatabase, package: Path, size: int
) -> None:
    gridgis_db("load", package)
    before = grid_database.query("SELECT * FROM county_version ORDER BY county_code")
    os.truncate(package, size)
    gridgis_db("load", package, "--replace", expect=2)
    assert grid_database.query("SELECT * FROM county_version ORDER BY county_code") == before


def test_a_county_may_refer_to_another_that_is_stored_and_keeps_it_there(
    gridgis_db: Run, package: Path, tmp_path: Path
) -> None:
    write_package(single_county("0901", "m", to_node="n1"), tmp_path / "m")
    done = gridgis_db("load", tmp_path / "m", expect=2)
    assert done.stdout.startswith(
        "line_section 'm-line': to_node 'n1' is no connectivity node of the package"
    )
    gridgis_db("load", package)
    gridgis_db("load", tmp_path / "m")
    said = gridgis_db("unload", "0801", "0802", "--yes", expect=2).stderr
    assert "line_section 'm-line' of county 0901 has to_node 'n1'" in said
    gridgis_db("unload", "0801", "0802", "0901", "--yes")
    assert gridgis_db("export", "-o", tmp_path / "o.gpkg", expect=2).stderr.startswith("gridgis: no county")


def test_an_id_that_another_county_has_is_refused(gridgis_db: Run, package: Path, tmp_path: Path) -> None:
    gridgis_db("load", package)
    write_package(single_county("0901", "n", to_node="n1"), tmp_path / "n")  # nodes n1 and n2 again
    assert gridgis_db("load", tmp_path / "n", expect=2).stdout.splitlines() == [
        f"connectivity_node 'n{n}': the id already stands in the stored county 0801; "
        "give it another, or load both counties together"
        for n in (1, 2)
    ]


def test_unload_asks_and_is_refused_where_nobody_can_answer(gridgis_db: Run, package: Path) -> None:
    gridgis_db("load", package)
    assert "--yes" in gridgis_db("unload", "0801", "0802", expect=2).stderr
    assert "'0999'" in gridgis_db("unload", "0999", "--yes", expect=2).stderr
    told = gridgis_db("unload", "0802", "0801", "--yes").stdout
    assert told == "0801: unloaded\n0802: unloaded\n"


def test_keep_switching_keeps_how_switches_stand(
    gridgis_db: Run, grid_database: GridDatabase, package: Path
) -> None:
    gridgis_db("load", package)
    grid_database.query("UPDATE switch SET open = true")
    gridgis_db("load", package, "--replace", "--keep-switching")
    assert grid_database.query("SELECT open FROM switch") == [(True,)]
    gridgis_db("load", package, "--replace")
    assert grid_database.query("SELECT open FROM switch") == [(False,)]


def test_check_reports_on_what_is_stored_as_it_stands_now(
    gridgis_process: Run, grid_database: GridDatabase, package: Path
) -> None:
    gridgis_process("load", package)
    grid_database.query("UPDATE switch SET open = true")
    found = json.loads(gridgis_process("check", "0802", "--json").stdout)
    assert found["grid_version"] == {"0801": 1, "0802": 1}
    assert [(one["rule"], one["id"]) for one in found["findings"]] == [
        ("customer_out_now", "C1"),
        ("customer_out_now", "C2"),
    ]
    shown = gridgis_process("check").stdout
    assert "switch 'B1' is open and normally closed" in shown
    said = gridgis_process("check", "0999", expect=2).stderr
    assert said == "gridgis: there is no county 0999; there are: 0801, 0802\n"


def test_migrate_is_there_and_may_be_repeated(gridgis_process: Run) -> None:
    assert "No migrations to apply" in gridgis_process("migrate").stdout
