"""Sheets with the columns that one kind of look wants, at hand for as long as looks follow one another.

A map asks for dozens of tiles in one breath, each of several layers. What a look of each needs of a county is
the same, so it is gathered once and used for a second; after that whoever looks gathers it again, and so
tells the budgets of sheets and snapshots what is in use.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from gis_service.atlas.sheet import Sheet
from gis_service.engine.shapes import Shapes
from layers.geojson_columns import Column
from layers.sheet import KeptColumns

SECONDS = 1.0
MOST_KINDS = 64


class ReadySheet(NamedTuple):
    """A county's sheet and the stored columns wanted of it; `until` a moment of the clock."""

    sheet: Sheet
    columns: Mapping[str, Column]
    until: float


class Ready:
    """What is at hand, of the grid as one set of loads; safe for threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._of: tuple[Shapes | None, dict[tuple[str, tuple[str, ...]], dict[str, ReadySheet]]] = (None, {})

    def at_hand(self, shapes: Shapes, layer: str, fields: tuple[str, ...]) -> Mapping[str, ReadySheet]:
        """By county, what looks of a layer with these fields found; some of it may have run out."""
        held, kinds = self._of
        return kinds.get((layer, fields), {}) if held is shapes else {}

    def holds(self, one: ReadySheet | None) -> bool:
        """Whether it may still be used."""
        return one is not None and self._clock() < one.until

    def keep(
        self,
        shapes: Shapes,
        layer: str,
        fields: tuple[str, ...],
        found: Mapping[str, tuple[Sheet, Mapping[str, Column]]],
    ) -> dict[str, ReadySheet]:
        """Have what a look found at hand, and give it back as it is kept."""
        until = self._clock() + SECONDS
        held, kinds = self._of
        if held is not shapes or len(kinds) >= MOST_KINDS:
            self._of = (shapes, kinds := {})
        kept = {
            county: ReadySheet(sheet, KeptColumns(columns), until)
            for county, (sheet, columns) in found.items()
        }
        kinds[layer, fields] = {**kinds.get((layer, fields), {}), **kept}
        return kept

    def forget(self) -> None:
        """Have nothing at hand, so that what is let go of elsewhere goes."""
        self._of = (None, {})
