"""What clients send and receive about connection applications; shapes only."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from api.schemas import Key, Note, Strict, one_line

Who = Annotated[
    str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True), AfterValidator(one_line)
]
ApplicantName = Annotated[
    str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), AfterValidator(one_line)
]
Contact = Annotated[str, StringConstraints(max_length=400, strip_whitespace=True), AfterValidator(one_line)]
Reason = Annotated[str, StringConstraints(max_length=500, strip_whitespace=True), AfterValidator(one_line)]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False, strict=True)]
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False, strict=True)]


class Applicant(Strict):
    """Who applies; held in this process' database alone, the engine is never told."""

    name: ApplicantName
    contact: Contact = ""


class NewApplication(Strict):
    """Somebody wants to be connected."""

    applicant: Applicant
    point: tuple[Longitude, Latitude] = Field(description="[lon, lat] in EPSG:4326")
    kva: Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False, strict=True)]
    phases: Literal["ABC", "AB", "BC", "AC", "A", "B", "C"] = "ABC"
    supplies: Literal[1, 2] = 1
    independence: Literal["feeder", "busbar", "substation"] = "feeder"
    wanted_on: date | None = None
    note: Note = ""
    decided_by: Who = Field(description="Who records it: a name.")
    idempotency_key: Key | None = Field(
        None, description="The same key with the same body gives the application already made."
    )


class Deciding(Strict):
    """A decision, and who made it."""

    decided_by: Who
    reason: Reason = ""


class Rejecting(Strict):
    """A refusal gives its reason."""

    decided_by: Who
    reason: Annotated[Reason, Field(min_length=1)]


class AskingSchemes(Strict):
    """Ask the engine for supply schemes; its answer is kept whole."""

    decided_by: Who
    k: Annotated[int, Field(ge=1, le=20)] = 3
    state: Literal["current", "normal"] = Field(
        "current", description="Switch states to ask with, and later to reserve in."
    )
    rules: dict[str, Any] = Field({}, description="Values of the rule book to set otherwise.")


class Accepting(Strict):
    """Which scheme of which answer (for two supplies: which pair) is accepted."""

    decided_by: Who
    rank: Annotated[int, Field(ge=1)]
    answer: Annotated[int, Field(ge=1)] | None = Field(None, description="The latest answer when absent.")


class SchemeAnswerOut(BaseModel):
    """An answer of the engine, whole."""

    sequence: int
    asked_at: datetime
    asked_by: str
    question: dict[str, Any]
    answer: dict[str, Any]


class ApplicationStepOut(BaseModel):
    """Who decided what, when, from which state to which."""

    sequence: int
    at: datetime
    kind: str
    decided_by: str
    from_status: str
    to_status: str
    details: dict[str, Any]


class ApplicantOut(BaseModel):
    """Who applies."""

    name: str
    contact: str


class ApplicationOut(BaseModel):
    """A connection application."""

    id: str = Field(description="Its number, such as 2026-000123.")
    status: str
    possible: list[str] = Field(description="What may be decided in this state.")
    applicant: ApplicantOut
    point: tuple[float, float]
    kva: float
    phases: str
    supplies: int
    independence: str
    wanted_on: date | None
    note: str
    counties: list[str]
    created_at: datetime
    version: int
    answers: int = Field(description="How often schemes were asked for.")
    reservation_id: int | None = Field(description="The engine's number of what is, or was, reserved.")
    cost: float | None = Field(description="Of the scheme as it was reserved.")


class ApplicationDetail(ApplicationOut):
    """With every answer and the whole history."""

    reservation: dict[str, Any] | None = Field(description="As the engine answered last.")
    scheme_answers: list[SchemeAnswerOut]
    steps: list[ApplicationStepOut]


class ApplicationPage(BaseModel):
    """Applications, the newest first; `next` is the address of the following page or null."""

    applications: list[ApplicationOut]
    next: str | None
