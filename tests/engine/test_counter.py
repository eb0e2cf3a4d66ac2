"""Counts written in one call are, byte for byte, those of the general way; what is not so simple goes there.

The general way (`outage`, then `answer_text`) is the oracle; its own are values and sums of fractions.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis_service.engine import counter as counters
from gis_service.engine.context import NOW, Context, Switching
from gis_service.engine.engine import Engine
from gis_service.engine.following.current import CurrentWorld
from gis_service.engine.following.held import HeldTables
from gis_service.engine.outage import Case, outage
from gis_service.engine.outage_text import answer_text, simple_text
from gis_service.errors import GridError
from gis_service.ingest.spec import CRITICAL_GRADES
from gis_service.network.tables import GridTables
from gis_service.network.text import parse_grid
from tests.drawn import DRAWN
from tests.strategies import cut_grids

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
EDGES = [
    "S1",
    "CB1",
    "L1",
    "T1",
    "L2",
    "FU1",
    "L4",
    "T2",
    "SW2",
    "L3",
    "TIE",
    "L5",
    "CB2",
    "S2",
    "switch:SW2",
]
OTHERS = ["switch:SW2", "n5", "C1", "D1", "F1", "ST1", "nobody", "line_section:nobody", ""]


def engine_over(tables: GridTables) -> Engine:
    return Engine(CurrentWorld(HeldTables(tables)), clock=lambda: NOON)


def generally(engine: Engine, case: Case, include: Sequence[str], context: Context = NOW) -> bytes | str:
    """The answer by the general way, or what is wrong with the question."""
    try:
        scene = engine.scene(context)
        return b"".join(answer_text(scene, outage(scene, case), include))
    except GridError as error:
        return repr(error)


def asked(engine: Engine, case: Case, include: Sequence[str], context: Context = NOW) -> bytes | str:
    try:
        return b"".join(engine.outage_text(case, include, context))
    except GridError as error:
        return repr(error)


def test_counts_of_random_questions_are_those_of_the_general_way() -> None:
    engine = engine_over(parse_grid(DRAWN))
    draw = random.Random(11)
    simple = 0
    for _ in range(600):
        case = Case(
            out=[draw.choice(EDGES if draw.random() < 0.9 else OTHERS) for _ in range(draw.randrange(4))],
            faults=[draw.choice(EDGES)] if draw.random() < 0.1 else [],
            switching=[Switching("TIE", draw.random() < 0.5)] if draw.random() < 0.1 else [],
        )
        what_if = (Switching("CB2", True),) if draw.random() < 0.1 else ()
        context = Context(switching=what_if, state=draw.choice(["current", "normal"]))
        include = draw.choice([[], [], ["customers"], ["districts", "customers"], ["elements"]])
        assert asked(engine, case, include, context) == generally(engine, case, include, context), case
        scene = engine.scene(Context(state=context.state))
        simple += not what_if and simple_text(scene, case, include) is not None
    assert 150 < simple < 500


def test_counts_follow_the_switches_as_they_stand() -> None:
    """Read off the drawing: C6 hangs on CB2, or on TIE where that is closed; where CB2 is open it is dark."""
    engine = engine_over(parse_grid(DRAWN))
    base = engine.scene().world
    for switch, open, lost in (("TIE", True, 1), ("TIE", False, 0), ("CB2", True, 0)):
        row = base.topology.ids.find(switch).row
        world = base.switched(base.current.with_switching([row], [open]), {})
        scene = replace(engine.scene(), world=world, state=world.current)
        for include in ((), ("customers", "districts")):
            simple = simple_text(scene, Case(out=["CB2"]), include)
            text = b"".join(answer_text(scene, outage(scene, Case(out=["CB2"])), include))
            assert simple is None or b"".join(simple) == text  # None: something leads around, or stood open
            assert b'"affected":{"customers":%d,' % lost in text


@given(cut_grids(), st.data())
def test_every_drawn_grid_is_counted_as_generally_in_one_county_or_many(
    both: tuple[GridTables, GridTables], data: st.DataObject
) -> None:
    for tables in both:
        n = len(tables.customers)
        kva = data.draw(st.lists(st.sampled_from([0.0, 0.1, 5.5, 1e6, 1 / 3]), min_size=n, max_size=n))
        grades = data.draw(st.lists(st.sampled_from(["", *CRITICAL_GRADES]), min_size=n, max_size=n))
        customers = replace(
            tables.customers,
            contracted_kva=np.array(kva, np.float64),
            critical_grade=np.array(grades, object),
        )
        engine = engine_over(replace(tables, customers=customers))
        ids = [
            f"{layer}:{id}"
            for layer, table in (
                ("line_section", tables.lines),
                ("switch", tables.switches),
                ("power_transformer", tables.transformers),
                ("energy_source", tables.sources),
            )
            for id in table.id.tolist()
        ]
        out = data.draw(st.lists(st.sampled_from(ids), max_size=4)) if ids else []
        for include in ((), ("customers",), ("districts", "customers")):
            assert asked(engine, Case(out=out), include) == generally(engine, Case(out=out), include)


def test_power_that_does_not_add_up_exactly_is_counted_the_general_way() -> None:
    tables = parse_grid(DRAWN)
    thirds = np.full(len(tables.customers), 1 / 3)
    engine = engine_over(replace(tables, customers=replace(tables.customers, contracted_kva=thirds)))
    assert engine.scene().world.counter is None
    case = Case(out=["L1"])
    assert asked(engine, case, ()) == generally(engine, case, ())


def test_many_customers_are_counted_without_holding_up_others(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_over(parse_grid(DRAWN))
    case = Case(out=["L1"])
    assert simple_text(engine.scene(), case, ()) is not None
    monkeypatch.setattr(counters, "FEW", 2)
    assert simple_text(engine.scene(), case, ()) is None
    assert asked(engine, case, ()) == generally(engine, case, ())
