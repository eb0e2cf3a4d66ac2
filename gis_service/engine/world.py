"""The grid as it stands in memory, and the scene of one question; values, never changed once made."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
import numpy.typing as npt
import orjson

from gis_service.engine.columns import Answer, rfc3339
from gis_service.engine.counter import Counter
from gis_service.engine.listing import Listing
from gis_service.engine.shapes import Shapes
from gis_service.engine.tallies import Tallies
from gis_service.engine.ties import counties_of, tied_counties
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

    `missing_counties`: counties of which a later version is known that cannot be read, because their node is
    away. Those without a version here are not in the topology at all.
    """

    topology: Topology
    current: SwitchState
    versions: Mapping[str, CountyVersion]
    shapes: Shapes
    missing_counties: tuple[str, ...] = ()

    def switched(self, current: SwitchState, versions: Mapping[str, CountyVersion]) -> World:
        """This world with other switch states, at other versions of some counties."""
        return self._kept(replace(self, current=current, versions={**self.versions, **versions}))

    def lacking(self, counties: Sequence[str]) -> World:
        """This world with other missing counties."""
        missing = tuple(counties)
        if missing == self.missing_counties:
            return self
        return self._kept(replace(self, missing_counties=missing))

    def _kept(self, other: World) -> World:
        """What follows from the topology alone is not worked out again."""
        for name in ("normal", "district_sizes", "tallies", "listing", "last_load", "tied"):
            if name in self.__dict__:
                other.__dict__[name] = self.__dict__[name]
        return other

    def narrowed(self, missing: Collection[str], counties: Collection[str]) -> tuple[str, ...]:
        """Those of the missing counties that may have a say in a question about some counties, sorted.

        Those whose network is joined to theirs, and those that are not in the topology: what these are joined
        to is not known.
        """
        near = {self.tied.get(county, county) for county in counties}
        return tuple(
            sorted(one for one in missing if one not in self.versions or self.tied.get(one, one) in near)
        )

    @property
    def absent(self) -> list[str]:
        """The missing counties that are not in the topology, sorted."""
        return sorted(set(self.missing_counties) - self.versions.keys())

    @cached_property
    def tied(self) -> dict[str, str]:
        """County → one that stands for all counties whose networks are joined, whatever the switches do."""
        return tied_counties(self.topology)

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
    def tallies(self) -> Tallies:
        """How customers are counted."""
        return Tallies(self.topology)

    @cached_property
    def listing(self) -> Listing:
        """How customers and districts are written."""
        return Listing(self.topology, self.district_sizes, self.tallies.codes)

    @cached_property
    def counter(self) -> Counter | None:
        """How those who lose supply are counted as switches stand, in one call."""
        return Counter.of(self.topology, self.current, self.tallies)

    @cached_property
    def last_load(self) -> datetime:
        """When a county was loaded last."""
        return max(
            (one.loaded_at for one in self.versions.values() if one.loaded_at is not None),
            default=datetime.min.replace(tzinfo=UTC),
        )

    @cached_property
    def grid_version(self) -> dict[str, int]:
        """Version by county, counties in order."""
        return {county: self.versions[county].version for county in sorted(self.versions)}

    def head_text(self, missing: tuple[str, ...]) -> bytes:
        """The fields of an answer's head that are this world's own, as the beginning of a JSON object."""
        kept = self._head_texts.get(missing)
        if kept is None:
            head = {
                "grid_version": self.grid_version,
                "partial": bool(missing),
                "missing_counties": list(missing),
            }
            kept = self._head_texts[missing] = orjson.dumps(head)[:-1]
        return kept

    def opening(self, as_of: datetime, missing: tuple[str, ...]) -> bytes:
        """The head of an answer as the beginning of a JSON object, to which the rest is written."""
        later = self.loaded_later(as_of)
        return b'%b,"as_of":"%b","loaded_later":%b' % (
            self.head_text(missing),
            rfc3339(as_of).encode(),
            orjson.dumps(later) if later else b"[]",
        )

    def loaded_later(self, as_of: datetime) -> list[str]:
        """Counties that were loaded after a moment, sorted."""
        if self.last_load <= as_of:
            return []
        return [
            county
            for county, version in sorted(self.versions.items())
            if version.loaded_at is not None and version.loaded_at > as_of
        ]

    @cached_property
    def _head_texts(self) -> dict[tuple[str, ...], bytes]:
        """By missing counties; what is kept goes with the world."""
        return {}


@dataclass(frozen=True, eq=False)
class Scene:
    """What one question is asked of: a world, the switch states asked for, and the moment they stand for.

    `missing`: counties whose part of it is not known to be right; every answer names them.
    """

    world: World
    state: SwitchState
    as_of: datetime
    missing: tuple[str, ...] = ()

    def about(self, ids: Iterable[str]) -> Scene:
        """The scene of a question that names just these elements: what cannot touch them is not missed."""
        if not self.missing:
            return self
        counties = counties_of(self.topology, ids)
        return replace(self, missing=self.world.narrowed(self.missing, counties))

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
            "partial": bool(self.missing),
            "missing_counties": list(self.missing),
            "loaded_later": self.world.loaded_later(self.as_of),
        }

    def head_text(self) -> bytes:
        """The same as the beginning of a JSON object, to which the rest of an answer is written."""
        return self.world.opening(self.as_of, self.missing)
