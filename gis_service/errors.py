"""What can go wrong in a question or a load; the root is `GridError`.

Each message is one sentence that names the id or field and how to mend it. HTTP statuses and exit codes
are decided elsewhere, from the class alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class GridError(Exception):
    """Root of everything this engine raises on purpose."""


class InvalidInput(GridError):
    """The question or file is malformed; `faults` holds every fault found, one sentence each."""

    def __init__(self, message: str, faults: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.faults = tuple(faults)


NAMED = 20
"""Ids that a sentence names; more of them are counted."""


class UnknownId(GridError):
    """Ids that no element of the loaded counties has; `places` tells where in the question they stand."""

    def __init__(
        self, ids: Sequence[str], *, what: str = "element", places: Mapping[str, str] | None = None
    ) -> None:
        self.ids = tuple(ids)
        self.places = dict(places or {})
        listed = ", ".join(
            f"{one!r} ({self.places[one]})" if one in self.places else repr(one) for one in self.ids[:NAMED]
        )
        more = f" and {len(self.ids) - NAMED:,} more" if len(self.ids) > NAMED else ""
        super().__init__(f"no {what} has the id {listed}{more}; ids are case-sensitive")


class AmbiguousId(InvalidInput):
    """An id that elements of several layers share."""

    def __init__(self, id: str, layers: Sequence[str]) -> None:
        self.id = id
        self.layers = tuple(layers)
        choices = " or ".join(f"'{layer}:{id}'" for layer in layers)
        super().__init__(f"the id {id!r} stands in several layers: write {choices}")


class Conflict(GridError):
    """The request contradicts the current state."""


class CapacityTaken(Conflict):
    """A chosen supply breaks a limit by now; `binding` names it, by how much, and what is reserved there."""

    def __init__(self, message: str, binding: Mapping[str, Any]) -> None:
        self.binding = dict(binding)
        super().__init__(message)


class Impossible(GridError):
    """The request is well-formed but cannot be answered for this element."""


class NotReady(GridError):
    """The data needed is not there yet, or its shard is away."""


class CountyAway(NotReady):
    """Counties whose rows are needed, and whose node does not answer."""

    def __init__(self, counties: Sequence[str], why: str) -> None:
        self.counties = tuple(sorted(counties))
        self.why = why
        named = (
            f"county {self.counties[0]}"
            if len(self.counties) == 1
            else f"counties {', '.join(self.counties)}"
        )
        super().__init__(
            f"{named} cannot be reached ({why}): ask again when /readyz names the node as answering"
        )
