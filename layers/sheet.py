"""A layer as it is drawn: sheets of flat arrays, one for each county, and what of them lies in a box.

What a picture or a tile needs is here without a query: geometry as offsets and coordinates, columns as the
writer of GeoJSON reads them, live state beside them. Values only; whoever holds the grid makes them.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from compiling import I64
from layers.geojson_columns import Column, Geometries, NumberColumn, TextColumn
from layers.source import Box, Counties, Source

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Sight:
    """What somebody looks at: a box, at a moment (None: now), in the counties that they may see.

    `fields` are the properties wanted; live ones among them are worked out for the rows in the box alone.
    """

    box: Box
    fields: tuple[str, ...] = ()
    moment: datetime | None = None
    counties: Counties = None


class KeptColumns(dict[str, Column]):
    """Columns of one whole sheet that several looks share, and what is worked out of them, by who did that.

    Both go when the last look that shares them does.
    """

    __slots__ = ("told",)

    def __init__(self, columns: Mapping[str, Column]) -> None:
        super().__init__(columns)
        self.told: dict[Hashable, Any] = {}


@dataclass(frozen=True, eq=False)
class Patch:
    """The features of one county in a box: rows of a sheet that lives as long as the county's grid.

    Parameters
    ----------
    rows
        Ascending rows of the sheet whose own box meets the box asked for, int64.
    geometries
        Of the whole sheet, in lon/lat.
    ids, columns
        Of the whole sheet: ids, and the stored fields wanted.
    live
        Of the rows alone, aligned with `rows`: `energised`, and `open` of a switch, as truths that may be
        unknown.
    """

    county: str
    rows: I64
    geometries: Geometries
    ids: TextColumn
    columns: Mapping[str, Column] = field(default_factory=dict)
    live: Mapping[str, NumberColumn] = field(default_factory=dict)


class Seen(NamedTuple):
    """Patches by county in order; `missing` counties could not be read."""

    patches: list[Patch]
    missing: tuple[str, ...] = ()


@runtime_checkable
class Drawable(Source, Protocol):
    """A source that can be drawn."""

    def look(self, sight: Sight) -> Seen:
        """What lies in a box."""

    def stamp(self, sight: Sight) -> str:
        """A text that is another one whenever `look` can answer anything else; costs no look."""
