"""The world as the store keeps it: counties in PostGIS, changed by this process or any other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from gis_service import store
from gis_service.engine.current import Loaded, SwitchReadings, Versions
from gis_service.engine.world import CountyVersion
from gis_service.errors import NotReady

_TRIES = 20
_T = TypeVar("_T")


class StoredGrid:
    """A `GridSource` over the engine's database."""

    def versions(self) -> Versions:
        """Every loaded county's versions."""
        return {county: _known(one) for county, one in store.county_versions().items()}

    def load(self) -> Loaded:
        """Every loaded county's tables."""
        tables, versions = store.load_grid()
        return Loaded(tables, {county: _known(one) for county, one in versions.items()})

    def current_switches(self, counties: Sequence[str], /) -> tuple[Versions, SwitchReadings]:
        """All switches of some counties as they stand."""
        versions, states = self._at_one_moment(lambda: store.current_switches(counties))
        return versions, SwitchReadings(states.id.tolist(), states.open)

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


def _known(version: store.CountyVersion) -> CountyVersion:
    return CountyVersion(version.version, version.topology_version, version.loaded_at)
