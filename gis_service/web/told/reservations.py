"""Answers about capacity that is held."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from gis_service.web.told.common import Given, Head, Point
from gis_service.web.told.schemes import ReservationsVersion, RulesUsed, Scheme


class ReservedSupplyTold(Given):
    """One supply of a reservation."""

    scheme: Annotated[Scheme, Field(description="as it was worked out when it was reserved")]
    reckoned_kva: Annotated[
        float, Field(description="the three-phase load that burdens each phase as much: what counts")
    ]
    placed: Annotated[bool, Field(description="whether its node or line is in the grid as it is loaded now")]
    why: str | None


class ReservationChanged(Given):
    """One decision."""

    state: Literal["held", "built", "withdrawn"]
    at: datetime
    operator: str
    reason: str


class ReservationTold(Given):
    """Capacity that is held, or was."""

    id: int
    state: Literal["held", "built", "withdrawn"]
    counts: Annotated[bool, Field(description="whether all of it counts as load: held, and in its place")]
    point: Point
    kva: float
    phases: str
    independence: Annotated[str | None, Field(description="null: one supply")]
    supplies: list[ReservedSupplyTold]
    cost: float
    idempotency_key: str
    decided_at_version: Annotated[int, Field(description="of the record of reservations")]
    decided_at_grid_version: dict[str, int]
    rules: RulesUsed
    changes: Annotated[list[ReservationChanged], Field(description="who decided what, oldest first")]


class ReservationAnswer(Head):
    """One reservation."""

    reservation: ReservationTold
    reservations_version: ReservationsVersion


class ReservationsAnswer(Head):
    """A page of reservations, newest first."""

    reservations: list[ReservationTold]
    next: Annotated[str | None, Field(description="address of the next page")]
    reservations_version: ReservationsVersion
