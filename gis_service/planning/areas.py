"""Areas that a route must not enter, and areas that it must pass, in the plane around a customer.

An area is what lies within its border. Nothing is built inside an avoided one; its border may be followed.
One that must be passed is passed by a route that touches it anywhere, its border included. Both hold to a
millimetre: an avoided area counts from that far inside its border, one to be passed to that far outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from gis_service.kernels.compiled import B1, F64, I64
from gis_service.planning.plane import Plane

MOST_PASSED = 4
"""Areas that one route may have to pass: the search keeps ways apart by which of them they have passed."""

EXACT_M = 1e-3


@dataclass(frozen=True, eq=False)
class Areas:
    """Areas in metres; without any, everything is open and nothing need be passed."""

    avoid: BaseGeometry | None = None
    must_pass: tuple[BaseGeometry, ...] = ()

    def __bool__(self) -> bool:
        return self.avoid is not None or bool(self.must_pass)

    @property
    def count(self) -> int:
        """How many are to be passed."""
        return len(self.must_pass)

    @cached_property
    def _closed(self) -> BaseGeometry | None:
        if self.avoid is None:
            return None
        inner = shapely.buffer(self.avoid, -EXACT_M, join_style="mitre")
        shapely.prepare(inner)
        return inner

    def closes_points(self, points: F64) -> B1:
        """Which points lie inside an avoided area."""
        if self._closed is None:
            return np.zeros(len(points), np.bool_)
        return np.asarray(shapely.intersects_xy(self._closed, points[:, 0], points[:, 1]), np.bool_)

    def closes(self, begin: F64, end: F64) -> B1:
        """Which straight ways, `(n, 2)` to `(n, 2)`, enter an avoided area."""
        if self._closed is None or not len(begin):
            return np.zeros(len(begin), np.bool_)
        return np.asarray(shapely.intersects(self._closed, _straight(begin, end)), np.bool_)

    def passed(self, begin: F64, end: F64) -> I64:
        """What straight ways pass, int64 `(n,)`: bit k for `must_pass[k]`."""
        found = np.zeros(len(begin), np.int64)
        if self.must_pass and len(begin):
            ways = _straight(begin, end)
            for k, area in enumerate(self.must_pass):
                found |= np.asarray(shapely.dwithin(ways, area, EXACT_M), np.int64) << k
        return found

    def passed_at(self, points: F64) -> I64:
        """What lies at some points, as `passed`."""
        found = np.zeros(len(points), np.int64)
        if self.must_pass and len(points):
            made = np.asarray(shapely.points(points), np.object_)
            for k, area in enumerate(self.must_pass):
                found |= np.asarray(shapely.dwithin(made, area, EXACT_M), np.int64) << k
        return found

    @property
    def borders(self) -> list[BaseGeometry]:
        """The border of each area: corridors are cut where they meet one."""
        avoided = [] if self.avoid is None else [self.avoid]
        return [shapely.boundary(one) for one in (*avoided, *self.must_pass)]


NOWHERE = Areas()


def areas_in(plane: Plane, avoid: Sequence[BaseGeometry], must_pass: Sequence[BaseGeometry]) -> Areas:
    """Areas given in lon/lat, in the plane; those to be avoided become one."""

    def metres(area: BaseGeometry) -> BaseGeometry:
        made: BaseGeometry = shapely.transform(area, plane.metres)
        shapely.prepare(made)
        return made

    avoided = shapely.union_all([metres(one) for one in avoid]) if avoid else None
    return Areas(avoided, tuple(metres(one) for one in must_pass))


def _straight(begin: F64, end: F64) -> Any:
    return np.asarray(shapely.linestrings(np.stack([begin, end], axis=1)), np.object_)
