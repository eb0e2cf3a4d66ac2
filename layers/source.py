"""What a map layer must answer, whoever stands behind it: its fields, its extent, pages of features.

Pure values; knows neither HTTP nor a database. Features come in the order (county, id), and a page ends with
the key after which the next one starts, so that paging never skips or repeats what did not change.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, runtime_checkable

from layers.geojson_columns import Features

if TYPE_CHECKING:  # a filter names the types of fields that are told here
    from layers.filter.tree import Expression

GeometryType = Literal["Point", "LineString", "MultiLineString", "Polygon", "MultiPolygon"]
FieldType = Literal["string", "number", "integer", "boolean"]

Counties = frozenset[str] | None
"""The counties that a caller may see; None: every one."""


def within(counties: Iterable[str], seen: Counties) -> list[str]:
    """Those of some counties that a caller may see, in the order given."""
    return [county for county in counties if seen is None or county in seen]


class LayerError(Exception):
    """Root of what this package raises on purpose."""


class BadQuery(LayerError):
    """A parameter has a value that cannot be; the message names it and says how to mend it."""


class NoSuchLayer(LayerError):
    """A collection or feature that does not exist."""


class Forbidden(LayerError):
    """A token that does not reach what was asked for."""


class Unidentified(Forbidden):
    """A token that is missing where one is needed, that cannot be read, or that holds no longer."""


class NotAcceptable(LayerError):
    """None of the forms that the caller takes is written here."""


class Unreachable(LayerError):
    """What was asked for may be there, but not all of the layer can be read now; the message names why."""


class Box(NamedTuple):
    """A box in lon/lat; `west > east` crosses the 180th meridian."""

    west: float
    south: float
    east: float
    north: float

    def parts(self) -> list[Box]:
        """This box as boxes that do not cross the 180th meridian."""
        if self.west <= self.east:
            return [self]
        return [self._replace(east=180.0), self._replace(west=-180.0)]

    def meets(self, other: Box) -> bool:
        """Whether two boxes, the other one not over the 180th meridian, have a point in common."""
        if self.west <= self.east:
            return (
                self.west <= other.east
                and other.west <= self.east
                and self.south <= other.north
                and other.south <= self.north
            )
        return any(
            part.west <= other.east
            and other.west <= part.east
            and part.south <= other.north
            and other.south <= part.north
            for part in self.parts()
        )


class Key(NamedTuple):
    """Where a feature stands in the order of its layer."""

    county: str
    id: str


@dataclass(frozen=True, slots=True)
class Field:
    """One property of a layer's features; a `live` one is worked out when asked for, and stored nowhere."""

    name: str
    type: FieldType
    title: str = ""
    live: bool = False


@dataclass(frozen=True, slots=True)
class Description:
    """A layer as a catalogue shows it."""

    id: str
    title: str
    description: str
    geometry: GeometryType
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """Which features are asked for: at most `limit`, after a key, that meet a box, of some counties.

    `moment`: live fields are told as of then (None: as of now). `where`: a condition on stored fields, which
    a source may leave to whoever asks (`Page.sifted`).
    """

    limit: int
    box: Box | None = None
    after: Key | None = None
    counties: Counties = None
    moment: datetime | None = None
    where: Expression | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Features in order, their properties in the order of the fields.

    `after` is the key of the last one where others follow it, None where it is the end. `missing` are
    counties whose features could not be read: none of theirs is in the page. `sifted`: the condition of the
    query was applied, and the page has only features that it keeps.
    """

    features: Features
    after: Key | None
    missing: tuple[str, ...] = ()
    sifted: bool = False


class Count(NamedTuple):
    """How many features there are; an estimate where not `exact`."""

    number: int
    exact: bool


class Source(Protocol):
    """Where the features of one layer come from."""

    @property
    def description(self) -> Description:
        """What the layer is."""

    def extent(self, counties: Counties = None) -> Box | None:
        """A box around the features of some counties; None when there are none, or it is not known."""

    def page(self, query: Query) -> Page:
        """The features asked for."""

    def feature(self, id: str, counties: Counties = None) -> Features | None:
        """The feature of that id alone; None where no county of these has it."""


@runtime_checkable
class Counting(Source, Protocol):
    """A source that can tell how many features meet a query, without reading them."""

    def count(self, query: Query, most: int) -> Count | None:
        """Exact up to `most`, and beyond where that is free; None where nothing can be told.

        Where the page that goes before it starts, and how long it is, does not matter.
        """
