"""Two engines asked the same: one over plain PostGIS, one over the cluster, and where their answers differ.

Answers are compared as they come: status, headers, bytes. Only what differs by its nature is put aside: the
address of the engine, and moments that lie after the beginning of the test and that no question named.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
import numpy as np
import orjson

from tests.cluster.asking import Question
from tests.live import LiveEngine

PAGES = 12
PATIENCE_S = 20
Comparable = tuple[int, dict[str, str], bytes]
"""Status, headers and content."""

_MOMENT_SIZE = 40
_MOMENT = re.compile(rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_ADDRESS = re.compile(rb"http://127\.0\.0\.1:\d+")
_ESTIMATE = re.compile(rb',?"numberMatchedEstimate":\d+')  # two planners' guesses
_HEADERS = ("content-type", "content-disposition", "allow", "link", "retry-after", "location", "vary")


@dataclass
class Both:
    """The two engines.

    Parameters
    ----------
    began
        Moments from then on are put aside, unless they are among `named`.
    met
        (method, route, status) of every answer so far.
    """

    plain: LiveEngine
    spread: LiveEngine
    began: datetime
    named: set[datetime] = field(default_factory=set)
    met: set[tuple[str, str, int]] = field(default_factory=set)
    asked: int = 0

    def catch_up(self) -> None:
        """Wait until both have read what their databases hold."""
        self.plain.catch_up()
        self.spread.catch_up()

    def differences(self, questions: Iterable[Question]) -> list[str]:
        """A line for each question whose answers differ; pages are followed to their end."""
        found: list[str] = []
        for question in questions:
            following: str | None = None
            for page in range(PAGES):
                answers, expected, got = self._compared(question, following)
                self.asked += 1
                self.met.add((question.method, question.route, answers[0].status_code))
                if expected != got:
                    found.append(f"{question} page {page}: {_apart(expected, got)}")
                    break
                following = _next(answers[0])
                if following is None:
                    break
        return found

    def _compared(
        self, question: Question, following: str | None
    ) -> tuple[list[httpx.Response], Comparable, Comparable]:
        """Both answers; where one of them is "not now", both are asked again, as clients do."""
        for _ in range(PATIENCE_S):
            answers = [self._ask(engine, question, following) for engine in (self.plain, self.spread)]
            one, other = (self._told(question, answer) for answer in answers)
            expected, got = (
                (status, headers, _MOMENT.sub(self._moment, content))
                for (status, headers, _), content in zip((one, other), apart(one[2], other[2]), strict=True)
            )
            if expected == got or 503 not in (expected[0], got[0]):
                break
            time.sleep(1)
        return answers, expected, got

    def _ask(self, engine: LiveEngine, question: Question, following: str | None) -> httpx.Response:
        headers = {"Accept": question.accept}
        body = question.body
        if question.body is not None:
            headers["Content-Type"] = question.content_type
            body = question.body if isinstance(question.body, bytes) else orjson.dumps(question.body)
        if following is not None:
            return engine.client.request(question.method, following, headers=headers)
        return engine.client.request(
            question.method, question.path, params=list(question.query), content=body, headers=headers
        )

    def _told(self, question: Question, answer: httpx.Response) -> Comparable:
        """An answer without what tells of the process; its moments are in it still."""
        headers = {
            name: _ADDRESS.sub(b"http://engine", answer.headers[name].encode()).decode()
            for name in _HEADERS
            if name in answer.headers
        }
        content = answer.content
        if b"http://127.0.0.1:" in content:
            content = _ADDRESS.sub(b"http://engine", content)
        if b'"numberMatchedEstimate":' in content:
            content = _ESTIMATE.sub(b"", content)
        if question.route in _OF_THE_PROCESS:
            content = orjson.dumps(_OF_THE_PROCESS[question.route](content))
        return answer.status_code, headers, content

    def _moment(self, found: re.Match[bytes]) -> bytes:
        at = datetime.fromisoformat(found[0].decode())
        return b"later" if at >= self.began and at not in self.named else found[0]


def apart(one: bytes, other: bytes) -> tuple[bytes, bytes]:
    """Both without what they begin and end with alike, up to a moment's length from where they differ.

    Answers have megabytes, of which a time stamp differs: only near that are moments looked for.
    """
    if one == other:
        return b"", b""
    begin = _alike(one, other)
    end = _alike(one[begin:], other[begin:], step=-1)
    begin, end = max(0, begin - _MOMENT_SIZE), max(0, end - _MOMENT_SIZE)
    return one[begin : len(one) - end], other[begin : len(other) - end]


def _alike(one: bytes, other: bytes, step: int = 1) -> int:
    """How many bytes both begin with alike; with step -1: end with."""
    first, second = (np.frombuffer(text, np.uint8)[::step] for text in (one, other))
    shorter = min(first.size, second.size)
    unlike = first[:shorter] != second[:shorter]
    return int(unlike.argmax()) if unlike.any() else shorter


def _alive(content: bytes) -> Any:
    return orjson.loads(content)["status"]


def _ready(content: bytes) -> Any:
    """Readiness without what tells of the process and the servers; all of these must answer."""
    told = orjson.loads(content)
    assert told["nodes"], told
    assert all(node["answers"] for node in told["nodes"]), told
    for county in told["counties"].values():
        del county["node"]
    return {name: value for name, value in told.items() if name not in ("nodes", "follower", "recovered")}


def _metrics(content: bytes) -> Any:
    """The names of the counters, and the versions; the others count what happened to the process."""
    lines = content.decode().splitlines()
    names = sorted({line.split()[2] for line in lines if line.startswith("# TYPE")})
    return names, sorted(line for line in lines if line.startswith("gridgis_engine_county"))


_OF_THE_PROCESS = {"/healthz": _alive, "/readyz": _ready, "/metrics": _metrics}


def _next(answer: httpx.Response) -> str | None:
    """The address of the next page, as far as the answer has pages."""
    if answer.status_code != 200 or "json" not in answer.headers.get("content-type", ""):
        return None
    if not any(mark in answer.content for mark in (b'"next"',)):
        return None
    document = answer.json()
    if not isinstance(document, dict):
        return None
    if isinstance(document.get("next"), str):
        return str(document["next"])
    links = document.get("links")
    if not isinstance(links, list):
        return None
    for link in links:
        if link.get("rel") == "next":
            return str(httpx.URL(link["href"]).raw_path.decode())
    return None


def _apart(expected: Comparable, got: Comparable) -> str:
    if expected[:2] != got[:2]:
        return f"plain {expected[:2]} {expected[2][:300]!r}, cluster {got[:2]} {got[2][:300]!r}"
    one, other = expected[2], got[2]
    at = next(
        (k for k, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
    around = slice(max(0, at - 80), at + 120)
    return f"at byte {at}: plain {one[around]!r}, cluster {other[around]!r}"
