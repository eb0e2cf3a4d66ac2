"""Whether those who were admitted before keep their limits of voltage beside a customer more.

A scheme is proved for the customer who is added, and its loadings are those of elements that all of its
supply path carry: what flows elsewhere stays. Voltage does not: it falls for everybody behind the same tap
changer. So the whole flow is worked out with the new load in it, and every node with customers, and every
end of a line that is reserved, is held against the limits of its level. What broke a limit before is no
reason to refuse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gis_service.kernels.compiled import F64, I64
from gis_service.planning.reckoned import Reckoned
from gis_service.planning.reserved import just_there
from gis_service.planning.rules.book import Level

SLACK = 1e-9
_BASE_KVA = 1000.0


class OwnLine(NamedTuple):
    """The line that a reserved supply gets: its load in kVA, and ohms."""

    kva: float
    r_ohm: float
    x_ohm: float


class Broken(NamedTuple):
    """A limit that somebody kept before and would not keep after.

    node : row of the node; -1 where it is the end of a reserved supply's own line
    load : which reserved load it is the end of; -1 where it is a node
    before, after : per cent for `voltage_drop`, per unit for `lowest_voltage`
    """

    limit: str
    node: int
    load: int
    before: float
    after: float
    allowed: float


def newly_broken(before: Reckoned, after: Reckoned, lines: Mapping[int, OwnLine]) -> list[Broken]:
    """The limits of voltage that a customer more breaks for others, the worst first.

    Parameters
    ----------
    before, after
        The same grid without and with the new loads, which are the last of its reserved ones.
    lines
        By place among the reserved loads of `before`, the line to each customer; without one, it is the
        place where he joins that counts.
    """
    tree = before.tree
    own = tree.customers.astype(np.float64)
    np.subtract.at(own, tree.parent[1:], tree.customers[1:])
    if tree.reserved is not None:
        own -= just_there(tree, tree.reserved, tree.reserved_at)[1]
    at = np.flatnonzero(own > 0.5)
    at = at[at > 0]
    nodes = tree.node[at]
    there = after.tree.positions(nodes)
    found = _compared(before, after, at.astype(np.int64), there, nodes, np.full(at.size, -1))
    reserved = np.arange(tree.reserved_at.size)
    placed = tree.reserved_at > 0
    loads = reserved[placed]
    found += _compared(
        before,
        after,
        tree.reserved_at[placed],
        after.tree.reserved_at[: reserved.size][placed],
        np.full(loads.size, -1),
        loads,
        [lines.get(int(load)) for load in loads],
    )
    return sorted(found, key=lambda one: (-_beyond(one), one.node, one.load))


def _beyond(one: Broken) -> float:
    """How far a limit would be exceeded, in per unit."""
    far = abs(one.after - one.allowed)
    return far / 100.0 if one.limit == "voltage_drop" else far


def _compared(
    before: Reckoned,
    after: Reckoned,
    at: I64,
    there: I64,
    nodes: I64,
    loads: I64,
    lines: Sequence[OwnLine | None] | None = None,
) -> list[Broken]:
    """The same places in both trees, held against the limits of their level."""
    if not at.size:
        return []
    then, now = _voltages(before, at, lines), _voltages(after, there, lines)
    found: list[Broken] = []
    limits, level_of = before.rules.limits, before.rules.level_of
    kv, of = np.unique(before.tree.kv[at], return_inverse=True)
    for number, value in enumerate(kv.tolist()):
        level: Level | None = level_of(float(value))
        if level is None:
            continue
        mine = np.flatnonzero(of.ravel() == number)
        for limit, sign, (was, becomes), allowed in (
            ("voltage_drop", 1.0, (then[0], now[0]), limits.voltage_drop_percent.of(level)),
            ("lowest_voltage", -1.0, (then[1], now[1]), limits.lowest_pu.of(level)),
        ):
            kept = sign * (was[mine] - allowed) <= SLACK
            broken = mine[kept & ~(sign * (becomes[mine] - allowed) <= SLACK)]
            found += [
                Broken(limit, int(nodes[k]), int(loads[k]), float(was[k]), float(becomes[k]), allowed)
                for k in broken.tolist()
            ]
    return found


def _voltages(reckoned: Reckoned, at: I64, lines: Sequence[OwnLine | None] | None) -> tuple[F64, F64]:
    """At places, or at the ends of lines from there: the fall along the level in per cent, and per unit."""
    tree = reckoned.tree
    volts: F64 = np.abs(reckoned.present.volts)
    end = volts[at].copy()
    for k, line in enumerate(lines or ()):
        if line is not None:
            end[k] = _behind(reckoned, float(end[k]), float(tree.kv[at[k]]), line)
    transformer = tree.transformer[at].astype(np.int64)
    begin = np.where(transformer > 0, transformer, np.maximum(reckoned.begins[at], 0))
    return 100.0 * (volts[begin] - end), end


def _behind(reckoned: Reckoned, volt: float, kv: float, line: OwnLine) -> float:
    """The voltage at the end of one line that carries one load of constant power; 0 where none can be.

    For the magnitude V behind r + jx with p + jq at its end: V^4 + (2 (rp + xq) - U^2) V^2 + |z s|^2 = 0.
    """
    s = line.kva / _BASE_KVA
    r, x = line.r_ohm / kv**2, line.x_ohm / kv**2
    half = volt**2 / 2.0 - (r * reckoned.cosine + x * reckoned.sine) * s
    root = half**2 - (r**2 + x**2) * s**2
    return float(np.sqrt(half + np.sqrt(root))) if root >= 0.0 and half > 0.0 else 0.0
