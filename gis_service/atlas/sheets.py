"""The sheets that are kept: each made once though many threads ask, the least recently used let go of first.

A sheet is known by its layer and its county's load, so that it outlives whatever happens in other counties. A
patch that was given out stays valid when its sheet is let go of.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import NamedTuple

from gis_service.atlas.sheet import Sheet
from gis_service.engine.world import World
from gis_service.snapshots.county import CountyKey

DEFAULT_BYTES = 1 << 30


class SheetKey(NamedTuple):
    """Whose features, and of which load."""

    layer: str
    load: CountyKey


def load_of(world: World, county: str) -> CountyKey:
    """Which load of a county stands in a world."""
    one = world.versions[county]
    return CountyKey(county, one.topology_version, one.loaded_at)


class Sheets:
    """A limit in bytes for what sheets keep; safe for threads.

    Parameters
    ----------
    limit
        Bytes; the sheet used last always stays, however large.
    """

    def __init__(self, limit: int = DEFAULT_BYTES) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._held: OrderedDict[SheetKey, Sheet] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    @property
    def nbytes(self) -> int:
        """Bytes kept now."""
        with self._lock:
            return sum(sheet.nbytes for sheet in self._held.values())

    def find(self, key: SheetKey) -> Sheet | None:
        """The sheet, where it is kept."""
        with self._lock:
            sheet = self._held.get(key)
            if sheet is not None:
                self._held.move_to_end(key)
            return sheet

    def of(self, keys: Mapping[str, SheetKey]) -> dict[str, Sheet]:
        """Those of some sheets that are kept, under the names given."""
        found = ((name, self.find(key)) for name, key in keys.items())
        return {name: sheet for name, sheet in found if sheet is not None}

    def get(self, key: SheetKey, make: Callable[[], Sheet]) -> Sheet:
        """The sheet, kept or made; of two threads that make it at once the first one's stays.

        What costs is made inside of a sheet, once. To map a county for the first time may take its time, and
        nobody who looks at others waits for that.
        """
        sheet = self.find(key)
        if sheet is not None:
            return sheet
        made = make()
        with self._lock:
            sheet = self._held.setdefault(key, made)
            self._held.move_to_end(key)
            return sheet

    def tidy(self, world: World | None = None) -> bool:
        """Let go of sheets of loads other than the world's and beyond the limit; whether any went."""
        with self._lock:
            before = len(self._held)
            if world is not None:
                loads = {load_of(world, county) for county in world.versions}
                for key in [key for key in self._held if key.load not in loads]:
                    del self._held[key]
            sizes = {key: sheet.nbytes for key, sheet in self._held.items()}
            total = sum(sizes.values())
            for key in list(self._held)[:-1]:
                if total <= self.limit:
                    break
                total -= sizes[key]
                del self._held[key]
            return len(self._held) < before
