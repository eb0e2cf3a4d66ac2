"""A province out of snapshots answers like the same tables in hand, whatever happens to the files meanwhile.

The expected answers are those of `HeldTables` over object arrays, which know no snapshots.
"""

from __future__ import annotations

import errno
import logging
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from shapely.geometry import box

from gis_service.engine import Engine
from gis_service.engine.columns import TABLE_OF_LAYER, properties_of, table_of
from gis_service.engine.following.current import CurrentWorld, GridSource
from gis_service.engine.following.held import HeldTables
from gis_service.engine.following.mapped import MappedGrid
from gis_service.engine.outage import Case
from gis_service.engine.shapes import Shapes
from gis_service.engine.traces import TraceAsked
from gis_service.errors import InvalidInput, NotReady
from gis_service.network.build import build_topology
from gis_service.network.columns import Repeated
from gis_service.network.stored import topology_arrays
from gis_service.network.tables import GridTables
from gis_service.network.text import parse_grid
from gis_service.snapshots.budget import Budget, memory_budget
from gis_service.snapshots.county import CountyKey
from gis_service.snapshots.directory import clear, county_file, survey, tidy
from gis_service.snapshots.file import SnapshotFile
from gis_service.snapshots.province import Shelf, write_counties
from tests.counties import by_county, one_county
from tests.drawn import DRAWN
from tests.engine.test_shapes import meeting_one_by_one
from tests.strategies import cut_grids

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
TABLES = parse_grid(DRAWN)
KEYS = [CountyKey(county, 1) for county in TABLES.counties]
AREA = {"type": "Polygon", "coordinates": [[[107, 22], [109, 22], [109, 22.8021], [107, 22.8021], [107, 22]]]}
EVERYTHING = ("customers", "districts", "elements", "geometry")


def engine_over(source: GridSource) -> Engine:
    return Engine(CurrentWorld(source), clock=lambda: NOON)


def every_answer(engine: Engine) -> list[Any]:
    """One question of every kind about the drawn grid, as it would be sent."""
    answers: list[Any] = orjson.loads(orjson.dumps(_asked(engine)))
    return answers


def _asked(engine: Engine) -> list[Any]:
    return [
        *(
            engine.trace(TraceAsked(kind, ["L1"], result=("elements", "customers", "districts", "geometry")))
            for kind in ("upstream", "downstream", "connected", "subnetwork", "loops", "isolation")
        ),
        engine.trace(TraceAsked("shortest_path", ["n1"], ["n10"])),
        *(engine.supply_path(f"C{k}") for k in range(1, 7)),
        engine.supply_area(["F1"]),
        engine.supply_area(["SW2"]),
        engine.supply_radius("CB1", "full"),
        engine.supply_radius("CB1", "trunk"),
        engine.outage_impact(Case(out=["CB1"]), EVERYTHING),
        engine.outage_impact(Case(faults=["L4"]), EVERYTHING),
        engine.outage_impact(Case(area=AREA), EVERYTHING),
        *(engine.element(id) for id in ("ST1", "n1", "S1", "L2", "TIE", "T1", "D1", "C4", "F1")),
    ]


EXPECTED = every_answer(engine_over(HeldTables(TABLES)))


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    write_counties(tmp_path, by_county(TABLES))
    return tmp_path


def reading(key: CountyKey) -> GridTables:
    return one_county(TABLES, key.county)


def answers_of(directory: Path, budget: int = 1 << 30) -> list[Any]:
    """As a process would start: counties and network off the shelf, others read."""
    shelf = Shelf(directory, reading, Budget(budget))
    counties = shelf.counties(KEYS)
    topology = shelf.topology(counties)
    source = HeldTables(TABLES)

    class Mapped(HeldTables):
        def load(self, held: Any = None, /) -> Any:
            return source.load()._replace(tables=topology.tables, topology=topology)

    return every_answer(engine_over(Mapped(TABLES)))


def recovered(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.getMessage().startswith("recovered")]


