"""Errors as RFC 9457 problem documents: the one table from exception to HTTP status.

Knows the classes of errors and how to word them; knows nothing of the questions that raise them. A fault
written as `field.path[0]: sentence` gets a JSON pointer (`#/field/path/0`) beside its text.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation, TooManyFieldsSent
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from ninja.errors import HttpError
from ninja.errors import ValidationError as NinjaValidationError

from gis_service.errors import (
    CapacityTaken,
    Conflict,
    GridError,
    Impossible,
    InvalidInput,
    NotReady,
    UnknownId,
)
from layers.source import BadQuery, Forbidden, NoSuchLayer, NotAcceptable, Unidentified, Unreachable

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER_S = 2

log = logging.getLogger("gis_service.web")

KINDS: dict[str, tuple[int, str, str]] = {
    "malformed": (400, "Malformed request", "A field is missing or wrong; `errors` lists every fault."),
    "unidentified": (401, "Token needed", "Send a token that can be read and has not run out."),
    "forbidden": (403, "Not for this token", "The token does not reach what was asked for."),
    "unknown-route": (404, "No such address", "Nothing answers at this address; `/v1/docs` lists what does."),
    "unknown-id": (404, "Unknown id", "No element of the loaded counties has the id; case matters."),
    "method-not-allowed": (405, "Method not allowed", "Use a method that the `Allow` header names."),
    "not-acceptable": (406, "Not acceptable", "The answer does not come in a type that `Accept` names."),
    "conflict": (409, "Conflict", "The request contradicts what is already recorded."),
    "length-required": (411, "Length required", "Send the body with a `Content-Length` header."),
    "too-large": (413, "Body too large", "Cut the question into several."),
    "unsupported-media-type": (415, "Unsupported media type", "Send the body as `application/json`."),
    "impossible": (422, "Impossible request", "Well-formed, but without an answer for this element or time."),
    "internal-error": (
        500,
        "Internal error",
        "A fault of this service; `detail` says where its log tells more.",
    ),
    "not-ready": (
        503,
        "Not ready",
        "Data or database are not there yet; ask again after `Retry-After` seconds.",
    ),
}
"""Problem kind → (status, title, what it means); `type` is the address of its paragraph in the docs."""

STATUS_KIND: dict[int, str] = {404: "unknown-route"} | {
    status: kind for kind, (status, _, _) in KINDS.items() if status != 404
}

TABLE: tuple[tuple[type[Exception], str], ...] = (
    (InvalidInput, "malformed"),
    (UnknownId, "unknown-id"),
    (Conflict, "conflict"),
    (Impossible, "impossible"),
    (NotReady, "not-ready"),
    (BadQuery, "malformed"),
    (NoSuchLayer, "unknown-id"),
    (NotAcceptable, "not-acceptable"),
    (Unidentified, "unidentified"),
    (Forbidden, "forbidden"),
    (Unreachable, "not-ready"),
    (OperationalError, "not-ready"),
    (InterfaceError, "not-ready"),
    (Http404, "unknown-route"),
    (RequestDataTooBig, "too-large"),
    (TooManyFieldsSent, "malformed"),
    (SuspiciousOperation, "malformed"),
    (BadRequest, "malformed"),
)
"""Exception class → problem kind; the first class that fits decides."""

_PATH = re.compile(r"^(?P<path>(?:[A-Za-z_]\w*|\[\d+\])(?:\[\d+\]|\.\w+)*): ")


class Refused(Exception):
    """A request this service does not take, before any question is asked; `kind` is a key of `KINDS`."""

    def __init__(self, kind: str, detail: str) -> None:
        self.kind = kind
        super().__init__(detail)


def problem(
    kind: str,
    detail: str,
    *,
    instance: str,
    errors: Sequence[Mapping[str, Any]] = (),
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> HttpResponse:
    """A problem document of that kind.

    Parameters
    ----------
    kind
        A key of `KINDS`.
    detail
        One sentence that names the offending field or id and how to mend it.
    instance
        The path that was asked.
    errors
        One object per fault: `detail`, and `pointer`, `parameter` or `id` where known.
    more
        Members of this problem alone.
    """
    own_status, title, _ = KINDS[kind]
    document: dict[str, Any] = {
        "type": f"/v1/docs#problem-{kind}",
        "title": title,
        "status": status or own_status,
        "detail": detail,
        "instance": instance,
    }
    if errors:
        document["errors"] = list(errors)
    document |= more or {}
    response = HttpResponse(
        orjson.dumps(document),
        status=document["status"],
        content_type=PROBLEM_JSON,
        headers=dict(headers or {}),
    )
    if document["status"] == 503:
        response.headers.setdefault("Retry-After", str(RETRY_AFTER_S))
    if document["status"] == 401:
        response.headers.setdefault("WWW-Authenticate", 'Bearer realm="map layers"')
    return response


def problem_of(request: HttpRequest, error: Exception) -> HttpResponse:
    """The problem document of an exception; one that is not in the table is logged and told as a 500."""
    instance = request.path
    if isinstance(error, NinjaValidationError):
        faults = validation_faults(error.errors)
        detail = _joined([str(fault["detail"]) for fault in faults])
        return problem("malformed", detail, instance=instance, errors=faults)
    if isinstance(error, HttpError):
        kind = STATUS_KIND.get(error.status_code, "malformed")
        return problem(kind, error.message, instance=instance, status=error.status_code)
    if isinstance(error, Refused):
        return problem(error.kind, str(error), instance=instance)
    for class_, kind in TABLE:
        if isinstance(error, class_):
            more = {"binding": error.binding} if isinstance(error, CapacityTaken) else None
            return problem(kind, _detail(error, kind), instance=instance, errors=_errors(error), more=more)
    number = f"{id(error):x}"
    log.error("internal error %s at %s %s", number, request.method, instance, exc_info=error)
    detail = f"this service failed; the log of the engine tells more under {number}"
    return problem("internal-error", detail, instance=instance)


def validation_faults(errors: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One fault per pydantic error, with its path inside the request."""
    faults: list[dict[str, Any]] = []
    for error in errors:
        place, *path = error.get("loc", ("body",))
        # ninja puts the name of the view's parameter between the place and the field
        if place == "body":
            path = path[1:]
        steps = [step for step in path if not _is_model_name(step)]
        where = _path_text(steps)
        sentence = _sentence(error)
        fault: dict[str, Any] = {"detail": f"{where}: {sentence}" if where else f"{place}: {sentence}"}
        if place == "body":
            fault["pointer"] = "#" + "".join(f"/{_escaped(step)}" for step in steps)
        else:
            fault["parameter"] = str(steps[0]) if steps else str(place)
        faults.append(fault)
    return faults


