"""Questions answered by one who must not wait: the same text as ever, or none where something is to wait for.

The way that may wait is the oracle of the text; that nothing is waited for is seen by taking away what would
be.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from gis_service.engine.engine import Engine
from gis_service.engine.following.current import CurrentWorld
from gis_service.engine.following.held import HeldTables
from gis_service.engine.outage import Case
from gis_service.engine.world import CountyVersion
from gis_service.network.tables import GridTables
from gis_service.network.text import parse_grid
from tests.drawn import DRAWN
from tests.engine.test_features import FORMS, kept_as
from tests.engine.test_outage_text import AWKWARD, crowd, renamed

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
INCLUDES = [(), ("customers",), ("districts",), ("customers", "districts")]
IDS = ["L1", "L2", "T2", "CB1", "S1", "SW2", "n5", "C1", "D1", "nobody", ""]


@pytest.fixture(autouse=True)
def _open_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is."""
    monkeypatch.setattr("gis_service.engine.pages._OPEN_S", 60.0)


class Guide:
    """Says what a test has it say, and is never to be waited for."""

    present, is_sure = True, True

    def assure(self) -> None:
        assert self.is_sure

    def expect_change(self) -> None:
        raise AssertionError("nobody doubts here")


def engine_over(tables: GridTables) -> tuple[Engine, Guide]:
    engine, guide = Engine(CurrentWorld(HeldTables(tables)), clock=lambda: MOMENT), Guide()
    engine.current.newest()
    engine.current.follow(guide)
    return engine, guide


def warmed(engine: Engine, *cases: Case) -> None:
    """What is worked out once for a world is there, and columns are open."""
    for case, include in itertools.product(cases, INCLUDES):
        list(engine.outage_text(case, include))


def test_what_is_answered_at_hand_is_what_is_answered_otherwise() -> None:
    engine, _ = engine_over(parse_grid(DRAWN))
    draw = random.Random(7)
    warmed(engine, Case(out=["S1", "S2"]))
    answered = 0
    for _ in range(400):
        ids = [draw.choice(IDS) for _ in range(draw.randrange(4))]
        include = draw.choice(INCLUDES)
        found = engine.outage_text_at_hand(Case(out=ids), include)
        if found is not None:
            answered += 1
            assert b"".join(found) == b"".join(engine.outage_text(Case(out=ids), include))
    assert answered > 150


def test_nothing_is_answered_at_hand_that_would_have_to_be_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = Case(out=["L1"])
    engine, guide = engine_over(parse_grid(DRAWN))
    assert engine.outage_text_at_hand(case, ()) is None  # its counter is still to be made
    warmed(engine, case)
    assert engine.outage_text_at_hand(case, ("customers",)) is not None
    guide.is_sure = False  # a change was announced
    assert engine.outage_text_at_hand(case, ()) is None
    guide.is_sure = True
    monkeypatch.setattr("gis_service.engine.pages._OPEN_S", 0.0)
    assert engine.outage_text_at_hand(case, ("customers",)) is None  # its columns are to be opened anew
    assert engine.outage_text_at_hand(case, ()) is not None
    engine.current.follow(None)  # the database would have to be asked
    assert engine.outage_text_at_hand(case, ()) is None


