"""Layers that the engine does not hold in memory: read whole, county by county, once for each load.

Knows who reads and measures them, and that what is read belongs to the load it is kept under; refuses to know
how that is done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np

from gis_service.atlas.columns import id_column, rows_of
from gis_service.atlas.sheet import Sheet, bytes_of
from gis_service.atlas.sheets import SheetKey, Sheets, load_of
from gis_service.engine import Engine
from gis_service.engine.columns import table_of
from gis_service.engine.shapes import CountyRun
from gis_service.engine.world import World
from gis_service.network.columns import runs
from layers.geojson_columns import Features, TextColumn

MOST_ROWS = 100_000
"""Features that are read together, as far as counties can be parted."""

Box = tuple[float, float, float, float]


class Measured(NamedTuple):
    """Features of a layer in one county; `box` around them, None where none has a place."""

    rows: int
    box: Box | None


ANYWHERE = Measured(0, (-180.0, -90.0, 180.0, 90.0))

ReadCounties = Callable[[Collection[str]], tuple[Mapping[str, Features], Collection[str]]]
"""All features of some counties, each county's by id; and those of the counties that could not be read."""

Measure = Callable[[World], Mapping[str, Measured]]
"""How many features each county of a world has and where; `ANYWHERE` for one that cannot be measured now."""


@dataclass(frozen=True, eq=False)
class StoredLayer:
    """One such layer.

    Parameters
    ----------
    name
        The layer; where the engine has a table of it (without places), rows are that table's.
    read, measure
        As their types say.
    """

    name: str
    read: ReadCounties
    measure: Measure
    _reading: threading.Lock = field(default_factory=threading.Lock)

    def runs(self, world: World) -> tuple[list[CountyRun], bool]:
        """The counties that have features, and which rows of the engine's table they are, if it has one.

        And whether all could be measured; one that could not may have features anywhere.
        """
        firsts: dict[str, int] = {}
        if self.name in world.topology.ids.layers:
            table = table_of(world.topology.tables, self.name)
            firsts = {county: first for county, first, _ in runs(table.county)}
        found: list[CountyRun] = []
        measured = self.measure(world)
        for county, one in measured.items():
            first = firsts.get(county, 0)
            found.append(CountyRun(county, first, first + one.rows, one.box))
        return found, ANYWHERE not in measured.values()

    def sheets(
        self, engine: Engine, kept: Sheets, world: World, near: Sequence[CountyRun]
    ) -> tuple[dict[str, Sheet], list[str]]:
        """The sheets of some counties, and the counties that could not be read as they stand in the world."""
        keys = {run.county: SheetKey(self.name, load_of(world, run.county)) for run in near}
        found = kept.of(keys)
        if len(found) == len(near):
            return found, []
        lost: list[str] = []
        with self._reading:
            found |= kept.of({county: key for county, key in keys.items() if county not in found})
            for portion in _portions([run for run in near if run.county not in found]):
                read, _ = self.read([run.county for run in portion])
                # what was read is of the newest load there was; kept under the world's where that is the same
                newest = engine.current.source.versions()
                for run in portion:
                    county = run.county
                    held, now = world.versions[county], newest.get(county)
                    if (
                        county not in read
                        or now is None
                        or (now.topology_version, now.loaded_at) != (held.topology_version, held.loaded_at)
                        or not _fits(self.name, world, run, read[county])
                    ):
                        lost.append(county)
                        continue
                    found[county] = kept.get(keys[county], partial(_sheet, county, read[county]))
        return found, lost


def _portions(near: Iterable[CountyRun]) -> Iterable[list[CountyRun]]:
    portion: list[CountyRun] = []
    rows = 0
    for run in near:
        portion.append(run)
        rows += run.stop - run.first
        if rows >= MOST_ROWS:
            yield portion
            portion, rows = [], 0
    if portion:
        yield portion


def _fits(layer: str, world: World, run: CountyRun, features: Features) -> bool:
    """Whether the rows that were read are those of the engine's table, where it has one."""
    if layer not in world.topology.ids.layers:
        return True
    if len(features) != run.stop - run.first:
        return False
    held = id_column(rows_of(table_of(world.topology.tables, layer).id, run.first, run.stop))
    read = features.ids
    assert isinstance(read, TextColumn)
    begin, end = int(read.offsets[0]), int(read.offsets[-1])
    return bool(
        np.array_equal(held.offsets, read.offsets - begin) and np.array_equal(held.data, read.data[begin:end])
    )


def _sheet(county: str, features: Features) -> Sheet:
    assert isinstance(features.ids, TextColumn)
    of = features.geometry
    own = sum(array.nbytes for array in (of.coords, of.paths, of.polygons, of.multis))
    for column in (features.ids, *features.properties.values()):
        own += bytes_of(column) + (column.data.nbytes if isinstance(column, TextColumn) else 0)
    return Sheet(county, of, features.ids, features.properties, nbytes=own)
