"""The present state of a supply tree: a power flow over all that each held voltage feeds.

Positions are those of `radial`. Loads take constant power, and a position at which voltage is held begins a
tree of its own; what hangs behind it is a load like any other to the tree above. Backward and forward in
turn, as `powerflow` does it, but only over positions where something happens: elements in series between
which nothing leaves are one, and what carries no load stands at the voltage of what it hangs on.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gis_service.kernels.compiled import B1, F64, I32, I64, compiled, fusing
from gis_service.kernels.powerflow import C128

_TOLERANCE = 1e-9
_ROUNDS = 100


class Feeders(NamedTuple):
    """By position, per unit.

    volts : complex128
    edge_loss, below_loss : complex128, what the edge that leads here loses, and all edges below within its
    tree deepest : float64, how much lower, at most, some position below it in its tree stands
    settled : False where voltages do not settle (more load than can be supplied); the rest is not to be used
    """

    volts: C128
    edge_loss: C128
    below_loss: C128
    deepest: F64
    settled: bool


@compiled
def voltages_held(
    parent: I32, kind: I64, transformer: int, kv: F64, source_pu: F64, above_kv: float, busbar_pu: float
) -> tuple[B1, B1, I32, F64]:
    """Where voltages are held, and at what.

    Parameters
    ----------
    kind, transformer
        What the edge to each position is, and which of these is a transformer.
    source_pu
        The voltage of a source, nan at all else.
    above_kv, busbar_pu
        A transformer that is fed from above that voltage holds this one behind it.

    Returns
    -------
    regulated, holding : bool
        Whether a tap changer, and whether anything, holds the voltage of each position.
    begins : int32
        The last position on the way to each where it is held, itself included; -1 at the top.
    held : float64
        The voltage there, per unit.
    """
    n = parent.size
    regulated, holding = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    begins, held = np.full(n, -1, np.int32), np.full(n, busbar_pu)
    for k in range(1, n):
        q = parent[k]
        regulated[k] = kind[k] == transformer and kv[q] > above_kv
        feeds = not np.isnan(source_pu[k])
        holding[k] = regulated[k] or feeds
        if holding[k]:
            begins[k] = k
            held[k] = source_pu[k] if feeds else busbar_pu
        else:
            begins[k], held[k] = begins[q], held[q]
    return regulated, holding, begins, held


@compiled
def _share(customers: float, steps: F64, factors: F64) -> float:
    """Straight between steps, level beyond them."""
    k, last = 0, steps.size - 1
    while k < last and customers >= steps[k + 1]:
        k += 1
    share: float = factors[k]
    if k < last:
        share += (factors[k + 1] - factors[k]) / (steps[k + 1] - steps[k]) * (customers - steps[k])
    return share


@compiled
def shares_drawn(customers: I64, steps: F64, factors: F64) -> tuple[F64, F64]:
    """The share of their power that the customers below each position draw together, now and with one more.

    Parameters
    ----------
    steps, factors
        Numbers of customers, rising from 1, and the share of each.
    """
    n = customers.size
    share, share_after = np.empty(n), np.empty(n)
    for k in range(n):
        share[k] = _share(max(customers[k], 1), steps, factors)
        share_after[k] = _share(customers[k] + 1, steps, factors)
    return share, share_after


@fusing
def feeders_at_work(
    parent: I32, begins: B1, held: F64, r: F64, x: F64, load: F64, cosine: float, sine: float
) -> tuple[C128, C128, C128, F64, bool]:
    """The fields of `Feeders`, in order: O(positions), and each round over those where something happens.

    Parameters
    ----------
    begins
        Whether a position holds its voltage, which is then `held` there.
    load
        What flows through each edge without losses, apparent power per unit, at `cosine + j sine`.
    """
    n = parent.size
    # what leaves at a position, and how many edges with load go on from it within its tree
    leaves = load.copy()
    onward = np.zeros(n, np.int32)
    for k in range(n - 1, 0, -1):
        if load[k] != 0.0 and not begins[k]:
            leaves[parent[k]] -= load[k]
            onward[parent[k]] += 1
    # positions where something happens: `at` each, the one above it, and the impedance in between
    number = np.full(n, -1, np.int32)
    above = np.full(n, -1, np.int32)
    run_r, run_x = np.zeros(n), np.zeros(n)
    m_above = np.empty(n, np.int32)
    m_r, m_x = np.empty(n), np.empty(n)
    m_p, m_q = np.empty(n), np.empty(n)
    re, im = np.empty(n), np.empty(n)
    m = 0
    for k in range(1, n):
        if begins[k]:
            number[k] = m
            m_above[m], m_r[m], m_x[m] = -1, 0.0, 0.0
            re[m], im[m] = held[k], 0.0
        elif load[k] != 0.0:
            q = parent[k]
            if number[q] >= 0:
                above[k], run_r[k], run_x[k] = number[q], r[k], x[k]
            else:
                above[k], run_r[k], run_x[k] = above[q], run_r[q] + r[k], run_x[q] + x[k]
            if leaves[k] == 0.0 and onward[k] == 1:
                continue
            number[k] = m
            m_above[m], m_r[m], m_x[m] = above[k], run_r[k], run_x[k]
            re[m], im[m] = re[above[k]], 0.0
        else:
            continue
        m_p[m], m_q[m] = leaves[k] * cosine, leaves[k] * sine
        m += 1
    i_re, i_im = np.empty(m), np.empty(m)
    settled = False
    for _ in range(_ROUNDS):
        for j in range(m):
            inverse = 1.0 / (re[j] * re[j] + im[j] * im[j])
            i_re[j] = (m_p[j] * re[j] + m_q[j] * im[j]) * inverse
            i_im[j] = (m_p[j] * im[j] - m_q[j] * re[j]) * inverse
        for j in range(m - 1, 0, -1):
            q = m_above[j]
            if q >= 0:
                i_re[q] += i_re[j]
                i_im[q] += i_im[j]
        moved = 0.0
        for j in range(m):
            q = m_above[j]
            if q >= 0:
                a = re[q] - m_r[j] * i_re[j] + m_x[j] * i_im[j]
                b = im[q] - m_r[j] * i_im[j] - m_x[j] * i_re[j]
                moved = max(moved, abs(a - re[j]), abs(b - im[j]))
                re[j], im[j] = a, b
        if not np.isfinite(moved):
            break
        if moved < _TOLERANCE:
            settled = True
            break
    volts = np.zeros(n, np.complex128)
    edge_loss, below_loss = np.zeros(n, np.complex128), np.zeros(n, np.complex128)
    deepest = np.zeros(n)
    if not settled:
        return volts, edge_loss, below_loss, deepest, False
    # the position that ends the run an edge lies on: its current flows in all of it
    ends = number.copy()
    for k in range(n - 1, 0, -1):
        if load[k] != 0.0 and not begins[k] and number[parent[k]] < 0:
            ends[parent[k]] = ends[k]
    for k in range(1, n):
        if begins[k]:
            volts[k] = complex(held[k], 0.0)
        elif load[k] != 0.0:
            j = ends[k]
            above_it = volts[parent[k]]
            volts[k] = complex(
                above_it.real - r[k] * i_re[j] + x[k] * i_im[j],
                above_it.imag - r[k] * i_im[j] - x[k] * i_re[j],
            )
            square = i_re[j] * i_re[j] + i_im[j] * i_im[j]
            edge_loss[k] = complex(r[k] * square, x[k] * square)
        else:
            volts[k] = volts[parent[k]]
    size = np.sqrt(volts.real * volts.real + volts.imag * volts.imag)
    lowest = size.copy()
    for k in range(n - 1, 0, -1):
        deepest[k] = size[k] - lowest[k]
        if not begins[k]:
            q = parent[k]
            below_loss[q] += below_loss[k] + edge_loss[k]
            lowest[q] = min(lowest[q], lowest[k])
    return volts, edge_loss, below_loss, deepest, True
