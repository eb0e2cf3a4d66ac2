"""Answers kept for the next who asks the same: a bounded number of bytes, the longest unused let go of first.

Knows keys and bytes. A key says everything that the answer hangs on, so nothing here is ever out of date.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

Value = TypeVar("Value")

_OVERHEAD = 512  # of an entry, beside what it holds


class Kept(Generic[Value]):
    """Values by key; safe for threads.

    Parameters
    ----------
    limit
        Bytes of all values together.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._held: OrderedDict[str, tuple[Value, int]] = OrderedDict()
        self._bytes = 0

    def get(self, key: str) -> Value | None:
        """What was kept, or None."""
        with self._lock:
            found = self._held.get(key)
            if found is None:
                return None
            self._held.move_to_end(key)
            return found[0]

    def put(self, key: str, value: Value, size: int) -> None:
        """Keep a value of so many bytes; one that is larger than a quarter of the limit is not kept."""
        size += _OVERHEAD
        if size > self.limit // 4:
            return
        with self._lock:
            if key in self._held:
                return
            self._held[key] = (value, size)
            self._bytes += size
            while self._bytes > self.limit:
                _, (_, least) = self._held.popitem(last=False)
                self._bytes -= least
