"""The record of switching as answers: the log of operations, the interruptions of customers, page by page."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from gis_service.engine.columns import Answer, rfc3339
from gis_service.engine.world import Scene
from gis_service.errors import CountyAway, InvalidInput, UnknownId
from gis_service.store import pages


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows: of a county, a switch or customer, within `[since, until)`, a page of at most `limit`."""

    limit: int
    county: str | None = None
    id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    after: str | None = None


def operations_logged(scene: Scene, wanted: Wanted) -> Answer:
    """A page of the log, newest first; `next` is the token of the next page, or None.

    Raises
    ------
    UnknownId
        For a county that is not loaded.
    CountyAway
        For a county whose node does not answer; without a county, those are left out and named.
    InvalidInput
        For a token this service did not write.
    """
    rows, away = pages.operations_page(
        wanted.limit + 1,
        counties=_counties(scene, wanted),
        switch_id=wanted.id,
        since=wanted.since,
        until=wanted.until,
        before=_key(wanted.after),
    )
    missing = _missing(wanted, away)
    shown = rows[: wanted.limit]
    versions = scene.world.versions
    return {
        "operations": [
            {
                "county_code": one.county_code,
                "number": one.id,
                "id": one.switch_id,
                "open": one.open,
                "at": rfc3339(one.at),
                "recorded_at": rfc3339(one.recorded_at),
                "reason": one.reason,
                "operator": one.operator,
                "idempotency_key": one.idempotency_key,
                "counts": one.county_code in versions
                and versions[one.county_code].topology_version == one.epoch,
            }
            for one in shown
        ],
        "next": _token((shown[-1].at, shown[-1].county_code, shown[-1].id))
        if len(rows) > len(shown)
        else None,
        **missing,
    }


def interruptions_logged(scene: Scene, wanted: Wanted) -> Answer:
    """A page of interruptions by beginning; `next` and errors as for the log."""
    rows, away = pages.interruptions_page(
        wanted.limit + 1,
        counties=_counties(scene, wanted),
        customer_id=wanted.id,
        since=wanted.since,
        until=wanted.until,
        after=_key(wanted.after),
    )
    shown = rows[: wanted.limit]
    switch_of, unknown = pages.causes({one.cause for one in shown if one.cause is not None})
    missing = _missing(wanted, {**unknown, **away})
    return {
        "interruptions": [
            {
                "county_code": one.county_code,
                "customer_id": one.customer_id,
                "start": rfc3339(one.began),
                "end": None if one.ended is None else rfc3339(one.ended),
                "cause": None if one.cause is None else switch_of.get(one.cause),
            }
            for one in shown
        ],
        "next": _token((shown[-1].began, shown[-1].county_code, shown[-1].id))
        if len(rows) > len(shown)
        else None,
        **missing,
    }


def _missing(wanted: Wanted, away: Mapping[str, str]) -> Answer:
    """What the head says of counties whose record could not be read; refuses where it was one asked for."""
    if wanted.county is not None and wanted.county in away:
        raise CountyAway([wanted.county], away[wanted.county])
    return {"partial": bool(away), "missing_counties": sorted(away)}


def _counties(scene: Scene, wanted: Wanted) -> Sequence[str] | None:
    if wanted.county is None:
        return None
    if wanted.county not in scene.world.versions and wanted.county not in scene.world.missing_counties:
        raise UnknownId([wanted.county], what="county")
    return [wanted.county]


def _token(key: tuple[datetime, str, int]) -> str:
    at, county, number = key
    return base64.urlsafe_b64encode(orjson.dumps([at.isoformat(), county, number])).rstrip(b"=").decode()


def _key(token: str | None) -> tuple[datetime, str, int] | None:
    if token is None:
        return None
    try:
        at, county, number = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        if not isinstance(county, str) or not isinstance(number, int):
            raise ValueError(token)
        return datetime.fromisoformat(at), county, number
    except (ValueError, TypeError, binascii.Error):
        fault = "after: follow the next address of a page as it stands; this value is of no page"
        raise InvalidInput(fault, [fault]) from None
