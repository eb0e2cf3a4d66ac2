"""The contests of planning: attach points, candidates, and whole requests."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import planning_corridors, planning_flows, planning_requests
from benchmarks.pairing import Contest, LeftOut, Limit
from benchmarks.setting import Setting

NAMES = (planning_flows.NAME, *planning_corridors.NAMES, planning_requests.NAME)


def contests(setting: Setting) -> Iterator[Contest | Limit | LeftOut]:
    """All of them."""
    yield from planning_flows.contests(setting)
    yield from planning_corridors.contests(setting)
    yield from planning_requests.contests(setting)
