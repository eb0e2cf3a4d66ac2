"""Switch operations on the hand-drawn grid (`tests/drawn.py`): what they change, and what they refuse.

Named cases are read off the drawing; random sequences are held against `tests/oracles/replay.py`, which
looks at each moment afresh.
"""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gis_service.ingest.package import write_package
from gis_service.network.text import parse_grid
from tests.drawn import DRAWN, NORTH, SOUTH, drawn_package, package_of
from tests.grid_database import GridDatabase
from tests.live import ROOT, LiveEngine, engine_environment, load, running_engine
from tests.oracles import replay
from tests.web.test_problems import problem

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TABLES = parse_grid(DRAWN)
SWITCHES = TABLES.switches.id.tolist()


def at(minutes: float) -> str:
    """A time, in minutes after noon of a day in the past."""
    return (NOON + timedelta(minutes=minutes)).isoformat()


def supplied(engine: LiveEngine, **world: Any) -> set[str]:
    """Customers with supply: those that two sources that go out would lose."""
    answer = engine.ask("/v1/outage-impact", {"out": ["S1", "S2"], "include": ["customers"], **world})
    return {one["id"] for one in answer["customers"]}


def interruptions(engine: LiveEngine) -> set[tuple[str, datetime, datetime | None]]:
    """All intervals on record, read page by page."""
    found: list[tuple[str, datetime, datetime | None]] = []
    path = "/v1/interruptions?limit=7"
    while path:
        page = engine.ask(path)
        found += [
            (
                one["customer_id"],
                datetime.fromisoformat(one["start"]),
                datetime.fromisoformat(one["end"]) if one["end"] else None,
            )
            for one in page["interruptions"]
        ]
        path = page["next"]
    assert len(found) == len(set(found))
    return set(found)


def test_an_operation_is_seen_by_the_very_next_question(drawn_engine: LiveEngine) -> None:
    answer = drawn_engine.operate({"id": "SW2", "open": True, "reason": "work", "operator": "Li"})
    assert answer["grid_version"] == {NORTH: 1, SOUTH: 2}
    assert (answer["lost"]["ids"], answer["lost"]["customers"], answer["lost"]["contracted_kva"]) == (
        ["C5"],
        1,
        12.0,
    )
    assert list(answer["lost"]["by_county"]) == [SOUTH]
    assert answer["regained"]["ids"] == []
    done = answer["operations"][0]
    assert (done["id"], done["open"], done["changed"], done["late"], done["reason"], done["operator"]) == (
        "SW2",
        True,
        True,
        False,
        "work",
        "Li",
    )
    assert supplied(drawn_engine) == {"C1", "C2", "C3", "C4", "C6"}
    assert drawn_engine.ask("/v1/elements/SW2")["grid_version"] == {NORTH: 1, SOUTH: 2}
    back = drawn_engine.operate({"id": "TIE", "open": False})
    assert back["regained"]["ids"] == ["C5"]
    assert supplied(drawn_engine) == {"C1", "C2", "C3", "C4", "C5", "C6"}


def test_a_batch_counts_as_one_change(drawn_engine: LiveEngine) -> None:
    answer = drawn_engine.operate({"id": "SW2", "open": True}, {"id": "TIE", "open": False})
    assert (answer["lost"]["ids"], answer["regained"]["ids"]) == ([], [])
    assert answer["grid_version"] == {NORTH: 1, SOUTH: 2}
    assert interruptions(drawn_engine) == set()


def test_a_batch_is_all_or_nothing(drawn_engine: LiveEngine) -> None:
    problem(
        drawn_engine.post("/v1/switch-operations", [{"id": "SW2", "open": True}, {"id": "x", "open": True}]),
        404,
    )
    assert drawn_engine.ask("/v1/elements/SW2")["open"] is False
    assert drawn_engine.ask("/v1/switch-operations")["operations"] == []
    assert drawn_engine.ask("/v1/elements/SW2")["grid_version"] == {NORTH: 1, SOUTH: 1}


def test_setting_a_switch_as_it_stands_is_recorded_without_effect(drawn_engine: LiveEngine) -> None:
    answer = drawn_engine.operate({"id": "SW2", "open": False})
    assert (answer["operations"][0]["changed"], answer["lost"]["ids"]) == (False, [])
    assert [one["id"] for one in drawn_engine.ask("/v1/switch-operations")["operations"]] == ["SW2"]


