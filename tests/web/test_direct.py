"""The way in front of Django answers as Django does: same status, headers and content, whatever is asked.

Django's way is the oracle; `; charset=utf-8` behind the media type sends a question there.
"""

from __future__ import annotations

import random
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis_service.engine.outage import Case
from gis_service.network.text import parse_grid
from gis_service.web.asked.outages import OutageCase, OutageQuestion
from gis_service.web.plain import plain_question
from gis_service.web.rendering import STREAMED_FROM
from tests.drawn import package_of
from tests.live import LiveEngine, load

IDS = ["L1", "L2", "T2", "CB1", "n5", "S1", "D1", "F1", "C3", "ST1", "SW2", "switch:SW2", "TIE"]
WRONG_IDS = ["nobody", "", "x" * 241, "a\x00b", 7, None, ["L1"], "line_section:nobody", "台区"]
WELL_FORMED: list[dict[str, Any]] = [
    {"out": ["L1"]},
    {"out": []},
    {"faults": ["L4"], "include": []},
    {"out": ["T2"], "faults": ["L1"], "include": ["elements", "geometry", "customers", "districts"]},
    {"out": ["L1"], "state": "normal", "include": ["customers", "customers"]},
    {"out": ["L1"], "switching": [{"id": "TIE", "open": False}], "at_least": {"450101": 1}},
    {"out": ["L1"], "switching": []},
    {"cases": [{"out": ["L1"]}, {}, {"faults": ["L4"], "switching": [{"id": "SW2", "open": True}]}]},
    {"cases": [{"out": ["C1", "C2"]}], "include": ["elements"]},
]
RARE: list[dict[str, Any]] = [
    {"out": None, "faults": ["L1"]},
    {"out": ["L1"], "at": None},
    {"out": ["L1"], "at": "2026-01-01T00:00:00Z"},
    {"area": {"type": "Polygon", "coordinates": [[[100, 20], [120, 20], [120, 30], [100, 30], [100, 20]]]}},
]
REFUSED: list[Any] = [
    {},
    [],
    None,
    7,
    "text",
    {"out": "L1"},
    {"out": ["L1"], "cases": [{}]},
    {"cases": []},
    {"cases": [{}] * 1001},
    {"cases": [{"out": ["nobody"]}, {"out": ["L1"], "faults": ["nothing"]}]},
    {"cases": [{"include": []}]},
    {"out": ["L1"], "include": ["everything"]},
    {"out": ["L1"], "include": ["customers"] * 5},
    {"out": ["L1"], "include": None},
    {"out": ["L1"], "misspelled": 1},
    {"out": ["L1"], "state": "tomorrow"},
    {"out": ["L1"], "state": ["normal"]},
    {"out": ["L1"], "at_least": {"450101": True}},
    {"out": ["L1"], "at_least": {"450101": -1}},
    {"out": ["L1"], "at_least": {"999999": 1}},
    {"out": ["L1"], "at_least": {"450101": 1.0}},
    {"out": ["L1"], "switching": [{"id": "SW2", "open": 1}]},
    {"out": ["L1"], "switching": [{"id": "SW2"}]},
    {"out": ["L1"], "switching": [{"id": "L1", "open": True}]},
    {"out": ["L1"], "switching": [{"id": "SW2", "open": True}, {"id": "SW2", "open": False}]},
    {"out": ["L1"], "switching": [{"id": "nobody", "open": True}]},
    *({"out": [one]} for one in WRONG_IDS),
]
RAW = [
    b"",
    b"{",
    b'{"out":["L1"]',
    b'{"out":["\\ud800"]}',
    b'{"out":["\xff"]}',
    b'{"out":[NaN]}',
    b'{"out":["L1"],"out":["L2"]}',
    b' {"out" : ["L1"] } ',
    b'{"out":["L1"],"at_least":{"450101":99999999999999999999}}',
    b"\xef\xbb\xbf{}",
]


def both(engine: LiveEngine, body: bytes, **headers: str) -> tuple[httpx.Response, httpx.Response]:
    direct, django = (
        engine.client.post("/v1/outage-impact", content=body, headers={"Content-Type": media_type, **headers})
        for media_type in ("application/json", "application/json; charset=utf-8")
    )
    return direct, django


