"""The world a question is asked in, as the asker names it; plain values, not yet checked against the grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple


class Switching(NamedTuple):
    """One switch of a what-if."""

    id: str
    open: bool


@dataclass(frozen=True, slots=True)
class Context:
    """Switch states to start from, and a what-if on top.

    state : the current states, or the normal ones
    at : the states of that moment instead; not together with `normal`
    switching : set on top, stored nowhere
    at_least : versions by county that the answer must have seen
    """

    switching: tuple[Switching, ...] = ()
    state: Literal["current", "normal"] = "current"
    at: datetime | None = None
    at_least: Mapping[str, int] = field(default_factory=dict)


NOW = Context()
