"""The life of a record: listing, changing, refreshing, closing, cancelling; log and lists stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.api.asking import Api, problem
from tests.api.small_grid import EAST, WEST

OUTAGES = "/api/v1/outages"


def ids(api: Api, query: str = "") -> list[str]:
    answer = api.get(f"{OUTAGES}{query}")
    assert answer.status == 200, answer.text
    return [one["id"] for one in answer.json["outages"]]


def now(**later: float) -> str:
    return (datetime.now(UTC) + timedelta(**later)).isoformat()


def z(moment: str) -> str:
    return moment.replace("+00:00", "Z")


def test_the_list_filters_by_status_kind_county_device_and_time(api: Api) -> None:
    """Expected: the drawing; L1 feeds both counties, X1 the west, X2 the east."""
    both = api.open(device_id="L1")["id"]
    west = api.open(device_id="X1", kind="planned", started_at=now(days=2))["id"]
    east = api.open(faults=["X2"])["id"]
    api.send(f"{OUTAGES}/{east}/close", {"restored_at": now()})

    assert ids(api) == [east, west, both]
    assert ids(api, "?status=open") == [west, both]
    assert ids(api, "?status=closed") == [east]
    assert ids(api, "?kind=planned") == [west]
    assert ids(api, f"?county={WEST}") == [west, both]
    assert ids(api, f"?county={EAST}") == [east, both]
    assert ids(api, "?device=X2") == [east]
    assert ids(api, "?device=X") == []
    assert ids(api, f"?since={z(now(hours=1))}") == [west, both]
    assert ids(api, f"?until={z(now(hours=1))}") == [east, both]
    assert ids(api, f"?since={z(now(hours=-2))}&until={z(now(hours=-1))}") == []
    assert ids(api, f"?status=open&county={EAST}&until={z(now(days=1))}") == [both]


def test_pages_follow_on_without_gap_or_repeat_while_records_are_opened(api: Api) -> None:
    opened = [api.open(device_id="X1", cause="a b&c")["id"] for _ in range(7)]
    seen: list[str] = []
    path: str | None = f"{OUTAGES}?status=open&limit=3"
    while path is not None:
        page = api.get(path).json
        seen += [one["id"] for one in page["outages"]]
        assert len(page["outages"]) <= 3
        if page["next"] is not None:
            assert parse_qs(urlsplit(page["next"]).query)["status"] == ["open"]
        path = page["next"]
        api.open(device_id="X2")  # newer than the page: it must not shift what follows
    assert seen == opened[::-1]


@pytest.mark.parametrize(
    "query",
    [
        "?status=lost",
        "?limit=0",
        "?limit=201",
        "?limit=x",
        "?cursor=!",
        "?cursor=LTE",
        "?since=2026-01-01",
        "?colour=red",
    ],
)
def test_a_wrong_parameter_is_named(api: Api, query: str) -> None:
    document = problem(api.get(OUTAGES + query), 400)
    name = query[1:].split("=")[0]
    assert document["errors"][0]["parameter"] == name
    assert name in document["detail"]


def test_a_change_needs_the_version_it_saw(api: Api) -> None:
    outage = api.open(device_id="X1")
    path = f"{OUTAGES}/{outage['id']}"
    expected = now(hours=3)
    changed = api.send(
        path,
        {"version": 1, "note": "crew sent", "expected_restoration_at": expected, "operator": "Ada"},
        method="PATCH",
    )
    assert changed.status == 200
    assert (changed.json["version"], changed.json["note"]) == (2, "crew sent")
    late = problem(api.send(path, {"version": 1, "note": "other"}, method="PATCH"), 409)
    assert late["version"] == 2

    step = changed.json["steps"][-1]
    assert (step["kind"], step["operator"]) == ("changed", "Ada")
    assert step["changes"]["note"] == ["", "crew sent"]
    assert datetime.fromisoformat(step["changes"]["expected_restoration_at"][1]) == datetime.fromisoformat(
        expected
    )

    cleared = api.send(path, {"version": 2, "expected_restoration_at": None}, method="PATCH")
    assert cleared.json["expected_restoration_at"] is None
    assert cleared.json["note"] == "crew sent"


def test_a_change_that_changes_nothing_leaves_no_trace(api: Api) -> None:
    outage = api.open(device_id="X1", cause="storm")
    same = api.send(f"{OUTAGES}/{outage['id']}", {"version": 1, "cause": "storm"}, method="PATCH")
    assert same.json == outage


@pytest.mark.parametrize(
    "body",
    [
        {"note": "x"},
        {"version": 1},
        {"version": "1", "note": "x"},
        {"version": 1, "status": "closed"},
        {"version": 1, "note": None},
    ],
)
def test_a_malformed_change_is_refused(api: Api, body: dict[str, Any]) -> None:
    outage = api.open(device_id="X1")
    problem(api.send(f"{OUTAGES}/{outage['id']}", body, method="PATCH"), 400)
    assert api.get(f"{OUTAGES}/{outage['id']}").json == outage


def test_a_closed_record_takes_no_more_steps(api: Api) -> None:
    outage = api.open(device_id="X1")
    path = f"{OUTAGES}/{outage['id']}"
    restored = now()
    closed = api.send(f"{path}/close", {"restored_at": restored, "version": 1, "operator": "Ada"}).json
    assert closed["status"] == "closed"
    assert datetime.fromisoformat(closed["restored_at"]) == datetime.fromisoformat(restored)
    for action, body in (
        ("/close", {"restored_at": now()}),
        ("/cancel", {}),
        ("/refresh", {}),
    ):
        assert problem(api.send(path + action, body), 409)["outage_status"] == "closed"
    problem(api.send(path, {"version": 2, "note": "late"}, method="PATCH"), 409)
    assert api.get(path).json == closed


def test_supply_cannot_be_back_before_the_outage_or_tomorrow(api: Api) -> None:
    path = f"{OUTAGES}/{api.open(device_id='X1')['id']}"
    assert "restored_at" in problem(api.send(f"{path}/close", {"restored_at": now(hours=-1)}), 422)["detail"]
    assert "restored_at" in problem(api.send(f"{path}/close", {"restored_at": now(days=1)}), 422)["detail"]
    assert api.get(path).json["status"] == "open"


def test_a_cancelled_record_stays_and_says_why(api: Api) -> None:
    outage = api.open(device_id="X1", kind="planned", started_at=now(days=1))
    cancelled = api.send(f"{OUTAGES}/{outage['id']}/cancel", {"reason": "rain", "operator": "Ada"}).json
    assert (cancelled["status"], cancelled["restored_at"]) == ("cancelled", None)
    assert cancelled["steps"][-1]["changes"]["reason"] == [None, "rain"]
    assert len(api.customers(outage["id"])) == 2


def test_a_refresh_keeps_the_first_list_and_the_new_one(api: Api) -> None:
    """S1 is opened after the record: behind L1 only C1 and C2 are supplied then. Expected: the drawing."""
    outage = api.open(device_id="L1")["id"]
    api.switch({"id": "S1", "open": True, "at": now(), "reason": "sectionalised", "operator": "Ada"})
    try:
        refreshed = api.send(f"{OUTAGES}/{outage}/refresh", {"state": "current", "operator": "Ada"}).json
    finally:
        api.switch({"id": "S1", "open": False, "at": now(), "reason": "restored", "operator": "Ada"})

    assert [one["sequence"] for one in refreshed["assessments"]] == [1, 2]
    assert [one["affected"]["customers"] for one in refreshed["assessments"]] == [5, 2]
    assert refreshed["assessment"] == refreshed["assessments"][1]
    assert refreshed["steps"][-1]["changes"]["customers"] == [5, 2]
    assert [one["id"] for one in api.customers(outage)] == ["C1", "C2"]
    assert [one["id"] for one in api.customers(outage, "?assessment=1")] == ["C1", "C2", "=C4", "C3", "C5"]
    assert refreshed["counties"] == [WEST, EAST]
    first, second = refreshed["assessments"]
    assert second["grid_version"] != first["grid_version"]
    problem(api.get(f"{OUTAGES}/{outage}/customers?assessment=3"), 404)


@pytest.mark.parametrize("action", ["", "/customers"])
def test_an_unknown_number_is_a_404_that_names_it(api: Api, action: str) -> None:
    assert "2026-999999" in problem(api.get(f"{OUTAGES}/2026-999999{action}"), 404)["detail"]


@pytest.mark.parametrize("action", ["/close", "/cancel", "/refresh"])
def test_an_unknown_number_takes_no_step(api: Api, action: str) -> None:
    body = {"restored_at": now()} if action == "/close" else {}
    assert "2026-999999" in problem(api.send(f"{OUTAGES}/2026-999999{action}", body), 404)["detail"]
