"""What an engine says of a county whose node is away: whole, partial, or nothing; the test steers the source.

Expected answers are drawn: two counties tied by a switch, one by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from gis_service.engine.context import Context, Switching
from gis_service.engine.engine import Engine
from gis_service.engine.following.current import CurrentWorld, Loaded, SwitchReadings, Versions
from gis_service.engine.following.held import HeldTables
from gis_service.engine.outage import Case
from gis_service.engine.ties import tied_counties
from gis_service.engine.world import CountyVersion, World
from gis_service.errors import CountyAway, UnknownId
from gis_service.network.build import build_topology
from gis_service.network.tables import GridTables
from gis_service.network.text import parse_grid
from tests.counties import one_county

LOADED_AT = datetime(2026, 1, 1, tzinfo=UTC)
NORTH, SOUTH, FAR = "990101", "990102", "990103"
GRIDS = {
    NORTH: "S1 source s1\nQ1 breaker s1 n1 feeder=F1\nC1 customer n1\n"
    "TIE load_break_switch n1 n2 normal_open open",
    SOUTH: "S2 source s2\nQ2 breaker s2 n2 feeder=F2\nC2 customer n2",
    FAR: "S3 source s3\nQ3 breaker s3 n3 feeder=F3\nC3 customer n3",
}
"""::

    S1 ─[Q1]─ n1 ──(TIE)── n2 ─[Q2]─ S2         S3 ─[Q3]─ n3
