"""Reservations as answers: one, or a page of them, and whether each still has its place in the grid."""

from __future__ import annotations

from dataclasses import dataclass

from gis_service.engine.columns import Answer, rfc3339
from gis_service.engine.reserving.book import missing
from gis_service.engine.world import Scene
from gis_service.errors import InvalidInput, UnknownId
from gis_service.network.topology import Topology
from gis_service.store.reservations import Reservation, ReservedSupply, counties_ever, reservations_page


@dataclass(frozen=True, slots=True)
class Page:
    """Which reservations: of a county, a state, an element; at most `limit`, after the token of a page."""

    limit: int
    county: str | None = None
    state: str | None = None
    element: str | None = None
    after: str | None = None


def reservations_listed(scene: Scene, page: Page) -> Answer:
    """A page of reservations, newest first; `next` is the token of the next page, or None.

    Raises
    ------
    UnknownId
        For a county that was never loaded.
    InvalidInput
        For a token this service did not write.
    """
    known = page.county is None or page.county in scene.world.versions
    if not known and page.county not in counties_ever():
        raise UnknownId([str(page.county)], what="county")
    if page.after is not None and not (
        page.after.isascii() and page.after.isdecimal() and len(page.after) < 19
    ):
        fault = "after: follow the next address of a page as it stands; this value is of no page"
        raise InvalidInput(fault, [fault])
    rows = reservations_page(
        page.limit + 1,
        county=page.county,
        state=page.state,
        element=page.element,
        before=None if page.after is None else int(page.after),
    )
    shown = rows[: page.limit]
    return {
        "reservations": [reservation_told(scene.topology, one) for one in shown],
        "next": str(shown[-1].id) if len(rows) > len(shown) else None,
    }


def reservation_told(topology: Topology, one: Reservation) -> Answer:
    """A reservation as an answer."""
    supplies = [_supply_told(topology, one, supply) for supply in one.supplies]
    return {
        "id": one.id,
        "state": one.state,
        "counts": one.state == "held" and all(supply["placed"] for supply in supplies),
        "point": list(one.point),
        "kva": one.kva,
        "phases": one.phases,
        "independence": one.independence,
        "supplies": supplies,
        "cost": round(sum(scheme["cost"]["total"] for scheme in one.schemes), 2),
        "idempotency_key": one.idempotency_key,
        "decided_at_version": one.id,
        "decided_at_grid_version": dict(one.grid_version),
        "rules": dict(one.rules),
        "changes": [
            {
                "state": change.state,
                "at": rfc3339(change.at),
                "operator": change.operator,
                "reason": change.reason,
            }
            for change in one.changes
        ],
    }


def _supply_told(topology: Topology, one: Reservation, supply: ReservedSupply) -> Answer:
    why = missing(topology, supply)
    return {
        "scheme": one.schemes[supply.number - 1],
        "reckoned_kva": supply.reckoned_kva,
        "placed": why is None,
        "why": why,
    }
