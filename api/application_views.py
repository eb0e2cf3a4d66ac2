"""The addresses under `/api/v1/applications`: a view parses, makes one call, and shows the result.

A decision about an application that is not settled settles it first: what was decided last is then known.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Status

from api import application_intake, application_settling, application_states, applications
from api.application_queries import ApplicationFilter, application, listed, scheme_answers, steps
from api.application_schemas import (
    Accepting,
    ApplicantOut,
    ApplicationDetail,
    ApplicationOut,
    ApplicationPage,
    ApplicationStepOut,
    AskingSchemes,
    Deciding,
    NewApplication,
    Rejecting,
    SchemeAnswerOut,
)
from api.engine import engine
from api.engine_client import EngineRefused
from api.models import UNSETTLED, ApplicationStatus, ConnectionApplication
from api.schemas import ProblemOut, Time
from api.views import ASK, WRITE, api, next_page, only_known

ROOT = "/api/v1/applications"
MOST_APPLICATIONS = 200
TAGS = ["applications"]


@api.post(
    "/applications",
    response={200: ApplicationDetail, 201: ApplicationDetail, **WRITE},
    tags=TAGS,
    summary="Record a connection application",
)
def create(request: HttpRequest, body: NewApplication) -> Status[ApplicationDetail]:
    """201 with the new application; 200 with the one already made under the same idempotency key."""
    made, new = application_intake.create(request=body, now=timezone.now())
    return Status(201 if new else 200, _detail(made))


@api.get(
    "/applications",
    response={200: ApplicationPage, 400: ProblemOut},
    tags=TAGS,
    summary="List connection applications",
)
def list_applications(
    request: HttpRequest,
    status: Literal[
        "received",
        "offered",
        "accepting",
        "accepted",
        "withdrawing",
        "completing",
        "built",
        "withdrawn",
        "rejected",
    ]
    | None = None,
    county: str | None = None,
    since: Time | None = None,
    until: Time | None = None,
    limit: Annotated[int, Query(ge=1, le=MOST_APPLICATIONS)] = 50,
    cursor: str | None = None,
) -> ApplicationPage:
    """The latest first; `county`: one within reach of the point; `since`, `until`: when it was recorded."""
    only_known(request, "status", "county", "since", "until", "limit", "cursor")
    wanted = ApplicationFilter(status=status, county=county, since=since, until=until)
    page, following = listed(wanted=wanted, limit=limit, cursor=cursor)
    return ApplicationPage(
        applications=[ApplicationOut(**_common(one)) for one in page],
        next=next_page(request, ROOT, following),
    )


@api.get(
    "/applications/{number}",
    response={200: ApplicationDetail, 404: ProblemOut},
    tags=TAGS,
    summary="One connection application",
)
def get_application(request: HttpRequest, number: str) -> ApplicationDetail:
    """With every answer of the engine, and who decided what when, from which state to which."""
    return _detail(application(number=number))


@api.post(
    "/applications/{number}/schemes",
    response={200: ApplicationDetail, **ASK},
    tags=TAGS,
    summary="Ask the engine for supply schemes",
)
def ask_schemes(request: HttpRequest, number: str, body: AskingSchemes) -> ApplicationDetail:
    """The answer is kept whole, with its question; earlier answers stay."""
    _settle_first(number)
    asked = application(number=number)
    application_states.move(asked, "ask schemes")  # before the engine is asked for nothing
    question = applications.scheme_question(application=asked, asking=body)
    answer = engine().supply_schemes(question)
    return _detail(
        applications.keep_schemes(
            number=number, asking=body, question=question, answer=answer, now=timezone.now()
        )
    )


@api.post(
    "/applications/{number}/accept",
    response={200: ApplicationDetail, **ASK},
    tags=TAGS,
    summary="Accept a scheme",
)
def accept(request: HttpRequest, number: str, body: Accepting) -> ApplicationDetail:
    """The engine works the scheme out anew and holds its capacity.

    409 with the engine's own reason (`binding`) when somebody else took it: it is `offered` again.
    503 when the engine does not answer: the application is `accepting` until it is settled.
    """
    _settle_first(number)
    return _detail(applications.accept(number=number, accepting=body, engine=engine(), now=timezone.now()))


@api.post(
    "/applications/{number}/withdraw",
    response={200: ApplicationDetail, **ASK},
    tags=TAGS,
    summary="Withdraw an application",
)
def withdraw(request: HttpRequest, number: str, body: Deciding) -> ApplicationDetail:
    """The applicant does not want it any more; what is reserved is let go."""
    _settle_first(number)
    return _detail(applications.withdraw(number=number, deciding=body, engine=engine(), now=timezone.now()))


@api.post(
    "/applications/{number}/reject",
    response={200: ApplicationDetail, **ASK},
    tags=TAGS,
    summary="Reject an application",
)
def reject(request: HttpRequest, number: str, body: Rejecting) -> ApplicationDetail:
    """The utility refuses, with a reason; possible until a scheme is accepted."""
    _settle_first(number)
    return _detail(applications.reject(number=number, rejecting=body, now=timezone.now()))


@api.post(
    "/applications/{number}/built",
    response={200: ApplicationDetail, **ASK},
    tags=TAGS,
    summary="The connection is built",
)
def built(request: HttpRequest, number: str, body: Deciding) -> ApplicationDetail:
    """The customer is in the grid package by now, and the reservation ends."""
    _settle_first(number)
    return _detail(applications.built(number=number, deciding=body, engine=engine(), now=timezone.now()))


@api.post(
    "/applications/{number}/settle",
    response={200: ApplicationDetail, **ASK},
    tags=TAGS,
    summary="Settle what the engine may or may not have done",
)
def settle(request: HttpRequest, number: str) -> ApplicationDetail:
    """Ask the engine again what it was asked last, under the same key; nothing where the outcome is known."""
    _settle_first(number)
    return _detail(application(number=number))


def _settle_first(number: str) -> None:
    """What was decided before is known from here on; where it was refused, the history says so."""
    if application(number=number).status in UNSETTLED:
        with suppress(EngineRefused):
            application_settling.settle(number=number, engine=engine(), now=timezone.now())


def _detail(one: ConnectionApplication) -> ApplicationDetail:
    return ApplicationDetail(
        **_common(one),
        reservation=one.reservation,
        scheme_answers=[
            SchemeAnswerOut(
                sequence=answer.sequence,
                asked_at=answer.asked_at,
                asked_by=answer.asked_by,
                question=answer.question,
                answer=answer.answer,
            )
            for answer in scheme_answers(application=one)
        ],
        steps=[
            ApplicationStepOut(
                sequence=step.sequence,
                at=step.at,
                kind=step.kind,
                decided_by=step.decided_by,
                from_status=step.from_status,
                to_status=step.to_status,
                details=step.details,
            )
            for step in steps(application=one)
        ],
    )


def _common(one: ConnectionApplication) -> dict[str, object]:
    status = ApplicationStatus(one.status)
    return {
        "id": one.number,
        "status": one.status,
        "possible": ["settle"] if status in UNSETTLED else list(application_states.MOVES.get(status, ())),
        "applicant": ApplicantOut(name=one.applicant_name, contact=one.applicant_contact),
        "point": (one.longitude, one.latitude),
        "kva": one.kva,
        "phases": one.phases,
        "supplies": one.supplies,
        "independence": one.independence,
        "wanted_on": one.wanted_on,
        "note": one.note,
        "counties": one.counties,
        "created_at": one.created_at,
        "version": one.version,
        "answers": one.scheme_answers.count(),
        "reservation_id": one.reservation_id,
        "cost": None if one.reservation is None else one.reservation["cost"],
    }
