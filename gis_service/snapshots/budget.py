"""How much of the mapped columns may stay in memory: the least recently used go first.

Counts what may be resident, a whole column as soon as a row of it is asked for. Letting go of a column takes
its pages out of this process; it stays valid, and comes back from the file when it is used again.
"""

from __future__ import annotations

import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

from gis_service.errors import InvalidInput

VARIABLE = "GRIDGIS_MEMORY_BUDGET"
DEFAULT_BYTES = 1 << 30

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


class Budget:
    """A limit in bytes for what may be resident; safe for threads.

    Parameters
    ----------
    limit
        Bytes; one column may always stay, however large.
    """

    def __init__(self, limit: int = DEFAULT_BYTES) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._held: OrderedDict[Hashable, tuple[int, Callable[[], None]]] = OrderedDict()
        self._total = 0

    @property
    def held(self) -> int:
        """Bytes that may be resident now."""
        return self._total

    def use(self, name: Hashable, size: int, let_go: Callable[[], None]) -> None:
        """A column of `size` bytes is used now; `let_go` is called once when its turn has come."""
        with self._lock:
            if name in self._held:
                self._held.move_to_end(name)
                return
            self._held[name] = size, let_go
            self._total += size
            leaving = []
            while self._total > self.limit and len(self._held) > 1:
                _, (freed, release) = self._held.popitem(last=False)
                self._total -= freed
                leaving.append(release)
        for release in leaving:
            release()


def memory_budget() -> int:
    """Bytes of `GRIDGIS_MEMORY_BUDGET`, such as `500M` or `2G`; 1 GiB where it is not set.

    Raises
    ------
    InvalidInput
        When it is something else.
    """
    given = os.environ.get(VARIABLE, "").strip()
    if not given:
        return DEFAULT_BYTES
    found = re.fullmatch(r"(\d+)\s*([KMG]?)(?:i?B)?", given, re.IGNORECASE)
    if found is None:
        raise InvalidInput(f"{VARIABLE} is {given!r}: write bytes, or a number with K, M or G, such as 500M")
    return int(found[1]) * _UNITS[found[2].upper()]