def told(answer: httpx.Response) -> tuple[int, dict[str, str], Any]:
    """Status, headers and content, without what tells the time."""
    content = answer.json()
    if "as_of" in content:
        assert content.pop("as_of").endswith("Z")
    return answer.status_code, headers_of(answer), content


def headers_of(answer: httpx.Response) -> dict[str, str]:
    """The headers, but for the time and for how the server frames the body."""
    left_out = ("date", "content-length", "transfer-encoding")
    return {name: value for name, value in answer.headers.items() if name not in left_out}


@pytest.mark.parametrize("question", [*WELL_FORMED, *RARE, *REFUSED], ids=lambda one: str(one)[:60])
def test_both_ways_answer_alike(still_engine: LiveEngine, question: Any) -> None:
    direct, django = both(still_engine, orjson.dumps(question))
    assert told(direct) == told(django)
    assert direct.status_code == (200 if question in [*WELL_FORMED, *RARE] else direct.status_code)


@pytest.mark.parametrize("body", RAW, ids=repr)
def test_both_ways_answer_alike_to_what_may_be_no_json(still_engine: LiveEngine, body: bytes) -> None:
    direct, django = both(still_engine, body)
    assert told(direct) == told(django)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Accept": "application/*"},
        {"Accept": "application/geo+json"},
        {"Accept": "text/csv;q=0.5, application/json;q=0.4"},
        {"Accept": "image/png"},
        {"Host": "engine.example"},
        {"Origin": "https://" + "long" * 100},
    ],
    ids=str,
)
def test_both_ways_heed_the_same_headers(still_engine: LiveEngine, headers: dict[str, str]) -> None:
    direct, django = both(still_engine, b'{"out":["L1"]}', **headers)
    assert direct.status_code == django.status_code
    if direct.headers["content-type"].endswith("json"):
        assert told(direct) == told(django)


def test_both_ways_answer_alike_to_many_drawn_questions(still_engine: LiveEngine) -> None:
    draw = random.Random(3)
    plain = 0
    for _ in range(200):
        question = drawn(draw)
        body = orjson.dumps(question)
        plain += plain_question(body) is not None
        direct, django = both(still_engine, body)
        assert told(direct) == told(django), question
    assert plain > 60


def drawn(draw: random.Random) -> dict[str, Any]:
    """A question of random fields, of which some may be wrong."""

    def ids() -> Any:
        return [draw.choice(WRONG_IDS if draw.random() < 0.05 else IDS) for _ in range(draw.randrange(4))]

    def switching() -> Any:
        return [{"id": draw.choice(["SW2", "TIE", "CB1", "L1"]), "open": draw.random() < 0.5}]

    fields: dict[str, Any] = {
        "out": ids,
        "faults": ids,
        "include": lambda: draw.sample(["customers", "districts", "elements", "geometry"], draw.randrange(5)),
        "switching": switching,
        "state": lambda: draw.choice(["current", "normal"]),
        "cases": lambda: [
            {name: fields[name]() for name in ("out", "faults", "switching") if draw.random() < 0.5}
            for _ in range(draw.randrange(4))
        ],
    }
    question = {name: make() for name, make in fields.items() if draw.random() < 0.45}
    if "cases" in question and draw.random() < 0.8:
        question = {name: value for name, value in question.items() if name not in ("out", "faults")}
    return question


def test_plain_questions_are_plain() -> None:
    assert all(plain_question(orjson.dumps(question)) is not None for question in WELL_FORMED)
    assert all(plain_question(orjson.dumps(question)) is None for question in RARE)


values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-1, 3),
        st.just(0.5),
        st.sampled_from(["L1", "", "normal", "current", "customers", "open", "id"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(IDS), inner)),
    max_leaves=4,
)
switches = st.lists(
    st.fixed_dictionaries(
        {"id": st.one_of(st.text(max_size=3), values), "open": st.one_of(st.booleans(), values)}
    ),
    max_size=2,
)
case_fields = {
    "out": st.one_of(st.lists(st.text(max_size=4), max_size=3), values),
    "faults": st.one_of(st.lists(st.text(max_size=4), max_size=3), values),
    "switching": st.one_of(switches, values),
}
questions = st.fixed_dictionaries(
    {},
    optional={
        **case_fields,
        "cases": st.one_of(st.lists(st.fixed_dictionaries({}, optional=case_fields), max_size=2), values),
        "include": st.one_of(st.lists(st.sampled_from(["customers", "geometry", "no"]), max_size=5), values),
        "state": st.one_of(st.sampled_from(["current", "normal"]), values),
        "at_least": st.one_of(st.dictionaries(st.text(max_size=3), st.integers(-1, 5), max_size=2), values),
        "at": values,
        "area": values,
        "more": values,
    },
)


@given(questions)
def test_what_is_plain_is_valid_and_means_the_same(question: dict[str, Any]) -> None:
    """The models of the requests are the oracle."""
    found = plain_question(orjson.dumps(question))
    if found is None:
        return
    valid = OutageQuestion.model_validate(question)
    assert found.many == (valid.cases is not None)
    assert list(found.include) == valid.include
    assert found.context == valid.context()
    cases = valid.cases if valid.cases is not None else [valid]
    assert [as_lists(one) for one in found.cases] == [as_lists(one) for one in cases]


def as_lists(case: Case | OutageCase | OutageQuestion) -> tuple[list[str], list[str], list[tuple[str, bool]]]:
    switching = [] if isinstance(case, OutageQuestion) else [(one.id, one.open) for one in case.switching]
    return list(case.out or ()), list(case.faults or ()), switching


def test_health_is_told_alike(still_engine: LiveEngine) -> None:
    direct = still_engine.get("/healthz")
    django = still_engine.client.get("/healthz", headers={"Origin": "https://" + "long" * 100})
    assert direct.json()["status"] == django.json()["status"] == "alive"
    theirs = headers_of(django)
    assert headers_of(direct) == {
        name: value for name, value in theirs.items() if not name.startswith("access-control")
    }


def test_a_head_asks_for_the_headers_of_a_get(still_engine: LiveEngine) -> None:
    answer = still_engine.client.head("/v1/elements/L1")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/json"
    assert still_engine.client.head("/v1/elements/nobody").status_code == 404
    assert still_engine.client.head("/v1/outage-impact").status_code == 405


def test_lines_hold_a_case_each(still_engine: LiveEngine) -> None:
    body = {"cases": [{"out": ["L1"]}, {"out": ["L4"]}], "include": ["customers"]}
    lines = still_engine.post("/v1/outage-impact", body, headers={"Accept": "application/x-ndjson"})
    assert lines.headers["content-type"] == "application/x-ndjson"
    head, *cases = [orjson.loads(line) for line in lines.content.splitlines()]
    whole = still_engine.ask("/v1/outage-impact", body)
    assert (head["cases"], head["grid_version"]) == (2, whole["grid_version"])
    assert cases == [{"case": k, **case} for k, case in enumerate(whole["cases"])]


def test_a_long_answer_is_sent_as_it_is_written(live_engine: LiveEngine) -> None:
    """Every customer of a crowd once, in the order of ids, in each form of the answer."""
    number = 9_000
    lines = [f"C{k:05d} customer n1 kva=2" for k in range(number)]
    load(package_of(parse_grid("\n".join(["@450101", "S source n1", *lines]))))
    live_engine.catch_up()
    ids = [f"C{k:05d}" for k in range(number)]
    body = b'{"out":["S"],"include":["customers"]}'
    direct, django = both(live_engine, body)
    for answer in (direct, django):
        assert len(answer.content) > STREAMED_FROM
        assert answer.headers["transfer-encoding"] == "chunked"
    assert told(direct) == told(django)
    assert [one["id"] for one in direct.json()["customers"]] == ids
    assert direct.json()["affected"]["contracted_kva"] == 2.0 * number
    csv = live_engine.client.post(
        "/v1/outage-impact",
        content=body,
        headers={"Content-Type": "application/json", "Accept": "text/csv"},
    )
    assert [line.split(",")[0] for line in csv.text.splitlines()] == ["id", *ids]
    many = live_engine.ask("/v1/outage-impact", {"cases": [{"out": ["S"]}] * 2, "include": ["customers"]})
    assert [[one["id"] for one in case["customers"]] for case in many["cases"]] == [ids, ids]
