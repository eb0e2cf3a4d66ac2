"""What happens to every request, whatever it asks: size and type of the body, faults as problems, counting.

One class on purpose: each layer of middleware costs more than the kernel behind most questions.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse

from gis_service.map_key import map_key
from gis_service.web.metrics import TRAFFIC
from gis_service.web.problems import PROBLEM_JSON, Refused, problem, problem_of
from layers.scope import Gate, token_of
from layers.source import Forbidden, LayerError

_METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}


class EngineMiddleware:
    """Guards bodies, turns faults outside the `/v1` views into problems, observes time and status."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        began = time.perf_counter()
        try:
            request.get_host()  # a page that gave this machine a name of its own must not reach the engine
            refuse_body(request)
            refuse_narrow_token(request)
        except (Refused, DisallowedHost, LayerError) as error:
            response = problem_of(request, error)
        else:
            method = request.method
            if method == "HEAD":  # every GET answers it, with what the server then leaves out
                request.method = "GET"
            response = self._as_problem(request, self.get_response(request))
            request.method = method
        match = request.resolver_match
        route = f"/{match.route}" if match is not None else "unknown"
        method = request.method if request.method in _METHODS else "other"
        TRAFFIC.observe(route, method or "other", response.status_code, time.perf_counter() - began)
        return response

    def process_view(self, request: HttpRequest, *_view: object) -> HttpResponse | None:
        """Refuse what a known address cannot read; an unknown one is told so first."""
        try:
            refuse_media_type(request)
        except Refused as error:
            return problem_of(request, error)
        return None

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse:
        """A fault of a view outside ninja."""
        return problem_of(request, error)

    def _as_problem(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if response.status_code != 405 or response.headers.get("Content-Type") == PROBLEM_JSON:
            return response
        # Sorted: ninja keeps the methods in a set, whose order is another in each process.
        allowed = ", ".join(sorted(response.headers.get("Allow", "").split(", ")))
        detail = f"{request.method} is not answered at this address; use {allowed}"
        return problem("method-not-allowed", detail, instance=request.path, headers={"Allow": allowed})


def refuse_body(request: HttpRequest) -> None:
    """Refuse a body that is too large or of unknown length.

    Raises
    ------
    Refused
        With 411 or 413.
    """
    if request.method not in ("POST", "PUT", "PATCH"):
        return
    length = request.META.get("CONTENT_LENGTH") or ""
    if not length.isdecimal() and request.META.get("HTTP_TRANSFER_ENCODING"):
        raise Refused("length-required", "send the body whole, with a Content-Length header, not chunked")
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if length.isdecimal() and int(length) > limit:
        raise Refused(
            "too-large", f"the body has {length} bytes, this service takes {limit}; cut it into several"
        )


def refuse_narrow_token(request: HttpRequest) -> None:
    """Refuse a question of `/v1` that comes with a token for some counties: its answer reaches beyond them.

    Without a token nothing is refused here: who may ask without one is decided by the proxy in front.

    Raises
    ------
    Unidentified
        For a token that does not hold.
    Forbidden
        For one that does not reach every county.
    """
    if not request.path.startswith("/v1/"):
        return
    token = token_of(request)
    if token is not None and Gate(map_key(), required=False).counties_of(request) is not None:
        raise Forbidden(
            "token: answers of /v1 reach through the whole network, and this token names some counties; "
            'ask with one for every county ("*"), or ask the map layers'
        )


def refuse_media_type(request: HttpRequest) -> None:
    """Refuse a question that is not sent as JSON.

    Raises
    ------
    Refused
        With 415.
    """
    if request.method != "POST" or not request.path.startswith("/v1/"):
        return
    media_type = (request.content_type or "").lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        said = f"not {media_type!r}" if media_type else "and name it in Content-Type"
        raise Refused("unsupported-media-type", f"send the body as application/json, {said}")


def no_such_address(request: HttpRequest, **_details: object) -> HttpResponse:
    """Django's 404 as a problem document."""
    return problem(
        "unknown-route", f"nothing answers at {request.path}; /v1/docs lists what does", instance=request.path
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's 400 as a problem document."""
    return problem("malformed", str(exception) or "the request cannot be read", instance=request.path)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's 500 as a problem document; the traceback is in the log."""
    return problem("internal-error", "this service failed; its log tells more", instance=request.path)
