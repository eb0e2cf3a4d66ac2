"""When the stamp of a look changes, and when it must not; worlds changed by hand, no database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis_service.atlas import Atlas
from gis_service.engine import Engine
from gis_service.engine.following.current import CurrentWorld, Loaded, SwitchReadings, Versions
from gis_service.engine.following.held import HeldTables
from gis_service.engine.world import CountyVersion, World
from gis_service.network.text import parse_grid
from layers.sheet import Sight
from layers.source import Box, Counties
from tests.atlas.read import ids_in, values_of
from tests.drawn import DRAWN, NORTH, SOUTH

GRID = """
@450101
S1 source n1
A  breaker n1 n2
L1 line n2 n3
@450102
B  breaker n3 n4
@450103
S2 source m1
C  breaker m1 m2
"""
TIED, NEAR, APART = "450101", "450102", "450103"
WORLD = Box(-180, -90, 180, 90)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Moved(HeldTables):
    """Tables whose versions, and missing counties, the test sets."""

    def __init__(self) -> None:
        super().__init__(parse_grid(GRID))
        self.now = dict(super().versions())
        self.away: Mapping[str, str] = {}

    def versions(self) -> Versions:
        return self.now

    def load(self, held: World | None = None, /) -> Loaded:
        return replace_versions(super().load(held), self.now)

    def current_switches(self, _positions: Mapping[str, int | None]) -> tuple[Versions, SwitchReadings]:
        return self.now, SwitchReadings((), np.empty(0, np.bool_), self.away)

    def move(self, county: str, *, load: bool = False) -> None:
        one = self.now[county]
        self.now = {
            **self.now,
            county: CountyVersion(one.version + 1, one.topology_version + load, None, one.last_operation + 1),
        }


def replace_versions(loaded: Loaded, versions: Versions) -> Loaded:
    return loaded._replace(versions=versions)


def box_of(atlas: Atlas, county: str) -> Box:
    """Around the switches of a county alone."""
    (run,) = [one for one in atlas.engine.scene().world.shapes.counties["switch"] if one.county == county]
    assert run.box is not None
    return Box(*run.box)


@pytest.fixture
def source() -> Moved:
    return Moved()


@pytest.fixture
def atlas(source: Moved) -> Atlas:
    return Atlas(Engine(CurrentWorld(source)))


def test_a_stamp_stays_while_nothing_changes(atlas: Atlas) -> None:
    sight = Sight(WORLD, ("energised",))
    assert atlas.stamp("switch", sight) == atlas.stamp("switch", sight)
    assert atlas.stamp("switch", sight) != atlas.stamp("line_section", sight)


@pytest.mark.parametrize(("moved", "changes"), [(NEAR, True), (TIED, True), (APART, False)])
@pytest.mark.parametrize("field", ["energised", "open"])
def test_an_operation_changes_the_stamps_of_the_networks_tied_to_its_county(
    atlas: Atlas, source: Moved, field: str, moved: str, changes: bool
) -> None:
    """The tied county has no feature in the box, yet its switch can darken what is there."""
    sight = Sight(box_of(atlas, NEAR), (field,))
    before = atlas.stamp("switch", sight)
    source.move(moved)
    assert (atlas.stamp("switch", sight) != before) == changes


def test_an_operation_changes_no_stamp_of_what_is_stored(atlas: Atlas, source: Moved) -> None:
    sight = Sight(WORLD, ("kind",))
    before = atlas.stamp("switch", sight)
    source.move(NEAR)
    assert atlas.stamp("switch", sight) == before
    source.move(NEAR, load=True)
    assert atlas.stamp("switch", sight) != before


def test_a_load_changes_the_stamps_of_its_county_alone(atlas: Atlas, source: Moved) -> None:
    near, apart = (Sight(box_of(atlas, county), ("kind",)) for county in (NEAR, APART))
    before = [atlas.stamp("switch", sight) for sight in (near, apart)]
    source.move(APART, load=True)
    after = [atlas.stamp("switch", sight) for sight in (near, apart)]
    assert (before[0] == after[0], before[1] == after[1]) == (True, False)


def test_scope_and_moment_are_part_of_a_stamp(atlas: Atlas) -> None:
    scopes: list[Counties] = [None, frozenset({NEAR}), frozenset({NEAR, APART}), frozenset()]
    sights = [Sight(WORLD, ("energised",), counties=scope) for scope in scopes]
    sights += [Sight(WORLD, ("energised",), moment=NOON - timedelta(hours=k)) for k in range(3)]
    assert len({atlas.stamp("switch", sight) for sight in sights}) == len(sights)


def test_a_missing_county_changes_stamps_and_is_named_to_those_who_may_see_it(
    atlas: Atlas, source: Moved
) -> None:
    """Its later version is known and cannot be read: what it is tied to may be wrong."""
    sights = {
        "tied": Sight(box_of(atlas, TIED), ("energised",)),
        "apart": Sight(box_of(atlas, APART), ("energised",)),
        "not theirs": Sight(WORLD, ("energised",), counties=frozenset({APART})),
    }
    before = {name: atlas.stamp("switch", sight) for name, sight in sights.items()}
    source.away = {NEAR: "its node is away"}
    source.move(NEAR)
    after = {name: atlas.stamp("switch", sight) for name, sight in sights.items()}
    assert {name for name in sights if before[name] != after[name]} == {"tied"}
    missing = {name: atlas.look("switch", sight).missing for name, sight in sights.items()}
    assert missing == {"tied": (NEAR,), "apart": (), "not theirs": ()}


class Standing(CurrentWorld):
    """A world that the test sets, as it is."""

    world: World

    def get(self) -> World:
        return self.world


LAW_TABLES = parse_grid(DRAWN + "@450103\nR source r1\nRB breaker r1 r2\nRL line r2 r3\nRC customer r3\n")
LAW_WORLD = CurrentWorld(HeldTables(LAW_TABLES)).get()
N_SWITCHES = len(LAW_TABLES.switches)
COUNTIES = (NORTH, SOUTH, "450103")


@st.composite
def operated(draw: st.DrawFn) -> tuple[World, World]:
    """A world, and another after operations: the versions of the counties operated in have moved."""
    states = st.lists(st.booleans(), min_size=N_SWITCHES, max_size=N_SWITCHES)
    before = LAW_WORLD.switched(LAW_WORLD.current.with_switching(range(N_SWITCHES), draw(states)), {})
    rows = draw(st.lists(st.integers(0, N_SWITCHES - 1), unique=True, max_size=2))
    state = before.current.with_switching(rows, [not before.current.open[row] for row in rows])
    counties = {str(LAW_TABLES.switches.county[row]) for row in rows}
    return before, before.switched(state, {county: CountyVersion(2, 1) for county in counties})


@given(
    operated(),
    st.sampled_from(["line_section", "switch", "power_transformer", "customer_point", "substation"]),
    st.tuples(st.integers(-1, 6), st.integers(-1, 6), st.integers(0, 5), st.integers(0, 5)),
    st.sampled_from([("energised",), ("open",), ("energised", "open", "name"), ("name",), ()]),
    st.none() | st.frozensets(st.sampled_from(COUNTIES)),
)
def test_where_a_look_is_another_one_its_stamp_is_too(
    worlds: tuple[World, World],
    layer: str,
    place: tuple[int, int, int, int],
    fields: tuple[str, ...],
    scope: Counties,
) -> None:
    west, south = 108 + place[0] / 1000, 22.8 + place[1] / 1000
    sight = Sight(Box(west, south, west + place[2] / 1000, south + place[3] / 1000), fields, counties=scope)
    current = Standing(HeldTables(LAW_TABLES))
    atlas = Atlas(Engine(current))
    answers = []
    for current.world in worlds:
        seen = atlas.look(layer, sight)
        live = [{name: values_of(of) for name, of in patch.live.items()} for patch in seen.patches]
        answers.append((atlas.stamp(layer, sight), (ids_in(seen), live, seen.missing)))
    if answers[0][1] != answers[1][1]:
        assert answers[0][0] != answers[1][0]
