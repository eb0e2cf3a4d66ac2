"""The world as the store keeps it: counties in PostGIS, changed by this process or any other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from gis_service import store
from gis_service.engine.current import Loaded, SwitchReadings, Versions
from gis_service.engine.world import CountyVersion
from gis_service.errors import NotReady

_TRIES = 20
_VERSIONS_DEADLINE_S = 5.0
_T = TypeVar("_T")


class StoredGrid:
    """A `GridSource` over the engine's database."""

    def versions(self) -> Versions:
        """Every loaded county's versions."""
        return known_versions(store.county_versions(deadline_s=_VERSIONS_DEADLINE_S))

    def load(self) -> Loaded:
        """Every loaded county's tables."""
        tables, versions = store.load_grid()
        return Loaded(tables, known_versions(versions))

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


def known_versions(found: Mapping[str, store.CountyVersion]) -> dict[str, CountyVersion]:
    """The versions of counties as the engine compares them."""
    return {
        county: CountyVersion(one.version, one.topology_version, one.loaded_at, one.last_operation)
        for county, one in found.items()
    }
