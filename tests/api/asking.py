"""Asking the business API and the engine behind it, in the words of the tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx
from django.http import HttpResponseBase
from django.test import Client

PROBLEM_JSON = "application/problem+json"


@dataclass(frozen=True)
class Answer:
    """Status, headers, and the body as text and, where it is JSON, as values."""

    status: int
    headers: dict[str, str]
    text: str
    json: Any


@dataclass(frozen=True)
class Api:
    """The API in this process; `engine` is the address of the engine it asks."""

    client: Client
    engine: str

    def get(self, path: str, **headers: str) -> Answer:
        """GET a path under the root."""
        return _answer(self.client.get(path, headers=headers))

    def send(self, path: str, body: Any, *, method: str = "POST") -> Answer:
        """Send a JSON body."""
        sent = self.client.generic(method, path, _dumped(body), content_type="application/json")
        return _answer(sent)

    def open(self, **body: Any) -> dict[str, Any]:
        """Open a record; its document."""
        answer = self.send("/api/v1/outages", body)
        assert answer.status == HTTPStatus.CREATED, answer.text
        document: dict[str, Any] = answer.json
        return document

    def customers(self, outage: str, query: str = "") -> list[dict[str, Any]]:
        """The affected customers of a record, first page."""
        answer = self.get(f"/api/v1/outages/{outage}/customers{query}")
        assert answer.status == HTTPStatus.OK, answer.text
        listed: list[dict[str, Any]] = answer.json["customers"]
        return listed

    def ask_engine(self, **question: Any) -> dict[str, Any]:
        """The engine's own answer to an outage question."""
        answer = httpx.post(f"{self.engine}/v1/outage-impact", json=question, timeout=60, trust_env=False)
        answer.raise_for_status()
        document: dict[str, Any] = answer.json()
        return document

    def switch(self, *operations: dict[str, Any]) -> None:
        """Record switch operations with the engine."""
        answer = httpx.post(
            f"{self.engine}/v1/switch-operations", json=list(operations), timeout=60, trust_env=False
        )
        assert answer.status_code == HTTPStatus.OK, answer.text


def problem(answer: Answer, status: int) -> dict[str, Any]:
    """The problem document of an answer, after checking that it is a whole one (RFC 9457 §3.1)."""
    assert answer.status == status, answer.text
    assert answer.headers["Content-Type"] == PROBLEM_JSON
    document: dict[str, Any] = answer.json
    assert document["status"] == status
    assert {"type", "title", "detail", "instance"} <= set(document)
    return document


def _dumped(body: Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def _answer(response: HttpResponseBase) -> Answer:
    content = b"".join(response) if response.streaming else response.content  # type: ignore[attr-defined]
    text = content.decode(errors="replace")  # a picture is nobody's text
    kind = response.headers.get("Content-Type", "")
    value = json.loads(text) if "json" in kind else None
    return Answer(response.status_code, dict(response.headers.items()), text, value)
