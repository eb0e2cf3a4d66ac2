"""Errors as RFC 9457 problem documents: the one table from what went wrong to HTTP status.

Views and operations raise; nothing else decides a status. Every document has `type`, `title`, `status`,
`detail` (one sentence that names the field or id and the remedy) and `instance`. A refusal of the engine
keeps the engine's own `type`, `detail` and `errors`, and says that it is the engine's.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from ninja.errors import HttpError
from ninja.errors import ValidationError as RequestFaults

from api.engine_client import EngineAnswerUnusable, EngineAway, EngineRefused
from api.faults import Conflict, Impossible, Malformed, NotFound

PROBLEM_JSON = "application/problem+json"
DATABASE_RETRY_AFTER_S = 2

log = logging.getLogger("api.problems")

KINDS: dict[str, tuple[int, str]] = {
    "malformed": (400, "Malformed request"),
    "host-not-allowed": (400, "Host name not allowed"),
    "unknown-route": (404, "No such address"),
    "unknown-record": (404, "Unknown record"),
    "method-not-allowed": (405, "Method not allowed"),
    "not-acceptable": (406, "Not acceptable"),
    "conflict": (409, "Conflict"),
    "too-large": (413, "Body too large"),
    "unsupported-media-type": (415, "Unsupported media type"),
    "impossible": (422, "Impossible request"),
    "internal-error": (500, "Internal error"),
    "engine-answer-unusable": (502, "The engine's answer cannot be used"),
    "engine-away": (503, "The engine is away"),
    "database-away": (503, "The business database is away"),
}
"""Problem kind → (status, title)."""

_KIND_OF_STATUS = {
    400: "malformed",
    404: "unknown-route",
    405: "method-not-allowed",
    406: "not-acceptable",
    409: "conflict",
    413: "too-large",
    415: "unsupported-media-type",
    422: "impossible",
}


def problem(
    kind: str,
    detail: str,
    *,
    instance: str,
    members: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """A problem document of `kind`, a key of `KINDS`; `members` are further members of the document."""
    status, title = KINDS[kind]
    document = {
        "type": f"/api/v1/docs#problem-{kind}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": instance,
        **(members or {}),
    }
    return HttpResponse(
        orjson.dumps(document), status=status, content_type=PROBLEM_JSON, headers=dict(headers or {})
    )


def problem_of(request: HttpRequest, error: Exception | type[Exception]) -> HttpResponse:
    """The problem document of an exception; one that nobody foresaw is logged and told as a 500."""
    at = request.path
    match error:
        case RequestFaults():
            faults = [_fault(one) for one in error.errors]
            return problem("malformed", _joined(faults), instance=at, members={"errors": faults})
        case Malformed():
            return problem("malformed", str(error), instance=at, members={"errors": [error.fault]})
        case NotFound():
            return problem("unknown-record", str(error), instance=at)
        case Conflict():
            return problem("conflict", str(error), instance=at, members=error.members)
        case Impossible():
            return problem("impossible", str(error), instance=at)
        case EngineRefused():
            return _refusal(error, at)
        case EngineAway():
            wait = {"Retry-After": str(error.retry_after_s)}
            return problem("engine-away", error.detail, instance=at, headers=wait)
        case EngineAnswerUnusable():
            log.error("%s %s: %s", request.method, at, error.detail)
            return problem("engine-answer-unusable", error.detail, instance=at)
        case OperationalError() | InterfaceError():
            log.error("%s %s: the database does not answer: %s", request.method, at, error)
            return problem(
                "database-away",
                "the business database does not answer; nothing was stored, try again in a moment",
                instance=at,
                headers={"Retry-After": str(DATABASE_RETRY_AFTER_S)},
            )
        case RequestDataTooBig():
            return problem("too-large", "the body is larger than 1 MiB; name fewer devices", instance=at)
        case Http404():
            return unknown_route(at)
        case HttpError():
            return of_status(error.status_code, str(error), instance=at)
        case SuspiciousOperation() | BadRequest():
            return problem("malformed", str(error) or "the request cannot be read", instance=at)
    log.error("internal error at %s %s", request.method, at, exc_info=True)
    return problem("internal-error", "this service failed; its log tells more", instance=at)


def unknown_route(instance: str) -> HttpResponse:
    """404 for an address nothing answers at."""
    return problem(
        "unknown-route", "nothing answers at this address; /api/v1/docs lists what does", instance=instance
    )


def of_status(
    status: int, detail: str, *, instance: str, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """The problem document for a bare HTTP status; an unforeseen client error reads as malformed."""
    kind = _KIND_OF_STATUS.get(status, "malformed" if status < 500 else "internal-error")
    return problem(kind, detail, instance=instance, headers=headers)


def _refusal(error: EngineRefused, instance: str) -> HttpResponse:
    document = dict(error.problem)
    document |= {"status": error.status, "detail": error.detail, "instance": instance, "from": "engine"}
    document.setdefault("type", "about:blank")
    document.setdefault("title", "The engine refuses the question")
    return HttpResponse(orjson.dumps(document), status=error.status, content_type=PROBLEM_JSON)


def _fault(error: Mapping[str, Any]) -> dict[str, str]:
    place, *path = error.get("loc", ("body",))
    if place == "body":
        path = path[1:]  # ninja puts the name of the view's parameter between the place and the field
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
    kind, given = error.get("type"), error.get("input")
    if kind == "missing":
        sentence = "this field is required" if where else "a JSON object is required"
    elif kind == "extra_forbidden":
        sentence = "no such field here; /api/v1/docs lists the fields"
    else:
        text = str(error.get("msg", "wrong value")).removeprefix("Value error, ")
        sentence = text[:1].lower() + text[1:]
        if isinstance(given, (str, int, float, bool)) and len(repr(given)) < 80:
            sentence += f", not {given!r}"
    fault = {"detail": f"{where or place}: {sentence}"}
    if place == "body":
        fault["pointer"] = "#" + "".join(
            f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path
        )
    else:
        fault["parameter"] = where or str(place)
    return fault


def _joined(faults: Sequence[Mapping[str, str]]) -> str:
    shown = "; ".join(fault["detail"] for fault in faults[:3])
    return shown if len(faults) <= 3 else f"{shown}; and {len(faults) - 3} more, listed in errors"
