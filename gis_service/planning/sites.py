"""Where a customer could be connected at one level: a declared, finite set of places in the supplied grid.

Low voltage: nodes that a district's transformer feeds (`district`; others are a `node`). Medium voltage:
nodes (`node`), those of a substation ahead of its feeders (`bay`), and lines tapped mid-span (`line_tap`)
where they come nearest to the customer and to corridor vertices beside them. A bare terminal, where one line
ends at a switch, is no place: what lies at the switch's other side is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import shapely

from gis_service.kernels.compiled import B1, F64, I64
from gis_service.network.columns import is_any
from gis_service.planning.corridors import Ground
from gis_service.planning.plane import Plane
from gis_service.planning.rules.book import Level, Rules
from gis_service.planning.supply_tree import TRANSFORMER, SupplyTree

MOST_SITES = 2_000
"""Of one level; the nearest are kept, and an answer says how many were left out."""

MOST_TAPS = 8
"""Of one line; the nearest to the customer are kept."""

END_M = 1.0
"""A tap nearer than this to an end of its line is the end."""


class Site(NamedTuple):
    """One place. `group`: places that count as one supply point among the best."""

    kind: str
    id: str
    county: str
    node: int
    fraction: float | None

    @property
    def group(self) -> tuple[str, str, int]:
        """A district or line counts once, a substation by its busbar node."""
        return self.kind, self.id, self.node if self.kind == "bay" else -1


@dataclass(frozen=True, eq=False)
class Sites:
    """Places of one level, by kind, id and fraction.

    at, portion : position in the tree, and the portion of the edge that leads there
    metres : float64 (n, 2), in the plane around the customer
    left_out : how many were further away than the nearest `MOST_SITES`
    """

    level: Level
    site: list[Site]
    at: I64
    portion: F64
    metres: F64
    left_out: int
    plane: Plane

    @property
    def distance(self) -> F64:
        """Metres from the customer as the crow flies."""
        far: F64 = np.hypot(self.metres[:, 0], self.metres[:, 1])
        return far


def find_sites(
    tree: SupplyTree,
    rules: Rules,
    level: Level,
    *,
    nodes: I64,
    lines: I64,
    plane: Plane,
    ground: Ground,
    phases: int,
) -> Sites:
    """The places of a level among some nodes and lines that carry the phases and lie within its reach."""
    reach = rules.limits.reach_m.of(level)
    found, left_out = _node_sites(tree, rules, level, nodes, plane, phases, reach)
    if level == "medium":
        taps, more = _tap_sites(tree, rules, level, lines, plane, ground, phases, reach)
        found, left_out = found + taps, left_out + more
    found.sort(key=lambda one: (round(float(np.hypot(*one[3])), 3), one[0]))
    kept = sorted(found[:MOST_SITES], key=lambda one: one[0])
    return Sites(
        level,
        [one for one, *_ in kept],
        np.array([at for _, at, *_ in kept], np.int64),
        np.array([portion for *_, portion, _ in kept], np.float64),
        np.array([metres for *_, metres in kept], np.float64).reshape(-1, 2),
        left_out + len(found) - len(kept),
        plane,
    )


_Found = list[tuple[Site, int, float, tuple[float, float]]]


def _node_sites(
    tree: SupplyTree, rules: Rules, level: Level, nodes: I64, plane: Plane, phases: int, reach: float
) -> tuple[_Found, int]:
    """The places among some nodes, and how many were further away than the nearest."""
    tables = tree.topology.tables
    metres = plane.metres(tables.nodes.xy[nodes])
    at = tree.positions(nodes)
    near = (np.hypot(*metres.T) <= reach) & (at > 0)
    nodes, metres, at = nodes[near], metres[near], at[near]
    kept = (tree.carries[at] & phases) == phases
    kept &= ~tree.bare[at] & _of_level(rules, level, tree.kv[at])
    nodes, metres, at = nodes[kept], metres[kept], at[kept]
    first = _nearest(np.hypot(*metres.T))
    left_out = nodes.size - first.size
    nodes, metres, at = nodes[first], metres[first], at[first]
    ids, counties = tables.nodes.id[nodes], tables.nodes.county[nodes]
    inside = tables.nodes.substation_id[nodes]
    districts = _districts(tree, at) if level == "low" else [-1] * at.size
    found: _Found = []
    for k, row in enumerate(nodes.tolist()):
        site = Site("node", str(ids[k]), str(counties[k]), row, None)
        if districts[k] >= 0:
            table = tables.districts
            site = Site("district", str(table.id[districts[k]]), str(table.county[districts[k]]), row, None)
        elif level == "medium" and inside[k] and tree.head[at[k]] < 0:
            site = Site("bay", str(inside[k]), str(counties[k]), row, None)
        found.append((site, int(at[k]), 1.0, (float(metres[k, 0]), float(metres[k, 1]))))
    return found, left_out


def _nearest(far: F64) -> I64:
    """Which are the nearest `MOST_SITES`, ascending; of equally far ones the first."""
    return np.sort(np.argsort(far, kind="stable")[:MOST_SITES])


def _districts(tree: SupplyTree, at: I64) -> list[int]:
    """The district whose transformer feeds each position, -1 without one; of several the first."""
    position = tree.transformer[at].astype(np.int64)
    fed = position > 0
    rows = np.full(at.size, -1, np.int64)
    rows[fed] = tree.rows(TRANSFORMER, position[fed])
    of = tree.topology.district_transformer
    wanted = np.flatnonzero(np.isin(of, np.unique(rows[fed])))
    first: dict[int, int] = {}
    for district in wanted.tolist():
        first.setdefault(int(of[district]), district)
    return [first.get(row, -1) for row in rows.tolist()]


def _of_level(rules: Rules, level: Level, kv: F64) -> B1:
    values, at = np.unique(kv, return_inverse=True)
    is_so = np.array([rules.level_of(float(one)) == level for one in values.tolist()], np.bool_)
    found: B1 = is_so[at.ravel()] if values.size else np.empty(0, np.bool_)
    return found


def _tap_sites(
    tree: SupplyTree,
    rules: Rules,
    level: Level,
    rows: I64,
    plane: Plane,
    ground: Ground,
    phases: int,
    reach: float,
) -> tuple[_Found, int]:
    """The taps of the nearest of some lines, and how many lines were further away."""
    lines = tree.topology.tables.lines
    at = tree.positions_of_edges(rows)  # lines are the first edges of a topology
    kept = at > 0
    rows, at = rows[kept], at[kept]
    kept = (tree.carries[at] & phases) == phases
    kept &= _of_level(rules, level, np.asarray(lines.base_voltage_kv[rows]))
    kept &= is_any(lines.construction[rows], ("overhead", "underground"))
    begin, stop = np.asarray(lines.offsets[rows]), np.asarray(lines.offsets[rows + 1])
    kept &= stop - begin >= 2
    rows, at, begin, stop = rows[kept], at[kept], begin[kept], stop[kept]
    if not rows.size:
        return [], 0
    counts = stop - begin
    vertices = np.arange(counts.sum()) + np.repeat(begin - (np.cumsum(counts) - counts), counts)
    metres = plane.metres(np.asarray(lines.coords[vertices]))
    of = np.repeat(np.arange(rows.size), counts)
    made: Any = np.asarray(shapely.linestrings(metres, indices=of), np.object_)
    here = shapely.Point(0.0, 0.0)
    far = np.asarray(shapely.distance(made, here), np.float64)
    near = np.flatnonzero(far <= reach)
    first = near[_nearest(far[near])]
    left_out = near.size - first.size
    made, rows, at = made[first], rows[first], at[first]
    fractions = _fractions(made, here, ground, rules.limits.off_corridor_m)
    ids, counties = lines.id[rows], lines.county[rows]
    onwards = tree.topology.edge_to[rows] == tree.node[at]
    found: _Found = []
    for k, some in enumerate(fractions):
        for fraction, x, y in some:
            if np.hypot(x, y) <= reach:
                portion = fraction if onwards[k] else 1.0 - fraction
                site = Site("line_tap", str(ids[k]), str(counties[k]), -1, fraction)
                found.append((site, int(at[k]), portion, (x, y)))
    return found, left_out


def _fractions(
    lines: object, here: shapely.Point, ground: Ground, beside_m: float
) -> list[list[tuple[float, float, float]]]:
    """Fractions of each line at which it may be tapped, with the place: nearest to the customer first."""
    made = np.asarray(lines, np.object_)
    ends = np.concatenate([ground.metres[ground.offsets[:-1]], ground.metres[ground.offsets[1:] - 1]])
    vertices: Any = np.asarray(shapely.points(np.unique(np.round(ends, 3), axis=0)), np.object_)
    line, vertex = (
        shapely.STRtree(vertices).query(made, predicate="dwithin", distance=beside_m)
        if vertices.size and made.size
        else (np.empty(0, np.int64), np.empty(0, np.int64))
    )
    line = np.concatenate([np.arange(made.size), line])
    points = np.concatenate([np.full(made.size, here), vertices[vertex]])
    length = shapely.length(made)
    along = np.round(shapely.line_locate_point(made[line], points), 3)
    found: list[list[tuple[float, float, float]]] = [[] for _ in range(made.size)]
    inside = (along >= END_M) & (along <= length[line] - END_M)
    pairs = np.unique(np.column_stack([line[inside], along[inside]]), axis=0)
    where = shapely.get_coordinates(
        shapely.line_interpolate_point(made[pairs[:, 0].astype(int)], pairs[:, 1])
    )
    for (k, metres), (x, y) in zip(pairs.tolist(), where.tolist(), strict=True):
        found[int(k)].append((metres / float(length[int(k)]), x, y))
    for one in found:
        one.sort(key=lambda tap: (round(float(np.hypot(tap[1], tap[2])), 3), tap[0]))
        del one[MOST_TAPS:]
    return found
