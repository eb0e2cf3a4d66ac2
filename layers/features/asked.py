"""What a request of features asks for: everything is checked before anything is read."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
import shapely

from layers.features.crs import System, read_system, systems
from layers.features.parameters import (
    FILTER_LANG,
    LANGUAGES,
    filtered_by_name,
    items_parameters,
    read_box,
    read_equal,
    read_limit,
    read_numbers,
    read_properties,
    refuse_unknown,
)
from layers.features.times import read_moment
from layers.filter.check import read_filter
from layers.filter.tree import GEOMETRY, Call, Expression, Property, Shape, both, parted
from layers.source import BadQuery, Box, Counties, Key, Query, Source


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of features: the query of what is stored, the condition on what is live, how it is told."""

    query: Query
    live: Expression | None
    fields: tuple[str, ...] | None
    system: System


def read_asked(
    given: Mapping[str, str], source: Source, counties: Counties, formats: Mapping[str, str]
) -> Asked:
    """What is asked of a source.

    Raises
    ------
    BadQuery
        For an unknown parameter, or the first value that cannot be.
    """
    description = source.description
    refuse_unknown(list(given), [one.name for one in items_parameters(description, formats)])
    offered = systems(source.extent(counties))
    system = read_system("crs", given.get("crs"), offered)
    box, outline = _area(given, read_system("bbox-crs", given.get("bbox-crs"), offered))
    conditions = [
        read_equal(one, given[one.name]) for one in filtered_by_name(description) if one.name in given
    ]
    stored, live = parted(both(outline, *conditions, _filter(given, source, offered)))
    query = Query(
        limit=read_limit(given.get("limit")),
        box=box,
        after=read_after(given["after"]) if "after" in given else None,
        counties=counties,
        moment=read_moment(given.get("datetime"), datetime.now(UTC)),
        where=stored,
    )
    return Asked(query, live, read_properties(given.get("properties"), description), system)


def _filter(given: Mapping[str, str], source: Source, offered: tuple[str, ...]) -> Expression | None:
    language = given.get("filter-lang", LANGUAGES[0])
    if language not in LANGUAGES:
        raise BadQuery(
            f"{FILTER_LANG.name}: {language[:40]!r} is not read here; use {' or '.join(LANGUAGES)}"
        )
    system = read_system("filter-crs", given.get("filter-crs"), offered)
    if "filter" not in given:
        return None
    return read_filter(
        given["filter"], language, source.description, None if system.is_lonlat else system.to_lonlat
    )


def _area(given: Mapping[str, str], system: System) -> tuple[Box | None, Expression | None]:
    """The box in lon/lat, and what beyond it a box of another system demands."""
    if "bbox" not in given:
        return None, None
    if system.is_lonlat:
        return read_box(given["bbox"]), None
    numbers = read_numbers(given["bbox"])
    if numbers[0] > numbers[2] or numbers[1] > numbers[3]:
        raise BadQuery(f"bbox: {given['bbox'][:80]!r} has its lower corner above its upper one")
    outline = system.outline(numbers)
    west, south, east, north = shapely.total_bounds(outline).tolist()
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise BadQuery(f"bbox: {given['bbox'][:80]!r} lies outside what {system.name} covers")
    box = Box(west, south, east, north)
    if not outline.is_valid or shapely.area(outline) == 0:
        return box, None
    if shapely.equals(outline, shapely.box(*box)):
        return box, None
    return box, Call("s_intersects", (Property(GEOMETRY, "geometry"), Shape(shapely.to_wkb(outline))))


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
