"""How many features match: exact to ten thousand, and beyond where that is free; else an estimate.

`numberMatched` is exact or left out (OGC 17-069r4, 7.15.7, permission 8); an estimate has a name of its own.
Counts are remembered for as long as the versions of the data stay what they were.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

from layers.features.asked import Asked
from layers.source import Count, Counting, Page, Source

MOST_COUNTED = 10_000
_REMEMBERED = 2_048


@dataclass
class Counts:
    """Counts of one service."""

    _known: OrderedDict[Hashable, Count | None] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def members(self, source: Source, asked: Asked, first: Page, head: Mapping[str, Any]) -> dict[str, int]:
        """`numberMatched`, or `numberMatchedEstimate`, or nothing where nothing can be told.

        Parameters
        ----------
        first
            The page that the answer begins with: where it is all there is, nothing is counted.
        head
            What every document says of its data.
        """
        if first.missing:
            return {}
        if asked.query.after is None and first.after is None:
            return {"numberMatched": len(first.features)}
        if asked.live is not None or not isinstance(source, Counting):
            return {}  # it would have to be read whole
        versions = tuple(sorted(head.get("grid_version", {}).items()))
        query = replace(asked.query, limit=1, after=None, moment=None)
        key = (source.description.id, query, versions)
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return _told(self._known[key])
        count = source.count(query, MOST_COUNTED)
        with self._lock:
            self._known[key] = count
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return _told(count)


def _told(count: Count | None) -> dict[str, int]:
    if count is None:
        return {}
    return {"numberMatched" if count.exact else "numberMatchedEstimate": count.number}
