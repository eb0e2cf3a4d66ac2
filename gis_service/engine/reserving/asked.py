"""What is asked to be reserved: the question of a supply scheme, and which of its answers was chosen."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import orjson

from gis_service.engine.schemes import SchemeAsked
from gis_service.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Chosen:
    """One supply of a scheme: a supply point, and the conductor of the line to it.

    node_id, fraction : which place of the supply point; where both are None, the cheapest that holds
    """

    kind: str
    id: str
    conductor: str
    node_id: str | None = None
    fraction: float | None = None

    def __str__(self) -> str:
        where = f" at {self.fraction:g} of its length" if self.fraction is not None else ""
        return f"{self.kind} {self.id!r}{where} with {self.conductor!r}"


@dataclass(frozen=True)
class ReservationAsked:
    """A scheme to be reserved; `chosen` has one supply or two, `operator` is who decided it."""

    question: SchemeAsked
    chosen: Sequence[Chosen]
    idempotency_key: str
    operator: str
    reason: str = ""
    state: Literal["current", "normal"] = "current"

    @property
    def digest(self) -> str:
        """Equal for equal content, whatever process took it."""
        return hashlib.sha256(orjson.dumps(asdict(self), option=orjson.OPT_SORT_KEYS)).hexdigest()

    def refuse_contradictions(self) -> None:
        """Refuse as many choices as there are no supplies, and one place chosen twice.

        Raises
        ------
        InvalidInput
            Naming each place.
        """
        faults: list[str] = []
        if self.question.disjoint and self.question.supplies != 2:
            faults.append("disjoint: is asked of two supplies; set supplies to 2, or leave it out")
        if len(self.chosen) != self.question.supplies:
            faults.append(
                f"chosen: {len(self.chosen)} supplies are chosen and supplies is {self.question.supplies}; "
                "name one supply point for each"
            )
        for k, one in enumerate(self.chosen):
            if one.fraction is not None and one.kind != "line_tap":
                faults.append(f"chosen[{k}].attach.fraction: belongs to a line_tap, not to a {one.kind}")
        if faults:
            raise InvalidInput(faults[0], faults)
