"""An engine that is away, slow or broken: a problem document that says what to do, and nothing stored."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from api.models import Outage, OutageNumber
from tests.api.asking import Api, problem
from tests.api.conftest import PointAt
from tests.api.unusual_servers import answering, dropping_kept_connections, hanging, nobody, not_http

pytestmark = pytest.mark.django_db
OUTAGES = "/api/v1/outages"
QUESTION = {"device_id": "L1"}

SUMS = {"customers": 1, "critical": {}, "transformer_districts": 1, "contracted_kva": 5.0}
CUSTOMER = {
    "id": "C1",
    "county_code": "8801",
    "district_id": "D1",
    "node_id": "a5",
    "customer_class": "residential",
    "critical_grade": None,
    "contracted_kva": 5.0,
    "point": [-1.48, 51.99],
}
IMPACT: dict[str, Any] = {
    "grid_version": {"8801": 4},
    "as_of": "2026-01-31T12:00:00Z",
    "partial": False,
    "missing_counties": [],
    "affected": SUMS,
    "by_county": {"8801": SUMS},
    "opened": [],
    "districts": [],
    "customers": [CUSTOMER],
}


def test_nobody_at_the_address_is_a_503_that_names_it(point_at: PointAt) -> None:
    address = nobody()
    answer = point_at(address).send(OUTAGES, QUESTION)
    document = problem(answer, 503)
    assert document["type"].endswith("engine-away")
    assert address in document["detail"]
    assert "python -m gis_service serve" in document["detail"]
    assert int(answer.headers["Retry-After"]) > 0
    assert nothing_is_stored()


def test_an_engine_that_hangs_is_a_503_after_the_time_allowed(point_at: PointAt) -> None:
    with hanging() as address:
        began = time.monotonic()
        answer = point_at(address, answer_s=1.0).send(OUTAGES, QUESTION)
        took = time.monotonic() - began
    document = problem(answer, 503)
    assert "within 1 s" in document["detail"]
    assert "Retry-After" in answer.headers
    assert 0.9 < took < 3
    assert nothing_is_stored()


def test_an_answer_that_drips_is_cut_off_too(point_at: PointAt) -> None:
    """Each byte comes well within the read timeout; the whole would take minutes."""
    body = json.dumps(IMPACT).encode()
    with answering(200, body, "application/json", drip_s=0.2) as address:
        began = time.monotonic()
        document = problem(point_at(address, answer_s=1.0).send(OUTAGES, QUESTION), 503)
    assert "within 1 s" in document["detail"]
    assert time.monotonic() - began < 4
    assert nothing_is_stored()


def test_an_engine_that_is_not_ready_passes_its_reason_and_its_wait_on(point_at: PointAt) -> None:
    said = json.dumps({"type": "x", "title": "Not ready", "status": 503, "detail": "county 8801 is loading"})
    with answering(503, said.encode(), "application/problem+json", {"Retry-After": "17"}) as address:
        answer = point_at(address).send(OUTAGES, QUESTION)
    assert "county 8801 is loading" in problem(answer, 503)["detail"]
    assert answer.headers["Retry-After"] == "17"
    assert nothing_is_stored()


def without(**changes: Any) -> bytes:
    return json.dumps(IMPACT | changes).encode()


@pytest.mark.parametrize(
    ("status", "body", "content_type"),
    [
        pytest.param(500, b"Traceback", "text/plain", id="a crash"),
        pytest.param(500, b'{"detail": "oops"}', "application/problem+json", id="a crash told as a problem"),
        pytest.param(404, b"<h1>Not Found</h1>", "text/html", id="another web server"),
        pytest.param(401, b"{}", "application/problem+json", id="a refusal that is not about the question"),
        pytest.param(302, b"", "text/html", id="a redirect"),
        pytest.param(200, b"<html>hello</html>", "text/html", id="a page"),
        pytest.param(200, b"", "application/json", id="nothing"),
        pytest.param(200, b"[1]", "application/json", id="a list"),
        pytest.param(200, without(customers=[]), "application/json", id="a list shorter than its sum"),
        pytest.param(
            200, without(affected=SUMS | {"customers": 2}), "application/json", id="a sum above its list"
        ),
        pytest.param(
            200,
            without(affected=SUMS | {"customers": 2}, customers=[CUSTOMER, CUSTOMER]),
            "application/json",
            id="a customer twice",
        ),
        pytest.param(200, without(partial=True), "application/json", id="partial without saying where"),
        pytest.param(200, without(as_of="yesterday"), "application/json", id="no time"),
        pytest.param(
            200, without(customers=[CUSTOMER | {"point": [200, 0]}]), "application/json", id="off the globe"
        ),
        pytest.param(
            200, without(customers=[CUSTOMER | {"id": "a\u0000"}]), "application/json", id="a NUL in an id"
        ),
        pytest.param(
            200,
            without(customers=[CUSTOMER | {"contracted_kva": float("nan")}]),
            "application/json",
            id="NaN",
        ),
        pytest.param(200, without()[:-40], "application/json", id="cut off"),
    ],
)
def test_an_answer_that_cannot_be_used_is_a_502(
    point_at: PointAt, status: int, body: bytes, content_type: str
) -> None:
    with answering(status, body, content_type) as address:
        document = problem(point_at(address).send(OUTAGES, QUESTION), 502)
    assert document["type"].endswith("engine-answer-unusable")
    assert address in document["detail"]
    assert nothing_is_stored()


def test_something_that_does_not_speak_http_is_no_engine(point_at: PointAt) -> None:
    with not_http() as address:
        document = problem(point_at(address).send(OUTAGES, QUESTION), 503)
    assert address in document["detail"]
    assert nothing_is_stored()


@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_the_engines_refusal_of_a_question_is_passed_on(point_at: PointAt, status: int) -> None:
    said = {
        "type": "/v1/docs#problem-x",
        "title": "No",
        "status": status,
        "detail": "no 'L1'",
        "errors": [{"id": "L1"}],
    }
    with answering(status, json.dumps(said).encode(), "application/problem+json") as address:
        document = problem(point_at(address).send(OUTAGES, QUESTION), status)
    assert document == said | {"instance": OUTAGES, "from": "engine"}
    assert nothing_is_stored()


def test_a_kept_connection_that_the_engine_dropped_is_made_anew(point_at: PointAt) -> None:
    with dropping_kept_connections(json.dumps(IMPACT).encode()) as address:
        api = point_at(address)
        assert [api.send(OUTAGES, QUESTION).status for _ in range(3)] == [201, 201, 201]


def test_an_incomplete_answer_is_stored_as_incomplete(point_at: PointAt) -> None:
    """A record is worth having while a shard is down, as long as it says that it is not whole."""
    body = without(partial=True, missing_counties=["8802"])
    with answering(200, body, "application/json") as address:
        outage = point_at(address).open(**QUESTION)
    assert (outage["assessment"]["partial"], outage["assessment"]["missing_counties"]) == (True, ["8802"])
    assert outage["counties"] == ["8801", "8802"]


def test_records_can_be_read_while_the_engine_is_away(point_at: PointAt) -> None:
    with answering(200, json.dumps(IMPACT).encode(), "application/json") as address:
        opened = point_at(address).open(**QUESTION)
    away: Api = point_at(nobody())
    assert away.get(f"{OUTAGES}/{opened['id']}").json == opened
    assert [one["id"] for one in away.customers(opened["id"])] == ["C1"]
    assert problem(away.send(f"{OUTAGES}/{opened['id']}/refresh", {}), 503)
    assert away.get(f"{OUTAGES}/{opened['id']}").json == opened


def nothing_is_stored() -> bool:
    return not Outage.objects.exists() and not OutageNumber.objects.exists()
