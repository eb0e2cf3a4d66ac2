"""The time line of interruptions against its definition (`tests/oracles/replay.py`), on small grids."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gis_service.engine.recording.timeline import Event, intervals, play, which_changed
from gis_service.network.build import build_topology
from gis_service.network.switching import loaded_state
from gis_service.network.tables import GridTables
from gis_service.tracing.supply import supplied
from tests.oracles import replay
from tests.strategies import grids

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@st.composite
def operated_grids(draw: st.DrawFn) -> tuple[GridTables, list[replay.Done]]:
    """A grid and operations in the order of recording, at few times, so that they collide."""
    tables = draw(grids())
    ids = tables.switches.id.tolist()
    done = (
        draw(
            st.lists(
                st.builds(
                    replay.Done,
                    st.sampled_from(ids),
                    st.booleans(),
                    st.integers(0, 4).map(lambda minutes: NOON + timedelta(minutes=minutes)),
                ),
                max_size=8,
            )
        )
        if ids
        else []
    )
    return tables, done


def events_of(tables: GridTables, done: list[replay.Done]) -> list[Event]:
    rows = {id: row for row, id in enumerate(tables.switches.id.tolist())}
    return [Event(one.at, ("450122", k), rows[one.switch], one.open) for k, one in enumerate(done)]


@given(operated_grids())
def test_intervals_are_those_of_looking_at_each_moment(case: tuple[GridTables, list[replay.Done]]) -> None:
    tables, done = case
    topology = build_topology(tables)
    moments = list(play(topology, loaded_state(topology), events_of(tables, done)))
    everyone = np.ones(len(tables.customers), np.bool_)
    found = intervals(NOON, np.empty(0, np.int64), moments, everyone)
    ids = tables.customers.id
    assert {(ids[one.customer], one.began, one.ended) for one in found} == replay.interruptions(tables, done)
    for moment in moments:
        assert set(ids[supplied(topology, moment.state)].tolist()) == replay.supplied_at(
            tables, done, moment.at
        )


@given(operated_grids())
def test_an_operation_changed_something_when_its_switch_stood_the_other_way(
    case: tuple[GridTables, list[replay.Done]],
) -> None:
    tables, done = case
    topology = build_topology(tables)
    changed = which_changed(loaded_state(topology), events_of(tables, done))
    stands = dict(zip(tables.switches.id.tolist(), tables.switches.open.tolist(), strict=True))
    for k, one in sorted(enumerate(done), key=lambda pair: (pair[1].at, pair[0])):
        assert changed["450122", k] == (stands[one.switch] != one.open)
        stands[one.switch] = one.open
