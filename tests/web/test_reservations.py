"""Reservations over HTTP: what they hold, who sees them, and that no kVA is ever promised twice.

What fits is told from the drawing in `tests/reserving.py` by adding up.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import pytest

from gis_service import store
from tests.grid_database import GridDatabase
from tests.live import LiveEngine, load, running_engine
from tests.reserving import (
    AFIELD,
    AT,
    CONTRACTED,
    FLAT,
    NORTH,
    RATED,
    SOUTH,
    asked,
    fitting,
    package,
    reserve,
)
from tests.web.test_problems import problem


@pytest.fixture
def engine(live_engine: LiveEngine) -> LiveEngine:
    load(package())
    live_engine.catch_up()
    return live_engine


def made(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["reservation"]


def headroom(engine: LiveEngine, id: str) -> Any:
    return engine.ask(f"/v1/headroom/{id}")


def test_a_reservation_counts_in_headroom_and_schemes_until_it_is_withdrawn(engine: LiveEngine) -> None:
    question = {"point": AT["D1"], "kva": 60, "rules": FLAT, "k": 20}
    before = engine.ask("/v1/supply-schemes", question)
    assert before["reservations_version"] == 0
    ours = next(one for one in before["schemes"] if one["attach"]["id"] == "D1")
    one = made(reserve(engine, "D1", 60, chosen=[{"attach": ours["attach"], "conductor": ours["conductor"]}]))
    assert (one["state"], one["counts"], one["supplies"][0]["placed"]) == ("held", True, True)
    assert one["supplies"][0]["scheme"] == {**ours, "rank": 1}  # the very scheme that was answered
    assert one["cost"] == ours["cost"]["total"]
    after = engine.ask("/v1/supply-schemes", question)
    assert after["reservations_version"] == one["id"]
    assert "D1" not in {one["attach"]["id"] for one in after["schemes"]}
    refused = next(one for one in after["rejected"] if one["attach"]["id"] == "D1")
    assert (refused["limit"], refused["element"]) == ("transformer_loading", "T1")
    assert refused["value"] == pytest.approx((8 + 60 + 60) / RATED)
    for id, kva in {"n5": 60, "D1": 60, "T1": 60, "L1": 60, "CB1": 60, "L2": 0, "n6": 0, "M1": 0}.items():
        assert headroom(engine, id)["reserved_kva"] == kva, id
    engine.ask(f"/v1/reservations/{one['id']}/withdraw", {"operator": "planner"})
    assert headroom(engine, "L1")["reserved_kva"] == 0
    again = engine.ask("/v1/supply-schemes", question)
    assert again["schemes"] == before["schemes"]
    assert again["reservations_version"] == one["id"] + 1


def test_loading_before_and_after_tells_what_is_reserved(engine: LiveEngine) -> None:
    made(reserve(engine, "D1", 30))
    answer = engine.ask("/v1/supply-schemes", {"point": AT["D1"], "kva": 20, "rules": FLAT})
    ours = next(one for one in answer["schemes"] if one["attach"]["id"] == "D1")
    loading = {one["id"]: (one["before"], one["after"]) for one in ours["loading"]}
    assert loading["T1"] == (pytest.approx(0.38), pytest.approx(0.58))


def test_a_taken_place_is_refused_with_the_limit_and_who_holds_it(engine: LiveEngine) -> None:
    held = made(reserve(engine, "D1", 70))
    told = problem(reserve(engine, "D1", 30), 409)
    binding = told["binding"]
    assert (binding["limit"], binding["element"]) == ("transformer_loading", "T1")
    assert binding["value"] == pytest.approx((8 + 70 + 30) / RATED)
    assert binding["allowed"] == 1.0
    assert binding["beyond_kva"] == pytest.approx(8)
    assert (binding["reserved_kva"], binding["reservations"]) == (70, [held["id"]])
    assert "70 kVA are reserved there by reservation" in told["detail"]
    assert headroom(engine, "n5")["reserved_kva"] == 70  # nothing was written


def test_the_same_key_reserves_once(engine: LiveEngine) -> None:
    body = asked("D1", 20)
    first = made(engine.post("/v1/reservations", body))
    assert made(engine.post("/v1/reservations", body)) == first
    told = problem(engine.post("/v1/reservations", {**body, "kva": 21}), 409)
    assert f"was used for reservation {first['id']}" in told["detail"]
    assert headroom(engine, "n5")["reserved_kva"] == 20
    engine.ask(f"/v1/reservations/{first['id']}/withdraw", {"operator": "planner"})
    assert made(engine.post("/v1/reservations", body))["state"] == "withdrawn"


def test_built_and_withdrawn_are_final_and_may_be_said_twice(engine: LiveEngine) -> None:
    one = made(reserve(engine, "D1", 20))
    path = f"/v1/reservations/{one['id']}"
    built = made(engine.post(f"{path}/built", {"operator": "crew", "reason": "job 7"}))
    assert built["state"] == "built"
    assert [(c["state"], c["operator"], c["reason"]) for c in built["changes"]] == [
        ("held", "planner", ""),
        ("built", "crew", "job 7"),
    ]
    assert made(engine.post(f"{path}/built", {"operator": "another"})) == built
    told = problem(engine.post(f"{path}/withdraw", {"operator": "planner"}), 409)
    assert "was built on" in told["detail"]
    assert headroom(engine, "n5")["reserved_kva"] == 0
    assert engine.ask(path)["reservation"] == built
    problem(engine.get("/v1/reservations/999"), 404)
    problem(engine.post("/v1/reservations/999/built", {"operator": "x"}), 404)


def test_the_list_has_filters_and_pages(engine: LiveEngine) -> None:
    ids = [made(reserve(engine, "D1" if k % 2 else "D2", 5))["id"] for k in range(7)]
    made(engine.post(f"/v1/reservations/{ids[0]}/withdraw", {"operator": "planner"}))

    def listed(query: str) -> list[int]:
        found: list[int] = []
        path: str | None = f"/v1/reservations?{query}"
        while path:
            page = engine.ask(path)
            assert len(page["reservations"]) <= 2
            found += [one["id"] for one in page["reservations"]]
            path = page["next"]
        return found

    assert listed("limit=2") == ids[::-1]
    assert listed("limit=2&state=withdrawn") == ids[:1]
    # D2 hangs on L2, which the northern county has
    assert listed(f"limit=2&county={NORTH}") == ids[::-1]
    assert listed(f"limit=2&county={SOUTH}") == ids[::-2]
    assert listed("limit=2&element=T1") == ids[1::2][::-1]
    assert listed("limit=2&element=n6&state=held") == ids[2::2][::-1]
    problem(engine.get("/v1/reservations?county=999999"), 404)
    problem(engine.get("/v1/reservations?after=x"), 400)
    problem(engine.get("/v1/reservations?colour=red"), 400)


@pytest.mark.parametrize("disjoint", [False, True])
def test_two_supplies_are_reserved_together_or_not_at_all(engine: LiveEngine, disjoint: bool) -> None:
    question = {"point": AT["D1"], "kva": 300, "supplies": 2, "independence": "feeder", "rules": AFIELD}
    question["disjoint"] = disjoint
    pair = engine.ask("/v1/supply-schemes", question)["pairs"][0]["supplies"]
    chosen = [{"attach": one["attach"], "conductor": one["conductor"]} for one in pair]
    body = {**asked("D1", 300), **question, "chosen": chosen}
    one = made(engine.post("/v1/reservations", body))
    assert len(one["supplies"]) == 2
    assert one["cost"] == round(sum(each["cost"]["total"] for each in pair), 2)
    assert (headroom(engine, "CB1")["reserved_kva"], headroom(engine, "CB2")["reserved_kva"]) == (300, 300)
    # 5,196 kVA is what 300 A at 10 kV carry
    more = {**body, "kva": 5000, "idempotency_key": "more"}
    told = problem(engine.post("/v1/reservations", more), 409)
    assert told["binding"]["limit"] == "line_loading"
    assert (headroom(engine, "CB1")["reserved_kva"], headroom(engine, "CB2")["reserved_kva"]) == (300, 300)
    same = {**body, "chosen": [chosen[0], chosen[0]], "idempotency_key": "same"}
    assert "same feeder" in problem(engine.post("/v1/reservations", same), 409)["detail"]


def kept_at(low: float) -> dict[str, Any]:
    """Rules with a lowest voltage of customers at 0.4 kV."""
    return {**FLAT, "limits": {"off_corridor_m": 400, "lowest_pu": {"low": low}}}


def test_what_would_break_a_limit_for_somebody_else_is_refused_by_name(engine: LiveEngine) -> None:
    """A large customer on the line before two districts: he keeps his own limits, which are those of 10 kV.

    600 kVA over L1 and L2 (0.09 + j0.07 ohm at 10 kV) let at most 600 · (0.09 · 0.9 + 0.07 · 0.44) / 100 000
    = 0.00067 fall.
    """
    strict = kept_at(0.9999)
    question = {"point": AT["D1"], "kva": 600, "k": 20}
    offered = engine.ask("/v1/supply-schemes", {**question, "rules": AFIELD})["schemes"]
    tap = next(one for one in offered if one["attach"]["kind"] == "line_tap" and one["feeder"] == "F1")
    chosen = [{"attach": tap["attach"], "conductor": tap["conductor"]}]
    told = problem(engine.post("/v1/reservations", asked("D1", 600, chosen=chosen, rules=strict)), 409)
    binding = told["binding"]
    assert binding["limit"] == "lowest_voltage_of_others"
    assert binding["element"] in ("n5", "n6")
    assert binding["before"] > binding["allowed"] == 0.9999 > binding["value"] > 1 - 0.0007
    assert f"of the customers at node '{binding['element']}' would be" in told["detail"]
    assert "choose another supply point" in told["detail"]
    # it is not offered to begin with: another place there harms nobody, or the line is among the refused
    answer = engine.ask("/v1/supply-schemes", {**question, "rules": strict})
    ours = (tap["attach"]["id"], tap["attach"]["fraction"])
    assert ours not in {(one["attach"]["id"], one["attach"]["fraction"]) for one in answer["schemes"]}
    limits = {one["limit"] for one in answer["rejected"] if one["attach"]["id"] in ("L2", "n4")}
    assert limits == {"lowest_voltage_of_others"}
    assert binding["relief"] is None or binding["relief"]["cost"] > 0.0
    assert engine.ask("/v1/reservations")["reservations"] == []
    # the other substation's line is another matter, and so is a limit that they all keep
    elsewhere = next(one for one in offered if one["feeder"] == "F2")
    apart = [{"attach": elsewhere["attach"], "conductor": elsewhere["conductor"]}]
    other = made(engine.post("/v1/reservations", asked("D1", 600, chosen=apart, rules=strict)))
    engine.ask(f"/v1/reservations/{other['id']}/withdraw", {"operator": "planner"})
    # who is reserved has his limits kept as well, at the end of his own line
    one = made(reserve(engine, "D2", 30))
    told = problem(engine.post("/v1/reservations", asked("D1", 600, chosen=chosen, rules=strict)), 409)
    assert one["id"] not in told["binding"]["reservations"]  # his line let him fall below that limit already
    mild = asked("D1", 600, chosen=chosen, rules=kept_at(0.9992))
    told = problem(engine.post("/v1/reservations", mild), 409)
    assert (told["binding"]["reservations"], told["binding"]["element"]) == ([one["id"]], None)
    assert f"of reservation {one['id']} would be" in told["detail"]
    assert made(engine.post("/v1/reservations", asked("D1", 600, chosen=chosen, rules=AFIELD)))["counts"]


@pytest.mark.parametrize(
    ("change", "status", "word"),
    [
        ({"chosen": []}, 400, "chosen"),
        ({"supplies": 2}, 400, "supplies is 2"),
        ({"operator": ""}, 400, "operator"),
        ({"idempotency_key": ""}, 400, "idempotency_key"),
        (
            {"chosen": [{"attach": {"kind": "district", "id": "D1"}, "conductor": "rope"}]},
            400,
            "'rope'",
        ),
        (
            {"chosen": [{"attach": {"kind": "district", "id": "gone"}, "conductor": "low cable 150"}]},
            409,
            "no place that this load could join",
        ),
        (
            {"chosen": [{"attach": {"kind": "node", "id": "n2", "fraction": 0.5}, "conductor": "x"}]},
            400,
            "belongs to a line_tap",
        ),
        ({"point": [0.0, 0.0]}, 422, "outside every loaded county"),
        ({"at": "2026-01-01T00:00:00Z"}, 400, "no such field"),
    ],
)
def test_what_cannot_be_reserved_is_said_in_one_sentence(
    engine: LiveEngine, change: dict[str, Any], status: int, word: str
) -> None:
    told = problem(engine.post("/v1/reservations", asked("D1", 10) | change), status)
    assert word in told["detail"]


def test_a_reservation_whose_place_is_gone_is_told_and_comes_back_with_it(
    engine: LiveEngine, grid_database: GridDatabase
) -> None:
    def loaded(**package_without: str) -> None:
        store.unload_counties(list(store.county_versions()))
        load(package(**package_without))
        engine.catch_up()

    question = {"point": AT["D1"], "kva": 600, "k": 20, "rules": AFIELD}
    taps = [
        one["attach"]
        for one in engine.ask("/v1/supply-schemes", question)["schemes"]
        if one["attach"]["kind"] == "line_tap"
    ]
    tap = next(one for one in taps if one["id"] == "M1")
    chosen = [{"attach": tap, "conductor": "medium cable 120"}]
    body = asked("D1", 600, chosen=chosen, rules=AFIELD)
    one = made(engine.post("/v1/reservations", body))
    assert headroom(engine, "CB2")["reserved_kva"] == 600
    loaded(without="M1")
    listed = engine.ask("/v1/reservations")["reservations"]
    supply = listed[0]["supplies"][0]
    assert (listed[0]["id"], listed[0]["state"], listed[0]["counts"]) == (one["id"], "held", False)
    assert (supply["placed"], supply["why"]) == (False, "line 'M1' of county 450101 is not in the grid")
    notes = engine.ask("/readyz")["notes"]
    assert len(notes) == 1
    assert f"reservation {one['id']}" in notes[0]
    assert headroom(engine, "CB2")["reserved_kva"] == 0
    loaded()
    assert engine.ask(f"/v1/reservations/{one['id']}")["reservation"]["counts"]
    assert headroom(engine, "CB2")["reserved_kva"] == 600
    assert engine.ask("/readyz")["notes"] == []


# --- several engines, and engines that die


@pytest.fixture
def second(engine: LiveEngine, grid_database: GridDatabase, tmp_path: Path) -> Iterator[LiveEngine]:
    with running_engine(grid_database.dsn, tmp_path, name="second") as other:
        yield other
        assert "Traceback" not in other.log_text()


def test_what_one_engine_reserves_the_other_counts_at_once(engine: LiveEngine, second: LiveEngine) -> None:
    for k in range(1, 7):
        ours, theirs = (engine, second) if k % 2 else (second, engine)
        made(reserve(ours, "D1", 10))
        assert headroom(theirs, "n5")["reserved_kva"] == 10 * k


@pytest.mark.parametrize("seed", range(6))
def test_of_racing_applications_exactly_those_that_fit_succeed(
    engine: LiveEngine, second: LiveEngine, grid_database: GridDatabase, seed: int
) -> None:
    rng = random.Random(seed)
    kva = rng.choice([9.0, 13.0, 23.0, 31.0, 92.0])
    begin = threading.Barrier(16)

    def apply(number: int) -> httpx.Response:
        begin.wait()
        time.sleep(rng.random() * 0.2 * (seed % 3))
        return reserve((engine, second)[number % 2], "D1", kva)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(apply, range(16)))
    won = [one for one in answers if one.status_code == 200]
    assert len(won) == fitting("D1", kva)
    for lost in (one for one in answers if one.status_code != 200):
        binding = problem(lost, 409)["binding"]
        assert binding["element"] == "T1"
        assert binding["reserved_kva"] == pytest.approx(kva * len(won))
    ((total,),) = grid_database.query(
        "SELECT sum(reckoned_kva) FROM reservation_supply s JOIN reservation r ON r.id = s.reservation_id"
        " WHERE state = 'held'"
    )
    assert total == pytest.approx(kva * len(won))
    assert CONTRACTED["D1"] + total <= RATED
    for one in (engine, second):
        assert headroom(one, "n5")["reserved_kva"] == pytest.approx(total)


def test_an_engine_killed_before_it_commits_has_reserved_nothing(
    engine: LiveEngine, grid_database: GridDatabase, tmp_path: Path
) -> None:
    with running_engine(grid_database.dsn, tmp_path, name="dying") as dying:
        body = asked("D1", 50)
        with psycopg2.connect(grid_database.dsn) as held, held.cursor() as cursor:
            # whoever writes the supplies now waits, with the reservation itself written
            cursor.execute("LOCK TABLE reservation_supply IN ACCESS EXCLUSIVE MODE")
            with ThreadPoolExecutor(1) as pool:
                sent = pool.submit(dying.post, "/v1/reservations", body)
                deadline = time.monotonic() + 20
                waiting = (
                    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                    " AND query LIKE 'INSERT INTO reservation_supply%%'"
                )
                while grid_database.query(waiting) == [(0,)]:
                    assert time.monotonic() < deadline
                    time.sleep(0.02)
                dying.kill()
                with pytest.raises(httpx.TransportError):
                    sent.result()
        held.close()
        assert grid_database.query("SELECT count(*) FROM reservation") == [(0,)]
        assert grid_database.query("SELECT count(*) FROM reservation_change") == [(0,)]
        assert made(engine.post("/v1/reservations", body))["kva"] == 50  # nobody holds the turn


def test_engines_killed_at_random_moments_leave_whole_reservations(
    engine: LiveEngine, grid_database: GridDatabase, tmp_path: Path
) -> None:
    rng = random.Random(5)
    told: dict[str, int] = {}
    bodies = [asked("D1", 3) for _ in range(40)]
    for turn in range(3):
        with running_engine(grid_database.dsn, tmp_path, name=f"dying-{turn}") as dying:

            def apply(body: dict[str, Any], to: LiveEngine = dying) -> None:
                try:
                    answer = to.post("/v1/reservations", body)
                except httpx.TransportError:
                    return
                if answer.status_code == 200:
                    told[body["idempotency_key"]] = answer.json()["reservation"]["id"]

            with ThreadPoolExecutor(8) as pool:
                sent = [pool.submit(apply, body) for body in rng.sample(bodies, 20)]
                time.sleep(rng.random() * 1.5)
                dying.kill()
                for one in sent:
                    one.result()
        halves = grid_database.query(
            "SELECT r.id FROM reservation r WHERE (SELECT count(*) FROM reservation_supply s"
            " WHERE s.reservation_id = r.id) <> 1 OR (SELECT count(*) FROM reservation_change c"
            " WHERE c.reservation_id = r.id) <> 1"
        )
        assert halves == []
    for body in bodies:  # said again, to an engine that lives
        answer = engine.post("/v1/reservations", body)
        if answer.status_code == 200:
            id = answer.json()["reservation"]["id"]
            assert told.setdefault(body["idempotency_key"], id) == id
    assert len(told) == fitting("D1", 3)
    assert headroom(engine, "n5")["reserved_kva"] == 3 * fitting("D1", 3)
