"""What clients send and receive: one model per body; a field that is not declared is a fault.

Shapes only: whether a device exists is the engine's to say, whether a step is allowed the operations'.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    StringConstraints,
    model_validator,
)

from api.engine_answers import Affected, AffectedDistrict, CriticalGrade, CustomerClass

MOST_DEVICES = 1000
FIRST_YEAR = 1900


def _written_time(value: object) -> object:
    if isinstance(value, (str, datetime)) and not (
        isinstance(value, str) and value.strip().lstrip("-").isdigit()
    ):
        return value
    raise ValueError("write the time as RFC 3339 text with a zone, such as 2026-01-31T12:00:00Z")


def _storable_time(value: datetime) -> datetime:
    try:
        year = value.astimezone(UTC).year
    except OverflowError:
        year = 0
    if year < FIRST_YEAR:
        raise ValueError(f"the time lies outside the years {FIRST_YEAR} to 9999 (in UTC)")
    return value


def one_line(value: str) -> str:
    """The text, where it holds no control character."""
    if any(unicodedata.category(character) == "Cc" for character in value):
        raise ValueError("control characters and line breaks are not allowed here")
    return value


def _lines(value: str) -> str:
    if any(unicodedata.category(character) == "Cc" and character not in "\t\n\r" for character in value):
        raise ValueError("control characters other than line breaks and tabs are not allowed here")
    return value


Time = Annotated[AwareDatetime, BeforeValidator(_written_time), AfterValidator(_storable_time)]
DeviceId = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(one_line)]
Devices = Annotated[list[DeviceId], Field(max_length=MOST_DEVICES)]
Cause = Annotated[str, StringConstraints(max_length=200, strip_whitespace=True), AfterValidator(one_line)]
Note = Annotated[str, StringConstraints(max_length=4000), AfterValidator(_lines)]
Operator = Annotated[str, StringConstraints(max_length=100, strip_whitespace=True), AfterValidator(one_line)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(one_line)]
Version = Annotated[StrictInt, Field(ge=1)]


class Strict(BaseModel):
    """A body in which every field is known."""

    model_config = ConfigDict(extra="forbid")


class NewOutage(Strict):
    """An outage record to open."""

    device_id: DeviceId | None = Field(
        None, description="The one device that is out; the same as `out` with this id."
    )
    out: Devices = Field([], description="Elements and nodes that stop conducting.")
    faults: Devices = Field(
        [], description="Elements with a fault: the nearest protective devices towards the sources open, too."
    )
    kind: Literal["unplanned", "planned"] = "unplanned"
    cause: Cause = ""
    note: Note = ""
    started_at: Time | None = Field(
        None,
        description="When it began (planned: begins); now when absent. Of a time in the past the engine is"
        " asked with the switch states just before it.",
    )
    expected_restoration_at: Time | None = None
    operator: Operator = Field("", description="Who does this, for the log.")
    idempotency_key: Key | None = Field(
        None,
        description="The same key with the same body gives the record already opened, never a second one.",
    )

    @model_validator(mode="after")
    def _names_devices(self) -> Self:
        if self.device_id is not None and (self.out or self.faults):
            raise ValueError("name the device in device_id, or the devices in out and faults, not both")
        if self.device_id is None and not self.out and not self.faults:
            raise ValueError("name at least one device, in device_id, out or faults")
        for name, ids in (("out", self.out), ("faults", self.faults)):
            if len(set(ids)) != len(ids):
                twice = next(one for one in ids if ids.count(one) > 1)
                raise ValueError(f"{name} names {twice!r} twice")
        return self

    @property
    def out_ids(self) -> list[str]:
        """What stops conducting, `device_id` included."""
        return [self.device_id] if self.device_id is not None else list(self.out)


class OutageChange(Strict):
    """Fields to change; an absent field stays, null clears the expected restoration."""

    version: Version = Field(description="The version you saw; 409 when the record has moved on.")
    cause: Cause = ""
    note: Note = ""
    expected_restoration_at: Time | None = None
    operator: Operator = ""

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set & {"cause", "note", "expected_restoration_at"}:
            raise ValueError("name at least one of cause, note and expected_restoration_at")
        return self


class OutageClosing(Strict):
    """Supply is restored."""

    restored_at: Time
    version: Version | None = Field(None, description="Where given, 409 when the record has moved on.")
    operator: Operator = ""


class OutageCancelling(Strict):
    """The outage did not take place, or was recorded by mistake."""

    reason: Cause = ""
    version: Version | None = None
    operator: Operator = ""


class OutageRefreshing(Strict):
    """Ask the engine again; the earlier lists stay."""

    state: Literal["at_start", "current"] = Field(
        "at_start",
        description="Switch states to ask with: just before the outage began, or those of now"
        " (who is still out after switching).",
    )
    version: Version | None = None
    operator: Operator = ""


class AssessmentOut(BaseModel):
    """One answer of the engine about the record."""

    sequence: int
    answered_at: datetime
    as_of: datetime
    grid_version: dict[str, int]
    partial: bool
    missing_counties: list[str]
    affected: Affected
    by_county: dict[str, Affected]
    opened: list[str] = Field(description="Switches that protection opened.")
    question: dict[str, Any] = Field(description="What the engine was asked.")


class StepOut(BaseModel):
    """One entry of the log; `changes` maps a field to its value before and after."""

    sequence: int
    at: datetime
    kind: str
    operator: str
    changes: dict[str, Any]


class OutageOut(BaseModel):
    """A record with its latest assessment."""

    id: str = Field(description="The outage number, such as 2026-000123.")
    kind: str
    status: str
    out: list[str]
    faults: list[str]
    counties: list[str]
    cause: str
    note: str
    started_at: datetime
    expected_restoration_at: datetime | None
    restored_at: datetime | None
    opened_at: datetime
    version: int
    assessment: AssessmentOut
    customers_url: str
    customers_csv_url: str


class OutageDetail(OutageOut):
    """A record with everything known about it except the customer lists."""

    districts: list[AffectedDistrict]
    assessments: list[AssessmentOut]
    steps: list[StepOut]


class OutagePage(BaseModel):
    """Records, the newest first; `next` is the address of the following page or null."""

    outages: list[OutageOut]
    next: str | None


class CustomerOut(BaseModel):
    """An affected customer; `point` is longitude, latitude."""

    id: str
    county_code: str
    district_id: str | None
    node_id: str
    customer_class: CustomerClass
    critical_grade: CriticalGrade | None
    contracted_kva: float
    point: tuple[float, float]


class CustomerPage(BaseModel):
    """Affected customers in the order county, id; `next` is the address of the following page or null."""

    outage: str
    assessment: int
    count: int
    grid_version: dict[str, int]
    as_of: datetime
    partial: bool
    missing_counties: list[str]
    customers: list[CustomerOut]
    next: str | None


class ConfigOut(BaseModel):
    """What the map needs to know before it can ask anybody."""

    engine_url: str
    api_version: str


class ProblemOut(BaseModel):
    """An RFC 9457 problem document."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[dict[str, Any]] = []
