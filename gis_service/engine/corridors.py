"""Corridors and county areas as planning asks for them: read by county and load, kept within a budget."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

import numpy as np
import shapely

from gis_service import store
from gis_service.engine.world import World
from gis_service.planning.corridors import Corridors, Joined, joined, lent_by_lines

BUDGET_BYTES = 512 << 20
_JOINED_KEPT = 4

_Load = tuple[int, datetime | None]
Read = Callable[[str], tuple[Corridors, store.CountyVersion]]
ReadAreas = Callable[[Collection[str]], Mapping[str, shapely.Geometry]]


class CorridorShelf:
    """What has been read of counties; the one used longest ago goes first.

    Parameters
    ----------
    read, read_areas
        Where corridors and areas come from.
    budget
        Bytes of corridors that may stay in memory; the county that is asked for stays in any case.
    """

    def __init__(
        self,
        read: Read = store.load_corridors,
        read_areas: ReadAreas = store.county_areas,
        *,
        budget: int = BUDGET_BYTES,
    ) -> None:
        self._read, self._read_areas, self._budget = read, read_areas, budget
        self._lock = threading.Lock()
        self._held: OrderedDict[str, tuple[_Load, Corridors]] = OrderedDict()
        self._joined: OrderedDict[tuple[int, ...], tuple[list[Corridors], Joined]] = OrderedDict()
        self._areas: dict[str, tuple[_Load, shapely.Geometry]] = {}

    def corridors(self, world: World, counties: Sequence[str]) -> list[Corridors]:
        """The corridors of some counties of a world, in their order; of one that has none, its lines' routes.

        Raises
        ------
        CountyAway, NotReady
            When a county that is not held cannot be read.
        """
        return [self._county(world, one) for one in counties]

    def joined(self, world: World, counties: Sequence[str]) -> Joined:
        """The corridors of some counties as one; those of the last few sets of counties are kept."""
        made = self.corridors(world, counties)
        key = tuple(id(one) for one in made)
        with self._lock:
            kept = self._joined.get(key)
            if kept is not None:
                self._joined.move_to_end(key)
                return kept[1]
        found = joined(made)
        with self._lock:
            # what is held keeps the corridors alive, so an equal id is the same object
            self._joined[key] = made, found
            while len(self._joined) > _JOINED_KEPT:
                self._joined.popitem(last=False)
        return found

    def areas(self, world: World) -> dict[str, shapely.Geometry]:
        """The area of every county of a world."""
        loads = {county: _load(world, county) for county in world.versions}
        with self._lock:
            lacking = [
                county for county, load in loads.items() if self._areas.get(county, (None,))[0] != load
            ]
        if lacking:
            found = self._read_areas(lacking)
            with self._lock:
                self._areas |= {county: (loads[county], area) for county, area in found.items()}
        with self._lock:
            return {county: self._areas[county][1] for county in sorted(loads) if county in self._areas}

    def _county(self, world: World, county: str) -> Corridors:
        load = _load(world, county)
        with self._lock:
            kept = self._held.get(county)
            if kept is not None and kept[0] == load:
                self._held.move_to_end(county)
                return kept[1]
        made, version = self._read(county)
        if not len(made):
            rows = [
                np.arange(run.first, run.stop)
                for run in world.shapes.counties["line_section"]
                if run.county == county
            ]
            made = lent_by_lines(
                county, world.topology.tables.lines, np.concatenate([np.empty(0, np.int64), *rows])
            )
        with self._lock:
            self._held[county] = ((version.topology_version, version.loaded_at), made)
            self._held.move_to_end(county)
            while len(self._held) > 1 and sum(one.nbytes for _, one in self._held.values()) > self._budget:
                self._held.popitem(last=False)
        return made


def _load(world: World, county: str) -> _Load:
    version = world.versions[county]
    return version.topology_version, version.loaded_at
