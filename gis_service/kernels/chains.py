"""The voltage along one way through a supply tree, and on along a new line: many such chains, one by one.

Positions are those of `radial`. A *chain* is the way from where voltage is held to one position and on along
a new line. Of the tree around it only what flows and what is lost at present is known: side branches draw
what they draw, and lose more as their voltage falls (their loads take constant power).

A chain begins from the present voltages less what the new current alone lets fall, and goes backward and
forward until no voltage moves any more: currents from voltages, voltages from currents.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gis_service.kernels.compiled import B1, F64, I32, I64, compiled, fusing
from gis_service.kernels.powerflow import C128
from gis_service.kernels.tolerances import LEAST_PU, MOST_FALL


class Chains(NamedTuple):
    """Voltages along chains, float64 `(n,)`; zero where no voltage can carry the load.

    end : at the end of the new line
    attach : where it begins
    level : where the lines of the new line's level begin
    worst : the lowest of all that is fed from the chain: off the chain as much lower than there as at present
    loss_before, loss_after : active losses along the chain, in the unit of the flows
    spare : how much further the chain could fall, at least, before somebody who hangs on it breaks a limit
        that he keeps at present, as `tolerances` bounds it; -1 where that says nothing or nobody asked
    """

    end: F64
    attach: F64
    level: F64
    worst: F64
    loss_before: F64
    loss_after: F64
    spare: F64


class Runs(NamedTuple):
    """Elements in series between which nothing leaves, as one; by the position at the far end of each.

    top : int32, the position where the run begins: something leaves there, or a chain or a level begins
    head : int32, the first position of the run, just behind `top`
    r, x : float64, impedance of the run, per unit
    way_loss : complex128, loss at present from where the voltage is held
    """

    top: I32
    head: I32
    r: F64
    x: F64
    way_loss: C128


_CLOSE = 1e-8
"""Per unit: how far a voltage may still be from where it would settle."""

_ROUNDS = 100
_NOTHING = 1e-15
"""Per unit: what is no loss, but the rounding of a sum."""

_LOWEST = 1e-4
"""A square of voltage below which there is none."""


@compiled
def runs_of(
    parent: I32,
    begins: B1,
    breaks: B1,
    r: F64,
    x: F64,
    after_all: F64,
    customers: I64,
    edge_loss: C128,
    below_loss: C128,
) -> tuple[I32, I32, F64, F64, C128]:
    """The fields of `Runs`, in order: O(positions).

    Parameters
    ----------
    begins, breaks
        Whether a position holds its voltage, and whether a run ends there for another reason.
    after_all, customers
        What flows through each edge with one customer of no power more, and how many are below it.
    """
    n = parent.size
    top, head = np.zeros(n, np.int32), np.zeros(n, np.int32)
    run_r, run_x, way_loss = np.zeros(n), np.zeros(n), np.zeros(n, np.complex128)
    for k in range(1, n):
        q = parent[k]
        top[k], head[k], run_r[k], run_x[k] = q, k, r[k], x[k]
        if begins[k]:
            continue
        way_loss[k] = way_loss[q] + edge_loss[k]
        if q == 0 or begins[q] or breaks[q]:
            continue
        if after_all[q] != after_all[k] or customers[q] != customers[k]:
            continue
        aside = below_loss[q] - edge_loss[k] - below_loss[k]
        if abs(aside.real) + abs(aside.imag) < _NOTHING:
            top[k], head[k] = top[q], head[q]
            run_r[k] += run_r[q]
            run_x[k] += run_x[q]
    return top, head, run_r, run_x, way_loss


@fusing
def _settle(
    r: F64,
    x: F64,
    p: F64,
    q: F64,
    more_p: F64,
    more_q: F64,
    v_re: F64,
    v_im: F64,
    i_re: F64,
    i_im: F64,
    n: int,
    v0: float,
) -> bool:
    """Voltages behind each of `n` elements in series, in place, and the currents in them; whether any exist.

    Behind element k leaves `p[k] + j q[k]`, and besides `(more_p[k] + j more_q[k]) / |v[k]|²`: losses.
    """
    before = 0.0
    for _ in range(_ROUNDS):
        sum_re, sum_im = 0.0, 0.0
        for k in range(n - 1, -1, -1):
            a, b = v_re[k], v_im[k]
            inverse = 1.0 / (a * a + b * b)
            s_p, s_q = p[k] + more_p[k] * inverse, q[k] + more_q[k] * inverse
            sum_re += (s_p * a + s_q * b) * inverse
            sum_im += (s_p * b - s_q * a) * inverse
            i_re[k], i_im[k] = sum_re, sum_im
        a, b, moved = v0, 0.0, 0.0
        for k in range(n):
            a -= r[k] * i_re[k] - x[k] * i_im[k]
            b -= r[k] * i_im[k] + x[k] * i_re[k]
            far = abs(a - v_re[k]) + abs(b - v_im[k])
            if far > moved:
                moved = far
            v_re[k], v_im[k] = a, b
        if not a * a + b * b > _LOWEST:  # the end stands lowest; what is no number is not above either
            return False
        # each round moves them by about the same share of the last: this much all later ones would, together
        share = moved / before if before > 0.0 else 1.0
        if moved < _CLOSE or (share < 0.5 and moved * share < _CLOSE * (1.0 - share)):
            return True
        before = moved
    return False


@compiled
def _begin_from_present(r: F64, x: F64, v_re: F64, v_im: F64, m: int, v0: float, p: float, q: float) -> None:
    """Voltages to begin with, in place: the present ones of `m` elements less what a new current lets fall.

    The current is that of the load behind all of them and the new line; where it finds none, the present
    stays.
    """
    total_r, total_x = 0.0, 0.0
    for k in range(m + 1):
        total_r += r[k]
        total_x += x[k]
    a0, b0 = (v_re[m - 1], v_im[m - 1]) if m else (v0, 0.0)
    a, b, i_re, i_im = a0, b0, 0.0, 0.0
    for _ in range(3):
        inverse = 1.0 / (a * a + b * b)
        i_re, i_im = (p * a + q * b) * inverse, (p * b - q * a) * inverse
        a = a0 - total_r * i_re + total_x * i_im
        b = b0 - total_r * i_im - total_x * i_re
        if not a * a + b * b > 0.25:
            v_re[m], v_im[m] = a0, b0
            return
    v_re[m], v_im[m] = a, b
    total_r, total_x = 0.0, 0.0
    for k in range(m):
        total_r += r[k]
        total_x += x[k]
        v_re[k] -= total_r * i_re - total_x * i_im
        v_im[k] -= total_r * i_im + total_x * i_re


@compiled
def chain_voltages(
    parent: I32,
    begins: I32,
    level_begins: I32,
    r: F64,
    x: F64,
    top: I32,
    head: I32,
    run_r: F64,
    run_x: F64,
    way_loss: C128,
    after_all: F64,
    after_share: F64,
    deepest: F64,
    held: F64,
    volts: C128,
    edge_loss: C128,
    below_loss: C128,
    here: F64,
    least: F64,
    least_child: I32,
    second: F64,
    at: I64,
    portion: F64,
    load: F64,
    new_load: F64,
    new_r: F64,
    new_x: F64,
    cosine: float,
    sine: float,
) -> tuple[F64, F64, F64, F64, F64, F64, F64]:
    """The fields of `Chains`, in order, for loads at the end of new lines.

    Parameters
    ----------
    begins
        int32: of each position the one that voltage is held at, -1: at the top of its tree.
    level_begins
        int32: of each position the last one behind a transformer, -1 without one.
    r, x
        Of each edge, per unit.
    top, head, run_r, run_x, way_loss
        As in `Runs`.
    after_all, after_share
        What flows through each edge with a load `s` more below it, apparent power per unit:
        `after_all + after_share · s`.
    deepest, volts, edge_loss, below_loss
        As in `feeders.Feeders`, at present.
    here, least, least_child, second
        As in `Tolerances`; empty where nobody asks for `spare`.
    held
        The voltage at the beginning of each position's chain.
    at, portion
        Where each new line begins: a position, or that portion of its edge.
    load, new_load, new_r, new_x
        What each adds to the edges above, and what flows through the new line and its impedance.
    """
    n = at.size
    end, attach, level = np.zeros(n), np.zeros(n), np.zeros(n)
    worst, loss_before, loss_after = np.zeros(n), np.zeros(n), np.zeros(n)
    spare = np.full(n, -1.0)
    room = 64
    ends, heads, stood = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room)
    rs, xs, ps, qs = np.empty(room), np.empty(room), np.empty(room), np.empty(room)
    more_p, more_q = np.empty(room), np.empty(room)
    v_re, v_im, i_re, i_im = np.empty(room), np.empty(room), np.empty(room), np.empty(room)
    for c in range(n):
        last, s = at[c], load[c]
        begin, v0, part = begins[last], held[last], portion[c]
        # how many elements: a tapped edge stands for itself
        m = 0
        first = last
        if last > 0 and last != begin and part < 1.0:
            first = np.int64(parent[last])
            m = 1
        p = first
        while p > 0 and p != begin:
            m += 1
            p = np.int64(top[p])
        if m >= room:
            room = 2 * m
            ends, heads, stood = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room)
            rs, xs, ps, qs = np.empty(room), np.empty(room), np.empty(room), np.empty(room)
            more_p, more_q = np.empty(room), np.empty(room)
            v_re, v_im, i_re, i_im = np.empty(room), np.empty(room), np.empty(room), np.empty(room)
        # the new line, and before it the elements from the last to the first
        rs[m], xs[m] = new_r[c], new_x[c]
        ps[m], qs[m] = new_load[c] * cosine, new_load[c] * sine
        more_p[m], more_q[m] = 0.0, 0.0
        onward, lost_on = new_load[c], complex(0.0, 0.0)
        k, p = m - 1, last
        while p > 0 and p != begin:
            flow = after_all[p] + after_share[p] * s
            there, aside = volts[p], below_loss[p]
            if k == m - 1 and part < 1.0:
                onto, heads[k] = np.int64(parent[p]), p
                rs[k], xs[k] = part * r[p], part * x[p]
                there = volts[onto] + part * (there - volts[onto])
                aside += (1.0 - part) * edge_loss[p]
                loss_before[c] = (way_loss[p] - (1.0 - part) * edge_loss[p]).real
                lost_on = edge_loss[p] + below_loss[p]
            else:
                onto, heads[k] = np.int64(top[p]), head[p]
                rs[k], xs[k] = run_r[p], run_x[p]
                aside -= lost_on
                if k == m - 1:
                    loss_before[c] = way_loss[p].real
                lost_on = way_loss[p] - way_loss[onto] + below_loss[p]
            square = there.real * there.real + there.imag * there.imag
            ps[k], qs[k] = (flow - onward) * cosine, (flow - onward) * sine
            more_p[k], more_q[k] = aside.real * square, aside.imag * square
            v_re[k], v_im[k] = there.real, there.imag
            ends[k], stood[k], onward, p = p, square, flow, onto
            k -= 1
        _begin_from_present(rs, xs, v_re, v_im, m, v0, new_load[c] * cosine, new_load[c] * sine)
        if not _settle(rs, xs, ps, qs, more_p, more_q, v_re, v_im, i_re, i_im, m + 1, v0):
            continue
        loss = 0.0
        for k in range(m + 1):
            loss += rs[k] * (i_re[k] * i_re[k] + i_im[k] * i_im[k])
            rs[k] = np.sqrt(v_re[k] * v_re[k] + v_im[k] * v_im[k])
        loss_after[c] = loss
        end[c] = rs[m]
        attach[c] = rs[m - 1] if m else v0
        level[c] = v0
        lowest = rs[m]
        for k in range(m):
            if ends[k] == level_begins[last]:
                level[c] = rs[k]
            lowest = min(lowest, rs[k] - deepest[ends[k]])
        worst[c] = lowest
        if here.size == 0:
            continue
        room_left = np.inf
        for k in range(m):
            fall, tolerated = np.sqrt(stood[k]) - rs[k], here[ends[k]]
            if k < m - 1 and least_child[ends[k]] == heads[k + 1]:
                tolerated = min(tolerated, second[ends[k]])
            else:
                tolerated = min(tolerated, least[ends[k]])
            if fall < -_CLOSE or fall > MOST_FALL or rs[k] < LEAST_PU:
                room_left = -np.inf
            room_left = min(room_left, tolerated - fall)
        spare[c] = max(room_left, -1.0)
    return end, attach, level, worst, loss_before, loss_after, spare
