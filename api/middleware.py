"""Two rules that hold for every request: errors are problem documents, and bodies are JSON.

The second one also keeps other web sites out: a browser lets any page post a form here, but never with the
type `application/json` unless this service agrees first, which it does not.
"""

from __future__ import annotations

from collections.abc import Callable

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponseBase

from api.problems import PROBLEM_JSON, of_status, problem, problem_of

_Next = Callable[[HttpRequest], HttpResponseBase]
_SENTENCES = {
    404: "nothing answers at this address; /api/v1/docs lists what does",
    405: "this address does not take the method; the Allow header lists those it takes",
}


class ProblemDocuments:
    """Turns every error that reaches it, raised or answered, into a problem document."""

    def __init__(self, get_response: _Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        try:
            request.get_host()
        except DisallowedHost:
            return problem(
                "host-not-allowed",
                f"this service does not answer to the name {request.META.get('HTTP_HOST', '')!r};"
                " add it to GRIDGIS_API_HOSTS",
                instance=request.path,
            )
        if "\0" in request.path or any("\0" in value for _, all in request.GET.lists() for value in all):
            return problem(
                "malformed", "the address holds a NUL character; remove %00 from it", instance=request.path
            )
        response = self.get_response(request)
        if response.status_code < 400 or response.headers.get("Content-Type", "").startswith(PROBLEM_JSON):
            return response
        if request.path in ("/readyz", "/"):  # these say what is wrong in their own form
            return response
        kept = {name: response.headers[name] for name in ("Allow", "Retry-After") if name in response.headers}
        detail = _SENTENCES.get(response.status_code, "the request cannot be answered")
        return of_status(response.status_code, detail, instance=request.path, headers=kept)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase:
        """Django calls this for what a view raised."""
        return problem_of(request, error)


class JsonBodiesOnly:
    """Refuses a body that is not `application/json`."""

    def __init__(self, get_response: _Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if (
            request.method in ("POST", "PUT", "PATCH", "DELETE")
            and request.content_type != "application/json"
        ):
            return of_status(
                415, "send the body as application/json (with a Content-Type header)", instance=request.path
            )
        return self.get_response(request)
