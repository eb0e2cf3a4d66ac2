"""The pen that draws an area's substation, trunks, laterals and streets, element by element, on the plane.

Collects; decides nothing. What there is very much of (low voltage, customers) is not drawn with it but made
in whole arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from gis_service.network.tables import ALL_PHASES
from gis_service.province.equipment import MEDIUM_KV

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Foreign:
    """A node or vertex of a neighbour's area, by the number it has there, and the node's county."""

    area: int
    number: int
    county: int


@dataclass(slots=True)
class Slot:
    """A place for a distribution transformer: its high-side node, and where the feeder comes by."""

    x: float
    y: float
    node: int
    phases: int
    feeder: int
    row: int
    side: int


@dataclass
class Drawing:
    """What has been drawn. Nodes are numbers; a neighbour's node is below zero, `-1 - k` for `foreign[k]`."""

    node_xy: list[Point] = field(default_factory=list)
    node_kv: list[float] = field(default_factory=list)
    node_in_substation: list[bool] = field(default_factory=list)
    foreign: list[Foreign] = field(default_factory=list)
    line_ends: list[tuple[int, int]] = field(default_factory=list)
    line_conductor: list[int] = field(default_factory=list)
    line_kv: list[float] = field(default_factory=list)
    line_phases: list[int] = field(default_factory=list)
    line_feeder: list[int] = field(default_factory=list)
    line_path: list[Sequence[Point]] = field(default_factory=list)
    switch_ends: list[tuple[int, int]] = field(default_factory=list)
    switch_kind: list[int] = field(default_factory=list)
    switch_phases: list[int] = field(default_factory=list)
    switch_open: list[bool] = field(default_factory=list)
    switch_rated: list[float] = field(default_factory=list)
    switch_remote: list[bool] = field(default_factory=list)
    switch_feeder: list[int] = field(default_factory=list)
    switch_xy: list[Point] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)

    def reserve(self, ends: Sequence[Point]) -> None:
        """Give the first numbers to the ends of the trunks."""
        for x, y in ends:
            self.node(x, y)

    def node(self, x: float, y: float, kv: float = MEDIUM_KV, *, in_substation: bool = False) -> int:
        """A new connectivity node."""
        self.node_xy.append((x, y))
        self.node_kv.append(kv)
        self.node_in_substation.append(in_substation)
        return len(self.node_xy) - 1

    def neighbour(self, foreign: Foreign) -> int:
        """A node of a neighbour's area."""
        self.foreign.append(foreign)
        return -len(self.foreign)

    def line(
        self,
        start: int,
        end: int,
        conductor: int,
        *,
        kv: float = MEDIUM_KV,
        phases: int = ALL_PHASES,
        feeder: int = -1,
        via: Sequence[Point] = (),
        end_xy: Point | None = None,
    ) -> None:
        """A line section; `end_xy` is needed where the end is a neighbour's node."""
        self.line_ends.append((start, end))
        self.line_conductor.append(conductor)
        self.line_kv.append(kv)
        self.line_phases.append(phases)
        self.line_feeder.append(feeder)
        self.line_path.append((self.node_xy[start], *via, end_xy or self.node_xy[end]))

    def switch(
        self,
        kind: int,
        start: int,
        end: int,
        rated: float,
        *,
        phases: int = ALL_PHASES,
        normal_open: bool = False,
        remote: bool = False,
        head_of: int = -1,
    ) -> None:
        """A switch, at its first node; `head_of` is the feeder whose head it is."""
        self.switch_ends.append((start, end))
        self.switch_kind.append(kind)
        self.switch_phases.append(phases)
        self.switch_open.append(normal_open)
        self.switch_rated.append(rated)
        self.switch_remote.append(remote)
        self.switch_feeder.append(head_of)
        self.switch_xy.append(self.node_xy[start])


@dataclass
class Streets:
    """The corridors above low voltage: edges between named vertices; a vertex is known by its place."""

    vertex_xy: list[Point] = field(default_factory=list)
    ends: list[tuple[int, int]] = field(default_factory=list)
    kind: list[int] = field(default_factory=list)
    path: list[Sequence[Point]] = field(default_factory=list)
    foreign: list[Foreign] = field(default_factory=list)
    _known: dict[Point, int] = field(default_factory=dict)

    def vertex(self, x: float, y: float) -> int:
        """The vertex at a place, new or known."""
        key = (round(x, 1), round(y, 1))
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = len(self.vertex_xy)
            self.vertex_xy.append((x, y))
        return found

    def neighbour(self, foreign: Foreign) -> int:
        """A vertex of a neighbour's area."""
        self.foreign.append(foreign)
        return -len(self.foreign)

    def edge(
        self, start: int, end: int, kind: int, *, via: Sequence[Point] = (), end_xy: Point | None = None
    ) -> None:
        """A corridor between two vertices; `end_xy` is needed where the end is a neighbour's."""
        self.ends.append((start, end))
        self.kind.append(kind)
        self.path.append((self.vertex_xy[start], *via, end_xy or self.vertex_xy[end]))

    def along(self, points: Sequence[Point], kind: int) -> None:
        """Corridors from point to point."""
        numbers = [self.vertex(x, y) for x, y in points]
        for start, end in pairwise(numbers):
            if start != end:
                self.edge(start, end, kind)
