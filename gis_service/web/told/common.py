"""What every answer is made of: its head, elements, customers counted and listed, and problems."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Point = Annotated[list[float], Field(min_length=2, max_length=2, description="[lon, lat]")]
ElementIds = Annotated[dict[str, list[str]], Field(description="ids by layer, each list by (county, id)")]


class Given(BaseModel):
    """An answer model: nothing stands in an answer that is not declared."""

    model_config = ConfigDict(extra="forbid")


class Head(Given):
    """What every answer starts with."""

    grid_version: Annotated[
        dict[str, int], Field(description="version of each county the answer was given at")
    ]
    as_of: Annotated[datetime, Field(description="the moment the switch states stand for")]
    partial: Annotated[bool, Field(description="true when a county's shard did not answer")]
    missing_counties: list[str]
    loaded_later: Annotated[
        list[str],
        Field(
            description="counties loaded after `as_of`: the answer knows their grid as loaded and what was "
            "recorded since; operations recorded before the load do not count"
        ),
    ]


class Feature(Given):
    """A GeoJSON Feature of one element."""

    type: Literal["Feature"]
    id: str
    geometry: dict[str, Any] | None
    properties: dict[str, Any]


class FeatureCollection(Given):
    """A GeoJSON FeatureCollection."""

    type: Literal["FeatureCollection"]
    features: list[Feature]


class Critical(Given):
    """Important customers by grade (GB/T 29328)."""

    special: int
    first: int
    second: int
    temporary: int


class Counted(Given):
    """Customers counted."""

    customers: int
    critical: Critical
    transformer_districts: Annotated[int, Field(description="districts with at least one of the customers")]
    contracted_kva: float


class District(Given):
    """A transformer district, with those of its customers the answer is about."""

    id: str
    county_code: str
    name: str | None
    transformer_id: str | None
    customers: int
    customers_total: int
    contracted_kva: float


class Customer(Given):
    """A customer point."""

    id: str
    county_code: str
    district_id: str | None
    node_id: str
    customer_class: str
    critical_grade: str | None
    contracted_kva: float
    point: Point | None


class NamedElement(Given):
    """An element of a path."""

    layer: str
    id: str


class PathElement(NamedElement):
    """An element of a path, with what a reader needs to find it."""

    county_code: str
    name: str | None
    length_m: float


class Problem(BaseModel):
    """An RFC 9457 problem document."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: Annotated[list[dict[str, Any]], Field(default_factory=list)]