@settings(max_examples=40)
@given(cut_grids())
def test_counties_off_the_shelf_are_the_network_of_the_tables(
    tmp_path_factory: pytest.TempPathFactory, both: tuple[GridTables, GridTables]
) -> None:
    _, tables = both
    directory = tmp_path_factory.mktemp("shelf")
    write_counties(directory, by_county(tables))
    expected = topology_arrays(build_topology(tables))
    area = box(107.9995, 22.7995, 108.0015, 22.8005)  # the first nodes of the text grid's mesh
    for _ in range(2):  # built of the counties, then mapped
        mapped = MappedGrid(directory).load()
        assert mapped.topology is not None
        found = topology_arrays(mapped.topology)
        assert found.keys() == expected.keys()
        assert [name for name in expected if not np.array_equal(found[name], expected[name])] == []
        for layer in TABLE_OF_LAYER:
            ids, theirs = table_of(tables, layer).id, table_of(mapped.tables, layer).id
            assert theirs.tolist() == ids.tolist()
            rows = np.arange(len(ids))
            assert properties_of(mapped.tables, layer, rows) == properties_of(tables, layer, rows)
            for row, id in enumerate(ids.tolist()):
                assert mapped.topology.ids.row(layer, id) == row
        assert mapped.shapes is not None
        assert mapped.shapes.counties == Shapes(tables).counties
        met = mapped.shapes.meeting(area)
        assert {(layer, row) for layer, rows in met.items() for row in rows.tolist()} == meeting_one_by_one(
            tables, area
        )
        for name in ("coords", "offsets", "length_m"):
            assert np.array_equal(
                getattr(mapped.tables.lines, name), getattr(tables.lines, name), equal_nan=True
            )


def test_every_question_is_answered_as_without_snapshots(shelf: Path) -> None:
    for budget in (1 << 30, 0):
        assert answers_of(shelf, budget) == EXPECTED
    assert every_answer(engine_over(MappedGrid(shelf))) == EXPECTED


def test_a_county_of_one_word_costs_no_array(shelf: Path) -> None:
    snapshot = SnapshotFile(county_file(shelf, KEYS[0]))
    assert not [name for name in snapshot.names if name.endswith(".county.codes")]
    tables = MappedGrid(shelf).load().tables
    assert isinstance(tables.nodes.county.parts.open(0), Repeated)  # type: ignore[attr-defined]


def test_whatever_byte_is_damaged_the_answers_are_right_and_the_log_tells(
    shelf: Path, caplog: pytest.LogCaptureFixture
) -> None:
    answers_of(shelf)
    whole = {path: path.read_bytes() for path in shelf.iterdir()}
    assert len(whole) == 3
    chosen = random.Random(3)
    told = 0
    for turn in range(60):
        path = chosen.choice(sorted(whole))
        damaged = bytearray(whole[path])
        # half of the time where something stands
        used = [k for k in range(len(damaged)) if damaged[k]] if turn % 2 else range(len(damaged))
        place = chosen.choice(used)
        if turn % 5:
            damaged[place] ^= 1 << chosen.randrange(8)
        else:
            del damaged[place:]
        path.write_bytes(damaged)
        caplog.clear()
        assert answers_of(shelf) == EXPECTED
        lines = recovered(caplog)
        assert len(lines) <= 1
        told += len(lines)
        # it was written again
        if lines:
            SnapshotFile(path).verify()
        for other, content in whole.items():
            other.write_bytes(content)
    assert told >= 30


