"""Layers that are worked out of the grid and stored nowhere: made for a state and a scope, and kept.

Knows how such features are paged, found by box and stamped; what they are is told by whoever makes them.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np
import shapely
import xxhash

from gis_service.atlas.atlas import Atlas
from gis_service.atlas.index import Index
from gis_service.atlas.plan import Marks, scope_text
from gis_service.engine.columns import rfc3339
from gis_service.engine.world import Scene, World
from gis_service.errors import NotReady
from gis_service.kernels.compiled import I64
from layers.arrow_columns import shapes_of
from layers.geojson_columns import Features, NumberColumn, TextColumn
from layers.rows import blank, joined, picked, taken
from layers.sheet import Patch, Seen, Sight
from layers.sheet_features import column_at
from layers.source import Box, Count, Counties, Description, Key, Page, Query, within

MOST_KEPT = 8
"""Sets of features of one layer: of several scopes, and of moments that people look at."""


class BeingMade(NotReady):
    """Features that take their time, and are not through yet."""


@dataclass(frozen=True, eq=False)
class Part:
    """The features of one county in one state and scope, by id; never changed once made.

    Whoever makes features gives a part again where it is still right: where they lie is then not found anew.
    """

    county: str
    features: Features

    @cached_property
    def ids(self) -> list[str]:
        """The ids in order."""
        ids = self.features.ids
        assert isinstance(ids, TextColumn)
        data = ids.data.tobytes()
        return [data[begin:end].decode() for begin, end in pairwise(ids.offsets.tolist())]

    @cached_property
    def index(self) -> Index:
        """Where they lie."""
        return Index(self.features.geometry)

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Row by id."""
        return {id: row for row, id in enumerate(self.ids)}

    def rows(self, box: Box | None, after: Key | None) -> I64:
        """Ascending rows of the features behind a key that have a point in a box."""
        rows = np.arange(len(self.features)) if box is None else self._meeting(box)
        if after is None or after.county < self.county:
            return rows
        first = len(self.ids) if after.county > self.county else bisect_right(self.ids, after.id)
        return rows[rows >= first]

    def _meeting(self, box: Box) -> I64:
        near = self.index.rows(box)
        shapes = shapes_of(taken(self.features, near).geometry)
        met = np.zeros(near.size, np.bool_)
        for part in box.parts():
            met |= shapely.intersects(shapes, shapely.box(*part))
        return near[met]


def parted(features: Features, keys: Sequence[Key]) -> list[Part]:
    """Features by (county, id), whose keys these are, county by county."""
    found: list[Part] = []
    first = 0
    for county, those in groupby(keys, key=lambda key: key.county):
        last = first + sum(1 for _ in those)
        rows = np.arange(first, last)
        assert features.ids is not None
        found.append(Part(county, replace(taken(features, rows), ids=column_at(features.ids, rows))))
        first = last
    return found


class Made(NamedTuple):
    """All features of a layer in one state and scope, county by county, and the counties that are missing."""

    parts: list[Part]
    missing: tuple[str, ...] = ()


Make = Callable[[Scene, Counties], list[Part]]
"""The features of a scene as far as some counties may be seen, by county."""

ExtentOf = Callable[[Counties], Box | None]


