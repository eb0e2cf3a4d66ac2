"""A world over tables in hand, with no database: for notebooks, scripts and laws that need no storage."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from gis_service.engine.following.current import NO_READINGS, Loaded, SwitchReadings, Versions
from gis_service.engine.world import CountyVersion, World
from gis_service.network.tables import GridTables


class HeldTables:
    """A `GridSource` that never changes: every county at version 1, no switch ever operated."""

    def __init__(self, tables: GridTables) -> None:
        self._tables = tables
        self._versions = {county: CountyVersion(1, 1) for county in tables.counties}

    def versions(self) -> Versions:
        """Version 1 of every county."""
        return self._versions

    def load(self, _held: World | None = None, /) -> Loaded:
        """The tables in hand."""
        return Loaded(self._tables, self._versions)

    def current_switches(self, _positions: Mapping[str, int | None]) -> tuple[Versions, SwitchReadings]:
        """Nothing moved since loading."""
        return self._versions, NO_READINGS

    def unreachable(self, _counties: Collection[str]) -> Mapping[str, str]:
        """Nothing is ever away."""
        return {}

    def switches_at(self, _at: datetime) -> tuple[Versions, SwitchReadings]:
        """Nothing was operated at any time."""
        return self._versions, NO_READINGS
