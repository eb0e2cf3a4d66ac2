"""Power flow in a radial network: backward and forward sweeps until the voltages stand still.

Knows a tree and complex numbers per unit; refuses to know lines, transformers and rules. The method is that
of Shirmohammadi et al., "A compensation-based power flow method for weakly meshed distribution networks"
(IEEE Trans. Power Systems 3(2), 1988) without loops: currents are summed towards the source, voltages are
worked out away from it. Loads take constant power. With ordinary loadings each round makes the error about
ten times smaller.

A tree is `parent` int32 `(n,)` with the source as node 0 and every parent before its children; `z` complex128
`(n,)` is the series impedance of the branch from the parent to each node (that of node 0 is not read), `s`
complex128 `(n,)` the power each node takes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gis_service.kernels.compiled import F64, I32, I64, compiled

C128 = npt.NDArray[np.complex128]

TOLERANCE = 1e-9
"""Per unit: the largest change of a voltage in the last round."""

MOST_ROUNDS = 100
LANES = 8
"""Candidates that are worked out side by side: the inner loop over them becomes vector instructions."""


class Flow(NamedTuple):
    """The state of a tree under load.

    voltage : complex128 (n,), per unit
    current : complex128 (n,), per unit, in the branch to each node; at node 0 all that the source gives
    rounds : how many sweeps it took; 0 where the voltages do not settle (more load than can be supplied)
    """

    voltage: C128
    current: C128
    rounds: int


class CandidateFlows(NamedTuple):
    """What each of m candidates would do to a tree; NaN where the voltages do not settle.

    customer : float64 (m,), magnitude of the voltage at the new load
    attach : float64 (m,), at the point where it is connected
    lowest : float64 (m,), the lowest in the whole tree, the new load included
    lowest_node : int64 (m,), the node that has it, -1 for the new load itself
    losses : float64 (m,), active losses of all branches, the new one included
    """

    customer: F64
    attach: F64
    lowest: F64
    lowest_node: I64
    losses: F64


@compiled
def _sweeps(
    parent: I32, z: C128, s: C128, source: complex, tolerance: float, most: int
) -> tuple[C128, C128, int]:
    n = parent.size
    voltage = np.full(n, source, np.complex128)
    current = np.empty(n, np.complex128)
    for round_ in range(1, most + 1):
        for k in range(n):
            current[k] = np.conj(s[k] / voltage[k])
        for k in range(n - 1, 0, -1):
            current[parent[k]] += current[k]
        moved = 0.0
        for k in range(1, n):
            new = voltage[parent[k]] - z[k] * current[k]
            moved = max(moved, abs(new.real - voltage[k].real), abs(new.imag - voltage[k].imag))
            voltage[k] = new
        if not np.isfinite(moved):
            break
        if moved < tolerance:
            return voltage, current, round_
    return voltage, current, 0


def radial_flow(
    parent: I32,
    z: C128,
    s: C128,
    *,
    source: complex = 1.0,
    tolerance: float = TOLERANCE,
    most_rounds: int = MOST_ROUNDS,
) -> Flow:
    """Voltages and currents of a tree whose node 0 is held at `source` (per unit).

    Raises
    ------
    ValueError
        When the arrays differ in length, or a parent does not stand before its child.

    Cost: O(n) a round, about 30 ns a node.
    """
    refuse_disorder(parent, z, s)
    return Flow(*_sweeps(parent, z, s, complex(source), tolerance, most_rounds))


def refuse_disorder(parent: I32, z: C128, s: C128) -> None:
    """Raise ValueError where this is no tree as the module describes it."""
    n = parent.size
    if not n or z.size != n or s.size != n:
        raise ValueError(
            f"{n} parents, {z.size} impedances and {s.size} loads: one each for at least one node"
        )
    ahead = np.flatnonzero((parent[1:] < 0) | (parent[1:] >= np.arange(1, n)))
    if ahead.size:
        raise ValueError(f"the parent of node {ahead[0] + 1} does not stand before it")


@compiled
def _needed(parent: I32, z: C128, s: C128, at: I64) -> tuple[I64, I32, C128]:
    """The nodes that decide: loaded ones, those where the tree branches, and both ends of what is tapped.

    Between them no load is taken, so the same current flows: branches in a row are one branch, the voltage is
    lowest at one of its ends, and a dead end has the voltage of where it begins. Their numbers, and the tree
    of them alone.
    """
    n = parent.size
    kept = np.zeros(n, np.bool_)
    kept[0] = True
    for k in at:
        kept[k] = kept[parent[k] if k else 0] = True
    below = np.zeros(n, np.int64)  # children that lead to a node that is kept
    for k in range(n - 1, 0, -1):
        kept[k] |= s[k] != 0 or below[k] > 1
        if kept[k] or below[k]:
            below[parent[k]] += 1
    nodes = np.flatnonzero(kept)
    number = np.full(n, -1, np.int32)
    number[nodes] = np.arange(nodes.size, dtype=np.int32)
    to = np.zeros(n, np.int32)  # the last kept node on the way to each node, and the impedance since
    since = np.zeros(n, np.complex128)
    above, branch = np.zeros(nodes.size, np.int32), np.zeros(nodes.size, np.complex128)
    for k in range(1, n):
        up = parent[k]
        start = number[up] if kept[up] else to[up]
        way = z[k] if kept[up] else since[up] + z[k]
        if kept[k]:
            above[number[k]], branch[number[k]] = start, way
        to[k], since[k] = start, way
    return nodes, above, branch


@compiled
def _candidates(
    parent: I32,
    z: C128,
    s: C128,
    base: C128,
    at: I64,
    fraction: F64,
    service: C128,
    load: C128,
    tolerance: float,
    most: int,
) -> tuple[F64, F64, F64, I64, F64]:
    n, m = parent.size, at.size
    zr, zi = z.real.copy(), z.imag.copy()
    sr, si = s.real.copy(), s.imag.copy()
    vr, vi = np.empty((n, LANES)), np.empty((n, LANES))
    ir, ii = np.empty((n, LANES)), np.empty((n, LANES))
    chosen = np.zeros(n, np.bool_)
    moved = np.empty(LANES)
    new_r, new_i = np.empty(LANES), np.empty(LANES)  # current of the new load
    own_r, own_i = np.empty(LANES), np.empty(LANES)  # its voltage
    part_r, part_i = np.empty(LANES), np.empty(LANES)
    tap_r, tap_i = np.empty(LANES), np.empty(LANES)  # that of the point where it is connected
    customer, attach = np.full(m, np.nan), np.full(m, np.nan)
    lowest, losses = np.full(m, np.nan), np.full(m, np.nan)
    lowest_node = np.full(m, -1, np.int64)
    for first in range(0, m, LANES):
        lanes = min(LANES, m - first)
        for k in range(n):
            for j in range(LANES):
                vr[k, j], vi[k, j] = base[k].real, base[k].imag
        for j in range(lanes):
            k = at[first + j]
            chosen[k] = True
            own_r[j], own_i[j] = base[k].real, base[k].imag
        for _ in range(most):
            for k in range(n):
                if sr[k] == 0.0 and si[k] == 0.0:
                    for j in range(LANES):
                        ir[k, j] = ii[k, j] = 0.0
                    continue
                for j in range(LANES):  # conj(s / v)
                    inverse = 1.0 / (vr[k, j] * vr[k, j] + vi[k, j] * vi[k, j])
                    ir[k, j] = (sr[k] * vr[k, j] + si[k] * vi[k, j]) * inverse
                    ii[k, j] = (sr[k] * vi[k, j] - si[k] * vr[k, j]) * inverse
            for j in range(lanes):
                c, k = first + j, at[first + j]
                square = own_r[j] * own_r[j] + own_i[j] * own_i[j]
                new_r[j] = (load[c].real * own_r[j] + load[c].imag * own_i[j]) / square
                new_i[j] = (load[c].real * own_i[j] - load[c].imag * own_r[j]) / square
                # it flows in every branch above; in its own, as far as the point where it leaves
                above = parent[k] if k else 0
                ir[above, j] += new_r[j]
                ii[above, j] += new_i[j]
            for k in range(n - 1, 0, -1):
                above = parent[k]
                for j in range(LANES):
                    ir[above, j] += ir[k, j]
                    ii[above, j] += ii[k, j]
            for j in range(LANES):
                moved[j] = 0.0
            for k in range(1, n):
                above = parent[k]
                if chosen[k]:  # up to the point where it leaves, the branch carries the new current as well
                    for j in range(LANES):
                        part_r[j] = part_i[j] = 0.0
                    for j in range(lanes):
                        if at[first + j] == k:
                            part_r[j] = fraction[first + j] * new_r[j]
                            part_i[j] = fraction[first + j] * new_i[j]
                    for j in range(LANES):
                        cr, ci = ir[k, j] + part_r[j], ii[k, j] + part_i[j]
                        r = vr[above, j] - (zr[k] * cr - zi[k] * ci)
                        i = vi[above, j] - (zr[k] * ci + zi[k] * cr)
                        dr, di = r - vr[k, j], i - vi[k, j]
                        moved[j] += dr * dr + di * di
                        vr[k, j], vi[k, j] = r, i
                    continue
                for j in range(LANES):
                    r = vr[above, j] - (zr[k] * ir[k, j] - zi[k] * ii[k, j])
                    i = vi[above, j] - (zr[k] * ii[k, j] + zi[k] * ir[k, j])
                    dr, di = r - vr[k, j], i - vi[k, j]
                    moved[j] += dr * dr + di * di  # not the largest: a sum of squares needs no comparing
                    vr[k, j], vi[k, j] = r, i
            going_on = False
            for j in range(lanes):
                c, k = first + j, at[first + j]
                rest = (1.0 - fraction[c]) if k else 0.0
                tap_r[j] = vr[k, j] + rest * (zr[k] * ir[k, j] - zi[k] * ii[k, j])
                tap_i[j] = vi[k, j] + rest * (zr[k] * ii[k, j] + zi[k] * ir[k, j])
                r = tap_r[j] - (service[c].real * new_r[j] - service[c].imag * new_i[j])
                i = tap_i[j] - (service[c].real * new_i[j] + service[c].imag * new_r[j])
                moved[j] += (r - own_r[j]) ** 2 + (i - own_i[j]) ** 2
                own_r[j], own_i[j] = r, i
                if (
                    moved[j] >= tolerance * tolerance
                ):  # false for a lane that has run away to what is no number
                    going_on = True
            if not going_on:
                break
        for j in range(lanes):
            c, k = first + j, at[first + j]
            chosen[k] = False
            own = np.hypot(own_r[j], own_i[j])
            if not moved[j] < tolerance * tolerance or not np.isfinite(own):
                continue
            customer[c], attach[c] = own, np.hypot(tap_r[j], tap_i[j])
            least, where, lost = own * own, -1, 0.0
            for b in range(n):
                square = vr[b, j] * vr[b, j] + vi[b, j] * vi[b, j]
                if square < least:
                    least, where = square, b
                if b:
                    lost += zr[b] * (ir[b, j] * ir[b, j] + ii[b, j] * ii[b, j])
            if k:  # up to the point the branch carries the new current as well
                both_r, both_i = ir[k, j] + new_r[j], ii[k, j] + new_i[j]
                alone = ir[k, j] * ir[k, j] + ii[k, j] * ii[k, j]
                lost += fraction[c] * zr[k] * (both_r * both_r + both_i * both_i - alone)
            lost += service[c].real * (new_r[j] * new_r[j] + new_i[j] * new_i[j])
            lowest[c], lowest_node[c], losses[c] = np.sqrt(least), where, lost
    return customer, attach, lowest, lowest_node, losses


def candidate_flows(
    parent: I32,
    z: C128,
    s: C128,
    *,
    base: Flow,
    at: I64,
    fraction: F64,
    service: C128,
    load: C128,
    tolerance: float = TOLERANCE,
    most_rounds: int = MOST_ROUNDS,
) -> CandidateFlows:
    """What each of m new loads would do, one at a time.

    Parameters
    ----------
    parent, z, s
        The tree.
    base
        Its state without any of them, as `radial_flow` found it.
    at, fraction
        int64 and float64 `(m,)`: the branch to node `at` is tapped at this part of its length from the
        parent; 1 is the node itself. At node 0 the fraction is not read.
    service
        complex128 `(m,)`: impedance of the new branch, per unit.
    load
        complex128 `(m,)`: the power taken at its end, per unit.

    Raises
    ------
    ValueError
        When the tree is none, the base has not settled, or a node or fraction lies outside it.

    Cost: O(n), and for each round of each candidate O(nodes with a load or a branching), some ns each.
    """
    refuse_disorder(parent, z, s)
    m = at.size
    if not base.rounds or base.voltage.size != parent.size:
        raise ValueError("candidates start from a state of this tree that has settled")
    if not m == fraction.size == service.size == load.size:
        raise ValueError("at, fraction, service and load have one value for each candidate")
    if m and (at.min() < 0 or at.max() >= parent.size or fraction.min() < 0 or fraction.max() > 1):
        raise ValueError(
            "a candidate is connected at a node of the tree, or at a fraction of 0 to 1 before it"
        )
    nodes, above, branch = _needed(parent, z, s, at)
    found = CandidateFlows(
        *_candidates(
            above,
            branch,
            s[nodes],
            base.voltage[nodes],
            np.searchsorted(nodes, at),
            fraction,
            service,
            load,
            tolerance,
            most_rounds,
        )
    )
    return found._replace(lowest_node=np.where(found.lowest_node < 0, -1, nodes[found.lowest_node]))


class Taken(NamedTuple):
    """A tree with one candidate in it: a node for the tapped point, and one for the new load.

    `point` and `customer` are their nodes; `node_of` int64 `(n,)` says where each old node stands.
    """

    parent: I32
    z: C128
    s: C128
    point: int
    customer: int
    node_of: I64


def with_candidate(
    parent: I32, z: C128, s: C128, *, at: int, fraction: float, service: complex, load: complex
) -> Taken:
    """The tree that one candidate makes, to be asked for every voltage and current.

    The tapped point stands right before node `at`, so that the order stays one of parents before children.
    """
    n = parent.size
    node_of = np.arange(n, dtype=np.int64)
    if at == 0 or fraction == 1.0:
        point = at
        grown, branch, power = parent.copy(), z.copy(), s.copy()
    else:
        point = at
        node_of[at:] += 1
        grown = np.insert(node_of[parent].astype(np.int32), at, node_of[parent[at]])
        grown[at + 1] = point
        branch, power = np.insert(z, at, fraction * z[at]), np.insert(s, at, 0)
        branch[at + 1] = (1 - fraction) * z[at]
    return Taken(
        np.append(grown, np.int32(point)),
        np.append(branch, service),
        np.append(power, load),
        point,
        grown.size,
        node_of,
    )
