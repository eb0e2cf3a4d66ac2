"""The switch log, the states it adds up to, and interruption intervals; answers are worked by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gis_service import store
from gis_service.errors import Conflict, NotReady, UnknownId
from gis_service.store import NewInterruption, NewOperation
from tests.grid_database import GridDatabase
from tests.packages import sound_package
from tests.store.grids import trunk_package

WEST, EAST = "450122", "450123"
SWITCH = f"sw-{WEST}-0"
OTHER = f"sw-{WEST}-10"
FAR = f"sw-{EAST}-0"
C0, C10 = (WEST, f"c-{WEST}-0"), (WEST, f"c-{WEST}-10")
FAR_C = (EAST, f"c-{EAST}-0")


def at(minute: int) -> datetime:
    """Minutes after the load."""
    return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=minute)


@pytest.fixture(autouse=True)
def _two_trunks(_empty_grid: None) -> None:
    store.load_package(trunk_package([WEST, EAST], 30), at=at(0))


def operation(switch: str, open: bool, minute: int, key: str | None = None) -> NewOperation:
    county = switch.split("-")[1]
    return NewOperation(county, switch, open, at(minute), at(60), "storm", "ann", key)


def record(*operations: NewOperation) -> list[store.Operation]:
    with store.transaction() as write:
        counties = {one.county_code for one in operations}
        write.lock_counties(counties)
        recorded = write.append_operations(operations)
        write.set_open((one.county_code, one.switch_id, one.open) for one in operations)
        write.bump(counties, at(60))
    return recorded


def state(minute: int) -> dict[str, bool]:
    states = store.switch_states_at(at(minute))
    return dict(zip(states.id.tolist(), states.open.tolist(), strict=True))


def intervals() -> list[tuple[str, float, float | None]]:
    """Customer id, minutes from, minutes to."""
    return [
        (one.customer_id, _minute(one.began), None if one.ended is None else _minute(one.ended))
        for one in store.interruptions()
    ]


def _minute(moment: datetime) -> float:
    return (moment - at(0)) / timedelta(minutes=1)


# --- the log


def test_operations_come_back_as_recorded_numbered_within_their_county() -> None:
    sent = [operation(SWITCH, True, 5, "k1"), operation(FAR, True, 5), operation(SWITCH, False, 9)]
    recorded = record(*sent)
    assert [(one.county_code, one.id, one.epoch) for one in recorded] == [
        (WEST, 1, 1),
        (EAST, 1, 1),
        (WEST, 2, 1),
    ]
    assert store.operations_between() == sorted(recorded, key=lambda one: (one.county_code, one.at, one.id))
    assert record(operation(OTHER, True, 10))[0].id == 3


def test_a_period_is_half_open() -> None:
    record(operation(SWITCH, True, 5), operation(SWITCH, False, 9))
    assert [one.open for one in store.operations_between(at(5), at(9))] == [True]
    assert store.operations_between(at(5), at(9), counties=[EAST]) == []


def test_the_state_at_a_time_is_that_of_the_latest_operation_up_to_it() -> None:
    record(operation(SWITCH, True, 5), operation(SWITCH, False, 9), operation(SWITCH, True, 9))
    assert [state(minute)[SWITCH] for minute in (0, 4, 5, 8, 9, 99)] == [False, False, True, True, True, True]
    assert not any(open for switch, open in state(99).items() if switch != SWITCH)


def test_an_operation_that_arrives_late_counts_from_when_it_happened() -> None:
    record(operation(SWITCH, True, 9))
    with store.transaction() as write:
        write.append_operations([operation(SWITCH, True, 3), operation(SWITCH, False, 6)])
    assert [state(minute)[SWITCH] for minute in (2, 3, 6, 9)] == [False, True, False, True]


def test_a_reload_begins_a_new_epoch_and_keeps_the_old_rows() -> None:
    record(operation(SWITCH, True, 5, "k1"))
    store.load_package(trunk_package([WEST, EAST], 30), replace=True, at=at(30))
    assert not state(99)[SWITCH]
    assert [one.epoch for one in store.operations_between()] == [1]
    assert record(operation(SWITCH, True, 40))[0].epoch == 2
    with store.transaction() as write:
        assert [(one.id, one.epoch) for one in write.operations_from(at(0), [WEST])] == [(2, 2)]
        assert write.find_by_idempotency_key(["k1", "k2"]) == {"k1": store.operations_between()[0]}


def test_the_states_come_in_the_order_of_the_tables() -> None:
    record(operation(OTHER, True, 5))
    tables, versions = store.load_tables()
    for states in (store.current_switches(), store.switch_states_at(at(5))):
        assert states.id.tolist() == tables.switches.id.tolist()
        assert states.county.tolist() == tables.switches.county.tolist()
        assert states.open.tolist() == [id == OTHER for id in tables.switches.id]
        assert {code: one.version for code, one in states.versions.items()} == versions == {WEST: 2, EAST: 1}
    assert tables.switches.open.tolist() == states.open.tolist()


def test_an_idempotency_key_is_taken_once_per_county() -> None:
    record(operation(SWITCH, True, 5, "k1"))
    with pytest.raises(Conflict, match="switch_operation_key_once"):
        record(operation(OTHER, True, 6, "k1"))
    assert [one.switch_id for one in store.operations_between()] == [SWITCH]


def test_a_transaction_over_two_counties_happens_whole_or_not_at_all() -> None:
    with pytest.raises(UnknownId, match="'sw-nowhere'"):
        record(operation(SWITCH, True, 5), NewOperation(EAST, "sw-nowhere", True, at(5), at(5)))
    assert store.operations_between() == []
    assert not store.current_switches().open.any()
    assert store.load_tables()[1] == {WEST: 1, EAST: 1}
    record(operation(SWITCH, True, 5), operation(FAR, True, 5))
    assert store.current_switches().open.sum() == 2
    assert store.load_tables()[1] == {WEST: 2, EAST: 2}


def test_only_loaded_counties_can_be_locked_and_written() -> None:
    with store.transaction() as write, pytest.raises(UnknownId, match="'0999'"):
        write.lock_counties([WEST, "0999"])
    with pytest.raises(UnknownId, match="'0999'"), store.transaction() as write:
        write.append_operations([NewOperation("0999", "sw", True, at(1), at(1))])


def test_the_log_cannot_be_changed(grid_database: GridDatabase) -> None:
    record(operation(SWITCH, True, 5))
    for statement in ("UPDATE switch_operation SET open = false", "DELETE FROM switch_operation"):
        with pytest.raises(Exception, match="append-only"):
            grid_database.query(statement)


def test_two_writers_of_one_county_take_turns() -> None:
    with store.transaction() as write:
        write.lock_counties([WEST])
        with pytest.raises((Conflict, NotReady)), store.transaction(deadline_s=2) as second:
            second.lock_counties([WEST, EAST])
        with store.transaction(deadline_s=2) as third:
            third.lock_counties([EAST])  # another county goes on


def test_a_listener_hears_which_counties_changed() -> None:
    with store.listening() as listener:
        assert listener.wait(0.05) == {}
        before = store.county_versions()
        record(operation(SWITCH, True, 5), operation(FAR, True, 5))
        assert listener.wait(5) == {county: before[county].version + 1 for county in (WEST, EAST)}
        with pytest.raises(UnknownId):
            record(NewOperation(WEST, "sw-nowhere", True, at(5), at(5)))
        assert listener.wait(0.05) == {}  # rolled back, so never announced


# --- interruption intervals


def test_an_interval_begins_once_and_ends() -> None:
    with store.transaction() as write:
        write.open_interruptions([C0, FAR_C], at(5), cause=(WEST, 7))
        write.open_interruptions([C0, C10], at(6))
        write.close_interruptions([C0], at(8))
    assert intervals() == [(C0[1], 5, 8), (C10[1], 6, None), (FAR_C[1], 5, None)]
    assert [one.cause for one in store.interruptions()] == [(WEST, 7), None, (WEST, 7)]
    assert [store.customers_interrupted_at(at(minute)) for minute in (4, 5, 7, 8)] == [
        [],
        [C0, FAR_C],
        [C0, C10, FAR_C],
        [C10, FAR_C],
    ]
    assert store.customers_interrupted_at(at(7), [EAST]) == [FAR_C]


def test_an_interval_of_no_length_leaves_no_trace() -> None:
    with store.transaction() as write:
        write.open_interruptions([C0], at(5))
        write.close_interruptions([C0], at(5))
    assert intervals() == []


def test_intervals_are_found_by_customer_county_and_period() -> None:
    with store.transaction() as write:
        write.open_interruptions([C0, C10, FAR_C], at(5))
        write.close_interruptions([C0, C10, FAR_C], at(8))
        write.open_interruptions([C0], at(20))
    assert [one.customer for one in store.interruptions(customers=[C10, FAR_C])] == [C10, FAR_C]
    assert [one.customer for one in store.interruptions(counties=[EAST])] == [FAR_C]
    assert [one.began for one in store.interruptions(customers=[C0], since=at(8))] == [at(20)]
    assert [one.ended for one in store.interruptions(customers=[C0], until=at(20))] == [at(8)]
    assert store.interruptions(customers=[]) == []


def test_set_interrupted_ends_begins_and_leaves_alone() -> None:
    with store.transaction() as write:
        write.open_interruptions([C0, C10, FAR_C], at(5))
        write.set_interrupted([WEST], [C10, (WEST, "c-new")], at(9))
    assert intervals() == [(C0[1], 5, 9), (C10[1], 5, None), ("c-new", 9, None), (FAR_C[1], 5, None)]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([], [(C0[1], 0, 10), (C10[1], 2, 4)], id="nobody is interrupted from then on"),
        pytest.param([(C0, 10, None)], [(C0[1], 0, None), (C10[1], 2, 4)], id="the spanning one lasts"),
        pytest.param([(C0, 10, 12)], [(C0[1], 0, 12), (C10[1], 2, 4)], id="the spanning one ends elsewhere"),
        pytest.param(
            [(C0, 11, 12), (C10, 10, 15)],
            [(C0[1], 0, 10), (C0[1], 11, 12), (C10[1], 2, 4), (C10[1], 10, 15)],
            id="new ones begin",
        ),
    ],
)
def test_the_record_from_a_time_on_is_rewritten(rows: Any, expected: Any) -> None:
    """Before: C0 dark 0–20 and from 30 on, C10 dark 2–4 and 12–14; FAR_C, elsewhere, is not touched."""
    with store.transaction() as write:
        for customer, began, ended in [
            (C0, 0, 20),
            (C0, 30, None),
            (C10, 2, 4),
            (C10, 12, 14),
            (FAR_C, 12, None),
        ]:
            write.open_interruptions([customer], at(began))
            if ended is not None:
                write.close_interruptions([customer], at(ended))
    new = [
        NewInterruption(who[0], who[1], at(began), None if ended is None else at(ended))
        for who, began, ended in rows
    ]
    with store.transaction() as write:
        write.replace_interruptions_from(at(10), new, counties=[WEST])
    assert intervals() == [*expected, (FAR_C[1], 12, None)]


def test_an_interval_that_ended_at_the_very_moment_goes_on_when_the_new_record_says_so() -> None:
    with store.transaction() as write:
        write.open_interruptions([C0], at(0))
        write.close_interruptions([C0], at(10))
    with store.transaction() as write:
        write.replace_interruptions_from(at(10), [NewInterruption(*C0, at(10), at(25))], counties=[WEST])
    assert intervals() == [(C0[1], 0, 25)]


def test_a_row_before_the_time_is_refused() -> None:
    with pytest.raises(ValueError, match="begins before"), store.transaction() as write:
        write.replace_interruptions_from(at(10), [NewInterruption(*C0, at(9))], counties=[WEST])


def test_overlapping_intervals_of_one_customer_are_refused(
    grid_database: GridDatabase,
) -> None:
    with store.transaction() as write:
        write.open_interruptions([C0], at(0))
    with pytest.raises(Exception, match="interruption_no_overlap"):
        grid_database.query(
            "INSERT INTO interruption (county_code, id, customer_id, during) "
            "VALUES (%s, 99, %s, tstzrange(%s, NULL))",
            *C0,
            at(5),
        )


def test_a_replaced_county_ends_the_intervals_of_customers_it_no_longer_has() -> None:
    with store.transaction() as write:
        write.open_interruptions([C0, C10], at(5))
    store.load_package(trunk_package([WEST, EAST], 11), replace=True, at=at(30))  # C10 is gone
    assert intervals() == [(C0[1], 5, None), (C10[1], 5, 30)]


def test_unloading_ends_the_countys_intervals_and_keeps_its_record() -> None:
    record(operation(SWITCH, True, 5))
    with store.transaction() as write:
        write.open_interruptions([C0, FAR_C], at(5))
    store.unload_county(WEST, at=at(30))
    assert intervals() == [(C0[1], 5, 30), (FAR_C[1], 5, None)]
    assert len(store.operations_between()) == 1


def test_a_package_of_another_county_touches_no_record() -> None:
    record(operation(SWITCH, True, 5))
    store.load_package(sound_package())
    assert state(99)[SWITCH]
