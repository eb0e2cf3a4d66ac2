"""How the province is cut into counties changes no answer: the undivided grid is the oracle of the cut one.

Lists come by (county, layer, id), so they are compared without their order; counts by county add up.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis_service.engine import Engine
from gis_service.engine.context import Context, Switching
from gis_service.engine.following.current import CurrentWorld
from gis_service.engine.following.held import HeldTables
from gis_service.engine.outage import Case
from gis_service.engine.traces import TraceAsked
from gis_service.errors import GridError
from gis_service.network.tables import GridTables
from gis_service.network.text import parse_grid
from gis_service.tracing.trace import TraceKind
from tests.drawn import DRAWN
from tests.strategies import cut_grids

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PARTS = ("customers", "districts", "elements", "geometry")
KINDS: tuple[TraceKind, ...] = ("upstream", "downstream", "connected", "subnetwork", "loops", "isolation")
# where two ways are equally long, or two starts lie in one part, the first by id is taken whatever the county
FORGET = {"grid_version", "county_code", "by_county", "missing_counties", "as_of"}


def engine_over(tables: GridTables) -> Engine:
    return Engine(CurrentWorld(HeldTables(tables)), clock=lambda: NOW)


def undivided(answer: Any) -> Any:
    """An answer without what tells of counties; lists of named things in the order of their names."""
    if isinstance(answer, dict):
        return {key: undivided(value) for key, value in answer.items() if key not in FORGET}
    if isinstance(answer, list):
        items = [undivided(one) for one in answer]
        if items and all(isinstance(one, dict) and "id" in one for one in items):
            return sorted(items, key=lambda one: (str(one.get("layer", "")), one["id"]))
        return sorted(items) if items and all(isinstance(one, str) for one in items) else items
    return answer


def in_order(answer: Any) -> Any:
    """What a path says in its own order, which no county may change."""
    return [(step["layer"], step["id"]) for step in answer.get("path", answer.get("elements", []))]


def questions(tables: GridTables, draw: random.Random) -> Iterator[tuple[str, Any]]:
    """A few questions of every kind about random elements."""
    ids = [
        f"{layer}:{id}"
        for layer, table in (
            ("connectivity_node", tables.nodes),
            ("line_section", tables.lines),
            ("switch", tables.switches),
            ("power_transformer", tables.transformers),
            ("energy_source", tables.sources),
            ("customer_point", tables.customers),
        )
        for id in sorted(table.id.tolist())
    ]
    switches = sorted(tables.switches.id.tolist())
    context = Context(
        tuple(Switching(id, draw.random() < 0.5) for id in draw.sample(switches, min(2, len(switches))))
    )
    xy = tables.nodes.xy[np.argsort(tables.nodes.id)[0]]
    square = [
        [x, y] for x, y in (xy + d for d in np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]) * 4e-4)
    ]
    case = Case(
        out=draw.sample(ids, 1), faults=draw.sample(ids, 1), area={"type": "Polygon", "coordinates": [square]}
    )
    yield "outage", lambda engine: engine.outage_impact(case, PARTS, context)
    single, fault, element = (draw.choice(ids) for _ in range(3))
    yield "outage of one", lambda engine: engine.outage_impact(Case(out=[single]), PARTS)
    yield "fault", lambda engine: engine.outage_impact(Case(faults=[fault]), PARTS, context)
    for kind in KINDS:
        asked = TraceAsked(kind, draw.sample(ids, 1), barriers=draw.sample(ids, 1), result=PARTS)
        yield kind, partial(Engine.trace, asked=asked, context=context)
    ends = TraceAsked("shortest_path", draw.sample(ids, 1), draw.sample(ids, 1), result=PARTS)
    yield "shortest_path", lambda engine: engine.trace(ends, context)
    for customer in sorted(tables.customers.id.tolist())[:2]:
        yield "supply_path", partial(Engine.supply_path, customer_id=customer, context=context)
    start = draw.choice([one for one in ids if not one.startswith("customer")])
    yield "supply_area", lambda engine: engine.supply_area([start], context)
    yield "supply_radius", lambda engine: engine.supply_radius(start, "full", context)
    yield "element", lambda engine: engine.element(element, context)


def said(engine: Engine, ask: Any) -> Any:
    try:
        return orjson.loads(orjson.dumps(ask(engine)))  # as a client reads it
    except GridError as error:
        return {"error": type(error).__name__, "told": str(error)}


@given(grids=cut_grids(), seed=st.integers(0, 2**16))
def test_a_cut_changes_no_answer(grids: tuple[GridTables, GridTables], seed: int) -> None:
    whole, cut = grids
    one, many = engine_over(whole), engine_over(cut)
    for name, ask in questions(whole, random.Random(seed)):
        expected, found = said(one, ask), said(many, ask)
        assert undivided(found) == undivided(expected), name
        if name in ("shortest_path", "supply_path", "supply_radius"):
            assert in_order(found) == in_order(expected), name
        if "affected" in found:
            parts = found["by_county"].values()
            assert found["affected"]["customers"] == sum(part["customers"] for part in parts)
            for grade, count in found["affected"]["critical"].items():
                assert count == sum(part["critical"][grade] for part in parts)


def test_sums_do_not_depend_on_the_order_of_counties() -> None:
    """0.1 + 0.2 + 0.3 differs from 0.3 + 0.2 + 0.1 where sums are not exact."""
    values = [0.1, 0.2, 0.3, 1e16, -0.0, 0.7, 1.0]
    assert math.fsum(values) == math.fsum(reversed(values))
    answers = set()
    for order in (1, -1):
        text = ["S source n1", "Q breaker n1 n2"]
        for k, kva in enumerate(values[::order]):
            text += [f"@4501{k:02d}", f"c{kva} customer n2 kva={kva}"]
        engine = engine_over(parse_grid("\n".join(text)))
        answers.add(engine.outage_impact(Case(out=["Q"]), ())["affected"]["contracted_kva"])
    assert len(answers) == 1


@pytest.mark.parametrize("counties", range(2, 8))
def test_a_cut_of_the_hand_drawn_grid_changes_no_answer(counties: int) -> None:
    whole = parse_grid("\n".join(line for line in DRAWN.splitlines() if not line.startswith("@")))
    draw = random.Random(counties)
    lines: list[str] = []
    for line in DRAWN.splitlines():
        if line and not line.startswith("@"):
            lines += [f"@4501{draw.randrange(counties):02d}", line]
    cut = parse_grid("\n".join(lines))
    for seed in range(8):
        for name, ask in questions(whole, random.Random(seed)):
            assert undivided(said(engine_over(cut), ask)) == undivided(said(engine_over(whole), ask)), (
                name,
                seed,
            )
