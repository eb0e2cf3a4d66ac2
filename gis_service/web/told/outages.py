"""Answers about who loses supply."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gis_service.web.told.common import (
    Counted,
    Customer,
    District,
    ElementIds,
    FeatureCollection,
    Given,
    Head,
)


class Impact(Given):
    """Who loses supply in one case."""

    affected: Annotated[Counted, Field(description="supplied before, not supplied after")]
    by_county: dict[str, Counted]
    opened: Annotated[list[str], Field(description="switches that protection opens for the faults")]
    districts: Annotated[list[District], Field(default_factory=list)]
    customers: Annotated[list[Customer], Field(default_factory=list)]
    elements: Annotated[ElementIds, Field(default_factory=dict, description="what goes dark, by layer")]
    geometry: FeatureCollection | None = None


class OutageAnswer(Head, Impact):
    """Who loses supply."""


class OutageCasesAnswer(Head):
    """Who loses supply, case by case, in the order asked."""

    cases: list[Impact]
