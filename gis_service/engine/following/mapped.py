"""A world over a directory of county snapshots, with no database: for benchmarks and scripts at any scale."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path

from gis_service.engine.columns import TABLE_OF_LAYER
from gis_service.engine.following.current import NO_READINGS, Loaded, SwitchReadings, Versions
from gis_service.engine.shapes import CountyRun, Shapes
from gis_service.engine.world import CountyVersion, World
from gis_service.errors import NotReady
from gis_service.network.tables import GridTables
from gis_service.snapshots.budget import DEFAULT_BYTES, Budget
from gis_service.snapshots.counties import Counties
from gis_service.snapshots.county import CountyKey
from gis_service.snapshots.directory import county_keys
from gis_service.snapshots.province import Shelf


class MappedGrid:
    """A `GridSource` that never changes: the counties as `snapshots.write_counties` wrote them.

    Parameters
    ----------
    directory
        Where they lie; the snapshot of the network is put beside them.
    budget
        Bytes of the counties' columns that may stay in memory.
    """

    def __init__(self, directory: Path, *, budget: int = DEFAULT_BYTES) -> None:
        self._keys = county_keys(directory)
        self._versions = {
            key.county: CountyVersion(1, key.topology_version, key.loaded_at) for key in self._keys
        }
        self._shelf = Shelf(directory, _not_here, Budget(budget))

    def versions(self) -> Versions:
        """Version 1 of every county, at the load that its snapshot is of."""
        return self._versions

    def load(self, _held: World | None = None, /) -> Loaded:
        """The counties, and their network from its snapshot or built.

        Raises
        ------
        NotReady
            When a snapshot is damaged: there is nothing to read it again from.
        """
        counties = self._shelf.counties(self._keys)
        topology = self._shelf.topology(counties)
        return Loaded(topology.tables, self._versions, topology=topology, shapes=shapes_of(counties))

    def current_switches(self, _positions: Mapping[str, int | None]) -> tuple[Versions, SwitchReadings]:
        """Nothing moved since loading."""
        return self._versions, NO_READINGS

    def unreachable(self, _counties: Collection[str]) -> Mapping[str, str]:
        """Nothing is ever away."""
        return {}

    def switches_at(self, _at: datetime) -> tuple[Versions, SwitchReadings]:
        """Nothing was operated at any time."""
        return self._versions, NO_READINGS


def shapes_of(counties: Counties) -> Shapes:
    """The shapes of counties whose boxes stand in their snapshots."""
    layers: dict[str, list[CountyRun]] = {}
    for layer, table in TABLE_OF_LAYER.items():
        if layer == "transformer_district":
            continue
        layers[layer] = []
        first = 0
        for county in counties.held:
            stop = first + county.size(table)
            if stop > first:
                layers[layer].append(CountyRun(county.key.county, first, stop, county.box(table)))
            first = stop
    return Shapes(counties.tables, layers)


def _not_here(key: CountyKey) -> GridTables:
    raise NotReady(f"the snapshot of county {key.county} cannot be used, and there is no database to read")
