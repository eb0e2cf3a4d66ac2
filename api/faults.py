"""What operations and queries refuse, and why: one sentence each, no HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class BusinessError(Exception):
    """Root of what the business API raises on purpose."""


class Malformed(BusinessError):
    """A parameter whose value cannot be read; `parameter` is its name."""

    def __init__(self, parameter: str, sentence: str) -> None:
        super().__init__(f"{parameter}: {sentence}")
        self.fault = {"parameter": parameter, "detail": f"{parameter}: {sentence}"}


class NotFound(BusinessError):
    """No record has the number."""


class Conflict(BusinessError):
    """The request contradicts what is recorded by now; `members` tell the client the present state."""

    def __init__(self, message: str, members: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.members = dict(members or {})


class Impossible(BusinessError):
    """Well-formed, but it cannot be so (a restoration before the outage, say)."""