def test_a_world_after_a_switch_operation_is_made_ready_by_one_who_may_wait() -> None:
    answered = 0
    for name, id in itertools.product(("CB1", "SW2", "FU1", "TIE"), ("L1", "L2", "L4", "L5")):
        engine, _ = engine_over(parse_grid(DRAWN))
        case = Case(out=[id])
        warmed(engine, case)
        world = engine.current.held
        assert world is not None
        row = world.topology.ids.find(name).row
        operated = world.current.with_switching([row], [not world.current.open[row]])
        engine.current.recorded(world, operated, {county: CountyVersion(9, 1) for county in world.versions})
        assert engine.outage_text_at_hand(case, ()) is None
        text = b"".join(engine.outage_text(case, ()))
        found = engine.outage_text_at_hand(case, ())
        if found is not None:
            answered += 1
            assert b"".join(found) == text
    assert answered > 0


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_lists_at_hand_are_those_of_any_columns(form: Callable[[Any], Any]) -> None:
    """Asked twice: written anew, and what was kept of that."""
    tables = renamed(parse_grid(DRAWN), AWKWARD)
    kva = np.array([0.5, 12.0, 3.25, 100.0, 0.001, 0.0])
    customers = replace(tables.customers, contracted_kva=kva)
    engine, _ = engine_over(kept_as(replace(tables, customers=customers), form))
    cases = [Case(out=[id]) for id in ("S1", "L1", "L2", "L4", "L5", "CB1", "SW2")]
    warmed(engine, *cases)
    answered = 0
    for case, include in itertools.product(cases, INCLUDES[1:]):
        text = b"".join(engine.outage_text(case, include))
        for found in (engine.outage_text_at_hand(case, include) for _ in range(2)):
            answered += found is not None
            assert found is None or b"".join(found) == text
    assert answered > 10  # columns in parts are cut in the middle of a county here


def test_long_lists_are_not_at_hand() -> None:
    for number, few in ((10_000, True), (10_001, False)):
        engine, _ = engine_over(crowd(number))
        case = Case(out=["S"])
        warmed(engine, case)
        tries = [engine.outage_text_at_hand(case, ("customers",)) for _ in range(4)]
        found = tries[-1]
        # those of many are written by and by
        assert [one is not None for one in tries] == [False, False, few, few]
        assert found is None or b"".join(found) == b"".join(engine.outage_text(case, ("customers",)))


def test_a_text_that_is_longer_than_the_buffer_is_not_at_hand() -> None:
    tables = crowd(300)
    ids = np.array([f"{k:03}" + "x" * 20_000 for k in range(300)], object)
    engine, _ = engine_over(replace(tables, customers=replace(tables.customers, id=ids)))
    warmed(engine, Case(out=["S"]))
    assert engine.outage_text_at_hand(Case(out=["S"]), ("customers",)) is None
    assert engine.outage_text_at_hand(Case(out=["S"]), ("districts",)) is not None


def test_powers_that_are_written_in_another_way_are_not_at_hand() -> None:
    """Python writes `1e-05` where compiled code writes `1e-5`: a millionth of a kVA is nobody's hurry."""
    tables = parse_grid(DRAWN)
    for each, few in ((5e-5, True), (4.9e-5, False)):  # two of them hang on T2
        kva = np.full(len(tables.customers), each)
        customers = replace(tables.customers, contracted_kva=kva)
        engine, _ = engine_over(replace(tables, customers=customers))
        warmed(engine, Case(out=["L1"]), Case(out=["L4"]))
        found = engine.outage_text_at_hand(Case(out=["L4"]), ("districts",))
        assert (found is not None) == few
        assert found is None or b"".join(found) == b"".join(
            engine.outage_text(Case(out=["L4"]), ("districts",))
        )


def test_a_page_is_taken_once_an_answer_was_written_from_it() -> None:
    """Or the loop would wait for what has to be compiled for columns of another kind."""
    engine, _ = engine_over(parse_grid(DRAWN))
    case = Case(out=["L1"])
    warmed(engine, case)
    engine.scene().world.listing.pages.open(0).tried = False
    assert engine.outage_text_at_hand(case, ("customers",)) is None
    warmed(engine, case)
    assert engine.outage_text_at_hand(case, ("customers",)) is not None


def test_rare_questions_are_not_at_hand() -> None:
    engine, _ = engine_over(parse_grid(DRAWN))
    warmed(engine, Case(out=["L1"]))
    for case, include in (
        (Case(faults=["L1"]), ()),
        (Case(out=["L1"]), ("elements",)),
        (Case(out=["L1"]), ("geometry",)),
        (Case(out=["nobody"]), ()),
    ):
        assert engine.outage_text_at_hand(case, include) is None
