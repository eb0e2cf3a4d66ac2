"""How bodies are read and written: JSON by the letter, times to the microsecond."""

from __future__ import annotations

from typing import Any

import orjson
from django.http import HttpRequest
from ninja.parser import Parser
from ninja.renderers import BaseRenderer


class StrictJson(Parser):
    """Reads RFC 8259: no NaN, no lone surrogates; ninja turns the ValueError into a 400."""

    def parse_body(self, request: HttpRequest) -> Any:
        """The body as plain values."""
        return orjson.loads(request.body)


class ExactJson(BaseRenderer):
    """Writes times with microseconds and a zone; Django's own encoder would cut them to milliseconds."""

    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:  # noqa: ARG002
        """The body as bytes."""
        return orjson.dumps(data, option=orjson.OPT_UTC_Z)