def test_a_question_as_of_a_time_has_the_states_of_then(drawn_engine: LiveEngine) -> None:
    drawn_engine.operate({"id": "SW2", "open": True, "at": at(0)})
    drawn_engine.operate({"id": "SW2", "open": False, "at": at(10)})
    everyone = {"C1", "C2", "C3", "C4", "C5", "C6"}
    assert supplied(drawn_engine, at=at(-1)) == everyone
    assert supplied(drawn_engine, at=at(0)) == everyone - {"C5"}
    assert supplied(drawn_engine, at=at(9.99)) == everyone - {"C5"}
    assert supplied(drawn_engine, at=at(10)) == everyone
    asked = drawn_engine.ask("/v1/elements/SW2", params={"at": at(5)})
    assert asked["open"] is True
    assert datetime.fromisoformat(asked["as_of"]) == NOON + timedelta(minutes=5)


def test_the_same_key_and_content_get_the_first_answer_again(drawn_engine: LiveEngine) -> None:
    batch = [
        {"id": "SW2", "open": True, "idempotency_key": "a"},
        {"id": "CB2", "open": True, "idempotency_key": "b", "reason": "r"},
    ]
    first = drawn_engine.post("/v1/switch-operations", batch)
    drawn_engine.operate({"id": "SW2", "open": False})
    again = drawn_engine.post("/v1/switch-operations", batch)
    assert again.content == first.content
    assert len(drawn_engine.ask("/v1/switch-operations")["operations"]) == 3
    assert drawn_engine.ask("/v1/elements/SW2")["open"] is False


def test_the_same_key_with_other_content_is_a_conflict(drawn_engine: LiveEngine) -> None:
    drawn_engine.operate({"id": "SW2", "open": True, "idempotency_key": "a", "reason": "one"})
    for other in (
        {"id": "SW2", "open": False, "reason": "one"},
        {"id": "CB1", "open": True, "reason": "one"},
        {"id": "SW2", "open": True, "reason": "two"},
        {"id": "SW2", "open": True, "reason": "one", "at": at(0)},
    ):
        document = problem(
            drawn_engine.post("/v1/switch-operations", [{**other, "idempotency_key": "a"}]), 409
        )
        assert "'a'" in document["detail"]
    assert len(drawn_engine.ask("/v1/switch-operations")["operations"]) == 1


def test_a_known_key_beside_new_operations_is_not_recorded_twice(drawn_engine: LiveEngine) -> None:
    known = {"id": "SW2", "open": True, "idempotency_key": "a"}
    drawn_engine.operate(known)
    answer = drawn_engine.operate(known, {"id": "CB2", "open": True, "idempotency_key": "b"})
    assert [(one["id"], one["changed"]) for one in answer["operations"]] == [("SW2", False), ("CB2", True)]
    assert answer["lost"]["ids"] == ["C6"]
    assert len(drawn_engine.ask("/v1/switch-operations")["operations"]) == 2


def test_a_late_operation_is_put_where_it_belongs(drawn_engine: LiveEngine) -> None:
    drawn_engine.operate({"id": "SW2", "open": True, "at": at(0)})
    drawn_engine.operate({"id": "SW2", "open": False, "at": at(30)})
    late = drawn_engine.operate({"id": "SW2", "open": False, "at": at(10)})
    assert (late["operations"][0]["late"], late["operations"][0]["changed"]) == (True, True)
    assert (late["lost"]["ids"], late["regained"]["ids"]) == ([], [])
    minute = timedelta(minutes=1)
    assert interruptions(drawn_engine) == {("C5", NOON, NOON + 10 * minute)}
    assert drawn_engine.ask("/v1/elements/SW2", params={"at": at(20)})["open"] is False
    # a late opening of another switch: its own interval, and the current state stays
    drawn_engine.operate({"id": "CB2", "open": False, "at": at(40)})
    drawn_engine.operate({"id": "CB2", "open": True, "at": at(20)})
    assert interruptions(drawn_engine) == {
        ("C5", NOON, NOON + 10 * minute),
        ("C6", NOON + 20 * minute, NOON + 40 * minute),
    }
    assert supplied(drawn_engine) == {"C1", "C2", "C3", "C4", "C5", "C6"}


