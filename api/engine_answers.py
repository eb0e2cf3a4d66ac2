"""The engine's answers as this process relies on them; an answer that does not fit is refused, never patched.

Fields the engine may add later are let through; fields relied on are checked, and so is that the customer
list is as long as the sum says, because a list that is silently short must never be stored.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("must be a finite number")
    return value


def _storable(value: str) -> str:
    if "\x00" in value:
        raise ValueError("must not hold a NUL character")
    return value


Identifier = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_storable)]
CountyCode = Annotated[str, Field(min_length=1, max_length=12), AfterValidator(_storable)]
Name = Annotated[str, AfterValidator(_storable)]
NotNegative = Annotated[float, Field(ge=0), AfterValidator(_finite)]
Count = Annotated[int, Field(ge=0)]
CustomerClass = Literal["residential", "commercial", "industrial", "agricultural", "public"]
CriticalGrade = Literal["special", "first", "second", "temporary"]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class CriticalCounts(_Answer):
    """Affected customers per critical grade (GB/T 29328)."""

    special: Count = 0
    first: Count = 0
    second: Count = 0
    temporary: Count = 0


class Affected(_Answer):
    """Sums over affected customers; `transformer_districts` counts districts with at least one of them."""

    customers: Count
    critical: CriticalCounts
    transformer_districts: Count
    contracted_kva: NotNegative


class AffectedDistrict(_Answer):
    """One transformer district with affected customers."""

    id: Identifier
    county_code: CountyCode
    name: Name | None = None
    transformer_id: Identifier | None = None
    customers: Count
    customers_total: Count
    contracted_kva: NotNegative


class ImpactedCustomer(_Answer):
    """One customer who is supplied before and not after; `point` is longitude, latitude."""

    id: Identifier
    county_code: CountyCode
    district_id: Identifier | None = None
    node_id: Identifier
    customer_class: CustomerClass
    critical_grade: CriticalGrade | None = None
    contracted_kva: NotNegative
    point: tuple[Annotated[float, Field(ge=-180, le=180)], Annotated[float, Field(ge=-90, le=90)]]


class OutageImpact(_Answer):
    """The answer of `POST /v1/outage-impact` with customers and districts included."""

    grid_version: dict[CountyCode, int]
    as_of: AwareDatetime
    partial: bool
    missing_counties: list[CountyCode] = []
    affected: Affected
    by_county: dict[CountyCode, Affected]
    opened: list[Identifier]
    districts: list[AffectedDistrict]
    customers: list[ImpactedCustomer]

    @model_validator(mode="after")
    def _list_is_whole(self) -> Self:
        if len(self.customers) != self.affected.customers:
            raise ValueError(
                f"the engine counts {self.affected.customers} affected customers and lists"
                f" {len(self.customers)}"
            )
        if len({customer.id for customer in self.customers}) != len(self.customers):
            raise ValueError("the engine lists a customer twice")
        if self.partial != bool(self.missing_counties):
            raise ValueError("partial and missing_counties contradict each other")
        return self


class SearchedGiven(_Answer):
    """What an answer was chosen from."""

    model_config = ConfigDict(extra="allow", frozen=True)

    counties: list[CountyCode]


class SchemesGiven(_Answer):
    """The answer of `POST /v1/supply-schemes`; `whole` is all of it, to be kept."""

    model_config = ConfigDict(extra="allow", frozen=True)

    grid_version: dict[CountyCode, int]
    reservations_version: Count
    schemes: list[dict[str, Any]]
    pairs: list[dict[str, Any]]
    searched: SearchedGiven

    @property
    def whole(self) -> dict[str, Any]:
        """As it was given."""
        return self.model_dump(mode="json")


class ReservationHeld(_Answer):
    """What is relied on of a reservation."""

    model_config = ConfigDict(extra="allow", frozen=True)

    id: Annotated[int, Field(ge=1)]
    state: Literal["held", "built", "withdrawn"]
    cost: NotNegative


class ReservationGiven(_Answer):
    """The answer about one reservation."""

    model_config = ConfigDict(extra="allow", frozen=True)

    reservation: ReservationHeld

    @property
    def whole(self) -> dict[str, Any]:
        """As it was given."""
        return self.model_dump(mode="json")


class ReservationChange(_Answer):
    """One decision about a reservation."""

    state: Literal["held", "built", "withdrawn"]
    at: AwareDatetime
    operator: str


class ReservationListed(ReservationHeld):
    """A reservation as a page of the engine's record has it."""

    point: tuple[float, float]
    kva: NotNegative
    idempotency_key: str
    changes: Annotated[list[ReservationChange], Field(min_length=1)]

    @property
    def whole(self) -> dict[str, Any]:
        """As it was given."""
        return self.model_dump(mode="json")


class ReservationsPage(_Answer):
    """A page of reservations; `next` is the address of the following one."""

    reservations: list[ReservationListed]
    next: str | None
