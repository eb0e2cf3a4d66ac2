"""Schemes that no other beats at once in cost, in voltage and in losses."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gis_service.kernels.compiled import B1, F64, compiled
from gis_service.planning.search import Choice, Search

MOST_PROVED = 20_000
"""Combinations that are proved, the cheapest first; beyond it the front may not be whole."""


class Front(NamedTuple):
    """Choices, cheapest first; `whole` is false where not every combination was proved."""

    choices: list[Choice]
    whole: bool


def pareto_front(search: Search) -> Front:
    """Of all combinations that hold, those that none beats in one measure without being worse in another.

    Measures are cost, the fall of voltage from where it is held to the customer, and the losses that come
    with the customer. Of combinations equal in all three the first by place, conductor and route is kept.
    """
    of, way = search.in_order
    whole = of.size <= MOST_PROVED
    of, way = of[:MOST_PROVED], way[:MOST_PROVED]
    cost, fall, loss = np.empty(of.size), np.empty(of.size), np.empty(of.size)
    holds = np.zeros(of.size, np.bool_)
    chains, row = {}, np.empty(of.size, np.int64)
    for k in np.unique(of).tolist():
        offers, mine = search.offers[k], np.flatnonzero(of == k)
        proved = chains[k] = offers.chains(way[mine])
        row[mine] = np.arange(mine.size)
        holds[mine] = offers.keeps(proved)
        cost[mine] = offers.cost[way[mine]]
        fall[mine] = offers.block.reckoned.held[offers.at[way[mine]]] - proved.end
        loss[mine] = proved.loss_after - proved.loss_before
    order = np.lexsort((np.arange(of.size), loss, fall, cost))
    order = order[holds[order]]
    spared = np.zeros(of.size, np.bool_)
    while True:
        kept = order[_unbeaten(fall[order], loss[order])]
        # only what would be told is put to those admitted before; what harms one of them makes room for more
        harmful = [
            k
            for k in kept[~spared[kept]].tolist()
            if not search.offers[of[k]].spares(int(way[k]), chains[int(of[k])], int(row[k]))
        ]
        if not harmful:
            break
        spared[kept] = True
        order = order[~np.isin(order, harmful)]
    return Front(
        [Choice(search.offers[of[k]], int(way[k]), chains[int(of[k])], int(row[k])) for k in kept.tolist()],
        whole,
    )


@compiled
def _unbeaten(fall: F64, loss: F64) -> B1:
    """Of rows that rise in cost, then in fall and loss: which none before is as good as in both."""
    kept = np.zeros(fall.size, np.bool_)
    front = np.empty(fall.size, np.int64)
    n = 0
    for k in range(fall.size):
        beaten = False
        for j in range(n):
            if fall[front[j]] <= fall[k] and loss[front[j]] <= loss[k]:
                beaten = True
                break
        if not beaten:
            kept[k] = True
            front[n] = k
            n += 1
    return kept