def test_the_log_comes_newest_first_and_page_by_page(drawn_engine: LiveEngine) -> None:
    for k in range(5):
        drawn_engine.operate({"id": "SW2", "open": k % 2 == 0, "at": at(k)})
    drawn_engine.operate({"id": "CB1", "open": True, "at": at(1.5)})
    seen: list[tuple[str, str]] = []
    path = "/v1/switch-operations?limit=2"
    while path:
        page = drawn_engine.ask(path)
        assert len(page["operations"]) <= 2
        seen += [(one["id"], one["at"]) for one in page["operations"]]
        path = page["next"]
    expected = [("SW2", 4.0), ("SW2", 3.0), ("SW2", 2.0), ("CB1", 1.5), ("SW2", 1.0), ("SW2", 0.0)]
    assert [(id, datetime.fromisoformat(when)) for id, when in seen] == [
        (id, NOON + timedelta(minutes=minutes)) for id, minutes in expected
    ]
    some = drawn_engine.ask(
        "/v1/switch-operations", params={"switch": "SW2", "since": at(1), "until": at(3), "county": SOUTH}
    )
    assert [one["at"] for one in some["operations"]] == [when for id, when in seen if id == "SW2"][2:4]


def test_interruptions_are_found_by_customer_county_and_time(drawn_engine: LiveEngine) -> None:
    drawn_engine.operate({"id": "CB1", "open": True, "at": at(0)})
    drawn_engine.operate({"id": "CB1", "open": False, "at": at(5)})
    of = drawn_engine.ask("/v1/interruptions", params={"customer": "C3"})["interruptions"]
    assert [(one["customer_id"], one["cause"]) for one in of] == [("C3", "CB1")]
    north = drawn_engine.ask("/v1/interruptions", params={"county": NORTH})["interruptions"]
    assert [one["customer_id"] for one in north] == ["C1", "C2"]
    after = drawn_engine.ask("/v1/interruptions", params={"since": at(5)})["interruptions"]
    assert after == []
    during = drawn_engine.ask("/v1/interruptions", params={"since": at(4), "until": at(6)})["interruptions"]
    assert len(during) == 5


def random_batches(seed: int, count: int) -> list[list[dict[str, Any]]]:
    """Batches of one to three operations at times that collide, go back and repeat."""
    draw = random.Random(seed)
    batches: list[list[dict[str, Any]]] = []
    for _ in range(count):
        switches = draw.sample(SWITCHES, draw.randint(1, 3))
        batches.append(
            [{"id": id, "open": draw.random() < 0.55, "at": at(draw.randint(0, 12))} for id in switches]
        )
    return batches


def as_done(batches: Sequence[Sequence[dict[str, Any]]]) -> list[replay.Done]:
    """The operations in the order of recording."""
    return [
        replay.Done(one["id"], one["open"], datetime.fromisoformat(one["at"]))
        for batch in batches
        for one in batch
    ]


@pytest.mark.parametrize("seed", range(6))
def test_random_operations_agree_with_looking_at_each_moment(drawn_engine: LiveEngine, seed: int) -> None:
    batches = random_batches(seed, 14)
    for batch in batches:
        drawn_engine.operate(*batch)
    done = as_done(batches)
    assert interruptions(drawn_engine) == replay.interruptions(TABLES, done)
    latest = max(one.at for one in done)
    assert supplied(drawn_engine) == replay.supplied_at(TABLES, done, latest)
    for minutes in (-1, 0, 3, 7, 11, 30):
        moment = NOON + timedelta(minutes=minutes)
        assert supplied(drawn_engine, at=moment.isoformat()) == replay.supplied_at(TABLES, done, moment), (
            minutes
        )


def test_what_the_answer_says_of_lost_and_regained_adds_up(drawn_engine: LiveEngine) -> None:
    have = supplied(drawn_engine)
    for batch in random_batches(77, 12):
        answer = drawn_engine.operate(*batch)
        have = (have - set(answer["lost"]["ids"])) | set(answer["regained"]["ids"])
        assert supplied(drawn_engine) == have


