"""Where a customer could be connected at one level: a declared, finite set of places in the supplied grid.

Low voltage: nodes that a district's transformer feeds (`district`; others are a `node`). Medium voltage:
nodes (`node`), those of a substation ahead of its feeders (`bay`), and lines tapped mid-span (`line_tap`)
where they come nearest to the customer and to corridor vertices beside them. A bare terminal, where one line
ends at a switch, is no place: what lies at the switch's other side is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from gis_service.kernels.compiled import B1, F64, I64
from gis_service.kernels.feet import find_feet
from gis_service.network.columns import is_any
from gis_service.planning.corridors import Ground
from gis_service.planning.plane import Plane, line_lengths, points_along
from gis_service.planning.rules.book import Level, Rules
from gis_service.planning.supply_tree import TRANSFORMER, SupplyTree

KINDS = ("bay", "district", "line_tap", "node")
BAY, DISTRICT, LINE_TAP, NODE = range(4)

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


class _Found(NamedTuple):
    """Places in no order, as columns."""

    kind: I64
    row: I64
    node: I64
    fraction: F64
    at: I64
    portion: F64
    metres: F64


@dataclass(frozen=True, eq=False)
class Sites:
    """Places of one level as columns, by kind, id and fraction.

    kind : int64, places in `KINDS`
    row : int64, the row of each in the table of its kind: of nodes for `bay` and `node`
    node : int64, the row of the node; -1 mid-span
    fraction : float64, how far along its line a tap is; nan elsewhere
    at, portion : position in the tree, and the portion of the edge that leads there
    metres : float64 (n, 2), in the plane around the customer
    left_out : how many were further away than the nearest `MOST_SITES`
    """

    level: Level
    tree: SupplyTree
    kind: I64
    row: I64
    node: I64
    fraction: F64
    at: I64
    portion: F64
    metres: F64
    left_out: int
    plane: Plane

    def __len__(self) -> int:
        return int(self.kind.size)

    @cached_property
    def distance(self) -> F64:
        """Metres from the customer as the crow flies."""
        far: F64 = np.hypot(self.metres[:, 0], self.metres[:, 1])
        return far

    @cached_property
    def group(self) -> I64:
        """Supply points by number: places of one number count as one, as `Site.group` says."""
        _, number = np.unique(self.row * len(KINDS) + self.kind, return_inverse=True)
        found: I64 = number.ravel().astype(np.int64)
        return found

    def site(self, place: int) -> Site:
        """One place."""
        tables = self.tree.topology.tables
        kind, row = int(self.kind[place]), int(self.row[place])
        table = (tables.nodes, tables.districts, tables.lines, tables.nodes)[kind]
        id = tables.nodes.substation_id[row] if kind == BAY else table.id[row]
        fraction = float(self.fraction[place]) if kind == LINE_TAP else None
        return Site(KINDS[kind], str(id), str(table.county[row]), int(self.node[place]), fraction)


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
        found = _Found(*(np.concatenate(pair) for pair in zip(found, taps, strict=True)))
        left_out += more
    order = _in_order(tree, found)
    far = np.round(np.hypot(*found.metres[order].T), 3)
    order = order[np.sort(np.argsort(far, kind="stable")[:MOST_SITES])]
    return Sites(
        level,
        tree,
        found.kind[order],
        found.row[order],
        found.node[order],
        found.fraction[order],
        found.at[order],
        found.portion[order],
        found.metres[order],
        left_out=left_out + far.size - order.size,
        plane=plane,
    )


def _in_order(tree: SupplyTree, found: _Found) -> I64:
    """By kind, id, node and fraction."""
    tables = tree.topology.tables
    ids = np.empty(found.kind.size, np.object_)
    for kind, column in (
        (BAY, tables.nodes.substation_id),
        (DISTRICT, tables.districts.id),
        (LINE_TAP, tables.lines.id),
        (NODE, tables.nodes.id),
    ):
        mine = found.kind == kind
        rows, at = np.unique(found.row[mine], return_inverse=True)
        ids[mine] = np.asarray(column[rows], np.object_)[at.ravel()]
    order = np.lexsort((np.nan_to_num(found.fraction), found.node, ids.astype(str), found.kind))
    return order.astype(np.int64)


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
    nodes, metres, at = nodes[first].astype(np.int64), metres[first], at[first]
    kind, row = np.full(nodes.size, NODE), nodes.copy()
    if level == "low":
        districts = _districts(tree, at)
        of_one = districts >= 0
        kind[of_one], row[of_one] = DISTRICT, districts[of_one]
    else:
        inside = np.array([bool(one) for one in tables.nodes.substation_id[nodes].tolist()], np.bool_)
        kind[inside & (tree.head[at] < 0)] = BAY
    none = np.full(nodes.size, np.nan)
    return _Found(kind, row, nodes, none, at, np.ones(nodes.size), metres), left_out


def _nearest(far: F64) -> I64:
    """Which are the nearest `MOST_SITES`, ascending; of equally far ones the first."""
    return np.sort(np.argsort(far, kind="stable")[:MOST_SITES])


def _districts(tree: SupplyTree, at: I64) -> I64:
    """The district whose transformer feeds each position, -1 without one; of several the first."""
    position = tree.transformer[at].astype(np.int64)
    fed = position > 0
    rows = np.full(at.size, -1, np.int64)
    rows[fed] = tree.rows(TRANSFORMER, position[fed])
    of = tree.topology.district_transformer
    wanted = np.flatnonzero(np.isin(of, np.unique(rows[fed])))
    fed_by, first = np.unique(of[wanted], return_index=True)
    if not fed_by.size:
        return np.full(at.size, -1, np.int64)
    place = np.minimum(np.searchsorted(fed_by, rows), fed_by.size - 1)
    return np.where(fed_by[place] == rows, wanted[first[place]], -1)


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
    rows, at, begin, counts = rows[kept], at[kept], begin[kept], (stop - begin)[kept]
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    vertices = np.arange(offsets[-1]) + np.repeat(begin - offsets[:-1], counts)
    metres = plane.metres(np.asarray(lines.coords[vertices])) if rows.size else np.empty((0, 2))
    every = np.ones(rows.size, np.bool_)
    here = np.zeros((1, 2))
    near = find_feet(here, offsets, metres, every, within=reach, most=max(rows.size, 1))
    left_out = max(0, near.edge.size - MOST_SITES)
    nearest = near.edge[:MOST_SITES]
    every[:] = False
    every[nearest] = True
    beside = find_feet(
        ground.ends, offsets, metres, every, within=rules.limits.off_corridor_m, most=max(nearest.size, 1)
    )
    line = np.concatenate([nearest, beside.edge]).astype(np.int64)
    along = np.round(np.concatenate([near.at[:MOST_SITES], beside.at]), 3)
    length = line_lengths(offsets, metres)
    inside = (along >= END_M) & (along <= length[line] - END_M)
    line, along = np.unique(np.column_stack([line[inside], along[inside]]), axis=0).T
    line = line.astype(np.int64)
    where = points_along(offsets, metres, line, along)
    far = np.hypot(*where.T)
    order = np.lexsort((along, np.round(far, 3), line))
    line, along, where, far = line[order], along[order], where[order], far[order]
    # the nearest few of each line
    first = np.searchsorted(line, line)
    kept = (np.arange(line.size) - first < MOST_TAPS) & (far <= reach)
    line, along, where = line[kept], along[kept], where[kept]
    fraction = along / length[line]
    rows, at = rows[line], at[line]
    onwards = tree.topology.edge_to[rows] == tree.node[at]
    portion = np.where(onwards, fraction, 1.0 - fraction)
    at = at.copy()
    for k in np.flatnonzero(tree.since[at] > 0.0).tolist():  # what is reserved taps this line already
        at[k], portion[k] = tree.place_on_edge(int(at[k]), float(portion[k]))
    return _Found(
        np.full(line.size, LINE_TAP),
        rows.astype(np.int64),
        np.full(line.size, -1, np.int64),
        fraction,
        at,
        portion,
        where,
    ), left_out
