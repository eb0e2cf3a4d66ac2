"""What questions are made of: ids, times, texts and areas, and the world that each is asked in."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    model_validator,
)

from gis_service.engine.context import Context, Switching
from gis_service.network.tables import phase_mask

MAX_IDS = 100_000
LONGEST_ID = 240
"""An id of the grid package, and the name of a layer with its colon."""

FIRST_YEAR = 1900

_RFC_3339 = re.compile(
    r"\d{4}-(0[1-9]|1[0-2])-\d\d[T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)",
    re.IGNORECASE | re.ASCII,
)
"""Seconds may be left out; a leap second has no place among the times of a database."""


def _written_time(value: object) -> object:
    if isinstance(value, datetime) or (isinstance(value, str) and _RFC_3339.fullmatch(value)):
        return value
    raise ValueError("write the time as RFC 3339 text with a zone, such as 2026-01-31T12:00:00Z")


def _countable_time(value: datetime) -> datetime:
    try:
        year = value.astimezone(UTC).year
    except OverflowError:
        year = 0
    if year < FIRST_YEAR:
        raise ValueError(f"the time lies outside the years {FIRST_YEAR} to 9999 (in UTC)")
    return value


def _printable(value: object) -> object:
    if isinstance(value, str) and "\x00" in value:
        raise ValueError("the text holds a NUL character, which no database stores")
    return value


Id = Annotated[str, Field(min_length=1, max_length=LONGEST_ID), BeforeValidator(_printable)]
"""The utility's own id, or `layer:id` where several layers share it."""
Ids = Annotated[list[Id], Field(max_length=MAX_IDS)]
Time = Annotated[AwareDatetime, BeforeValidator(_written_time), AfterValidator(_countable_time)]
Note = Annotated[str, Field(max_length=500), BeforeValidator(_printable)]
Key = Annotated[str, Field(min_length=1, max_length=200), BeforeValidator(_printable)]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False, strict=True)]
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False, strict=True)]
Position = tuple[Longitude, Latitude] | tuple[Longitude, Latitude, float]
Ring = Annotated[list[Position], Field(min_length=4)]
Rings = Annotated[list[Ring], Field(min_length=1)]
BoundingBox = Annotated[list[float], Field(min_length=4, max_length=6)]


class Strict(BaseModel):
    """A request model: a field that is not declared is a fault, not ignored."""

    model_config = ConfigDict(extra="forbid")


class SwitchPosition(Strict):
    """One switch of a what-if."""

    id: Id
    open: StrictBool


class Question(Strict):
    """The world a question is asked in; every question takes these fields."""

    switching: Annotated[
        list[SwitchPosition],
        Field(
            default_factory=list,
            max_length=MAX_IDS,
            description="a what-if on top of the chosen state; nothing is stored",
        ),
    ]
    state: Annotated[
        Literal["current", "normal"],
        Field(description="the switch states to start from"),
    ] = "current"
    at: Annotated[
        Time | None, Field(description="the switch states of that moment; not together with `state: normal`")
    ] = None
    at_least: Annotated[
        dict[str, Annotated[StrictInt, Field(ge=0)]],
        Field(default_factory=dict, description="versions, by county, that the answer must have seen"),
    ]

    @model_validator(mode="after")
    def _one_state(self) -> Self:
        if self.at is not None and self.state == "normal":
            raise ValueError(
                "`at` asks for the switch states of a moment, `state: normal` for the planned ones: drop one"
            )
        return self

    def context(self) -> Context:
        """The world asked for, as the engine takes it."""
        return Context(
            switching=tuple(Switching(one.id, one.open) for one in self.switching),
            state=self.state,
            at=self.at,
            at_least=self.at_least,
        )


def _phases(value: object) -> object:
    if isinstance(value, str):
        if phase_mask(value, absent=0) == 0:
            raise ValueError("name at least one of the phases A, B, C")
        return value
    raise ValueError("write phases as text, such as ABC or B")


Phases = Annotated[str, BeforeValidator(_phases), Field(examples=["ABC"])]


class PolygonArea(Strict):
    """A GeoJSON Polygon, lon/lat."""

    type: Literal["Polygon"]
    coordinates: Rings
    bbox: BoundingBox | None = None


class MultiPolygonArea(Strict):
    """A GeoJSON MultiPolygon, lon/lat."""

    type: Literal["MultiPolygon"]
    coordinates: Annotated[list[Rings], Field(min_length=1)]
    bbox: BoundingBox | None = None


Area = Annotated[PolygonArea | MultiPolygonArea, Field(discriminator="type")]
