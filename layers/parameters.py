"""The query parameters of a features request, checked: every fault named, unknown parameters refused."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Collection, Mapping

import orjson

from layers.source import BadQuery, Box, Key, Query

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000_000
FORMATS = ("geojson", "json")
ITEM_PARAMETERS = ("bbox", "limit", "after", "f")


def refuse_unknown(given: Collection[str], known: Collection[str]) -> None:
    """OGC API – Features Part 1, 7.15.4: a parameter that is not declared is an error, not ignored."""
    unknown = [name for name in given if name not in known]
    if unknown:
        raise BadQuery(f"{', '.join(unknown)}: no such parameter here; use {', '.join(known)}")


def items_query(given: Mapping[str, str]) -> Query:
    """The query of an items request.

    Raises
    ------
    BadQuery
        For an unknown parameter, or the first value that cannot be.
    """
    refuse_unknown(list(given), ITEM_PARAMETERS)
    check_format(given)
    return Query(
        limit=_limit(given.get("limit")),
        box=read_box(given["bbox"]) if "bbox" in given else None,
        after=read_after(given["after"]) if "after" in given else None,
    )


def check_format(given: Mapping[str, str]) -> None:
    """Refuse a format that is not written here."""
    if given.get("f", "json") not in FORMATS:
        raise BadQuery(f"f: {given['f']!r} is not written here; use {' or '.join(FORMATS)}")


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not text.isdecimal() or int(text[:20]) < 1:
        raise BadQuery(f"limit: {text!r} is not a whole number from 1 to {MAX_LIMIT}")
    # the standard lets a server return fewer; a too large limit is not an error
    return min(int(text[:20]), MAX_LIMIT)


def read_box(text: str) -> Box:
    """A `bbox` of four numbers, or six with heights, which are passed over.

    Raises
    ------
    BadQuery
        For anything else, or a south edge north of the north edge.
    """
    parts = text.split(",")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) not in (4, 6) or not all(map(math.isfinite, numbers)):
        raise BadQuery(f"bbox: {text!r} is not west,south,east,north in degrees")
    if len(numbers) == 6:
        numbers = [numbers[0], numbers[1], numbers[3], numbers[4]]
    box = Box(*numbers)
    if box.south > box.north or not (-180 <= box.west <= 180 and -180 <= box.east <= 180):
        raise BadQuery(f"bbox: {text!r} lies outside lon/lat, or its south is north of its north")
    return box


def write_after(key: Key) -> str:
    """A key as an opaque token."""
    return base64.urlsafe_b64encode(orjson.dumps([key.county, key.id])).rstrip(b"=").decode()


def read_after(token: str) -> Key:
    """The key of a token; BadQuery for one that this service did not write."""
    try:
        county, id = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        if not (isinstance(county, str) and isinstance(id, str)) or "\x00" in county + id:
            raise ValueError(token)
    except (ValueError, TypeError, binascii.Error):
        raise BadQuery(
            "after: follow the next link of a page as it stands; this value is of no page"
        ) from None
    return Key(county, id)
