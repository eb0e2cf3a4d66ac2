"""What a question may say, and how much a refusal says; expected is what the documentation promises."""

from __future__ import annotations

import json

import pytest
from django.test import RequestFactory
from pydantic import ValidationError

from gis_service.errors import InvalidInput, UnknownId
from gis_service.web.asked.outages import OutageQuestion
from gis_service.web.asked.tracing import TraceQuestion
from gis_service.web.problems import problem_of


@pytest.mark.parametrize(
    "text",
    [
        "1700000000",
        "2026-11-27",
        "2026-11-27T07:40:00",
        "2026-11-27T24:00:00Z",
        "2016-12-31T23:59:60Z",
        "27.11.2026 07:40",
    ],
)
def test_a_time_that_is_not_rfc_3339_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValidationError, match=r"RFC 3339 text with a zone, such as 2026-01-31T12:00:00Z"):
        OutageQuestion.model_validate({"out": ["a"], "at": text})


@pytest.mark.parametrize(
    "text", ["2026-11-27T07:40:00Z", "2026-11-27t07:40z", "2026-11-27 07:40:00.25+08:00"]
)
def test_a_time_may_leave_out_its_seconds_or_divide_them(text: str) -> None:
    assert OutageQuestion.model_validate({"out": ["a"], "at": text}).at is not None


def test_only_loops_are_looked_for_everywhere() -> None:
    assert TraceQuestion.model_validate({"type": "loops"}).start == []
    with pytest.raises(ValidationError, match="name at least one id to start the upstream trace at"):
        TraceQuestion.model_validate({"type": "upstream"})


def test_many_unknown_ids_are_counted_and_not_all_named() -> None:
    """A hundred thousand of them made nine megabytes."""
    error = UnknownId([f"x{k}" for k in range(5_000)], places={"x0": "out[0]"})
    document = json.loads(problem_of(RequestFactory().get("/v1/trace"), error).content)
    assert document["detail"].startswith("no element has the id 'x0' (out[0]), 'x1', ")
    assert document["detail"].endswith("'x19' and 4,980 more; ids are case-sensitive")
    assert len(document["errors"]) == 1_000


def test_many_faults_are_counted_and_not_all_listed() -> None:
    faults = [f"out[{k}]: wrong" for k in range(2_000)]
    error = InvalidInput(faults[0], faults)
    document = json.loads(problem_of(RequestFactory().get("/v1/trace"), error).content)
    assert document["detail"].endswith("; and 1,997 more, the first 1,000 listed in errors")
    assert document["errors"][-1]["pointer"] == "#/out/999"
