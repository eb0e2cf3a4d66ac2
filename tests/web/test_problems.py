"""Every kind of fault is a problem document (RFC 9457) that names the field or id.

The expected statuses and pointers are written by hand from the description of the interface.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest
from django.test import RequestFactory

from gis_service.web.problems import KINDS, problem_of
from layers.source import Unreachable
from tests.live import LiveEngine

SOON = (datetime.now(UTC) + timedelta(days=1)).isoformat()


def problem(answer: httpx.Response, status: int) -> Any:
    """The problem document of an answer, its own rules checked."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == status
    assert document["type"].startswith("/v1/docs#problem-")
    assert document["instance"] == answer.request.url.path
    assert document["title"]
    assert document["detail"]
    return document


def test_a_map_for_which_there_is_no_room_is_told_so_and_not_that_the_database_is_away() -> None:
    said = "other large maps are being drawn; ask again in a moment, or for a smaller one"
    answer = problem_of(RequestFactory().get("/wms"), Unreachable(said))
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert orjson.loads(answer.content)["detail"] == said


MALFORMED: list[tuple[str, Any, list[str]]] = [
    ("/v1/trace", {}, ["#/type"]),
    ("/v1/trace", {"type": "sideways", "from": ["L1"]}, ["#/type"]),
    ("/v1/trace", {"type": "upstream", "from": "L1"}, ["#/from"]),
    ("/v1/trace", {"type": "upstream", "from": ["L1", 7]}, ["#/from/1"]),
    ("/v1/trace", {"type": "upstream", "from": [""]}, ["#/from/0"]),
    ("/v1/trace", {"type": "upstream", "from": ["L1"], "phases": "AX"}, ["#/phases"]),
    ("/v1/trace", {"type": "upstream", "from": ["L1"], "phases": "N"}, ["#/phases"]),
    ("/v1/trace", {"type": "upstream", "from": ["L1"], "result": ["all"]}, ["#/result/0"]),
    ("/v1/trace", {"type": "upstream", "from": ["L1"], "form": 1, "too": []}, ["#/form", "#/too"]),
    ("/v1/trace", {"type": "upstream", "from": ["L1"], "at": "yesterday"}, ["#/at"]),
    ("/v1/trace", {"type": "upstream", "from": ["L1"], "at": "2026-01-01T00:00:00"}, ["#/at"]),
    ("/v1/trace", {"type": "upstream", "from": ["L1"], "at": 1700000000}, ["#/at"]),
    ("/v1/trace", {"type": "upstream", "from": ["L1"], "at": "0001-01-01T00:00:00+14:00"}, ["#/at"]),
    ("/v1/trace", {"type": "upstream", "from": ["L1"], "at": "9999-12-31T23:59:59-12:00"}, ["#/at"]),
    ("/v1/switch-operations", [{"id": "SW2", "open": True, "at": "0001-01-01T00:00:00+14:00"}], ["#/0/at"]),
    ("/v1/trace", {"type": "upstream", "from": ["L1"], "state": "planned"}, ["#/state"]),
    ("/v1/trace", {"type": "upstream", "from": ["L1"], "switching": [{"id": "SW2"}]}, ["#/switching/0/open"]),
    (
        "/v1/trace",
        {"type": "upstream", "from": ["L1"], "switching": [{"id": "SW2", "open": "yes"}]},
        ["#/switching/0/open"],
    ),
    (
        "/v1/trace",
        {"type": "upstream", "from": ["L1"], "switching": [{"id": "L2", "open": True}]},
        ["#/switching/0/id"],
    ),
    (
        "/v1/trace",
        {
            "type": "upstream",
            "from": ["L1"],
            "switching": [{"id": "SW2", "open": True}, {"id": "SW2", "open": False}],
        },
        ["#/switching/1/open"],
    ),
    ("/v1/trace", {"type": "upstream", "from": ["L1"], "at_least": {"450101": "1"}}, ["#/at_least/450101"]),
    ("/v1/trace", {"type": "shortest_path", "from": ["n1"]}, ["#"]),
    ("/v1/trace", {"type": "upstream", "from": ["n1"], "to": ["n2"]}, ["#"]),
    ("/v1/trace", {"type": "upstream", "from": []}, ["#"]),
    (
        "/v1/trace",
        {"type": "upstream", "from": ["L1"], "state": "normal", "at": "2026-01-01T00:00:00Z"},
        ["#"],
    ),
    ("/v1/trace", [], ["#"]),
    ("/v1/trace", "upstream", ["#"]),
    ("/v1/supply-area", {"from": []}, ["#/from"]),
    ("/v1/supply-area", {"from": ["C1", "L1", "C2"]}, ["#/from/0", "#/from/2"]),
    ("/v1/supply-radius", {"from": "CB1", "mode": "long"}, ["#/mode"]),
    ("/v1/outage-impact", {}, ["#"]),
    ("/v1/outage-impact", {"out": ["L1"], "cases": [{"out": ["L1"]}]}, ["#"]),
    ("/v1/outage-impact", {"cases": []}, ["#/cases"]),
    ("/v1/outage-impact", {"cases": [{"out": ["L1"], "at": None}]}, ["#/cases/0/at"]),
    ("/v1/outage-impact", {"area": {"type": "Point", "coordinates": [1, 2]}}, ["#/area"]),
    ("/v1/outage-impact", {"area": {"type": "Polygon", "coordinates": []}}, ["#/area/coordinates"]),
    (
        "/v1/outage-impact",
        {"area": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}},
        ["#/area/coordinates/0"],
    ),
    (
        "/v1/outage-impact",
        {"area": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]}},
        ["#/area/coordinates"],
    ),
    (
        "/v1/outage-impact",
        {"area": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}},
        ["#/area"],
    ),
    (
        "/v1/outage-impact",
        {"area": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]], "crs": {}}},
        ["#/area/crs"],
    ),
    ("/v1/switch-operations", [], ["#"]),
    ("/v1/switch-operations", {"id": "SW2", "open": True}, ["#"]),
    ("/v1/switch-operations", [{"id": "SW2"}, {"open": 1}], ["#/0/open", "#/1/id", "#/1/open"]),
    ("/v1/switch-operations", [{"id": "L1", "open": True}], ["#/0/id"]),
    ("/v1/switch-operations", [{"id": "SW2", "open": True, "reason": "a\u0000b"}], ["#/0/reason"]),
    ("/v1/switch-operations", [{"id": "SW2", "open": True}, {"id": "SW2", "open": False}], ["#/1/open"]),
    (
        "/v1/switch-operations",
        [
            {"id": "SW2", "open": True, "idempotency_key": "k"},
            {"id": "TIE", "open": True, "idempotency_key": "k"},
        ],
        ["#/1/idempotency_key"],
    ),
]


