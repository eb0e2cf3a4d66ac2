"""Sums up and down a supply tree in preorder, and the voltage along one way through it.

Position 0 is the supply; every other position comes after its parent and stands for a node and the edge that
leads to it. A *chain* is the way from where voltage is held to one position, and on along a new line.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gis_service.kernels.compiled import B1, F64, I32, I64, U8, compiled
from gis_service.kernels.powerflow import C128


@compiled
def preorder(previous: I32, root: int) -> tuple[I32, I32]:
    """Nodes of the root's tree in preorder, children by number, and the position of each one's parent.

    Parameters
    ----------
    previous
        int32 `(n_nodes,)`: the node before each in its tree; -1 at the roots and where there is none.
    """
    n = previous.size
    first = np.zeros(n + 1, np.int64)
    for v in range(n):
        if previous[v] >= 0:
            first[previous[v] + 1] += 1
    for v in range(n):
        first[v + 1] += first[v]
    child = np.empty(first[n], np.int32)
    fill = first[:-1].copy()
    for v in range(n):
        if previous[v] >= 0:
            child[fill[previous[v]]] = v
            fill[previous[v]] += 1
    node = np.empty(n, np.int32)
    parent = np.empty(n, np.int32)
    waiting = np.empty(n, np.int32)
    above = np.empty(n, np.int32)
    waiting[0], above[0] = root, -1
    depth, filled = 1, 0
    while depth:
        depth -= 1
        v = waiting[depth]
        node[filled], parent[filled] = v, above[depth]
        for k in range(first[v + 1] - 1, first[v] - 1, -1):
            waiting[depth], above[depth] = child[k], filled
            depth += 1
        filled += 1
    return node[:filled].copy(), parent[:filled].copy()


@compiled
def sum_up(parent: I32, values: F64) -> F64:
    """Of each position the sum of all at and below it, float64."""
    total = values.copy()
    for p in range(parent.size - 1, 0, -1):
        total[parent[p]] += total[p]
    return total


@compiled
def largest_below(parent: I32, values: F64) -> F64:
    """Of each position the largest value at or below it, float64."""
    largest = values.copy()
    for p in range(parent.size - 1, 0, -1):
        largest[parent[p]] = max(largest[parent[p]], largest[p])
    return largest


@compiled
def sum_down(parent: I32, values: F64, again: B1) -> F64:
    """Of each position the sum along its way from the supply, begun anew with 0 where `again` says so."""
    total = np.zeros(parent.size)
    for p in range(1, parent.size):
        total[p] = 0.0 if again[p] else total[parent[p]] + values[p]
    return total


@compiled
def last_down(parent: I32, marked: B1) -> I32:
    """Of each position the last marked one on its way from the supply, itself included; -1 without one."""
    last = np.full(parent.size, -1, np.int32)
    for p in range(1, parent.size):
        last[p] = p if marked[p] else last[parent[p]]
    return last


@compiled
def common_down(parent: I32, mask: U8, bits: int) -> U8:
    """Of each position the phases that its whole way carries, uint8."""
    common = np.full(parent.size, bits, np.uint8)
    for p in range(1, parent.size):
        common[p] = common[parent[p]] & mask[p]
    return common


@compiled
def tightest(parent: I32, room: F64) -> tuple[F64, I32]:
    """Of each position the smallest room on its way from the supply, and where (of equals the first)."""
    least = np.full(parent.size, np.inf)
    where = np.full(parent.size, -1, np.int32)
    for p in range(1, parent.size):
        least[p], where[p] = least[parent[p]], where[parent[p]]
        if room[p] < least[p]:
            least[p], where[p] = room[p], p
    return least, where


@compiled
def way_up(parent: I32, position: int) -> I64:
    """Positions from below the supply to `position`, in order."""
    n = 0
    p = position
    while p > 0:
        n += 1
        p = parent[p]
    way = np.empty(n, np.int64)
    p = position
    while p > 0:
        n -= 1
        way[n] = p
        p = parent[p]
    return way


class Chains(NamedTuple):
    """Voltages along chains, float64 `(n,)`; zero where no voltage can carry the load.

    end : at the end of the new line
    attach : where it begins
    level : where the lines of the new line's level begin
    worst : the lowest of all that is fed from the chain: off the chain as much lower than there as at present
    loss_before, loss_after : active losses along the chain, in the unit of the flows
    """

    end: F64
    attach: F64
    level: F64
    worst: F64
    loss_before: F64
    loss_after: F64


_ROUNDS = 100
_CLOSE = 1e-11
_NOTHING = 1e-15
"""Per unit: what is no loss, but the rounding of a sum."""


@compiled
def _sweep(
    r: F64,
    x: F64,
    p: F64,
    q: F64,
    more_p: F64,
    more_q: F64,
    usual: F64,
    n: int,
    v0: float,
    v_re: F64,
    v_im: F64,
) -> float:
    """Voltages after each of `n` elements in series, in place, and the losses; -1 where none are found.

    `p[k] + j q[k]` flows into element k without the losses; what it does not hand on to the next leaves
    between the two, and `more_p[k] + j more_q[k]` leaves behind element k besides: losses, at the square of
    voltage `usual[k]` there, that grow as it falls. Backward and forward in turn, from the voltages given:
    currents from voltages, voltages from currents.
    """
    i_re, i_im = np.empty(n), np.empty(n)
    for _ in range(_ROUNDS):
        for k in range(n - 1, -1, -1):
            square = v_re[k] * v_re[k] + v_im[k] * v_im[k]
            if not square > 1e-4:
                return -1.0
            inverse = 1.0 / square
            grown = usual[k] * inverse
            s_p, s_q = p[k] + more_p[k] * grown, q[k] + more_q[k] * grown
            i_re[k], i_im[k] = 0.0, 0.0
            if k + 1 < n:
                s_p -= p[k + 1]
                s_q -= q[k + 1]
                i_re[k], i_im[k] = i_re[k + 1], i_im[k + 1]
            i_re[k] += (s_p * v_re[k] + s_q * v_im[k]) * inverse
            i_im[k] += (s_p * v_im[k] - s_q * v_re[k]) * inverse
        moved = 0.0
        a, b = v0, 0.0
        loss = 0.0
        for k in range(n):
            a -= r[k] * i_re[k] - x[k] * i_im[k]
            b -= r[k] * i_im[k] + x[k] * i_re[k]
            moved = max(moved, abs(a - v_re[k]) + abs(b - v_im[k]))
            v_re[k], v_im[k] = a, b
            loss += r[k] * (i_re[k] * i_re[k] + i_im[k] * i_im[k])
        if moved < _CLOSE:
            return loss
    return -1.0


@compiled
def chain_voltages(
    parent: I32,
    begins: I32,
    level_begins: I32,
    r: F64,
    x: F64,
    after_all: F64,
    after_share: F64,
    deepest: F64,
    held: F64,
    volts: C128,
    edge_loss: C128,
    below_loss: C128,
    at: I64,
    portion: F64,
    load: F64,
    new_load: F64,
    new_r: F64,
    new_x: F64,
    cosine: float,
    sine: float,
) -> tuple[F64, F64, F64, F64, F64, F64]:
    """The fields of `Chains`, in order, for loads at the end of new lines.

    Elements in series between which nothing leaves are one: the same flows in them, and no voltage between
    them is the lowest.

    Parameters
    ----------
    begins
        int32: of each position the one that voltage is held at, -1: at the top of its tree.
    level_begins
        int32: of each position the last one behind a transformer, -1 without one.
    r, x
        Of each edge, per unit.
    after_all, after_share
        What flows through each edge with a load `s` more below it, apparent power per unit:
        `after_all + after_share · s`.
    deepest
        How much lower, in per unit at most, some node below each position lies than the position itself.
    held
        The voltage at the beginning of each position's chain.
    volts, edge_loss, below_loss
        The voltage of each position at present, and what each edge, and all below each position, loses then:
        side branches draw that as well, and more as their voltage falls (their loads take constant power).
    at, portion
        Where each new line begins: a position, or that portion of its edge.
    load, new_load, new_r, new_x
        What each adds to the edges above, and what flows through the new line and its impedance.
    """
    n = at.size
    end, attach, level = np.zeros(n), np.zeros(n), np.zeros(n)
    worst, loss_before, loss_after = np.zeros(n), np.zeros(n), np.zeros(n)
    room = 64
    way = np.empty(room, np.int64)
    for c in range(n):
        depth = 0
        p = at[c]
        begin = begins[p]
        while p > 0 and p != begin:
            if depth == room:
                way = np.append(way, np.empty(room, np.int64))
                room *= 2
            way[depth] = p
            depth += 1
            p = parent[p]
        rs, xs, flow = np.zeros(depth + 1), np.zeros(depth + 1), np.empty(depth + 1)
        more_p, more_q, usual = np.zeros(depth + 1), np.zeros(depth + 1), np.ones(depth + 1)
        v_re, v_im = np.empty(depth + 1), np.empty(depth + 1)
        ends = np.empty(depth + 1, np.int64)
        v0 = held[at[c]]
        m = 0
        lost = 0.0
        for k in range(depth):
            p = way[depth - 1 - k]
            part = portion[c] if p == at[c] else 1.0
            rs[m] += r[p] * part
            xs[m] += x[p] * part
            flow[m] = after_all[p] + after_share[p] * load[c]
            lost += edge_loss[p].real * part
            aside = below_loss[p]
            if k + 1 < depth:
                after = way[depth - 2 - k]
                aside = aside - edge_loss[after] - below_loss[after]
                leaves = flow[m] - (after_all[after] + after_share[after] * load[c])
                if (
                    leaves == 0.0
                    and abs(aside.real) + abs(aside.imag) < _NOTHING
                    and p != level_begins[at[c]]
                ):
                    continue
            else:
                aside = aside + (1.0 - part) * edge_loss[p]
            more_p[m], more_q[m] = aside.real, aside.imag
            above = volts[parent[p]] if k else complex(v0, 0.0)
            there = above + part * (volts[p] - above)
            v_re[m], v_im[m] = there.real, there.imag
            usual[m] = there.real * there.real + there.imag * there.imag
            ends[m] = p
            m += 1
        rs[m], xs[m], flow[m] = new_r[c], new_x[c], new_load[c]
        v_re[m], v_im[m] = (v_re[m - 1], v_im[m - 1]) if m else (v0, 0.0)
        loss_before[c] = lost
        loss_after[c] = _sweep(
            rs, xs, flow * cosine, flow * sine, more_p, more_q, usual, m + 1, v0, v_re, v_im
        )
        if loss_after[c] < 0.0:
            continue
        size = np.sqrt(v_re[: m + 1] * v_re[: m + 1] + v_im[: m + 1] * v_im[: m + 1])
        end[c] = size[m]
        attach[c] = size[m - 1] if m else v0
        level[c] = v0
        lowest = size[m]
        for k in range(m):
            if ends[k] == level_begins[at[c]]:
                level[c] = size[k]
            lowest = min(lowest, size[k] - deepest[ends[k]])
        worst[c] = lowest
    return end, attach, level, worst, loss_before, loss_after
