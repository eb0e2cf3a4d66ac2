"""Each question touches only the shards of the counties it needs; what fans out is listed, with the reason.

Which shards were touched is read from the coordinator's own log, which counties are needed from the package.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.asking import Question, get
from tests.cluster.citus_cluster import CitusCluster
from tests.cluster.corpus import COUNTIES, Grid, make_grid
from tests.cluster.questions import Asker, operations
from tests.cluster.statements import Recorder, Statement, logged
from tests.live import LiveEngine, engine_environment, running_engine

pytestmark = pytest.mark.citus

ITEMS = "/ogc/collections/{collection}/items"
MAPS = (
    "/wms",
    "/wmts",
    "/tiles",
    "/ogc/tiles",
    "/ogc/collections/{collection}/tiles",
    "/v1/supply-schemes",
    "/v1/headroom",
    "/v1/reservations",
)
DEFAULT_LIMIT = 100


@dataclass(frozen=True)
class FanOut:
    """A statement that may ask every shard.

    Parameters
    ----------
    routes
        Where it may occur; a route ending in `…` stands for all that begin so.
    """

    statement: str
    why: str
    routes: tuple[str, ...]

    def fits(self, statement: Statement, route: str) -> bool:
        here = any(route == one or (one.endswith("…") and route.startswith(one[:-1])) for one in self.routes)
        return here and re.search(self.statement, " ".join(statement.text.split())) is not None


OPERATE, LOAD = "POST /v1/switch-operations", "gridgis load"
VERSIONS = FanOut(
    r"FROM county_version WHERE loaded_at IS NOT NULL( AND county_code = ANY.*)?$",
    "which version the rows of each county are of, where rows of all are read; the rest asks the register",
    ("…",),
)
AT_A_TIME = FanOut(
    r"SELECT DISTINCT ON \(o.county_code, o.switch_id\)",
    "a question as of a time is asked of the whole grid: supply does not end at a border",
    ("GET /v1/…", "POST /v1/…"),
)
KEYS = FanOut(
    r"idempotency_key = ANY|FROM switch_answer WHERE",
    "a key may have been used in another county before, and must be refused then",
    (OPERATE,),
)
RECORD = FanOut(
    r"FROM (switch_operation|interruption) WHERE .* LIMIT",
    "the record of all counties in the order of time; an id may have stood in another county before",
    ("GET /v1/switch-operations", "GET /v1/interruptions"),
)
SUPPLY = FanOut(
    r"FROM (interruption|switch_operation|switch) WHERE ",
    "what is operated or loaded in one county may change the supply of any other",
    (OPERATE, LOAD),
)
EXTENTS = FanOut(
    r"ST_Extent",
    "where each county's corridors and polygons lie, measured once for each load",
    (f"GET {ITEMS}…",),
)
UNKNOWN = FanOut(
    r"WHERE \"county_code\" IN .* AND \"id\" = ",
    "the one feature of an id that the engine does not hold: corridors, and ids that nobody has",
    (f"GET {ITEMS}/{{id}}",),
)
OTHERS = FanOut(
    r"SELECT id, county_code FROM|WHERE \"\w+\" IN .* AND county_code = ANY",
    "whether another county has an id already, or refers to one that vanishes",
    (LOAD,),
)
FAN_OUTS = (VERSIONS, AT_A_TIME, KEYS, RECORD, SUPPLY, EXTENTS, UNKNOWN, OTHERS)


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Grid:
    return make_grid("trunks", tmp_path_factory.mktemp("grid"))


@pytest.fixture(scope="module")
def recorder(started_cluster: CitusCluster) -> Recorder:
    return Recorder(started_cluster)


@pytest.fixture(scope="module")
def engine(
    started_cluster: CitusCluster,
    recorder: Recorder,
    grid: Grid,
    tmp_path_factory: pytest.TempPathFactory,
    django_db_blocker: Any,
) -> Iterator[LiveEngine]:
    """An engine over the cluster with the grid loaded, every statement of it recorded."""
    with django_db_blocker.unblock():
        started_cluster.empty()
    load(logged(started_cluster.dsn), grid.path)
    with running_engine(logged(started_cluster.dsn), tmp_path_factory.mktemp("log"), name="recorded") as live:
        live.catch_up()
        yield live


def load(dsn: str, *arguments: str | Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gis_service.cli", "load", *map(str, arguments)],
        env=engine_environment(dsn),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def needed(question: Question, grid: Grid) -> set[str]:
    """The counties whose rows an answer is made of, apart from what the engine holds in memory.

    A map reads the areas and ways of counties whole, once for each load; which ones is held in `tests/atlas`.
    """
    given = dict(question.query)
    if question.route in ("/v1/switch-operations", "/v1/interruptions") and question.method == "GET":
        return {given["county"]} & set(grid.counties) if "county" in given else set()
    if question.method == "POST" and question.route == "/v1/switch-operations":
        county_of = dict(
            zip(grid.tables.switches.id.tolist(), grid.tables.switches.county.tolist(), strict=True)
        )
        return {county_of[one["id"]] for one in question.body if one["id"] in county_of}
    if question.route.startswith(MAPS):
        return set(grid.counties)
    if not question.route.startswith(ITEMS):
        return set()
    layer = question.path.split("/")[3]
    if "filter" in given or layer not in grid.package.layers:
        return set(grid.counties)
    frame = grid.package[layer]
    code = "code" if layer == "county" else "county_code"
    key = "code" if layer == "county" else "id"
    if question.route.endswith("{id}"):
        return set(frame[code][[question.path.endswith(f"/{id}") for id in frame[key]]])
    if "bbox" in given:
        edges = [float(edge) for edge in given["bbox"].split(",")]
        west, south, east, north = edges if len(edges) == 4 else (*edges[:2], *edges[3:5])
        parts = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
        found = set()
        for county, rows in frame.groupby(code):
            a, b, c, d = rows.total_bounds
            if any(a <= high and low <= c for low, high in parts) and b <= north and south <= d:
                found.add(county)
        return found
    limit = int(given.get("limit", DEFAULT_LIMIT))
    return set(frame.sort_values([code, key])[code].iloc[: limit + 1])


def corridors_of(county: str, grid: Grid) -> Question:
    """A box around the corridors of one county: the first question, before anything has been measured."""
    frame = grid.package["corridor"]
    box = frame[frame["county_code"] == county].total_bounds
    return get(ITEMS, ("bbox", ",".join(map(str, box))), collection="corridor")


def astray(statements: list[Statement], places: set[int], route: str, met: set[str]) -> list[str]:
    """Statements that touched other shards than these without standing on the list."""
    found = []
    for one in statements:
        if one.shards <= places:
            continue
        named = [fan_out for fan_out in FAN_OUTS if fan_out.fits(one, route)]
        met |= {fan_out.why for fan_out in named}
        if not named:
            found.append(f"{route}: {one}, and not only {sorted(places)}")
    return found


def test_each_question_touches_the_shards_of_its_counties_alone(
    engine: LiveEngine, recorder: Recorder, grid: Grid
) -> None:
    place = {county: recorder.place(county) for county in grid.counties}
    assert len(set(place.values())) >= 4, "the counties lie on too few shards for this test to mean much"
    met: set[str] = set()
    wrong: list[str] = []
    single = 0
    time.sleep(3)
    turns = list(operations(Asker(grid, []), datetime.now(UTC).replace(microsecond=0)))
    time.sleep(4)
    moments = sorted({datetime.fromisoformat(one["at"]) for turn in turns for one in turn.body})
    questions = [
        corridors_of(COUNTIES[0], grid),
        *Asker(grid, []).all(),
        *turns,
        *Asker(grid, moments[:2], seed=2).all(),
    ]
    for question in questions:
        engine.catch_up()
        recorder.skip()
        body: dict[str, Any] = {} if question.body is None else {"json": question.body}
        engine.client.request(
            question.method,
            question.path,
            params=list(question.query),
            headers={"Accept": question.accept},
            **body,
        )
        counties = needed(question, grid)
        statements = recorder.statements()
        wrong += astray(
            statements, {place[county] for county in counties}, f"{question.method} {question.route}", met
        )
        single += any(len(one.shards) == 1 for one in statements)
    assert not wrong, "\n".join(sorted(set(wrong)))
    assert single >= 30, "hardly a question touched one shard"
    assert {one.why for one in FAN_OUTS if one is not OTHERS} - met == set(), "listed, and never seen"


def test_a_load_touches_the_shards_of_its_county_alone(
    started_cluster: CitusCluster, recorder: Recorder, grid: Grid, engine: LiveEngine, tmp_path: Path
) -> None:
    from gis_service.ingest.package import write_package
    from tests.store.grids import trunk_package

    county = COUNTIES[3]
    write_package(trunk_package([county], 80, mark="new"), tmp_path / "one")
    engine.catch_up()
    recorder.skip()
    load(logged(started_cluster.dsn), tmp_path / "one", "--replace")
    statements = [one for one in recorder.statements() if not VERSIONS.fits(one, "")]
    met: set[str] = set()
    wrong = astray(statements, {recorder.place(county)}, LOAD, met)
    assert not wrong, "\n".join(wrong)
    assert OTHERS.why in met
    assert any(one.text.startswith("COPY") for one in statements)


def test_a_start_reads_each_county_from_its_own_shard(
    started_cluster: CitusCluster, recorder: Recorder, engine: LiveEngine, grid: Grid, tmp_path: Path
) -> None:
    engine.get("/readyz")
    recorder.skip()
    with running_engine(logged(started_cluster.dsn), tmp_path, name="second") as live:
        live.catch_up()
    copies = [one for one in recorder.statements() if one.text.startswith("COPY")]
    assert copies
    several = [one for one in copies if len(one.shards) > 1 and " FROM switch WHERE " not in one.text]
    assert several == []
