"""The demo grid out of snapshots: a sample of every kind of question, answered as by tables in hand."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from gis_service.engine import Engine
from gis_service.engine.following.held import HeldTables
from gis_service.engine.following.mapped import MappedGrid
from gis_service.engine.outage import Case
from gis_service.engine.traces import TraceAsked
from gis_service.network.tables import GridTables
from gis_service.snapshots.province import write_counties
from tests.counties import by_county
from tests.importers.grids import DEMO, grid
from tests.snapshots.test_province import EVERYTHING, engine_over


def sampled(engine: Engine, tables: GridTables) -> Iterator[Any]:
    """The same questions for the same tables."""
    chosen = random.Random(5)
    lines, switches = (chosen.sample(table.id.tolist(), 3) for table in (tables.lines, tables.switches))
    for id in lines:
        for kind in ("upstream", "downstream", "subnetwork", "isolation"):
            yield engine.trace(TraceAsked(kind, [f"line_section:{id}"], result=("elements", "geometry")))
        yield engine.outage_impact(Case(faults=[f"line_section:{id}"]), EVERYTHING)
    for id in switches:
        yield engine.outage_impact(Case(out=[f"switch:{id}"]), EVERYTHING)
        yield engine.supply_area([f"switch:{id}"])
        yield engine.supply_radius(f"switch:{id}", "full")
    for id in chosen.sample(tables.customers.id.tolist(), 5):
        yield engine.supply_path(id)
    for id in chosen.sample(tables.districts.id.tolist(), 3):
        yield engine.element(f"transformer_district:{id}")
    west, south = tables.customers.xy[chosen.randrange(len(tables.customers))].tolist()
    around = [[west, south], [west + 0.004, south], [west + 0.004, south + 0.004], [west, south + 0.004]]
    area = {"type": "Polygon", "coordinates": [[*around, around[0]]]}
    yield engine.outage_impact(Case(area=area), EVERYTHING)


def test_the_demo_grid_answers_the_same_from_files(tmp_path: Path) -> None:
    tables = grid(DEMO).topology.tables
    expected = [orjson.dumps(answer) for answer in sampled(engine_over(HeldTables(tables)), tables)]
    assert len(expected) == 33
    write_counties(tmp_path, by_county(tables))
    for _ in range(2):
        found = [orjson.dumps(answer) for answer in sampled(engine_over(MappedGrid(tmp_path)), tables)]
        assert found == expected