@pytest.mark.parametrize("what", ["missing", "foreign", "a directory", "another county", "another load"])
def test_what_lies_in_the_place_of_a_county_does_no_harm(
    shelf: Path, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    caplog.set_level(logging.INFO)
    path = county_file(shelf, KEYS[0])
    if what == "another county":
        shutil.copy(county_file(shelf, KEYS[1]), path)
    elif what == "another load":
        other = SnapshotFile(path)
        path.unlink()
        write_counties(shelf, [(KEYS[1].county, one_county(TABLES, KEYS[1].county))])
        del other
        shutil.copy(county_file(shelf, KEYS[1]), path)
    else:
        path.unlink()
        if what == "foreign":
            path.write_text("not ours")
        elif what == "a directory":
            path.mkdir()
    assert answers_of(shelf) == EXPECTED
    told = recovered(caplog)
    assert len(told) == (0 if what == "missing" else 1)
    assert all("450101" in line for line in told)
    assert "county 450101: read from the database (1 of 2)" in caplog.text


def test_another_load_of_a_county_is_read_and_the_old_file_removed(
    shelf: Path, caplog: pytest.LogCaptureFixture
) -> None:
    changed = parse_grid(DRAWN.replace("L1  line        n2 n3  length=120", "L1  line n2 n3 length=999"))
    now = [KEYS[1], CountyKey(KEYS[0].county, 2, NOON)]
    shelf_now = Shelf(shelf, lambda key: one_county(changed, key.county), Budget())
    counties = shelf_now.counties(now)
    topology = shelf_now.topology(counties)
    assert topology.tables.lines.length_m.tolist() == changed.lines.length_m.tolist()
    assert county_file(shelf, KEYS[0]).exists()
    shelf_now.tidy(counties)
    assert sorted(path.name.split("-")[0] for path in shelf.iterdir()) == ["county", "county", "province"]
    assert not county_file(shelf, KEYS[0]).exists()
    assert recovered(caplog) == []
    # the load before is another content, even under the same version
    assert county_file(shelf, now[1]) != county_file(shelf, CountyKey(KEYS[0].county, 2))


def test_the_network_follows_the_content_of_its_counties(shelf: Path) -> None:
    answers_of(shelf)
    for path in shelf.glob("county-*"):
        path.unlink()
    changed = parse_grid(DRAWN.replace("[", "").replace("C5  customer    n10 ", "C5  customer    n6 "))
    write_counties(shelf, by_county(changed))
    expected = every_answer(engine_over(HeldTables(changed)))
    assert expected != EXPECTED
    assert every_answer(engine_over(MappedGrid(shelf))) == expected


def test_damage_after_the_start_is_found_before_it_is_used(
    shelf: Path, caplog: pytest.LogCaptureFixture
) -> None:
    off = Shelf(shelf, reading, Budget())
    counties = off.counties(KEYS)
    off.topology(counties)
    caplog.clear()
    # a new start; headers are looked at, contents not yet
    off = Shelf(shelf, reading, Budget())
    counties = off.counties(KEYS)
    topology = off.topology(counties)
    path = county_file(shelf, KEYS[1])
    content = bytearray(path.read_bytes())
    place = content.index(b"C3C4C5C6")
    content[place : place + 2] = b"XX"
    with path.open("r+b") as file:  # in place, as a failing disk would
        file.write(content)
    assert recovered(caplog) == []
    assert topology.tables.customers.id.tolist() == TABLES.customers.id.tolist()
    assert len(recovered(caplog)) == 1
    assert "is damaged in customers.id.data" in recovered(caplog)[0]


def test_damage_that_cannot_be_repaired_is_said_and_not_answered_from(shelf: Path) -> None:
    content = bytearray(county_file(shelf, KEYS[1]).read_bytes())
    place = content.index(b"C3C4C5C6")
    content[place] ^= 1
    MappedGrid(shelf).load()
    county_file(shelf, KEYS[1]).write_bytes(content)
    engine = engine_over(MappedGrid(shelf))
    with pytest.raises(NotReady, match="450102"):
        engine.supply_path("C3")

    # the database holds something else under the same version
    off = Shelf(
        shelf, lambda key: one_county(parse_grid(DRAWN.replace("kva=7", "kva=8")), key.county), Budget()
    )
    counties = off.counties(KEYS)
    with pytest.raises(NotReady, match="450102 is damaged and the database holds other rows"):
        counties.tables.customers.id.tolist()


@pytest.mark.parametrize("obstacle", ["a file in its place", "no room"])
def test_without_a_place_to_write_it_goes_on_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, obstacle: str
) -> None:
    directory = tmp_path / "snapshots"
    if obstacle == "a file in its place":
        directory.write_text("")
        assert answers_of(directory) == EXPECTED
    else:
        script = f"""
import resource, logging, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
logging.basicConfig(stream=sys.stdout)
from pathlib import Path
from tests.snapshots.test_province import EXPECTED, answers_of
assert answers_of(Path({str(directory)!r})) == EXPECTED
"""
        ran = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[2],
            # compiled kernels cannot be written to disk either
            env={**os.environ, "NUMBA_CACHE_DIR": os.environ.get("NUMBA_CACHE_DIR", "")},
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout.count("snapshots cannot be written") == 1
        assert os.strerror(errno.EFBIG) in ran.stdout
        assert list(directory.iterdir()) == []
        return
    told = [one.getMessage() for one in caplog.records if "cannot be written" in one.getMessage()]
    assert len(told) == 1
    assert str(directory) in told[0]


def test_what_killed_writers_left_is_removed_when_it_is_old(shelf: Path) -> None:
    young, old = shelf / "a.snapshot.1.part", shelf / "b.snapshot.2.part"
    young.write_bytes(b"x")
    old.write_bytes(b"x")
    os.utime(old, (0, 0))
    assert tidy(shelf, list(shelf.glob("*.snapshot"))) == [old]
    assert young.exists()