"""


def drawn(counties: Collection[str]) -> GridTables:
    return parse_grid("\n".join(f"@{county}\n{GRIDS[county]}" for county in sorted(counties)))


@dataclass
class Spread:
    """Three counties, each of which can be away; what changes there meanwhile is registered and not read."""

    away: set[str] = field(default_factory=set)
    versions_now: dict[str, CountyVersion] = field(
        default_factory=lambda: dict.fromkeys(GRIDS, CountyVersion(1, 1, LOADED_AT))
    )
    open: dict[str, set[str]] = field(default_factory=lambda: {county: set() for county in GRIDS})
    as_now: frozenset[str] = frozenset()
    loads: int = 0

    def versions(self) -> Versions:
        return dict(self.versions_now)

    def unreachable(self, counties: Collection[str], /) -> Mapping[str, str]:
        return {county: "its node is away" for county in counties if county in self.away}

    def load(self, _held: World | None = None, /) -> Loaded:
        self.loads += 1
        here = self.versions_now.keys() - self.away
        versions = {county: self.versions_now[county] for county in here}
        return Loaded(drawn(here), versions, tuple(sorted(self.away)))

    def current_switches(self, positions: Mapping[str, int | None], /) -> tuple[Versions, SwitchReadings]:
        read = [county for county in positions if county not in self.away]
        ids = [id for county in read for id in sorted(self.open[county])]
        lost = {county: "its node is away" for county in positions if county in self.away}
        versions = {county: self.versions_now[county] for county in read}
        return versions, SwitchReadings(ids, np.ones(len(ids), np.bool_), lost)

    def switches_at(self, _at: datetime, /) -> tuple[Versions, SwitchReadings]:
        lost = dict.fromkeys(self.away - self.as_now, "its node is away")
        readings = SwitchReadings([], np.empty(0, np.bool_), lost, frozenset(self.away))
        return self.versions(), readings

    def operate(self, county: str, switch: str) -> None:
        self.open[county].add(switch)
        before = self.versions_now[county]
        self.versions_now[county] = replace(
            before, version=before.version + 1, last_operation=before.last_operation + 1
        )


def engine_over(source: Spread) -> Engine:
    return Engine(CurrentWorld(source), clock=lambda: datetime(2026, 6, 1, tzinfo=UTC))


def missing(engine: Engine, *out: str, context: Context | None = None) -> list[str]:
    answer = engine.outage_impact(Case(out=out), (), context or Context())
    assert answer["partial"] == bool(answer["missing_counties"])
    found: list[str] = answer["missing_counties"]
    return found


def test_a_county_that_was_read_before_its_node_went_is_answered_whole() -> None:
    source = Spread()
    engine = engine_over(source)
    engine.current.get()
    source.away = {SOUTH}
    answer = engine.outage_impact(Case(out=["Q2"]), ())
    assert (answer["affected"]["customers"], answer["partial"]) == (1, False)


def test_a_change_that_could_not_be_read_is_missed_by_those_it_can_reach_alone() -> None:
    source = Spread()
    engine = engine_over(source)
    engine.current.get()
    source.away = {SOUTH}
    source.operate(SOUTH, "Q2")
    assert missing(engine, "Q2") == missing(engine, "Q1") == [SOUTH]
    assert missing(engine, "Q3") == []
    assert engine.element("Q3")["partial"] is False
    assert missing(engine, "Q3", context=Context(switching=(Switching("Q2", True),))) == [SOUTH]
    with pytest.raises(CountyAway, match=f"county {SOUTH} cannot be reached"):
        engine.scene(Context(at_least={SOUTH: 2}))
    assert engine.scene(Context(at_least={SOUTH: 1})).world.versions[SOUTH].version == 1
    source.away = set()
    assert missing(engine, "Q1") == []
    assert engine.element("Q2")["open"] is True
    assert source.loads == 1  # nothing but switches was ever read again


def test_an_engine_that_starts_without_a_county_answers_the_others_and_picks_it_up_by_itself() -> None:
    source = Spread(away={SOUTH})
    engine = engine_over(source)
    assert missing(engine, "Q1") == missing(engine, "Q3") == [SOUTH]  # what it is joined to is not known
    with pytest.raises(CountyAway, match="no element has the id 'Q2'"):
        engine.element("Q2")
    assert source.loads == 1  # who cannot be read is not read over and over
    source.away = set()
    assert missing(engine, "Q2") == []
    with pytest.raises(UnknownId):
        engine.element("Q9")


def test_a_moment_of_the_past_is_whole_where_nothing_was_operated_since() -> None:
    source = Spread()
    engine = engine_over(source)
    engine.current.get()
    source.away = {SOUTH}
    then = Context(at=datetime(2026, 6, 1, tzinfo=UTC) - timedelta(days=1))
    assert missing(engine, "Q1", context=then) == [SOUTH]
    assert missing(engine, "Q3", context=then) == []
    source.as_now = frozenset({SOUTH})
    assert missing(engine, "Q1", context=then) == []


def test_counties_are_tied_when_an_element_joins_them_whatever_the_switches_do() -> None:
    assert tied_counties(build_topology(drawn(GRIDS))) == {NORTH: NORTH, SOUTH: NORTH, FAR: FAR}


def test_elements_that_reach_into_a_county_that_is_not_there_hang_at_the_end_that_is() -> None:
    """The tie belongs to the northern county, and its other end is gone with the southern one."""
    engine = Engine(CurrentWorld(Spread(away={SOUTH})), clock=lambda: datetime(2026, 6, 1, tzinfo=UTC))
    assert engine.element("TIE")["energised"] is True
    assert engine.outage_impact(Case(out=["Q1"]), ())["affected"]["customers"] == 1
    closed = Context(switching=(Switching("TIE", False),))
    assert engine.outage_impact(Case(out=["Q1"]), (), closed)["affected"]["customers"] == 1
    assert engine.element("C1", closed)["energised"] is True


def test_elements_of_which_nothing_is_there_conduct_nothing() -> None:
    """All of the southern county's nodes are stored in the northern one, which is away."""
    tables = parse_grid(
        f"@{NORTH}\nS1 source s1\nQ1 breaker s1 n1 feeder=F1\n@{SOUTH}\nL line n1 s1\nC2 customer n1\n"
        "S2 source s2\nQ2 breaker s2 n2 feeder=F2"
    )
    kept = engine_of_county(tables, SOUTH)
    assert kept.element("L")["energised"] is False
    assert kept.element("Q2")["energised"] is True
    assert kept.outage_impact(Case(out=["Q2"]), ())["affected"]["customers"] == 0


def engine_of_county(tables: GridTables, county: str) -> Engine:
    return Engine(CurrentWorld(HeldTables(one_county(tables, county))))
