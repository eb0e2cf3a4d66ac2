"""Which world is current: followed along the change log, or compared with the versions at each question.

Readers never wait for each other and go on with the immutable world they hold; one thread at a time moves it.
Without a guide, every question asks for the versions, and waits for the refresh when they moved. With one
(`follower`), a question asks nothing: the guide looks when something was announced, and what this process
records itself is there at once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from gis_service.engine.shapes import Shapes
from gis_service.engine.world import CountyVersion, World
from gis_service.errors import CountyAway
from gis_service.network.build import build_topology
from gis_service.network.columns import Texts
from gis_service.network.switching import SwitchState, loaded_state
from gis_service.network.tables import GridTables
from gis_service.network.topology import Topology

log = logging.getLogger("gis_service.engine")

Versions = Mapping[str, CountyVersion]


class SwitchReadings(NamedTuple):
    """How switches stand: ids, and as many truth values.

    away : counties of which nothing could be read, with the reason
    as_now : counties whose switches stood as they stand in a world of the same versions
    """

    ids: Sequence[str]
    open: npt.NDArray[np.bool_]
    away: Mapping[str, str] = MappingProxyType({})
    as_now: frozenset[str] = frozenset()


NO_READINGS = SwitchReadings((), np.empty(0, np.bool_))


class Loaded(NamedTuple):
    """Tables and the county versions they were read at, in one snapshot.

    `topology` and `shapes` come along where they need not be built of the tables; `missing_counties` are
    those that could not be read.
    """

    tables: GridTables
    versions: Versions
    missing_counties: tuple[str, ...] = ()
    topology: Topology | None = None
    shapes: Shapes | None = None


class GridSource(Protocol):
    """Where the world is read from; each call answers from one snapshot."""

    def versions(self) -> Versions:
        """Versions of every county that answers; cheap, asked before every question."""

    def load(self, held: World | None = None, /) -> Loaded:
        """Every county's tables, and how its switches stand.

        A county that cannot be read is taken from the world that is held, where its grid is still the same.

        Raises
        ------
        CountyAway
            When that cannot be done: the world that is held is better than one without the county.
        """

    def current_switches(self, positions: Mapping[str, int | None], /) -> tuple[Versions, SwitchReadings]:
        """Switches as they stand, with the versions of some counties in that snapshot.

        `positions`: county → operations of its log that are known; its switches that were operated since are
        read (all where None, and more than those does no harm). A county that is gone is left out.
        """

    def unreachable(self, counties: Collection[str], /) -> Mapping[str, str]:
        """Those of the counties that cannot be read now because their node is away, with the reason."""

    def switches_at(self, at: datetime, /) -> tuple[Versions, SwitchReadings]:
        """How the switches stood at a moment, with the versions of that snapshot."""


Refreshed = Callable[[str, float, World], None]


def _unobserved(_kind: str, _seconds: float, _world: World) -> None:
    """Nobody watches the refreshes."""


class Guide(Protocol):
    """Who says that the held world is current, so that questions need not ask the source."""

    @property
    def present(self) -> bool:
        """Whether it guides this process; one that is not is passed over."""

    @property
    def is_sure(self) -> bool:
        """Whether `assure` would return at once."""

    def assure(self) -> None:
        """Return when all that was announced is in the held world; NotReady where that cannot be said."""

    def expect_change(self) -> None:
        """Look at the source now; `assure` waits for it."""


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
        self._reading = threading.Lock()  # one thread reads whole counties, which may take seconds
        self._moving = threading.Lock()  # one thread moves the world, which takes milliseconds
        self._world: World | None = None
        self._seen: Versions = {}
        self._guide: Guide | None = None

    @property
    def source(self) -> GridSource:
        """Where this world is read from."""
        return self._source

    @property
    def held(self) -> World | None:
        """The world as last read, unchecked; None before the first question."""
        return self._world

    @property
    def at_hand(self) -> World | None:
        """What `get` gives, where it need not ask or wait for it; else None."""
        guide = self._guide
        return self._world if guide is not None and guide.present and guide.is_sure else None

    @property
    def behind(self) -> list[str]:
        """Counties that were loaded, replaced or taken out and can be, but are not, read again, sorted."""
        return [] if self._world is None else self._unread(self._world, self._seen)

    @property
    def seen(self) -> Versions:
        """The versions of the source as last seen; those of the held world may be older (`behind`)."""
        return self._seen

    def follow(self, guide: Guide | None) -> None:
        """Rely on a guide from now on; None: ask the source at every question again."""
        self._guide = guide

    def get(self) -> World:
        """The world to ask a question of.

        Without a guide: at the versions the source has now. With one: with every switch operation that was
        announced, or recorded by this process; a county that is loaded meanwhile is answered from as it was,
        under its old version, until it is read again.

        Raises
        ------
        NotReady
            When the source does not answer, or the guide has lost it.
        """
        guide = self._guide
        if guide is None or self._world is None or not guide.present:
            return self.newest()
        guide.assure()
        return self._world

    def recent(self) -> World:
        """The world after a look at the source that began now; a county may still have to be read again."""
        guide = self._guide
        if guide is not None and guide.present:
            guide.expect_change()
        return self.get()

    def newest(self) -> World:
        """The world at the versions the source has now, however long it takes to read.

        Raises
        ------
        NotReady
            When the source does not answer.
        """
        world = self._world
        if world is not None and not world.missing_counties and world.versions == self._source.versions():
            return world
        with self._reading:
            # another thread may have read it meanwhile; what counts is the source, asked again
            seen = self.look()
            world = self._world
            if world is None:
                return self._read_topology()
            if self._unread(world, seen):
                try:
                    return self._read_topology()
                except CountyAway as error:  # the county that was loaded is answered from as it was
                    log.info("counties are not read again now: %s", error)
            return world

    def look(self, *, thorough: bool = False) -> Versions:
        """Ask for the versions and read the switches operated since; whole counties are not read.

        Parameters
        ----------
        thorough
            Do not trust the positions in the logs, and read every switch of the counties that moved.

        Returns
        -------
        Versions
            As last seen; `behind` names the counties that have to be read whole.
        """
        with self._moving:
            seen = self._source.versions()
            if self._world is not None:
                world, seen = self._caught_up(self._world, seen, thorough=thorough)
                self._world = world.lacking(self._lacking(world, seen))
            self._seen = seen
            return seen

    def recorded(self, base: World, current: SwitchState, versions: Versions) -> None:
        """Go on with what this process has just recorded: the next question sees it without reading.

        Parameters
        ----------
        base
            The world the operations were recorded on.
        current, versions
            The switch states after them, and the new versions of the counties operated in.
        """
        with self._moving:
            if self._world is base:
                self._world = base.switched(current, versions)
                self._seen = {**self._seen, **versions}
                return
        self.doubt()  # another thread has moved the world meanwhile

    def doubt(self) -> None:
        """Something may have changed: let the next question wait until the source was asked."""
        guide = self._guide
        if guide is not None and guide.present:
            guide.expect_change()

    def _read_topology(self) -> World:
        began = time.perf_counter()
        loaded = self._source.load(self._world)
        topology = loaded.topology or build_topology(loaded.tables)
        world = World(
            topology=topology,
            current=loaded_state(topology),
            versions=dict(loaded.versions),
            shapes=loaded.shapes or Shapes(loaded.tables),
            missing_counties=loaded.missing_counties,
        )
        with self._moving:
            # operations that were answered from the old world meanwhile must not be lost with it
            world, self._seen = self._caught_up(world, self._source.versions())
            self._world = world = world.lacking(self._lacking(world, self._seen))
        self._on_refresh("topology", time.perf_counter() - began, world)
        return world

    def _unread(self, world: World, seen: Versions) -> list[str]:
        """Counties whose topology the world has not as seen, although it can be read, sorted."""
        other = _other_topology(world.versions, seen)
        if not other:
            return []
        away = self._source.unreachable([county for county in other if county in seen])
        return [county for county in other if county not in away]

    def _lacking(self, world: World, seen: Versions) -> list[str]:
        """Counties of which the source has a later version than the world and which cannot be read, sorted.

        One that is being loaded, or was, and can be read is not among them: see `get`.
        """
        later = {
            county: county in world.versions and _same_load(world.versions[county], one)
            for county, one in seen.items()
            if county not in world.versions or world.versions[county].version < one.version
        }
        if not later:
            return []
        # switches are read at every look, so who is behind with these alone could not be asked
        lacking = {county for county, same_load in later.items() if same_load}
        lacking |= later.keys() & set(world.missing_counties)
        return sorted(lacking | self._source.unreachable(list(later)).keys())

    def _caught_up(
        self, world: World, versions: Versions, *, thorough: bool = False
    ) -> tuple[World, Versions]:
        """The world with the switches of counties whose topology it has, and the versions as seen last."""
        began = time.perf_counter()
        moved = {
            county: None if thorough else _known_operations(ours, versions[county])
            for county, ours in world.versions.items()
            if county in versions and versions[county] != ours and _same_load(ours, versions[county])
        }
        while moved:
            seen, readings = self._source.current_switches(moved)
            versions = {**versions, **seen}
            moved = {county: position for county, position in moved.items() if county not in readings.away}
            kept = {
                county: position
                for county, position in moved.items()
                if county in seen and _same_load(world.versions[county], seen[county])
            }
            if moved and len(kept) == len(moved):
                # only the counties just read are known to stand at the versions of that snapshot
                current = apply_readings(world.topology, world.current, readings)
                world = world.switched(current, {county: seen[county] for county in moved})
                self._on_refresh("switches", time.perf_counter() - began, world)
                break
            gone = moved.keys() - seen.keys()
            versions = {county: one for county, one in versions.items() if county not in gone}
            moved = kept  # a county was loaded between the two looks: its switches are not ours
        return world, versions


def apply_readings(topology: Topology, state: SwitchState, readings: SwitchReadings) -> SwitchState:
    """A state with some switches set as read; switches that the topology does not have are passed over."""
    rows = topology.ids.rows("switch", Texts.of(readings.ids))
    known = rows >= 0
    return state.with_switching(rows[known].tolist(), readings.open[known].tolist())


def same_topology(ours: Versions, theirs: Versions) -> bool:
    """Whether the same counties stand in the same loads."""
    return not _other_topology(ours, theirs)


def _other_topology(ours: Versions, theirs: Versions) -> list[str]:
    return sorted(
        county
        for county in ours.keys() | theirs.keys()
        if county not in ours or county not in theirs or not _same_load(ours[county], theirs[county])
    )


def _same_load(ours: CountyVersion, theirs: CountyVersion) -> bool:
    # the time of loading as well: a database that was restored may count the same versions once more
    return (ours.topology_version, ours.loaded_at) == (theirs.topology_version, theirs.loaded_at)


def _known_operations(ours: CountyVersion, theirs: CountyVersion) -> int | None:
    """Where to read the log on; None where it is shorter than it was, as after a restore."""
    went_on = ours.version < theirs.version and ours.last_operation <= theirs.last_operation
    return ours.last_operation if went_on else None
