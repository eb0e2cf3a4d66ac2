"""Whether a client has an answer already: `If-None-Match` beside the answer's tag (RFC 9110, 13.1.2)."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.http import parse_etags


def has_already(request: HttpRequest, etag: str) -> bool:
    """Whether one of the tags that came is this one; weak or not counts alike, and `*` is every one."""
    known = parse_etags(request.headers.get("If-None-Match", ""))
    return any(one == "*" or one.removeprefix("W/") == etag.removeprefix("W/") for one in known)
