"""What is reserved and has lost its place in the grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gis_service.checks.findings import Finding
from gis_service.checks.subject import Subject


class Claim(NamedTuple):
    """A supply of a reservation that is held, and the node or line where it joins the grid."""

    reservation: int
    county_code: str
    layer: str
    id: str


def reservations_without_place(subject: Subject, claims: Sequence[Claim]) -> None:
    """A held reservation whose node or line no loaded county has: it counts nowhere."""
    for claim in claims:
        if subject.topology.ids.row(claim.layer, claim.id) is None:
            subject.findings.append(
                Finding(
                    "reservation_without_place",
                    claim.county_code,
                    claim.layer,
                    claim.id,
                    f"{claim.layer} {claim.id!r} is where reservation {claim.reservation} joins, and no "
                    "loaded county has it",
                    None,
                )
            )
