"""A generated province on disk: a sound package, the same every time, a county at a time.

Expected answers: the package's own rules; a second run; the county made alone; the outlines themselves.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import shapely

from gis_service.errors import InvalidInput
from gis_service.ingest.arrays import tables_from_package
from gis_service.ingest.package import inspect_package
from gis_service.ingest.spec import LAYERS
from gis_service.province import files
from gis_service.province.files import write_province
from gis_service.province.generate import county_tables, generate
from gis_service.province.grid import grid_tables
from gis_service.province.plan import plan_province
from tests.province.provinces import Made, two_counties


@pytest.fixture(scope="module")
def made() -> Made:
    return two_counties()


@pytest.fixture(scope="module")
def written(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("province") / "two"
    write_province(made.plan, target)
    return target


def test_the_package_has_no_fault_and_every_row(made: Made, written: Path) -> None:
    inspection = inspect_package(written)
    assert inspection.faults == []
    assert inspection.package.notes == ()
    rows = {layer.name: 0 for layer in LAYERS}
    for tables in made.counties.values():
        for layer, table in tables.items():
            rows[layer] += table.num_rows
    assert inspection.package.row_counts == rows
    assert rows["customer_point"] == 20_000
    assert rows["county"] == 2


def test_rows_are_sorted_by_county_and_id_and_ids_are_unique(made: Made) -> None:
    for layer in LAYERS[1:]:
        keys = list(zip(made.column(layer.name, "county_code"), made.column(layer.name, "id"), strict=True))
        assert keys == sorted(keys)
        assert len({id for _, id in keys}) == len(keys)


def test_no_row_group_spans_two_counties_and_its_statistics_say_which(
    written: Path, made: Made, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(files, "ROWS_OF_A_GROUP", 1_000)
    write_province(made.plan, tmp_path / "fine")
    for directory in (written, tmp_path / "fine"):
        for layer in LAYERS[1:]:
            parquet = pq.ParquetFile(directory / f"{layer.name}.parquet")
            column = parquet.schema_arrow.get_field_index("county_code")
            for group in range(parquet.metadata.num_row_groups):
                told = parquet.metadata.row_group(group).column(column).statistics
                assert told.min == told.max
                assert set(parquet.read_row_group(group)["county_code"].to_pylist()) == {told.min}
    parquet = pq.ParquetFile(tmp_path / "fine" / "customer_point.parquet")
    assert parquet.metadata.num_row_groups == sum(
        -(-tables["customer_point"].num_rows // 1_000) for tables in made.counties.values()
    )


def test_the_same_numbers_give_the_same_bytes(written: Path, made: Made, tmp_path: Path) -> None:
    plan = plan_province(counties=2, customers=20_000, seed=1, shapes="guangxi")
    write_province(plan, tmp_path / "again")
    for layer in LAYERS:
        name = f"{layer.name}.parquet"
        assert (written / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_another_seed_gives_another_province(made: Made) -> None:
    plan = plan_province(counties=2, customers=20_000, seed=2, shapes="guangxi")
    other = dict(generate(plan))
    assert not other["450102"]["customer_point"].equals(made.counties["450102"]["customer_point"])


def test_a_county_alone_is_the_county_in_the_whole(made: Made) -> None:
    for code, tables in made.counties.items():
        alone = county_tables(made.plan, code)
        assert all(alone[layer].equals(tables[layer]) for layer in tables)
    with pytest.raises(KeyError):
        county_tables(made.plan, "999999")


def test_the_content_does_not_depend_on_the_machine() -> None:
    #  written down once; a processor that rounded otherwise, or a change of the model, would change it
    plan = plan_province(counties=2, customers=900, seed=7, shapes="squares")
    digest = hashlib.sha256()
    for code, tables in generate(plan):
        digest.update(code.encode())
        for layer in LAYERS:
            digest.update(repr(tables[layer.name].to_pydict()).encode())
    assert digest.hexdigest()[:16] == "0aa1e46d8e0ca90f"


def test_everything_lies_in_the_county_that_it_belongs_to(made: Made) -> None:
    outlines = {county.code: county.outline for county in made.plan.counties}
    for layer in ("connectivity_node", "customer_point", "switch"):
        strays = 0
        for code, tables in made.counties.items():
            there = shapely.from_wkb(np.array(tables[layer]["geom"].to_pylist(), object))
            outside = there[~shapely.intersects(outlines[code], there)]
            strays += outside.size
            for other, outline in outlines.items():
                assert other == code or not shapely.intersects(outline, outside).any()
        assert strays == 0  # both counties' areas lie wholly inside the two


def test_the_arrow_way_to_the_network_equals_the_way_through_a_package(made: Made, written: Path) -> None:
    ours = made.topology.tables
    theirs = tables_from_package(inspect_package(written).package)
    for name in ("substations", "nodes", "sources", "lines", "switches", "transformers", "customers"):
        there = getattr(theirs, name).columns()
        for column, values in getattr(ours, name).columns().items():
            if values.dtype == object if isinstance(values, np.ndarray) else True:
                assert values.tolist() == there[column].tolist(), (name, column)
            else:
                np.testing.assert_array_equal(values, there[column])
    one = grid_tables(made.counties["450102"])
    assert one.counties == ["450102"]


def test_corridors_join_up_and_lines_lie_on_them(made: Made) -> None:
    #  every vertex of a county is reached from its first; every pole stands on a vertex
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    starts, ends = made.column("corridor", "from_vertex"), made.column("corridor", "to_vertex")
    names, at = np.unique([*starts, *ends], return_inverse=True)
    half = len(starts)
    graph = coo_array((np.ones(half), (at[:half], at[half:])), shape=(names.size, names.size))
    parts = connected_components(graph, directed=False)[0]
    assert parts <= len(made.plan.areas)
    drawn = shapely.from_wkb(np.array(made.column("corridor", "geom"), object))
    lines = shapely.from_wkb(np.array(made.column("line_section", "geom"), object))
    medium = np.array(made.column("line_section", "base_voltage_kv")) == 10.0
    real = np.array(made.column("line_section", "construction")) != "busbar"
    middle = shapely.line_interpolate_point(lines[medium & real], 0.5, normalized=True)
    tree = shapely.STRtree(drawn)
    _, far = tree.query_nearest(middle, return_distance=True, all_matches=False)
    assert np.quantile(far, 0.95) < 2e-4  # degrees: 20 m


def test_an_existing_province_stays_unless_forced(made: Made, tmp_path: Path) -> None:
    small = plan_province(counties=1, customers=5, seed=1, shapes="squares")
    target = tmp_path / "p"
    write_province(small, target)
    before = (target / "customer_point.parquet").read_bytes()
    with pytest.raises(InvalidInput, match="already there: say --force"):
        write_province(made.plan, target)
    assert (target / "customer_point.parquet").read_bytes() == before
    write_province(plan_province(counties=1, customers=6, seed=1, shapes="squares"), target, force=True)
    assert pq.read_metadata(target / "customer_point.parquet").num_rows == 6
    assert [one.name for one in tmp_path.iterdir()] == ["p"]


def test_a_directory_with_other_things_is_never_replaced(tmp_path: Path) -> None:
    plan = plan_province(counties=1, customers=5, seed=1, shapes="squares")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"holds other things \(letter.txt\)"):
        write_province(plan, tmp_path / "mine", force=True)
    assert (tmp_path / "mine" / "letter.txt").read_text(encoding="utf-8") == "dear"


def test_a_failure_half_way_leaves_nothing(tmp_path: Path) -> None:
    plan = plan_province(counties=3, customers=60, seed=1, shapes="squares")

    def fail(code: str, _rows: dict[str, int]) -> None:
        if code == "990002":
            raise OSError(28, "No space left on device")

    with pytest.raises(InvalidInput, match="No space left on device"):
        write_province(plan, tmp_path / "p", on_county=fail)
    assert list(tmp_path.iterdir()) == []