@pytest.mark.parametrize(("path", "body", "pointers"), MALFORMED)
def test_a_malformed_question_names_every_fault(
    still_engine: LiveEngine, path: str, body: Any, pointers: list[str]
) -> None:
    document = problem(still_engine.post(path, body), 400)
    assert [fault.get("pointer") for fault in document["errors"]] == pointers
    assert document["errors"][0]["detail"] in document["detail"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"type": NaN}', b"\xff\xfe", b'{"type": "\\ud800"}', b"[" * 100_000],
)
def test_a_body_that_is_no_json_is_told(still_engine: LiveEngine, body: bytes) -> None:
    answer = still_engine.client.post("/v1/trace", content=body, headers={"Content-Type": "application/json"})
    assert "body" in problem(answer, 400)["detail"]


@pytest.mark.parametrize(
    ("path", "body", "ids"),
    [
        ("/v1/trace", {"type": "upstream", "from": ["L1", "L9"], "barriers": ["l1", "L9"]}, ["L9", "l1"]),
        ("/v1/outage-impact", {"out": ["X", "L1"], "faults": ["Y"]}, ["X", "Y"]),
        ("/v1/outage-impact", {"cases": [{"out": ["L1"]}, {"out": ["Z"]}]}, ["Z"]),
        (
            "/v1/outage-impact",
            {"out": [], "switching": [{"id": "S9", "open": True}, {"id": "S8", "open": True}]},
            ["S9", "S8"],
        ),
        ("/v1/outage-impact", {"out": [], "at_least": {"450199": 1}}, ["450199"]),
        ("/v1/supply-area", {"from": "nowhere"}, ["nowhere"]),
        ("/v1/supply-radius", {"from": "nowhere"}, ["nowhere"]),
        ("/v1/supply-path/L1", {}, ["L1"]),
        (
            "/v1/switch-operations",
            [{"id": "a", "open": True}, {"id": "SW2", "open": True}, {"id": "b", "open": True}],
            ["a", "b"],
        ),
    ],
)
def test_unknown_ids_are_all_named(still_engine: LiveEngine, path: str, body: Any, ids: list[str]) -> None:
    document = problem(still_engine.post(path, body), 404)
    assert document["type"] == "/v1/docs#problem-unknown-id"
    assert [one["id"] for one in document["errors"]] == ids
    assert all(repr(one) in document["detail"] for one in ids)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/elements/nope",
        "/v1/supply-path/nope",
        "/v1/elements/a%2Fb",
        "/v1/elements/%00",
        "/v1/interruptions?county=x",
    ],
)
def test_unknown_ids_of_an_address_are_named(still_engine: LiveEngine, path: str) -> None:
    assert problem(still_engine.get(path), 404)["type"] == "/v1/docs#problem-unknown-id"


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/v1/elements/L1?stat=normal", "stat"),
        ("/v1/elements/L1?state=planned", "state"),
        ("/v1/elements/L1?at=2026-01-01", "at"),
        ("/v1/elements/L1?switching=SW2", "switching[0]"),
        ("/v1/elements/L1?switching=SW2:ajar", "switching[0]"),
        ("/v1/elements/L1?switching=%00:open", "switching[0]"),
        (f"/v1/elements/L1?switching={'x' * 241}:open", "switching[0]"),
        ("/v1/elements/L1?at=0001-01-01T00:00:00%2B14:00", "at"),
        ("/v1/elements/L1?at_least=450101", "at_least[0]"),
        ("/v1/elements/L1?state=normal&at=2026-01-01T00:00:00Z", "at"),
        ("/v1/switch-operations?limit=0", "limit"),
        ("/v1/switch-operations?limit=many", "limit"),
        ("/v1/switch-operations?after=x", "after"),
        ("/v1/switch-operations?switches=SW2", "switches"),
        ("/v1/interruptions?since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "until"),
        ("/v1/interruptions?since=2026-01-02", "since"),
    ],
)
def test_a_malformed_parameter_is_named(still_engine: LiveEngine, path: str, parameter: str) -> None:
    assert parameter in problem(still_engine.get(path), 400)["detail"]