def _is_model_name(step: object) -> bool:
    """Whether a step of pydantic's path is the tag of a union's branch, not a field."""
    return isinstance(step, str) and step in ("Polygon", "MultiPolygon")


def _sentence(error: Mapping[str, Any]) -> str:
    kind, given = error.get("type"), error.get("input")
    if kind == "missing":
        return "this field is required"
    if kind == "extra_forbidden":
        return "no such field here; look for a misspelling, the fields are listed in /v1/docs"
    text = str(error.get("msg", "wrong value")).removeprefix("Value error, ")
    text = text[:1].lower() + text[1:]
    shown = repr(given)
    return f"{text}, not {shown}" if isinstance(given, str | int | float) and len(shown) < 80 else text


def _path_text(steps: Sequence[object]) -> str:
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def _escaped(step: object) -> str:
    return str(step).replace("~", "~0").replace("/", "~1")


def _detail(error: Exception, kind: str) -> str:
    if isinstance(error, InvalidInput) and error.faults:
        return _joined(error.faults)
    if isinstance(error, GridError | Unreachable):
        return str(error)
    if kind == "not-ready":
        return "the database of the engine does not answer; the question can be asked again in a moment"
    if kind == "unknown-route":
        return "nothing answers at this address; /v1/docs lists what does"
    if kind == "too-large":
        return "the body is larger than this service takes; cut the question into several"
    return str(error) or KINDS[kind][2]


MOST_ERRORS = 1_000
"""Faults that one document lists; the sentence counts them all."""


def _errors(error: Exception) -> list[dict[str, Any]]:
    if isinstance(error, UnknownId):
        return [
            {"id": one, "detail": f"unknown id {one!r}"}
            | ({"pointer": _pointer(error.places[one])} if one in error.places else {})
            for one in error.ids[:MOST_ERRORS]
        ]
    if isinstance(error, InvalidInput):
        return [_located(fault) for fault in error.faults[:MOST_ERRORS]]
    return []


def _located(fault: str) -> dict[str, Any]:
    match = _PATH.match(fault)
    if match is None:
        return {"detail": fault}
    return {"detail": fault, "pointer": _pointer(match["path"])}


def _pointer(path: str) -> str:
    """`field.path[0]` as a JSON pointer."""
    return "#" + "".join(f"/{step}" for step in re.findall(r"\w+", path))


def _joined(faults: Sequence[str]) -> str:
    if len(faults) <= 3:
        return "; ".join(faults)
    listed = (
        "listed in errors" if len(faults) <= MOST_ERRORS else f"the first {MOST_ERRORS:,} listed in errors"
    )
    return "; ".join(faults[:3]) + f"; and {len(faults) - 3:,} more, {listed}"
