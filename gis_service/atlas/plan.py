"""Which counties a box can meet, and what their answers depend on: worked out once, asked often."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property, lru_cache

import numpy as np

from gis_service.atlas.stored import StoredLayer
from gis_service.engine.shapes import CountyRun, Shapes
from gis_service.engine.world import CountyVersion, World
from gis_service.kernels.boxes import boxes_meeting
from gis_service.kernels.compiled import F64
from gis_service.network.texts import frozen
from layers.source import Box, Counties


class Runs:
    """The counties of one layer, and the box around what each has of it."""

    def __init__(self, runs: Iterable[CountyRun]) -> None:
        self._runs = sorted(run for run in runs if run.box is not None)
        boxes = np.array([run.box for run in self._runs], np.float64).reshape(-1, 4)
        self._boxes: F64 = frozen(boxes, np.float64)

    def of(self, counties: Collection[str]) -> list[CountyRun]:
        """Those of some counties that have features with a place."""
        return [run for run in self._runs if run.county in counties]

    def meeting(self, box: Box, counties: Counties) -> list[CountyRun]:
        """Those that can have features in a box, of some counties; in order."""
        rows: Iterable[int]
        if box.west <= box.east:
            rows = boxes_meeting(self._boxes, *map(float, box)).tolist()
        else:
            rows = sorted({row for part in box.parts() for row in boxes_meeting(self._boxes, *part).tolist()})
        found = [self._runs[row] for row in rows]
        return found if counties is None else [run for run in found if run.county in counties]


NO_RUNS = Runs(())


class Plans:
    """The counties of every layer, of the two worlds asked about last; safe for threads.

    Parameters
    ----------
    stored
        The layers that are not in the worlds' tables.
    """

    def __init__(self, stored: Mapping[str, StoredLayer]) -> None:
        self._stored = stored
        self._lock = threading.Lock()
        self._kept: list[tuple[Shapes, dict[str, Runs]]] = []

    def runs(self, world: World, layer: str) -> Runs:
        """The counties of a layer in a world; what is stored is measured, which may ask the database."""
        with self._lock:
            kept = next((runs for shapes, runs in self._kept if shapes is world.shapes), None)
            if kept is None:
                kept = {}
                self._kept = [(world.shapes, kept), *self._kept[:1]]
        found = kept.get(layer)
        if found is None:
            of, complete = world.shapes.counties.get(layer, ()), True
            if layer in self._stored:
                of, complete = self._stored[layer].runs(world)
            found = Runs(of)
            if complete:
                kept[layer] = found
        return found

    def known(self, world: World, layer: str) -> Runs:
        """The same without asking anybody: none of a stored layer that was not measured for that world."""
        if layer not in self._stored:
            return self.runs(world, layer)
        with self._lock:
            kept = next((runs for shapes, runs in self._kept if shapes is world.shapes), {})
        return kept.get(layer, NO_RUNS)


class Marks:
    """What stands for the state of counties in a stamp, of one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._live: dict[str, str] = {}

    @cached_property
    def _members(self) -> dict[str, list[str]]:
        """The counties of each network, under the one that stands for it."""
        members: dict[str, list[str]] = {}
        for county in sorted(self.world.versions):
            members.setdefault(self.world.tied.get(county, county), []).append(county)
        return members

    def of_load(self, county: str) -> str:
        """Another text when the county is loaded again."""
        return _load_text(county, self.world.versions[county])

    def of_network(self, county: str) -> str:
        """Another text whenever the county or one that its network is tied to is loaded or switched."""
        head = self.world.tied.get(county, county)
        found = self._live.get(head)
        if found is None:
            versions = self.world.versions
            found = ",".join(
                f"{_load_text(one, versions[one])}@{versions[one].version}/{versions[one].last_operation}"
                for one in self._members[head]
            )
            self._live[head] = found
        return found


def _load_text(county: str, one: CountyVersion) -> str:
    at = "" if one.loaded_at is None else one.loaded_at.isoformat()
    return f"{county}:{one.topology_version}:{at}"


@lru_cache(maxsize=256)
def scope_text(counties: frozenset[str]) -> str:
    """The counties that may be seen, as text."""
    return ",".join(sorted(counties))
