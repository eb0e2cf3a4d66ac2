"""Which world is current: compared with the county versions before every question, refreshed when they moved.

Readers never wait for each other and go on with the immutable world they hold. One thread at a time
refreshes; a question that finds the versions moved waits for that refresh, so it never answers from
before a change that was acknowledged when it was asked.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from gis_service.engine.shapes import Shapes
from gis_service.engine.world import CountyVersion, World
from gis_service.network.build import build_topology
from gis_service.network.switching import SwitchState, loaded_state
from gis_service.network.tables import GridTables
from gis_service.network.topology import Topology

Versions = Mapping[str, CountyVersion]


class SwitchReadings(NamedTuple):
    """How switches stand: ids, and as many truth values."""

    ids: Sequence[str]
    open: npt.NDArray[np.bool_]


NO_READINGS = SwitchReadings((), np.empty(0, np.bool_))


class Loaded(NamedTuple):
    """Tables and the county versions they were read at, in one snapshot."""

    tables: GridTables
    versions: Versions
    missing_counties: tuple[str, ...] = ()


class GridSource(Protocol):
    """Where the world is read from; each call answers from one snapshot."""

    def versions(self) -> Versions:
        """Versions of every county that answers; cheap, asked before every question."""

    def load(self) -> Loaded:
        """Every county's tables."""

    def current_switches(self, counties: Sequence[str], /) -> tuple[Versions, SwitchReadings]:
        """All switches of some counties as they stand, with the versions of that snapshot."""

    def switches_at(self, at: datetime, /) -> tuple[Versions, SwitchReadings]:
        """How the switches stood at a moment, with the versions of that snapshot."""


Refreshed = Callable[[str, float, World], None]


def _unobserved(_kind: str, _seconds: float, _world: World) -> None:
    """Nobody watches the refreshes."""


class CurrentWorld:
    """Holds the newest world; `get()` is what a question calls first.

    Parameters
    ----------
    source
        Where versions, tables and switch states come from.
    on_refresh
        Called with `topology` or `switches`, the seconds a refresh took, and the new world.
    """

    def __init__(self, source: GridSource, *, on_refresh: Refreshed = _unobserved) -> None:
        self._source = source
        self._on_refresh = on_refresh
        self._refreshing = threading.Lock()
        self._world: World | None = None

    @property
    def source(self) -> GridSource:
        """Where this world is read from."""
        return self._source

    @property
    def held(self) -> World | None:
        """The world as last read, unchecked; None before the first question."""
        return self._world

    def get(self) -> World:
        """The world at the versions the source has now.

        Raises
        ------
        NotReady
            When the source does not answer.
        """
        world = self._world
        if world is not None and _same(world.versions, self._source.versions()):
            return world
        with self._refreshing:
            # another thread may have refreshed meanwhile; what counts is the source, asked again
            world = self._world
            versions = self._source.versions()
            if world is None or not _same_topology(world.versions, versions):
                world = self._read_topology()
            elif not _same(world.versions, versions):
                world = self._read_switches(world, versions)
            self._world = world
            return world

    def _read_topology(self) -> World:
        began = time.perf_counter()
        loaded = self._source.load()
        topology = build_topology(loaded.tables)
        world = World(
            topology=topology,
            current=loaded_state(topology),
            versions=dict(loaded.versions),
            shapes=Shapes(loaded.tables),
            missing_counties=loaded.missing_counties,
        )
        self._on_refresh("topology", time.perf_counter() - began, world)
        return world

    def _read_switches(self, world: World, versions: Versions) -> World:
        began = time.perf_counter()
        moved = sorted(county for county, version in versions.items() if world.versions[county] != version)
        seen, readings = self._source.current_switches(moved)
        if not _same_topology(world.versions, seen):
            # a county was loaded between the two looks
            return self._read_topology()
        current = apply_readings(world.topology, world.current, readings)
        # only the counties just read are known to stand at the versions of that snapshot
        newest = dict(world.versions) | {county: seen[county] for county in moved}
        refreshed = World(
            topology=world.topology,
            current=current,
            versions=newest,
            shapes=world.shapes,
            missing_counties=world.missing_counties,
        )
        self._on_refresh("switches", time.perf_counter() - began, refreshed)
        return refreshed


def apply_readings(topology: Topology, state: SwitchState, readings: SwitchReadings) -> SwitchState:
    """A state with some switches set as read; switches that the topology does not have are passed over."""
    found = [topology.ids.row("switch", id) for id in readings.ids]
    known = np.array([row is not None for row in found], np.bool_)
    rows = [row for row in found if row is not None]
    return state.with_switching(rows, readings.open[known].tolist())


def _same(ours: Versions, theirs: Versions) -> bool:
    return ours == theirs


def _same_topology(ours: Versions, theirs: Versions) -> bool:
    # the time of loading as well: a database that was restored may count the same versions once more
    return {county: (one.topology_version, one.loaded_at) for county, one in ours.items()} == {
        county: (one.topology_version, one.loaded_at) for county, one in theirs.items()
    }
