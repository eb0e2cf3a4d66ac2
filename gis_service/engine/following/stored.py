"""The world as the store keeps it: counties in PostGIS, changed by this process or any other.

With a place for snapshots, a county is read once per load and mapped from then on; how the switches stand is
always read.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path

import numpy as np

from gis_service import store
from gis_service.engine.following.current import Loaded, SwitchReadings, Versions
from gis_service.engine.following.mapped import shapes_of
from gis_service.engine.world import CountyVersion, World
from gis_service.errors import CountyAway, NotReady, UnknownId
from gis_service.network.tables import Bools, GridTables
from gis_service.network.texts import frozen
from gis_service.snapshots.budget import DEFAULT_BYTES, Budget
from gis_service.snapshots.counties import Counties
from gis_service.snapshots.county import CountyKey
from gis_service.snapshots.province import Shelf, Tell, log_recovered

log = logging.getLogger("gis_service.engine")

_TRIES = 20
_VERSIONS_DEADLINE_S = 5.0


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

    def load(self, held: World | None = None, /) -> Loaded:
        """Every loaded county's tables; of one whose node is away, its snapshot and what is held of it.

        Raises
        ------
        CountyAway
            When there are no snapshots, and the node of a county that is held is away.
        NotReady
            When the database does not answer, or counties are loaded faster than they can be read.
        """
        if self._snapshots is None:
            known = self.versions()
            missing = tuple(sorted(self.unreachable(known)))
            if held is not None and (lost := held.versions.keys() & set(missing)):
                raise CountyAway(sorted(lost), "its node is away, and there is no snapshot of it")
            return _read_whole([one for one in known if one not in missing] if missing else None, missing)
        if self._shelf is None:
            directory = self._snapshots / store.database_identity()
            self._shelf = Shelf(directory, _read_county, self._budget, self._tell)
        failed: set[str] = set()
        unknown: set[str] = set()
        for _ in range(_TRIES):
            known = self.versions()
            away = (self.unreachable(known).keys() | failed) & known.keys()
            kept = _kept(held, known, away - unknown)
            missing = tuple(sorted(away - kept.keys()))
            loads = _loads({county: one for county, one in known.items() if county not in missing})
            try:
                counties = self._shelf.counties(loads)
                states, gone = store.current_where_answered(
                    [one.county for one in loads if one.county not in kept]
                )
            except CountyAway as error:
                failed |= set(error.counties)
                unknown |= set(error.counties) & kept.keys()  # its snapshot is gone as well
                continue
            except (_Moved, UnknownId):
                continue
            failed |= gone.keys()
            versions = known_versions(states.versions) | kept
            if not gone and _loads(versions) == loads:
                open = _with_kept(states, held, kept)
                return self._loaded(self._shelf, counties, versions, open, missing)
        raise NotReady("the counties are loaded faster than they can be read; try again in a moment")

    def unreachable(self, counties: Collection[str], /) -> dict[str, str]:
        """Those whose node does not answer, and since when."""
        return store.counties_away(counties)

    def _loaded(
        self,
        shelf: Shelf,
        counties: Counties,
        versions: Versions,
        open: Bools,
        missing: tuple[str, ...],
    ) -> Loaded:
        # both are sorted by county and id, and of the same loads
        if len(counties.tables.switches) != len(open):
            log.warning(
                "the database has %d switches, its snapshots %d, although nothing was loaded since: all is "
                "read, and the snapshots are passed over (`gridgis snapshots clear` makes room for new ones)",
                len(open),
                len(counties.tables.switches),
            )
            return _read_whole(list(versions), missing)
        topology = shelf.topology(counties, frozen(open, np.bool_))
        shelf.tidy(counties)
        shelf.check_beside(counties)
        return Loaded(topology.tables, versions, missing, topology=topology, shapes=shapes_of(counties))

    def current_switches(self, positions: Mapping[str, int | None], /) -> tuple[Versions, SwitchReadings]:
        """The switches operated since these positions, as they stand."""
        found = store.operated_since(positions)
        return known_versions(found.versions), SwitchReadings(found.id, found.open, found.away)

    def switches_at(self, at: datetime, /) -> tuple[Versions, SwitchReadings]:
        """All switches as the log says they stood.

        Those of a county whose node is away stood as they do now where the register has no later operation.
        """
        before = self.versions()
        for _ in range(_TRIES):
            states, away = store.states_where_answered(at, list(before))
            if not away and states.versions.keys() == before.keys():
                return known_versions(states.versions), SwitchReadings(states.id.tolist(), states.open)
            until = store.operated_until() if away else {}
            after = self.versions()
            if after == before:
                unmoved = {county for county in away if county not in until or until[county] <= at}
                lost = {county: why for county, why in away.items() if county not in unmoved}
                return before, SwitchReadings(states.id.tolist(), states.open, lost, frozenset(away))
            before = after
        raise NotReady("the counties change faster than they can be read; try again in a moment")


def _kept(held: World | None, known: Versions, away: Collection[str]) -> dict[str, CountyVersion]:
    """Those of the counties that are away whose grid is the one that is held, at the versions held."""
    if held is None:
        return {}
    return {
        county: held.versions[county]
        for county in away
        if county in held.versions
        and _loads({county: held.versions[county]}) == _loads({county: known[county]})
    }


def _with_kept(states: store.SwitchStates, held: World | None, kept: Collection[str]) -> Bools:
    """The states that were read, and for some counties those that are held, by (county, id)."""
    if held is None or not kept:
        return states.open
    switches = held.topology.tables.switches
    rows = np.flatnonzero(np.logical_or.reduce([switches.county == county for county in sorted(kept)]))
    keys = [*zip(states.county.tolist(), states.id.tolist(), strict=True)]
    keys += zip(switches.county[rows].tolist(), switches.id[rows].tolist(), strict=True)
    open = np.concatenate([states.open, held.current.open[rows]])
    return open[sorted(range(len(keys)), key=keys.__getitem__)]


def _read_whole(counties: Collection[str] | None = None, missing: tuple[str, ...] = ()) -> Loaded:
    tables, versions = store.load_grid(counties)
    return Loaded(tables, known_versions(versions), missing)


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
