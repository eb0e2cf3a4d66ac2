"""The questions asked most, answered in front of Django: `POST /v1/outage-impact` as JSON, `GET /healthz`.

Django's way from socket to view costs many times what finding an outage does. Here a question that is plainly
well-formed goes to the same use case and comes back as the same text under the same headers; whatever is
unusual (another media type, a field that is rare, anything malformed) is handed to Django as it came, which
alone decides about it. So this module accepts; it refuses nothing by itself.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from corsheaders.middleware import CorsMiddleware
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse

from gis_service.engine.outage_text import answer_text, answers_text
from gis_service.web.health import healthz
from gis_service.web.metrics import LATENCY, REQUESTS
from gis_service.web.plain import PlainQuestion, plain_question
from gis_service.web.problems import problem_of
from gis_service.web.rendering import JSON, OUTAGE_TYPES, gathered
from gis_service.web.service import engine

OUTAGE = "/v1/outage-impact"
HEALTH = "/healthz"

Environment = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]
Application = Callable[[Environment, Any], Iterable[bytes]]

_OK = 200
_LONGEST_HEADER = 200  # what is longer is rare, and not worth remembering


class Direct:
    """A WSGI application in front of another.

    Parameters
    ----------
    django
        Answers everything else.
    """

    def __init__(self, django: Application) -> None:
        self._django = django

    def __call__(self, environ: Environment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, or have it answered."""
        began = time.perf_counter()
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if path == OUTAGE and method == "POST":
            body = _body(environ)
            question = None if body is None else plain_question(body)
            if question is not None:
                return _outage(environ, start_response, question, began)
        elif path == HEALTH and method == "GET" and _is_ours(environ):
            return _whole(environ, start_response, healthz(_request(environ)), began)
        return self._django(environ, start_response)


def _outage(
    environ: Environment, start_response: StartResponse, question: PlainQuestion, began: float
) -> Iterable[bytes]:
    try:
        whole, rest = gathered(_text(question))
    except Exception as error:  # noqa: BLE001  # told as Django's views tell it, and logged where it is a fault
        return _whole(environ, start_response, problem_of(_request(environ), error), began)
    start_response("200 OK", [("Content-Type", JSON), *_cors(OUTAGE, environ.get("HTTP_ORIGIN"))])
    _observe(OUTAGE, "POST", _OK, began)
    return [whole] if rest is None else rest


def _text(question: PlainQuestion) -> Iterator[bytes]:
    if question.many:
        scene, outages = engine().find_outages(question.cases, question.context)
        return answers_text(scene, outages, question.include)
    outage = engine().find_outage(question.cases[0], question.context)
    return answer_text(outage.scene, outage, question.include)


def _body(environ: Environment) -> bytes | None:
    """The body of a question for this place; None for any other, whose body can still be read."""
    length = environ.get("CONTENT_LENGTH") or ""
    if (
        environ.get("CONTENT_TYPE") != JSON
        or not (length.isascii() and length.isdecimal())
        or int(length) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        or "HTTP_TRANSFER_ENCODING" in environ
        or not _is_ours(environ)
        or not _wants_json(environ.get("HTTP_ACCEPT"))
    ):
        return None
    body: bytes = environ["wsgi.input"].read(int(length))
    environ["wsgi.input"] = io.BytesIO(body)  # for whoever reads it after us
    return body


def _is_ours(environ: Environment) -> bool:
    host, origin = environ.get("HTTP_HOST"), environ.get("HTTP_ORIGIN", "")
    return (
        host is not None
        and len(host) + len(origin) <= _LONGEST_HEADER
        and not environ.get("SCRIPT_NAME")
        and _is_allowed(host)
    )


@lru_cache(maxsize=64)
def _is_allowed(host: str) -> bool:
    request = HttpRequest()
    request.META = {"HTTP_HOST": host}
    try:
        request.get_host()
    except DisallowedHost:
        return False
    return True


def _wants_json(accept: str | None) -> bool:
    return accept is None or accept in (JSON, "*/*") or (len(accept) <= _LONGEST_HEADER and _prefers(accept))


@lru_cache(maxsize=64)
def _prefers(accept: str) -> bool:
    request = HttpRequest()
    request.META = {"HTTP_ACCEPT": accept}
    return request.get_preferred_type(list(OUTAGE_TYPES)) == JSON


@lru_cache(maxsize=256)
def _cors(path: str, origin: str | None) -> list[tuple[str, str]]:
    """The headers that the middleware in front of Django's views puts on an answer to this origin."""
    request = HttpRequest()
    request.path = request.path_info = path
    request.method = "POST"
    request.META = {} if origin is None else {"HTTP_ORIGIN": origin}
    response = CorsMiddleware(lambda _request: HttpResponse())(request)
    assert isinstance(response, HttpResponse)
    return [(name, value) for name, value in response.items() if name != "Content-Type"]


def _request(environ: Environment) -> HttpRequest:
    """As much of a request as faults and plain views want to know."""
    request = HttpRequest()
    request.path = request.path_info = environ["PATH_INFO"]
    request.method = environ["REQUEST_METHOD"]
    return request


def _whole(
    environ: Environment, start_response: StartResponse, response: HttpResponse, began: float
) -> Iterable[bytes]:
    path, status = environ["PATH_INFO"], response.status_code
    headers = [*response.items(), *_cors(path, environ.get("HTTP_ORIGIN"))]
    start_response(f"{status} {HTTPStatus(status).phrase}", headers)
    _observe(path, environ["REQUEST_METHOD"], status, began)
    return [response.content]


def _observe(route: str, method: str, status: int, began: float) -> None:
    requests, latency = _counters(route, method, status)
    requests.inc()
    latency.observe(time.perf_counter() - began)


@lru_cache(maxsize=64)
def _counters(route: str, method: str, status: int) -> tuple[Any, Any]:
    return REQUESTS.labels(route, method, str(status)), LATENCY.labels(route)
