"""The world as the store keeps it: counties in PostGIS, changed by this process or any other.

With a place for snapshots, a county is read once per load and mapped from then on; how the switches stand is
always read.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import numpy as np

from gis_service import store
from gis_service.engine.following.current import Loaded, SwitchReadings, Versions
from gis_service.engine.following.mapped import shapes_of
from gis_service.engine.world import CountyVersion
from gis_service.errors import NotReady, UnknownId
from gis_service.network.tables import Bools, GridTables
from gis_service.network.texts import frozen
from gis_service.snapshots.budget import DEFAULT_BYTES, Budget
from gis_service.snapshots.counties import Counties
from gis_service.snapshots.county import CountyKey
from gis_service.snapshots.province import Shelf, Tell, log_recovered

log = logging.getLogger("gis_service.engine")

_TRIES = 20
_VERSIONS_DEADLINE_S = 5.0
_T = TypeVar("_T")


class StoredGrid:
    """A `GridSource` over the engine's database.

    Parameters
    ----------
    snapshots
        Directory of the snapshots of all databases; None: read everything at every load.
    budget
        Bytes of the counties' columns that may stay in memory.
    tell
        Is told which snapshots were damaged and are made again.
    """

    def __init__(
        self, snapshots: Path | None = None, *, budget: int = DEFAULT_BYTES, tell: Tell = log_recovered
    ) -> None:
        self._snapshots = snapshots
        self._budget = Budget(budget)
        self._tell = tell
        self._shelf: Shelf | None = None

    def versions(self) -> Versions:
        """Every loaded county's versions."""
        return known_versions(store.county_versions(deadline_s=_VERSIONS_DEADLINE_S))

    def load(self) -> Loaded:
        """Every loaded county's tables.

        Raises
        ------
        NotReady
            When the database does not answer, or counties are loaded faster than they can be read.
        """
        if self._snapshots is None:
            return _read_whole()
        if self._shelf is None:
            directory = self._snapshots / store.database_identity()
            self._shelf = Shelf(directory, _read_county, self._budget, self._tell)
        for _ in range(_TRIES):
            loads = _loads(self.versions())
            try:
                counties = self._shelf.counties(loads)
                states = store.current_switches([one.county for one in loads])
            except (_Moved, UnknownId):
                continue
            versions = known_versions(states.versions)
            if _loads(versions) == loads:
                return self._loaded(self._shelf, counties, versions, states.open)
        raise NotReady("the counties are loaded faster than they can be read; try again in a moment")

    def _loaded(self, shelf: Shelf, counties: Counties, versions: Versions, open: Bools) -> Loaded:
        # both are sorted by county and id, and of the same loads
        if len(counties.tables.switches) != len(open):
            log.warning(
                "the database has %d switches, its snapshots %d, although nothing was loaded since: all is "
                "read, and the snapshots are passed over (`gridgis snapshots clear` makes room for new ones)",
                len(open),
                len(counties.tables.switches),
            )
            return _read_whole()
        topology = shelf.topology(counties, frozen(open, np.bool_))
        shelf.tidy(counties)
        shelf.check_beside(counties)
        return Loaded(topology.tables, versions, topology=topology, shapes=shapes_of(counties))

    def current_switches(self, positions: Mapping[str, int | None], /) -> tuple[Versions, SwitchReadings]:
        """The switches operated since these positions, as they stand."""
        found = store.operated_since(positions)
        return known_versions(found.versions), SwitchReadings(found.id, found.open)

    def switches_at(self, at: datetime, /) -> tuple[Versions, SwitchReadings]:
        """All switches as the log says they stood."""
        versions, states = self._at_one_moment(lambda: store.switch_states_at(at))
        return versions, SwitchReadings(states.id.tolist(), states.open)

    def _at_one_moment(self, read: Callable[[], _T]) -> tuple[Versions, _T]:
        """What `read` gives between two looks at the versions that agree."""
        before = self.versions()
        for _ in range(_TRIES):
            found = read()
            after = self.versions()
            if after == before:
                return before, found
            before = after
        raise NotReady("the counties change faster than they can be read; try again in a moment")


def _read_whole() -> Loaded:
    tables, versions = store.load_grid()
    return Loaded(tables, known_versions(versions))


class _Moved(NotReady):
    """A county is of another load than the one asked for."""


def _read_county(key: CountyKey) -> GridTables:
    try:
        tables, version = store.load_county_tables(key.county)
    except UnknownId:
        raise _Moved(f"county {key.county} was taken out meanwhile; try again in a moment") from None
    if (version.topology_version, version.loaded_at) != (key.topology_version, key.loaded_at):
        raise _Moved(f"county {key.county} was loaded again meanwhile; try again in a moment")
    return tables


def _loads(versions: Versions) -> list[CountyKey]:
    return [
        CountyKey(county, one.topology_version, one.loaded_at) for county, one in sorted(versions.items())
    ]


def known_versions(found: Mapping[str, store.CountyVersion]) -> dict[str, CountyVersion]:
    """The versions of counties as the engine compares them."""
    return {
        county: CountyVersion(one.version, one.topology_version, one.loaded_at, one.last_operation)
        for county, one in found.items()
    }
