"""The `datetime` parameter: the moment for which a map is told (OGC 17-069r4, 7.15.4)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from layers.source import BadQuery

CLOCK_SKEW = timedelta(seconds=60)
"""How far ahead a client's clock may be."""

_INSTANT = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[Tt](\d{2}:\d{2}:\d{2})(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2}))?", re.ASCII
)


def read_moment(text: str | None, now: datetime) -> datetime | None:
    """The moment asked for; None for now.

    Of an interval it is the end, or now where that is open or lies ahead. A date alone is its first moment
    in UTC.

    Raises
    ------
    BadQuery
        For what is neither, an interval that ends before it starts, or an instant that lies ahead.
    """
    if text is None:
        return None
    parts = text.split("/")
    if len(parts) == 1:
        moment = _instant(text, text)
        if moment > now + CLOCK_SKEW:
            raise BadQuery(f"datetime: {text[:60]!r} lies ahead, and how the grid will be is not known")
        return moment if moment < now else None
    if len(parts) != 2:
        raise _wrong(text)
    start, end = (None if part in ("", "..") else _instant(part, text) for part in parts)
    if start is not None and end is not None and end < start:
        raise BadQuery(f"datetime: {text[:60]!r} ends before it starts")
    return end if end is not None and end < now else None


def _instant(text: str, whole: str) -> datetime:
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise _wrong(whole)
    day, time, fraction, zone = match.groups()
    try:
        if time is None:
            return datetime.fromisoformat(day).replace(tzinfo=UTC)
        # a leap second is the first moment of the next minute
        leap = time.endswith(":60")
        time = time[:-2] + "59" if leap else time
        zone = "+00:00" if zone in "Zz" else zone
        found = datetime.fromisoformat(f"{day}T{time}{(fraction or '')[:7]}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise _wrong(whole) from None
    return found + timedelta(seconds=leap)


def _wrong(text: str) -> BadQuery:
    return BadQuery(
        f"datetime: {text[:60]!r} is no instant of RFC 3339 such as 2026-03-01T08:00:00Z, and no interval "
        f"of two, with / between them and .. for an open end"
    )
