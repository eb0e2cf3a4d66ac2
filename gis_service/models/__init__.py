"""The tables of the grid, one model per layer of the grid package, and the record of its switching.

Knows columns, constraints and indexes; the rows are written by `gis_service.store` alone. Every table but
`county` has the primary key `(county_code, id)` and is distributed by `county_code`, which never changes in a
row: moving an element is a delete and an insert. The register, the journal of loads and the reservations lie
whole on the coordinator instead.
"""

from __future__ import annotations

from gis_service.models.coordinator import (
    CountyRegister,
    IndexToBuild,
    LoadRun,
    Reservation,
    ReservationChange,
    ReservationSupply,
)
from gis_service.models.grid import (
    ConnectivityNode,
    Corridor,
    County,
    CustomerPoint,
    Element,
    EnergySource,
    LineSection,
    PowerTransformer,
    Substation,
    Switch,
    TransformerDistrict,
)
from gis_service.models.record import CountyVersion, Interruption, SwitchAnswer, SwitchOperation

__all__ = [
    "ConnectivityNode",
    "Corridor",
    "County",
    "CountyRegister",
    "CountyVersion",
    "CustomerPoint",
    "Element",
    "EnergySource",
    "IndexToBuild",
    "Interruption",
    "LineSection",
    "LoadRun",
    "PowerTransformer",
    "Reservation",
    "ReservationChange",
    "ReservationSupply",
    "Substation",
    "Switch",
    "SwitchAnswer",
    "SwitchOperation",
    "TransformerDistrict",
]
