"""The questions asked most, answered in front of Django: `POST /v1/outage-impact` as JSON, `GET /healthz`.

Django's way from socket to view costs many times what finding an outage does. Here a question that is plainly
well-formed goes to the same use case and comes back as the same text under the same headers; whatever is
unusual (another media type, a field that is rare, anything malformed) is handed to Django as it came, which
alone decides about it. So this module accepts; it refuses nothing by itself. The simplest of its questions
are answered before they come here (`quick`).
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from corsheaders.middleware import CorsMiddleware
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse

from gis_service.engine.outage_text import answers_text
from gis_service.web.health import healthz
from gis_service.web.metrics import TRAFFIC
from gis_service.web.plain import PlainQuestion, plain_question
from gis_service.web.problems import problem_of
from gis_service.web.rendering import JSON, OUTAGE_TYPES, gathered
from gis_service.web.service import engine

OUTAGE = "/v1/outage-impact"
HEALTH = "/healthz"

Environment = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]
Application = Callable[[Environment, Any], Iterable[bytes]]
Headers = Sequence[tuple[str, str]]

_OK = 200
_LONGEST_HEADER = 200  # what is longer is rare, and not worth remembering
_MOST_KNOWN = 256
_KNOWN: dict[tuple[Any, ...], Headers] = {}


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
        if path == OUTAGE and method == "POST" and not _may_have_token(environ):
            headers = headers_of_answer(environ)
            body = None if headers is None else _body(environ)
            if headers is not None and body is not None:
                question = plain_question(body)
                if question is not None:
                    return _outage(environ, start_response, question, headers, began)
                environ["wsgi.input"] = io.BytesIO(body)  # it is read; Django reads it again
        elif path == HEALTH and method == "GET" and is_ours(environ):
            return _whole(environ, start_response, healthz(_request(environ)), began)
        return self._django(environ, start_response)


def _may_have_token(environ: Environment) -> bool:
    """Whether Django is to look for a token, which must reach every county."""
    return bool(environ.get("HTTP_AUTHORIZATION") or environ.get("QUERY_STRING"))


def _outage(
    environ: Environment,
    start_response: StartResponse,
    question: PlainQuestion,
    headers: Headers,
    began: float,
) -> Iterable[bytes]:
    try:
        whole, rest = gathered(_text(question))
    except Exception as error:  # noqa: BLE001  # told as Django's views tell it, and logged where it is a fault
        return _whole(environ, start_response, problem_of(_request(environ), error), began)
    start_response("200 OK", [*headers])
    TRAFFIC.observe(OUTAGE, "POST", _OK, time.perf_counter() - began)
    return [whole] if rest is None else rest


def _text(question: PlainQuestion) -> Iterable[bytes]:
    if question.many:
        scene, outages = engine().find_outages(question.cases, question.context)
        return answers_text(scene, outages, question.include)
    return engine().outage_text(question.cases[0], question.include, question.context)


def _body(environ: Environment) -> bytes | None:
    """The body of a question; None where its length is not told as it should be, or too large."""
    length = environ.get("CONTENT_LENGTH") or ""
    if not (length.isascii() and length.isdecimal()) or int(length) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        return None
    body: bytes = environ["wsgi.input"].read(int(length))
    return body


def headers_of_answer(environ: Environment) -> Headers | None:
    """The headers of a good answer to a question for this place; None for any other.

    Worked out once for each set of headers that decide about it.
    """
    get = environ.get
    asked = (
        get("CONTENT_TYPE"),
        get("HTTP_HOST"),
        get("HTTP_ORIGIN"),
        get("HTTP_ACCEPT"),
        get("SCRIPT_NAME"),
        get("HTTP_TRANSFER_ENCODING"),
    )
    found = _KNOWN.get(asked)
    if found is not None:
        return found
    if (
        environ.get("CONTENT_TYPE") != JSON
        or "HTTP_TRANSFER_ENCODING" in environ
        or not is_ours(environ)
        or not _wants_json(environ.get("HTTP_ACCEPT"))
    ):
        return None
    headers = (("Content-Type", JSON), *cors_headers(OUTAGE, environ.get("HTTP_ORIGIN")))
    if len(environ.get("HTTP_ACCEPT", "")) <= _LONGEST_HEADER:
        if len(_KNOWN) >= _MOST_KNOWN:
            _KNOWN.clear()
        _KNOWN[asked] = headers
    return headers


def is_ours(environ: Environment) -> bool:
    """Whether a request is for this place: by a `Host` that is allowed, and short, as the `Origin` is."""
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
def cors_headers(path: str, origin: str | None) -> list[tuple[str, str]]:
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
    headers = [*response.items(), *cors_headers(path, environ.get("HTTP_ORIGIN"))]
    start_response(f"{status} {HTTPStatus(status).phrase}", headers)
    TRAFFIC.observe(path, environ["REQUEST_METHOD"], status, time.perf_counter() - began)
    return [response.content]
