"""What a rule book says, as frozen values: every field checked, unknown ones refused.

Knows names, units and what cannot be; refuses to know where a book came from. Two levels of voltage are told
apart, `low` and `medium`; what they reach from and to is said by `supply_voltage`.
"""

from __future__ import annotations

from datetime import date
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from gis_service.kernels.compiled import F64, I64

Level = Literal["low", "medium"]
Construction = Literal["overhead", "underground"]
AreaClass = Literal["urban", "town", "rural"]
CONSTRUCTIONS: tuple[Construction, ...] = ("overhead", "underground")

OTHER = "other"
"""The kind of a corridor that has no factor of its own."""

Number = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
Above0 = Annotated[float, Field(gt=0, le=1e12, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SupplyVoltage(_Section):
    """A level: the base voltages `above_kv < kV <= up_to_kv`, and the largest load that it takes."""

    level: Level
    above_kv: Number
    up_to_kv: Above0
    largest_kva: Above0


class Conductor(_Section):
    """A line that can be built at one level."""

    name: Name
    level: Level
    construction: Construction
    r_ohm_per_km: Number
    x_ohm_per_km: Number
    rated_current_a: Above0
    cost_per_m: Number


class Transformer(_Section):
    """A transformer that can be bought; losses at rated load (`pk_kw`) and without load (`p0_kw`)."""

    rated_kva: Above0
    uk_percent: Number
    pk_kw: Number
    p0_kw: Number
    cost: Number


class _ByConstruction(_Section):
    overhead: Number
    underground: Number


class _Allowed(_Section):
    overhead: tuple[Name, ...]
    underground: tuple[Name, ...]


class CorridorCost(_Section):
    """What a metre of way costs, by construction and kind of corridor."""

    way_cost_per_m: _ByConstruction
    factor: dict[str, Number]
    allowed: _Allowed
    off_corridor_factor: Number

    @model_validator(mode="after")
    def _others(self) -> Self:
        if OTHER not in self.factor:
            raise ValueError(f"factor: say what kinds that are not named cost, as {OTHER!r}")
        return self

    def way(self, construction: Construction) -> float:
        """Per metre, before the factor of the corridor's kind."""
        return float(getattr(self.way_cost_per_m, construction))

    def kind(self, kind: str) -> str:
        """The kind as the rules know it."""
        return kind if kind in self.factor else OTHER

    def per_m(self, kind: str, construction: Construction) -> float:
        """Way cost of a metre of a corridor without a price of its own; inf where it is not allowed."""
        known = self.kind(kind)
        if known not in getattr(self.allowed, construction):
            return float("inf")
        return self.way(construction) * self.factor[known]

    def off_per_m(self, construction: Construction) -> float:
        """Way cost of a metre away from corridors."""
        return self.way(construction) * self.off_corridor_factor


class AttachCost(_Section):
    """What it costs to connect, by kind of attach point."""

    district: Number
    node: Number
    line_tap: Number
    bay: Number


class _ByLevel(_Section):
    low: Above0
    medium: Above0

    def of(self, level: Level) -> float:
        return float(getattr(self, level))


class _ByArea(_Section):
    urban: Above0
    town: Above0
    rural: Above0


class _Radius(_Section):
    low: _ByArea
    medium: _ByArea


class Limits(_Section):
    """What a scheme must keep to."""

    transformer_loading: Share
    line_loading: Share
    voltage_drop_percent: _ByLevel
    lowest_pu: _ByLevel
    regulated_above_kv: Above0
    busbar_pu: Annotated[float, Field(ge=0.8, le=1.2)]
    area_class: AreaClass
    supply_radius_m: _Radius
    reach_m: _ByLevel
    off_corridor_m: Annotated[float, Field(ge=0, le=1000)]

    def radius_m(self, level: Level) -> float:
        """The supply radius of a level in the area class that holds."""
        return float(getattr(getattr(self.supply_radius_m, level), self.area_class))

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        for level in ("low", "medium"):
            if getattr(self.reach_m, level) > MOST_REACH_M:
                raise ValueError(f"reach_m.{level}: at most {MOST_REACH_M:,.0f} m")
        return self


MOST_REACH_M = 20_000.0
"""Beyond this a search would pass over whole counties."""


class _Step(_Section):
    customers: Annotated[int, Field(ge=1)]
    factor: Annotated[float, Field(gt=0, le=1)]


class Load(_Section):
    """How loads are reckoned."""

    power_factor: Annotated[float, Field(gt=0, le=1)]
    coincidence: Annotated[tuple[_Step, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _falls(self) -> Self:
        for one, after in pairwise(self.coincidence):
            if after.customers <= one.customers or after.factor > one.factor:
                raise ValueError(
                    "coincidence: write the steps by rising number of customers; the factor never rises"
                )
        if self.coincidence[0].customers != 1:
            raise ValueError("coincidence: the first step is that of 1 customer")
        return self

    @cached_property
    def steps(self) -> tuple[F64, F64]:
        """Numbers of customers, and the share that each draws together, float64."""
        return (
            np.array([float(one.customers) for one in self.coincidence]),
            np.array([one.factor for one in self.coincidence]),
        )

    def share(self, customers: I64) -> F64:
        """The share of their contracted power that so many customers draw together, float64."""
        shares: F64 = np.interp(np.asarray(customers, np.float64), *self.steps)
        return shares


class Rules(_Section):
    """A rule book."""

    name: Name
    valid_from: date
    currency: Name
    notes: tuple[str, ...] = ()
    supply_voltage: Annotated[tuple[SupplyVoltage, ...], Field(min_length=1)]
    conductor: Annotated[tuple[Conductor, ...], Field(min_length=1, max_length=100)]
    transformer: Annotated[tuple[Transformer, ...], Field(max_length=100)]
    corridor_cost: CorridorCost
    attach_cost: AttachCost
    limits: Limits
    load: Load

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        for section, key in NAMED_BY.items():
            named = [getattr(one, key) for one in getattr(self, section)]
            twice = sorted({one for one in named if named.count(one) > 1})
            if twice:
                raise ValueError(f"{section}: {key} {twice[0]!r} stands twice; give each its own")
        levels = sorted(self.supply_voltage, key=lambda one: one.above_kv)
        for one, after in pairwise(levels):
            if after.above_kv < one.up_to_kv:
                raise ValueError(
                    f"supply_voltage: {after.level} begins inside {one.level}, at {after.above_kv:g} kV"
                )
        return self

    def level_of(self, base_voltage_kv: float) -> Level | None:
        """The level of a base voltage; None where customers are not supplied at it."""
        for one in self.supply_voltage:
            if one.above_kv < base_voltage_kv <= one.up_to_kv:
                return one.level
        return None

    def levels_for(self, kva: float) -> list[Level]:
        """The levels that take a load, lowest first."""
        return [one.level for one in self._by_voltage if kva <= one.largest_kva]

    @cached_property
    def largest_kva(self) -> float:
        """The largest load that any level takes."""
        return max(one.largest_kva for one in self.supply_voltage)

    @cached_property
    def _by_voltage(self) -> list[SupplyVoltage]:
        return sorted(self.supply_voltage, key=lambda one: one.above_kv)

    def transformer_for(self, kva: float) -> Transformer | None:
        """The smallest transformer that carries a load; None where none does."""
        fits = [one for one in self.transformer if kva <= one.rated_kva * self.limits.transformer_loading]
        return min(fits, key=lambda one: one.rated_kva, default=None)


NAMED_BY = {"supply_voltage": "level", "conductor": "name", "transformer": "rated_kva"}
"""Sections that are lists, and the field by which a request names one of their rows."""