def test_operations_of_two_processes_at_once_stay_right(
    drawn_engine: LiveEngine, grid_database: GridDatabase, tmp_path: Any
) -> None:
    """Two processes, four threads, colliding times: the record equals a replay in the order recorded."""
    faults: list[str] = []

    def run(engine: LiveEngine, seed: int) -> None:
        for batch in random_batches(seed, 10):
            answer = engine.post("/v1/switch-operations", batch)
            if answer.status_code != 200:
                faults.append(answer.text)

    with running_engine(grid_database.dsn, tmp_path, name="second") as second:
        workers = [
            threading.Thread(target=run, args=(engine, seed))
            for engine, seed in ((drawn_engine, 1), (second, 2), (drawn_engine, 3), (second, 4))
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert faults == []
        second.catch_up()
        drawn_engine.catch_up()
        assert supplied(second) == supplied(drawn_engine)
    rows = grid_database.query(
        "SELECT switch_id, open, at FROM switch_operation ORDER BY recorded_at, county_code, id"
    )
    done = [replay.Done(*row) for row in rows]
    assert len(done) == sum(len(batch) for seed in (1, 2, 3, 4) for batch in random_batches(seed, 10))
    assert interruptions(drawn_engine) == replay.interruptions(TABLES, done)
    assert supplied(drawn_engine) == replay.supplied_at(TABLES, done, max(one.at for one in done))


def test_a_reload_closes_what_it_brought_back_and_keeps_the_record(drawn_engine: LiveEngine) -> None:
    drawn_engine.operate({"id": "SW2", "open": True, "at": at(0)})
    assert {id for id, _, end in interruptions(drawn_engine) if end is None} == {"C5"}
    load(drawn_package(), replace=True)
    drawn_engine.catch_up()
    assert drawn_engine.ask("/v1/elements/SW2")["open"] is False
    drawn_engine.operate({"id": "CB2", "open": True})
    lasting = {id for id, _, end in interruptions(drawn_engine) if end is None}
    assert lasting == {"C6"}
    ended = [(id, begun) for id, begun, end in interruptions(drawn_engine) if end is not None]
    assert ended == [("C5", NOON)]
    log = drawn_engine.ask("/v1/switch-operations")["operations"]
    assert [(one["id"], one["counts"]) for one in log] == [("CB2", True), ("SW2", False)]


def test_a_replaced_county_keeps_its_record_when_something_late_arrives(drawn_engine: LiveEngine) -> None:
    drawn_engine.operate({"id": "CB1", "open": True, "at": at(0)})
    drawn_engine.operate({"id": "CB1", "open": False, "at": at(10)})
    before = interruptions(drawn_engine)
    assert len(before) == 5
    load(drawn_package(), replace=True)
    loaded = datetime.now(UTC)
    drawn_engine.operate({"id": "SW2", "open": False})
    drawn_engine.operate({"id": "SW2", "open": True, "at": at(5)})
    assert before <= interruptions(drawn_engine)
    # the late opening is of the new load: it takes effect there, until the later closing
    more = interruptions(drawn_engine) - before
    assert {id for id, _, _ in more} == {"C5"}
    assert all(NOON + timedelta(minutes=10) < began <= loaded and end is not None for _, began, end in more)


def test_a_load_from_the_command_line_ends_what_it_brought_back_at_once(
    drawn_engine: LiveEngine, grid_database: GridDatabase, tmp_path: Path
) -> None:
    drawn_engine.operate({"id": "SW2", "open": True, "at": at(0)})
    drawn_engine.operate({"id": "CB2", "open": True, "at": at(1)})
    path = tmp_path / "drawn.gpkg"
    write_package(package_of(parse_grid(DRAWN.replace("m1 m2  feeder=F2", "m1 m2  feeder=F2 open"))), path)
    done = subprocess.run(
        [sys.executable, "-m", "gis_service.cli", "load", str(path), "--replace"],
        cwd=ROOT,
        env=engine_environment(grid_database.dsn),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded = max(
        datetime.fromisoformat(one["loaded_at"]) for one in drawn_engine.ask("/readyz")["counties"].values()
    )
    drawn_engine.catch_up()
    # C5 is back with the load; C6 is behind CB2, which the package has open as well
    assert interruptions(drawn_engine) == {("C5", NOON, loaded), ("C6", NOON + timedelta(minutes=1), None)}


def test_a_batch_whose_shard_was_split_under_it_is_recorded_all_the_same(
    drawn_engine: LiveEngine, grid_database: GridDatabase
) -> None:
    """The server refuses the first two tries in the words of a cluster; a sequence counts them."""
    grid_database.query(
        """
        CREATE SEQUENCE tries;
        CREATE FUNCTION refuse_twice() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF nextval('tries') <= 2 THEN
                RAISE EXCEPTION 'could not find valid entry for shard 102355' USING ERRCODE = 'XX000';
            END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER refuse_twice BEFORE INSERT ON switch_operation
        FOR EACH ROW EXECUTE FUNCTION refuse_twice();
        """
    )
    try:
        drawn_engine.operate({"id": SWITCHES[0], "open": True, "idempotency_key": "k"})
        assert grid_database.query("SELECT last_value FROM tries") == [(3,)]
        assert grid_database.query("SELECT switch_id, open FROM switch_operation") == [(SWITCHES[0], True)]
    finally:
        grid_database.query(
            "DROP TRIGGER refuse_twice ON switch_operation; DROP FUNCTION refuse_twice(); DROP SEQUENCE tries"
        )
