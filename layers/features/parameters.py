"""The query parameters of this service, declared once: what the views read is what OpenAPI tells.

A parameter that is not declared is an error and not ignored (OGC 17-069r4, 7.15.4).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from layers.filter.check import queryables
from layers.filter.tree import Call, Expression, Property, Value
from layers.source import BadQuery, Box, Description

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000_000
LANGUAGES = ("cql2-text", "cql2-json")


@dataclass(frozen=True)
class Parameter:
    """A query parameter as OpenAPI 3.0 describes it."""

    name: str
    description: str
    schema: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        """The Parameter Object."""
        return {
            "name": self.name,
            "in": "query",
            "description": self.description,
            "required": False,
            "schema": dict(self.schema),
            "style": "form",
            "explode": False,
        }


_TEXT: Mapping[str, Any] = {"type": "string"}
_URI: Mapping[str, Any] = {"type": "string", "format": "uri"}
_BOX_ITEMS = {"type": "array", "items": {"type": "number"}}

BBOX = Parameter(
    "bbox",
    "Features that meet a box: west, south, east, north (or with heights, which are passed over), in lon/lat "
    "or in the system of `bbox-crs`. A west that is greater than the east crosses the 180th meridian.",
    # the least and the most stand beside the choice for readers that know no choices (OGC 17-069r4, 7.15.3)
    {
        **_BOX_ITEMS,
        "minItems": 4,
        "maxItems": 6,
        "oneOf": [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}],
    },
)
DATETIME = Parameter(
    "datetime",
    "The moment for which live properties are told, RFC 3339; of an interval (`start/end`, `..` where it is "
    "open) its end. No feature is left out: a grid is not made of events.",
    _TEXT,
)
LIMIT = Parameter(
    "limit",
    "At most so many features.",
    {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
)
AFTER = Parameter("after", "Where the page begins: taken from a `next` link as it stands.", _TEXT)
FILTER = Parameter("filter", "A condition in CQL2 over the queryables of the collection.", _TEXT)
FILTER_LANG = Parameter(
    "filter-lang",
    "The language of `filter`.",
    {"type": "string", "enum": list(LANGUAGES), "default": LANGUAGES[0]},
)
FILTER_CRS = Parameter("filter-crs", "The reference system of geometries in `filter`.", _URI)
BBOX_CRS = Parameter("bbox-crs", "The reference system of `bbox`.", _URI)
CRS = Parameter("crs", "The reference system of the answer, in the order of axes that it has.", _URI)
PROPERTIES = Parameter(
    "properties", "The properties to be told, with commas between them.", {"type": "array", "items": _TEXT}
)

ITEM_PARAMETERS = ("bbox", "limit", "after", "f")
"""Those that every items request of any such service has."""

_ITEMS = (BBOX, DATETIME, LIMIT, AFTER, CRS, BBOX_CRS, FILTER, FILTER_LANG, FILTER_CRS, PROPERTIES)


def format_parameter(offered: Iterable[str]) -> Parameter:
    """The parameter that chooses the form of an answer."""
    return Parameter(
        "f", "The form of the answer; goes before `Accept`.", {"type": "string", "enum": list(offered)}
    )


def items_parameters(description: Description, offered: Iterable[str]) -> list[Parameter]:
    """What a request of features of this layer may have; its properties are among it."""
    own = [
        Parameter(one.name, f"Features whose `{one.name}` is this value.", {"type": one.type})
        for one in filtered_by_name(description)
    ]
    return [*_ITEMS, format_parameter(offered), *own]


def filtered_by_name(description: Description) -> list[Property]:
    """The properties that are parameters: those whose name no other parameter has."""
    taken = {one.name for one in _ITEMS} | {"f", "token"}
    found = queryables(description).values()
    return [one for one in found if one.name.lower() not in taken and one.type != "geometry"]


def refuse_unknown(given: Collection[str], known: Collection[str]) -> None:
    """Refuse what is not declared; BadQuery."""
    unknown = [name for name in given if name not in known]
    if unknown:
        raise BadQuery(f"{', '.join(unknown)[:200]}: no such parameter here; use {', '.join(known)}")


def read_limit(text: str | None) -> int:
    """How many features at most; a larger number than can be is no fault (17-069r4, 7.15.2)."""
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdecimal()) or int(text[:20]) < 1:
        raise BadQuery(f"limit: {text[:40]!r} is not a whole number from 1 to {MAX_LIMIT}")
    return min(int(text[:20]), MAX_LIMIT)


def read_numbers(text: str) -> tuple[float, float, float, float]:
    """The four numbers of a `bbox`; heights are passed over. BadQuery for anything else."""
    parts = text.split(",")
    try:
        numbers = [float(part) for part in parts[:7]]
    except ValueError:
        numbers = []
    if len(numbers) not in (4, 6) or not all(map(math.isfinite, numbers)):
        raise BadQuery(f"bbox: {text[:80]!r} is not four numbers west,south,east,north, or six with heights")
    if len(numbers) == 6:
        numbers = [numbers[0], numbers[1], numbers[3], numbers[4]]
    west, south, east, north = numbers
    return west, south, east, north


def read_box(text: str) -> Box:
    """A `bbox` in lon/lat.

    Raises
    ------
    BadQuery
        For anything else, or a south edge north of the north edge.
    """
    box = Box(*read_numbers(text))
    if box.south > box.north or not (-180 <= box.west <= 180 and -180 <= box.east <= 180):
        raise BadQuery(f"bbox: {text[:80]!r} lies outside lon/lat, or its south is north of its north")
    return box


def read_properties(text: str | None, description: Description) -> tuple[str, ...] | None:
    """The names of the properties to be told; None for all. BadQuery names those that there are not."""
    if text is None:
        return None
    names = tuple(dict.fromkeys(name for name in text.split(",") if name))
    known = [field.name for field in description.fields]
    if unknown := [name for name in names if name not in known]:
        raise BadQuery(
            f"properties: {description.id} has no {', '.join(unknown)[:200]}; it has {', '.join(known)}"
        )
    return names


def read_equal(property: Property, text: str) -> Expression:
    """The condition that a property has the value a parameter of its name gives (17-069r4, 7.15.5)."""
    if property.type == "string":
        if "\x00" in text:
            raise BadQuery(f"{property.name}: holds the character 0, which no property does")
        return Call("=", (property, Value(text, "string")))
    if property.type == "boolean":
        if text.lower() not in ("true", "false"):
            raise BadQuery(f"{property.name}: {text[:40]!r} is neither true nor false")
        return Call("=", (property, Value(text.lower() == "true", "boolean")))
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BadQuery(f"{property.name}: {text[:40]!r} is no number")
    return Call("=", (property, Value(number, "number")))
