"""The grid as it stands in memory, and the scene of one question; values, never changed once made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

import numpy as np
import numpy.typing as npt

from gis_service.engine.columns import Answer, rfc3339
from gis_service.engine.shapes import Shapes
from gis_service.network.switching import SwitchState, normal_state
from gis_service.network.tables import GridTables
from gis_service.network.topology import Topology


@dataclass(frozen=True)
class CountyVersion:
    """`version` rises with every load and switch operation of a county, `topology_version` with loads.

    `last_operation` is the number of the newest operation in the county's log.
    """

    version: int
    topology_version: int
    loaded_at: datetime | None = None
    last_operation: int = 0


@dataclass(frozen=True, eq=False)
class World:
    """One topology with its current switch states, and the versions of the counties that both were read at.

    `missing_counties`: known counties whose shard did not answer; their elements are not in the topology.
    """

    topology: Topology
    current: SwitchState
    versions: Mapping[str, CountyVersion]
    shapes: Shapes
    missing_counties: tuple[str, ...] = ()

    def switched(self, current: SwitchState, versions: Mapping[str, CountyVersion]) -> World:
        """This world with other switch states, at other versions of some counties."""
        other = replace(self, current=current, versions={**self.versions, **versions})
        # what follows from the topology alone is not worked out again
        for name in ("normal", "district_sizes"):
            if name in self.__dict__:
                other.__dict__[name] = self.__dict__[name]
        return other

    @cached_property
    def normal(self) -> SwitchState:
        """Every switch as it normally stands."""
        return normal_state(self.topology)

    @cached_property
    def district_sizes(self) -> npt.NDArray[np.int64]:
        """Customers of each transformer district, int64 `(n_districts,)`."""
        district = self.topology.customer_district
        return np.bincount(district[district >= 0], minlength=len(self.topology.tables.districts))

    @cached_property
    def grid_version(self) -> dict[str, int]:
        """Version by county, counties in order."""
        return {county: self.versions[county].version for county in sorted(self.versions)}


@dataclass(frozen=True, eq=False)
class Scene:
    """What one question is asked of: a world, the switch states asked for, and the moment they stand for."""

    world: World
    state: SwitchState
    as_of: datetime

    @property
    def topology(self) -> Topology:
        """The topology of the world."""
        return self.world.topology

    @cached_property
    def tables(self) -> GridTables:
        """The grid as it is shown: its switches stand as the question has them."""
        held = self.topology.tables
        return replace(held, switches=replace(held.switches, open=self.state.open))

    def head(self) -> Answer:
        """The fields every answer starts with."""
        return {
            "grid_version": self.world.grid_version,
            "as_of": rfc3339(self.as_of),
            "partial": bool(self.world.missing_counties),
            "missing_counties": list(self.world.missing_counties),
            "loaded_later": [
                county
                for county, version in sorted(self.world.versions.items())
                if version.loaded_at is not None and version.loaded_at > self.as_of
            ],
        }
