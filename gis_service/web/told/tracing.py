"""Answers about connectivity: traces, supply paths, areas and radii, and single elements."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from gis_service.web.told.common import (
    Counted,
    Customer,
    District,
    ElementIds,
    FeatureCollection,
    Given,
    Head,
    NamedElement,
    PathElement,
)


class TraceAnswer(Head):
    """The elements a trace found."""

    type: str
    length_m: Annotated[
        float | None, Field(description="length of all lines found; null where there is no way")
    ]
    counts: Annotated[dict[str, int], Field(description="elements found, by layer")]
    found: Annotated[bool, Field(description="shortest_path: whether there is a way")] = False
    path: Annotated[list[NamedElement], Field(default_factory=list, description="shortest_path: in order")]
    to_open: Annotated[list[str], Field(default_factory=list, description="isolation: switches to open")]
    already_open: Annotated[
        list[str],
        Field(default_factory=list, description="isolation: switches of the border that stand open"),
    ]
    sources_inside: Annotated[
        list[str], Field(default_factory=list, description="isolation: sources no switch can separate")
    ]
    elements: Annotated[ElementIds, Field(default_factory=dict)]
    customers: Annotated[list[Customer], Field(default_factory=list)]
    districts: Annotated[list[District], Field(default_factory=list)]
    geometry: FeatureCollection | None = None


class Named(Given):
    """Something with a name."""

    id: str
    county_code: str | None
    name: str | None


class Feeder(Given):
    """A feeder and its head switch."""

    id: str
    switch_id: str
    county_code: str


class DistrictName(Named):
    """A transformer district."""

    transformer_id: str | None


class SupplyPathAnswer(Head):
    """How one customer is supplied."""

    customer: Customer
    supplied: bool
    phases: Annotated[str | None, Field(description="phases the whole path carries")]
    source: Named | None
    substation: Named | None
    feeder: Feeder | None
    district: DistrictName | None
    elements: Annotated[list[PathElement], Field(description="in order, from the source to the customer")]
    length_m: float
    meshed: Annotated[bool, Field(description="other ways exist; this is the shortest")]
    geometry: FeatureCollection
    line: Annotated[dict[str, Any] | None, Field(description="the path as one GeoJSON LineString")]


class SupplyAreaAnswer(Head):
    """What some elements supply."""

    supplied: Counted
    by_county: dict[str, Counted]
    districts: list[District]
    customers: list[Customer]
    elements: ElementIds
    area: Annotated[
        dict[str, Any] | None, Field(description="GeoJSON outline; null where nothing is supplied")
    ]


class SupplyRadiusAnswer(Head):
    """The longest electrical path below an element."""

    mode: Literal["trunk", "full"]
    length_m: float
    elements: Annotated[list[PathElement], Field(description="in order, outwards")]
    farthest_node: str | None
    geometry: FeatureCollection
    line: dict[str, Any] | None


class ElementAnswer(Head):
    """One element."""

    layer: str
    id: str
    county_code: str
    properties: dict[str, Any]
    geometry: dict[str, Any] | None
    energised: bool
    energised_phases: Annotated[str, Field(description="nodes: the phases that are energised")] = ""
    open: Annotated[bool, Field(description="switches: how it stands in the state asked for")] = False
