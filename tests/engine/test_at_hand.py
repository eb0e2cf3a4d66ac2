"""Questions answered by one who must not wait: the same text as ever, or none where something is to wait for.

The way that may wait is the oracle of the text; that nothing is waited for is seen by taking away what would
be.
"""

from __future__ import annotations

import itertools
import random
import time
from datetime import UTC, datetime

import pytest

from gis_service.engine.engine import Engine
from gis_service.engine.following.current import CurrentWorld
from gis_service.engine.following.held import HeldTables
from gis_service.engine.outage import Case
from gis_service.engine.world import CountyVersion
from gis_service.network.tables import GridTables
from gis_service.network.text import parse_grid
from tests.drawn import DRAWN
from tests.engine.test_outage_text import crowd

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
    now = time.monotonic()
    monkeypatch.setattr("gis_service.engine.pages.time.monotonic", lambda: now + 100)
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


def test_long_lists_are_not_at_hand_and_their_counts_are() -> None:
    for number, few in ((4_000, True), (4_001, False)):
        engine, _ = engine_over(crowd(number))
        case = Case(out=["S"])
        warmed(engine, case)
        assert (engine.outage_text_at_hand(case, ("customers",)) is not None) == few
        assert engine.outage_text_at_hand(case, ()) is not None


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
