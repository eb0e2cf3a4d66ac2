"""Opening outage records in front of the real engine: stored is what it says, and the drawing agrees."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from api.models import AffectedCustomer, Outage, OutageAssessment, OutageStep
from tests.api.asking import Api, problem
from tests.api.small_grid import CUSTOMERS, DEVICES, EAST, WEST, WITHOUT_SUPPLY, point_of

OUTAGES = "/api/v1/outages"


def test_a_record_for_a_device_holds_the_customers_behind_it(api: Api) -> None:
    """Expected: read off the drawing in small_grid."""
    before = datetime.now(UTC)
    outage = api.open(device_id="S1", kind="unplanned", cause="excavator", note="two\nlines")

    assert re.fullmatch(r"\d{4}-000001", outage["id"])
    assert outage["id"].startswith(str(before.year))
    assert (outage["status"], outage["kind"], outage["out"], outage["faults"]) == (
        "open",
        "unplanned",
        ["S1"],
        [],
    )
    assert (outage["cause"], outage["note"]) == ("excavator", "two\nlines")
    assert before <= datetime.fromisoformat(outage["started_at"]) <= datetime.now(UTC)
    assert outage["counties"] == [EAST]

    assessment = outage["assessment"]
    assert assessment["affected"] == {
        "customers": 3,
        "critical": {"special": 0, "first": 1, "second": 0, "temporary": 0},
        "transformer_districts": 1,
        "contracted_kva": 112.0,
    }
    assert set(assessment["grid_version"]) == {WEST, EAST}
    assert before <= datetime.fromisoformat(assessment["as_of"]) <= datetime.now(UTC)
    assert assessment["partial"] is False
    assert [(one["id"], one["customers"], one["customers_total"]) for one in outage["districts"]] == [
        ("D2", 3, 3)
    ]
    assert [step["kind"] for step in outage["steps"]] == ["opened"]

    expected = [
        {
            "id": name,
            "customer_class": "residential",
            "critical_grade": None,
            "point": point_of(name),
            **CUSTOMERS[name],
        }
        for name in WITHOUT_SUPPLY["S1"]
    ]
    assert api.customers(outage["id"]) == expected


@pytest.mark.parametrize("mode", ["out", "faults"])
def test_for_every_device_the_stored_record_equals_the_engines_answer(api: Api, mode: str) -> None:
    """Expected: the engine, asked directly; and for `out`, the drawing."""
    for device in DEVICES:
        asked = api.ask_engine(**{mode: [device]}, include=["customers", "districts"])
        outage = api.open(**{mode: [device]})
        assert api.customers(outage["id"]) == asked["customers"]
        assert outage["districts"] == asked["districts"]
        for part in ("affected", "by_county", "opened", "grid_version"):
            assert outage["assessment"][part] == asked[part], part
        if mode == "out":
            assert [one["id"] for one in api.customers(outage["id"])] == WITHOUT_SUPPLY[device]


def test_a_fault_opens_the_nearest_protection_and_takes_out_what_hangs_on_it(api: Api) -> None:
    """Expected: the drawing; what protects L2 is the breaker B1, above X2 the fuse F1."""
    behind_breaker = api.open(faults=["L2"])
    behind_fuse = api.open(faults=["X2"])
    assert behind_breaker["assessment"]["opened"] == ["B1"]
    assert [one["id"] for one in api.customers(behind_breaker["id"])] == list(CUSTOMERS)
    assert behind_fuse["assessment"]["opened"] == ["F1"]
    assert [one["id"] for one in api.customers(behind_fuse["id"])] == ["=C4", "C3", "C5"]


def test_an_unknown_device_is_the_engines_404_with_the_id_and_nothing_is_stored(api: Api) -> None:
    """Expected: INTERFACES, 404 for an unknown id, the id in the detail."""
    document = problem(api.send(OUTAGES, {"out": ["L1", "no-such-7"]}), 404)
    assert "no-such-7" in document["detail"]
    assert document["from"] == "engine"
    assert document["instance"] == OUTAGES
    assert nothing_is_stored()


def test_the_outage_begins_before_what_was_opened_at_that_moment(api: Api) -> None:
    """The breaker's trip is in the switch log at the start of the outage; its customers still count.

    Expected: the drawing. Asked with the states of now, nobody is supplied behind B1, so nobody is affected.
    """
    tripped = datetime.now(UTC)
    api.switch(
        {"id": "B1", "open": True, "at": tripped.isoformat(), "reason": "trip", "operator": "protection"}
    )
    try:
        from_now = api.open(device_id="L1")
        from_then = api.open(device_id="L1", started_at=tripped.isoformat())
    finally:
        restore(api, "B1")
    assert from_now["assessment"]["affected"]["customers"] == 0
    assert from_now["counties"] == []
    assert [one["id"] for one in api.customers(from_then["id"])] == WITHOUT_SUPPLY["L1"]
    assert from_then["assessment"]["question"]["at"] < tripped.isoformat()


def test_the_same_key_and_body_give_the_same_record(api: Api) -> None:
    body = {"device_id": "X1", "idempotency_key": "call-17"}
    first = api.send(OUTAGES, body)
    second = api.send(OUTAGES, body)
    assert (first.status, second.status) == (201, 200)
    assert first.json == second.json
    assert Outage.objects.count() == 1


def test_the_same_key_for_another_request_is_a_conflict(api: Api) -> None:
    opened = api.open(device_id="X1", idempotency_key="call-18")
    document = problem(api.send(OUTAGES, {"device_id": "X2", "idempotency_key": "call-18"}), 409)
    assert document["outage"] == opened["id"]
    assert opened["id"] in document["detail"]
    assert Outage.objects.count() == 1


def test_requests_with_one_key_at_the_same_moment_open_one_record(api: Api) -> None:
    body = {"device_id": "L2", "idempotency_key": "storm"}
    answers = at_once(api, [body] * 8)
    assert sorted(answer.status for answer in answers) == [200] * 7 + [201]
    assert len({answer.json["id"] for answer in answers}) == 1
    assert (Outage.objects.count(), OutageAssessment.objects.count(), AffectedCustomer.objects.count()) == (
        1,
        1,
        3,
    )


def test_numbers_given_out_at_the_same_moment_are_unique_and_gapless(api: Api) -> None:
    answers = at_once(api, [{"device_id": device} for device in DEVICES * 3])
    assert {answer.status for answer in answers} == {201}
    numbers = sorted(answer.json["id"] for answer in answers)
    year = numbers[0][:4]
    assert numbers == [f"{year}-{place:06d}" for place in range(1, 22)]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#"),
        ({"device_id": "L1", "out": ["L2"]}, "#"),
        ({"out": ["L1", "L1"]}, "#"),
        ({"device_id": ""}, "#/device_id"),
        ({"device_id": 7}, "#/device_id"),
        ({"device_id": "a\u0000b"}, "#/device_id"),
        ({"device_id": "x" * 201}, "#/device_id"),
        ({"out": [None]}, "#/out/0"),
        ({"out": ["L1"], "kind": "forced"}, "#/kind"),
        ({"out": ["L1"], "colour": "red"}, "#/colour"),
        ({"out": ["L1"], "started_at": "2026-01-01T10:00:00"}, "#/started_at"),
        ({"out": ["L1"], "started_at": 1767225600}, "#/started_at"),
        ({"out": ["L1"], "started_at": "1767225600"}, "#/started_at"),
        ({"out": ["L1"], "started_at": "0001-01-01T00:00:00+14:00"}, "#/started_at"),
        ({"out": ["L1"], "kind": "planned", "started_at": "9999-12-31T23:59:59-12:00"}, "#/started_at"),
        (
            {"out": ["L1"], "expected_restoration_at": "9999-12-31T23:59:59-12:00"},
            "#/expected_restoration_at",
        ),
        ({"out": ["L1"], "cause": "two\nlines"}, "#/cause"),
        ({"out": ["L1"], "note": "bell\u0007"}, "#/note"),
        ({"out": ["L1"], "idempotency_key": ""}, "#/idempotency_key"),
        ({"out": [f"L{n}" for n in range(1001)]}, "#/out"),
        ([], "#"),
        (None, "#"),
    ],
)
def test_a_malformed_request_names_the_field(api: Api, body: Any, pointer: str) -> None:
    document = problem(api.send(OUTAGES, body), 400)
    assert pointer in {fault["pointer"] for fault in document["errors"]}
    assert nothing_is_stored()


@pytest.mark.parametrize(
    "body", [b" ", b"{", b"\xff\xfe", b'{"device_id": "\\ud800"}', b'{"device_id": NaN}']
)
def test_a_body_that_is_not_json_is_malformed(api: Api, body: bytes) -> None:
    problem(api.send(OUTAGES, body), 400)
    assert nothing_is_stored()


def test_times_that_cannot_be_are_refused(api: Api) -> None:
    now = datetime.now(UTC)
    tomorrow, yesterday = (now + timedelta(days=1)).isoformat(), (now - timedelta(days=1)).isoformat()
    future = problem(api.send(OUTAGES, {"device_id": "L1", "started_at": tomorrow}), 422)
    assert "started_at" in future["detail"]
    early = {"device_id": "L1", "expected_restoration_at": yesterday}
    assert "expected_restoration_at" in problem(api.send(OUTAGES, early), 422)["detail"]
    assert nothing_is_stored()


def test_a_planned_outage_may_begin_tomorrow(api: Api) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    outage = api.open(device_id="X1", kind="planned", started_at=tomorrow.isoformat())
    assert datetime.fromisoformat(outage["started_at"]) == tomorrow
    assert "at" not in outage["assessment"]["question"]


def at_once(api: Api, bodies: list[dict[str, Any]]) -> list[Any]:
    def send(body: dict[str, Any]) -> Any:
        try:
            return Api(Client(), api.engine).send(OUTAGES, body)
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=8) as crowd:
        return list(crowd.map(send, bodies))


def restore(api: Api, switch: str) -> None:
    now = datetime.now(UTC).isoformat()
    api.switch({"id": switch, "open": False, "at": now, "reason": "restored", "operator": "test"})


def nothing_is_stored() -> bool:
    tables = (Outage, OutageAssessment, AffectedCustomer, OutageStep)
    return not any(table.objects.exists() for table in tables)