def test_an_unknown_address_is_told(still_engine: LiveEngine) -> None:
    for path in ("/v1/nothing", "/v1", "/nothing", "/v1/trace/"):
        assert problem(still_engine.get(path), 404)["type"] == "/v1/docs#problem-unknown-route"


def test_a_host_that_is_not_ours_is_refused(still_engine: LiveEngine) -> None:
    """A page that points a name of its own at this machine (DNS rebinding) gets no answer."""
    for path in ("/v1/elements/L1", "/ogc/collections", "/healthz"):
        answer = still_engine.get(path, headers={"Host": "elsewhere.example"})
        assert "elsewhere.example" in problem(answer, 400)["detail"]


def test_a_wrong_method_names_the_right_ones(still_engine: LiveEngine) -> None:
    answer = still_engine.get("/v1/trace")
    assert problem(answer, 405)
    assert answer.headers["allow"] == "POST"
    both = still_engine.client.delete("/v1/switch-operations")
    assert problem(both, 405)
    assert both.headers["allow"] == "GET, POST"
    problem(still_engine.client.post("/ogc/collections"), 405)


def test_the_address_and_the_method_are_told_before_the_type_of_the_body(still_engine: LiveEngine) -> None:
    assert problem(still_engine.client.put("/v1/trace"), 405)
    assert problem(still_engine.client.patch("/v1/outage-impact"), 405)
    assert problem(still_engine.client.post("/v1/nowhere"), 404)


