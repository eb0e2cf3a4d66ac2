"""Tokens at `/v1`, whose answers reach through the whole network: every county, or nothing."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import pytest

from layers.scope import write_token
from tests.drawn import NORTH, SOUTH
from tests.live import MAP_KEY, LiveEngine
from tests.web.test_problems import problem

ASKED = {"out": ["FU1"], "include": []}


def token(counties: Collection[str] | None, *, hours: int = 1, key: str = MAP_KEY) -> str:
    return write_token(key.encode(), counties, datetime.now(UTC) + timedelta(hours=hours))


def bearer(of: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {of}"}


@pytest.mark.parametrize("counties", [[NORTH], [NORTH, SOUTH], []])
def test_a_token_for_some_counties_is_refused(still_engine: LiveEngine, counties: list[str]) -> None:
    """Those of today's counties may be all there are; tomorrow they are not."""
    narrow = token(counties)
    for answer in (
        still_engine.post("/v1/outage-impact", ASKED, headers=bearer(narrow)),
        still_engine.post(f"/v1/outage-impact?token={narrow}", ASKED),
        still_engine.post("/v1/trace", {"type": "downstream", "from": ["FU1"]}, headers=bearer(narrow)),
        still_engine.get("/v1/supply-path/C3", headers=bearer(narrow)),
        still_engine.get(f"/v1/switch-operations?TOKEN={narrow}"),
    ):
        assert '"*"' in problem(answer, 403)["detail"]


def test_a_token_for_every_county_is_answered_as_none_is(still_engine: LiveEngine) -> None:
    wide = token(None)
    plain = still_engine.ask("/v1/outage-impact", ASKED)
    answer = still_engine.post("/v1/outage-impact", ASKED, headers=bearer(wide))
    assert answer.status_code == 200
    assert answer.json()["affected"] == plain["affected"]


@pytest.mark.parametrize("bad", ["nonsense", token(None, hours=-1), token(None, key="x" * 40)])
def test_a_token_that_does_not_hold_is_refused_where_none_is_needed(
    still_engine: LiveEngine, bad: str
) -> None:
    answer = still_engine.post("/v1/outage-impact", ASKED, headers=bearer(bad))
    assert problem(answer, 401)["detail"].startswith("token: ")
