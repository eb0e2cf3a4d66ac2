"""Waiting for descriptors; unlike `select.select`, also for those numbered above 1,023, as a server has."""

from __future__ import annotations

import math
import select
from collections.abc import Iterable


def ready(reading: Iterable[int], writing: Iterable[int], timeout_s: float) -> set[int]:
    """Those that can be read or written, or were lost, within a time; none where it is over."""
    waiting = select.poll()
    for one in reading:
        waiting.register(one, select.POLLIN)
    for one in writing:
        waiting.register(one, select.POLLOUT)
    return {descriptor for descriptor, _ in waiting.poll(math.ceil(max(timeout_s, 0.0) * 1000))}