@pytest.mark.parametrize(
    ("path", "body", "accept"),
    [
        ("/v1/trace", {"type": "upstream", "from": ["L1"]}, "text/csv"),
        ("/v1/outage-impact", {"out": ["L1"]}, "image/png"),
        ("/v1/supply-area", {"from": "L1"}, "application/geo+json"),
    ],
)
def test_a_type_that_is_not_offered_is_not_acceptable(
    still_engine: LiveEngine, path: str, body: Any, accept: str
) -> None:
    document = problem(still_engine.post(path, body, headers={"Accept": accept}), 406)
    assert "application/json" in document["detail"]


def test_cases_do_not_come_as_geojson(still_engine: LiveEngine) -> None:
    answer = still_engine.post(
        "/v1/outage-impact", {"cases": [{"out": ["L1"]}]}, headers={"Accept": "application/geo+json"}
    )
    assert problem(answer, 400)["errors"][0]["pointer"] == "#/cases"


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_body_of_another_type_is_refused(still_engine: LiveEngine, content_type: str) -> None:
    answer = still_engine.client.post("/v1/trace", content=b"{}", headers={"Content-Type": content_type})
    assert "application/json" in problem(answer, 415)["detail"]


def test_a_body_that_is_too_large_is_refused(still_engine: LiveEngine) -> None:
    body = b'{"from": ["' + b"x" * (16 * 2**20) + b'"]}'
    answer = still_engine.client.post("/v1/trace", content=body, headers={"Content-Type": "application/json"})
    assert "16777216" in problem(answer, 413)["detail"]


def test_a_body_of_unknown_length_is_refused(still_engine: LiveEngine) -> None:
    def pieces() -> Iterator[bytes]:
        yield b'{"type": "loops", '
        yield b'"from": []}'

    answer = still_engine.client.post(
        "/v1/trace", content=pieces(), headers={"Content-Type": "application/json"}
    )
    assert "Content-Length" in problem(answer, 411)["detail"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/trace", {"type": "upstream", "from": ["L1"], "at": SOON}),
        ("/v1/switch-operations", [{"id": "SW2", "open": True, "at": SOON}]),
    ],
)
def test_the_future_is_impossible(still_engine: LiveEngine, path: str, body: Any) -> None:
    assert "future" in problem(still_engine.post(path, body), 422)["detail"]


def test_a_version_that_does_not_come_is_not_ready(still_engine: LiveEngine) -> None:
    answer = still_engine.post("/v1/outage-impact", {"out": [], "at_least": {"450101": 99}})
    assert "450101" in problem(answer, 503)["detail"]
    assert int(answer.headers["retry-after"]) > 0
    assert still_engine.post("/v1/outage-impact", {"out": [], "at_least": {"450101": 1}}).status_code == 200


def test_an_id_of_several_layers_asks_for_the_layer(still_engine: LiveEngine) -> None:
    # the feeder F1 and no other element has this id; a node and a line may share theirs, written out
    assert still_engine.ask("/v1/elements/feeder:F1")["layer"] == "feeder"
    assert still_engine.ask("/v1/elements/line_section:L1")["layer"] == "line_section"
    problem(still_engine.get("/v1/elements/switch:L1"), 404)


def test_every_kind_of_problem_has_its_paragraph_in_the_docs(still_engine: LiveEngine) -> None:
    page = still_engine.get("/v1/docs").text
    for kind in KINDS:
        assert f"id='problem-{kind}'" in page