@pytest.fixture
def neighbour(shelf: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process with the same snapshots open."""
    script = f"""
import sys
from pathlib import Path
from tests.snapshots.test_province import EXPECTED, every_answer, engine_over, MappedGrid
engine = engine_over(MappedGrid(Path({str(shelf)!r})))
engine.scene()
print("open", flush=True)
sys.stdin.readline()
print(every_answer(engine) == EXPECTED, flush=True)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    yield process
    process.kill()
    process.communicate()


def test_two_processes_share_a_directory(shelf: Path, neighbour: subprocess.Popen[str]) -> None:
    assert neighbour.stdout is not None
    assert neighbour.stdout.readline() == "open\n"
    kept = list(shelf.glob("county-*"))
    # this one has moved on to another load, tidies, and then someone clears everything
    assert [path.name for path in tidy(shelf, [])] == []
    assert all(one.in_use and not one.fault for one in survey(shelf, thorough=True))
    assert clear(shelf) == len(kept) + 1
    assert not list(shelf.iterdir())
    out, _ = neighbour.communicate("\n")
    assert out == "True\n"


def test_a_survey_names_what_is_damaged(shelf: Path) -> None:
    path = county_file(shelf, KEYS[0])
    content = bytearray(path.read_bytes())
    content[content.index(b"n1n2n3")] ^= 1
    path.write_bytes(content)
    (shelf / "x.snapshot").write_bytes(b"")
    assert [(one.of, one.fault) for one in survey(shelf, thorough=True)] == [
        ("450101 topology 1", "is damaged in nodes.id.data"),
        ("450102 topology 1", ""),
        ("", "is cut short"),
    ]
    assert [one.fault for one in survey(shelf, thorough=False)] == ["", "", "is cut short"]


def test_a_budget_lets_the_least_recently_used_go_first() -> None:
    gone: list[str] = []
    budget = Budget(100)
    for name, size in (("a", 40), ("b", 40), ("a", 40), ("c", 30), ("d", 500), ("e", 1)):
        budget.use(name, size, lambda name=name: gone.append(name))  # type: ignore[misc]
    assert gone == ["b", "a", "c", "d"]
    assert budget.held == 1


def test_a_budget_bounds_the_memory_that_columns_occupy(tmp_path: Path) -> None:
    text = [f"@{450100 + k}\nS{k} source n{k}\n" for k in range(6)]
    counties = by_county(parse_grid("\n".join(text)))
    wide = []
    for county, tables in counties:
        n = 400_000
        customers = type(tables.customers)(
            county=Repeated(county, n),
            id=np.array([f"{county}-{row}" for row in range(n)], object),
            node_id=Repeated("n0", n),
            district_id=Repeated("", n),
            phases=np.zeros(n, np.uint8),
            customer_class=Repeated("", n),
            critical_grade=Repeated("", n),
            contracted_kva=np.arange(float(n)),
            xy=np.random.default_rng(1).random((n, 2)),
        )
        wide.append((county, GridTables(**{**vars(tables), "customers": customers})))
    keys = write_counties(tmp_path, wide)

    def resident() -> int:
        with Path("/proc/self/smaps").open() as maps:
            lines = iter(maps)
            return sum(
                int(next(line for line in lines if line.startswith("Rss")).split()[1]) * 1024
                for head in lines
                if str(tmp_path) in head
            )

    limit = 16 << 20
    budget = Budget(limit)
    held = Shelf(tmp_path, _never, budget).counties(keys)
    total = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert total > 4 * limit
    first = held.tables.customers.xy[:400_000]
    for _ in range(2):
        for name in ("contracted_kva", "xy", "phases"):
            column = getattr(held.tables.customers, name)
            assert np.asarray(column).shape[0] == 2_400_000
            assert budget.held <= limit
            assert resident() <= limit + (1 << 20)
    # a column that was handed out stays what it was
    assert np.array_equal(first, wide[0][1].customers.xy)


def _never(key: CountyKey) -> GridTables:
    raise AssertionError(key)


def test_the_budget_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for given_, expected in (
        ("", 1 << 30),
        ("1000", 1000),
        ("500M", 500 << 20),
        ("2 GiB", 2 << 30),
        ("8k", 8192),
    ):
        monkeypatch.setenv("GRIDGIS_MEMORY_BUDGET", given_)
        assert memory_budget() == expected
    monkeypatch.setenv("GRIDGIS_MEMORY_BUDGET", "much")
    with pytest.raises(InvalidInput, match="GRIDGIS_MEMORY_BUDGET is 'much'"):
        memory_budget()
