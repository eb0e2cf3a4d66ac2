"""The simplest outage questions, and whether the process is alive: answered in the event loop.

What is asked most takes a few microseconds, so a thread would cost more than the answer (`serving.quick`).
Whatever would wait, takes long, is rare or is wrong is not answered here: `direct` and Django decide about
it, in a thread, and what is answered here they would answer alike.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from django.http import HttpRequest

from gis_service.engine.context import NOW
from gis_service.web.direct import HEALTH, OUTAGE, cors_headers, headers_of_answer, is_ours
from gis_service.web.health import healthz
from gis_service.web.metrics import TRAFFIC
from gis_service.web.plain import plain_question
from gis_service.web.service import WARMTH, engine
from serving.environment import Environment
from serving.quick import MOST_QUICK_BODY, Fields, QuickAnswer

_OUTAGE, _HEALTH = OUTAGE.encode(), HEALTH.encode()
_OK = 200
_MOST_KNOWN, _LONGEST_KEY = 256, 512
_LENGTH, _TOKEN = b"content-length", b"authorization"
_DECIDING = {
    b"content-type": "CONTENT_TYPE",
    b"host": "HTTP_HOST",
    b"origin": "HTTP_ORIGIN",
    b"accept": "HTTP_ACCEPT",
    b"transfer-encoding": "HTTP_TRANSFER_ENCODING",
    _TOKEN: "HTTP_AUTHORIZATION",
    _LENGTH: "CONTENT_LENGTH",
}
"""The header fields that decide how an answer comes, as WSGI calls them."""

_Told = dict[bytes, bytes]
_Key = tuple[bytes | None, ...]


class QuickOutages:
    """Answers in the loop; see `serving.quick.Quick`."""

    targets = frozenset({_OUTAGE, _HEALTH})

    def __init__(self) -> None:
        self._known: dict[_Key, bytes] = {}

    def fields_of(self, method: bytes, target: bytes, fields: Fields) -> bytes | None:
        """The header fields of a good answer; None where it is answered in a thread."""
        told: _Told = {}
        for name, value in fields:
            if name in _DECIDING:
                if name in told:  # twice: whoever joins them decides
                    return None
                told[name] = value
        length = told.pop(_LENGTH, b"")
        if target == _HEALTH:
            return self._health(told) if method == b"GET" and not length else None
        if method != b"POST" or _TOKEN in told or not length.isdigit() or int(length) > MOST_QUICK_BODY:
            return None
        key = tuple(map(told.get, _DECIDING))
        known = self._known.get(key)
        return known if known is not None else self._fields_of_outage(told, key)

    def answer(self, target: bytes, fields: bytes, body: bytes) -> QuickAnswer | None:
        """The answer; None where it is answered in a thread after all."""
        began = time.perf_counter()
        if target == _HEALTH:
            return _alive(fields, began)
        if not WARMTH.ready:
            return None
        question = plain_question(body)
        if question is None or question.many or question.context is not NOW:
            return None
        pieces = engine().outage_text_at_hand(question.cases[0], question.include)
        if pieces is None:
            return None
        TRAFFIC.observe(OUTAGE, "POST", _OK, time.perf_counter() - began)
        return QuickAnswer(_OK, fields, pieces)

    def _fields_of_outage(self, told: _Told, key: _Key) -> bytes | None:
        headers = headers_of_answer(_environment(told))
        if headers is None:
            return None
        fields = _written(headers)
        if sum(map(len, told.values())) <= _LONGEST_KEY:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[key] = fields
        return fields

    def _health(self, told: _Told) -> bytes | None:
        environ = _environment(told)
        if b"transfer-encoding" in told or not is_ours(environ):
            return None
        return _written(cors_headers(HEALTH, environ.get("HTTP_ORIGIN")))


def _alive(fields: bytes, began: float) -> QuickAnswer:
    request = HttpRequest()
    request.method = "GET"
    response = healthz(request)
    TRAFFIC.observe(HEALTH, "GET", response.status_code, time.perf_counter() - began)
    return QuickAnswer(response.status_code, _written(response.items()) + fields, [response.content])


def _environment(told: _Told) -> Environment:
    return {_DECIDING[name]: value.decode("latin-1") for name, value in told.items()}


def _written(headers: Iterable[tuple[str, str]]) -> bytes:
    return b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in headers)