class DerivedLayer:
    """A layer of such features.

    Parameters
    ----------
    description
        Its fields are the properties that `make` gives, in their order.
    atlas
        Whose engine and moments are looked at.
    make
        As its type says.
    extent_of
        A box that all features lie in, without making them.
    live
        Whether they hang on how switches stand; else on loads alone.
    """

    def __init__(
        self, description: Description, atlas: Atlas, make: Make, extent_of: ExtentOf, *, live: bool = True
    ) -> None:
        self.description = description
        self._atlas = atlas
        self._make = make
        self._extent_of = extent_of
        self._live = live
        self._kept: OrderedDict[str, Made] = OrderedDict()
        self._making = threading.Lock()
        self._marks: Marks | None = None

    def extent(self, counties: Counties = None) -> Box | None:
        """A box around what the features are made of."""
        return self._extent_of(counties)

    def page(self, query: Query) -> Page:
        """Features by (county, id); a condition is left to whoever asks."""
        made = self._made(query.moment, query.counties)
        chosen: list[tuple[Part, I64]] = []
        left = query.limit + 1  # whether others follow
        for part in made.parts:
            rows = part.rows(query.box, query.after)[:left]
            left -= rows.size
            if rows.size:
                chosen.append((part, rows))
            if not left:
                break
        last = None
        if not left:
            part, rows = chosen.pop()
            if rows.size > 1:
                chosen.append((part, rows[:-1]))
            part, rows = chosen[-1]
            last = Key(part.county, part.ids[int(rows[-1])])
        features = [taken(part.features, rows) for part, rows in chosen]
        return Page(joined(features) if features else blank(self.description), last, made.missing)

    def count(self, query: Query, most: int) -> Count | None:  # noqa: ARG002  # it costs nothing
        """How many there are; None where a condition has to be looked at."""
        if query.where is not None:
            return None
        parts = self._made(query.moment, query.counties).parts
        return Count(sum(part.rows(query.box, None).size for part in parts), True)

    def feature(self, id: str, counties: Counties = None) -> Features | None:
        """The feature of an id as it is now."""
        for part in self._made(None, counties).parts:
            row = part.row_of.get(id)
            if row is not None:
                return taken(part.features, np.array([row], np.int64))
        return None

    def look(self, sight: Sight) -> Seen:
        """What lies in a box.

        While the features are being made all counties are missing, for a map has other layers to show.
        """
        try:
            made = self._made(sight.moment, sight.counties)
        except BeingMade:
            world = self._atlas.engine.current.get()
            return Seen([], tuple(within(sorted(world.versions), sight.counties)))
        live = [field.name for field in self.description.fields if field.live and field.name in sight.fields]
        patches: list[Patch] = []
        for part in made.parts:
            rows = part.index.rows(sight.box)
            if rows.size:
                of, ids = part.features.properties, part.features.ids
                assert isinstance(ids, TextColumn)
                columns = {name: of[name] for name in sight.fields if name in of and name not in live}
                state = {name: picked(of[name], rows) for name in live}
                told = {name: one for name, one in state.items() if isinstance(one, NumberColumn)}
                patches.append(Patch(part.county, rows, part.features.geometry, ids, columns, told))
        return Seen(patches, made.missing)

    def stamp(self, sight: Sight) -> str:
        """A text that is another one whenever a county that is seen, or one tied to it, is another."""
        world = self._atlas.engine.current.get()
        return xxhash.xxh3_128_hexdigest(self._key(world, sight.moment, sight.counties, ()).encode())

    def _made(self, moment: datetime | None, counties: Counties) -> Made:
        scene = self._atlas.moments.scene(moment)
        key = self._key(scene.world, moment, counties, scene.missing)
        made = self._kept.get(key)
        if made is None:
            with self._making:
                made = self._kept.get(key)
                if made is None:
                    shown = None if counties is None else frozenset(within(scene.world.versions, counties))
                    seen = within(scene.world.versions, counties)
                    missing = tuple(within(scene.world.narrowed(scene.missing, seen), counties))
                    made = Made(self._make(scene, shown), missing)
                    self._kept[key] = made
                    while len(self._kept) > MOST_KEPT:
                        self._kept.popitem(last=False)
        return made

    def _key(
        self, world: World, moment: datetime | None, counties: Counties, missing: tuple[str, ...]
    ) -> str:
        marks = self._marks
        if marks is None or marks.world is not world:
            self._marks = marks = Marks(world)
        mark = marks.of_network if self._live else marks.of_load
        seen = within(sorted(world.versions), counties)
        told = [self.description.id, "" if counties is None else f"for {scope_text(counties)}"]
        told += [f"{county} {mark(county)}" for county in seen]
        told += ["missing", *sorted({*missing, *world.missing_counties})]
        if self._live and moment is not None:
            told += ["at", rfc3339(moment)]
        return "\n".join(told)
