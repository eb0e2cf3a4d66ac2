"""Islands: trees of a forest that nothing feeds in the normal state. A tie that closes may feed one."""

from __future__ import annotations

import numpy as np

from gis_service.kernels.chords import Chords, chords_in
from gis_service.kernels.compiled import B1, I32, I64, compiled
from gis_service.kernels.forest import Forest
from gis_service.kernels.step import Step, conducts


@compiled
def _note(trees: I32, position: int, seen: B1, waiting: I64, n: int) -> int:
    """Put the island of a position among those that wait, if it is one and not yet seen; how many wait."""
    if position >= trees[1]:
        k = np.searchsorted(trees, position, side="right") - 1
        if not seen[k]:
            seen[k] = True
            waiting[n] = trees[k]
            return n + 1
    return n


@compiled
def islands_of(forest: Forest, chords: Chords, step: Step, cuts: I64) -> I64:
    """Ascending roots of the islands that a change may concern: cut, or joined by a conducting chord."""
    trees = forest.trees
    if trees.size == 1:
        return cuts[:0]
    waiting = np.empty(trees.size, np.int64)
    seen = np.zeros(trees.size, np.bool_)
    n, done = 0, 0
    for position in cuts:
        n = _note(trees, position, seen, waiting, n)
    # a tie that conducts now and normally does not may end in an island that nothing cuts
    for edges in (step.moved + step.first_switch, step.come):
        for edge in edges:
            c = np.searchsorted(chords.edge, edge)
            if c < chords.edge.size and chords.edge[c] == edge and conducts(step, edge):
                n = _note(trees, chords.a[c], seen, waiting, n)
                n = _note(trees, chords.b[c], seen, waiting, n)
    one = np.empty(1, np.int64)
    two = np.empty(1, np.int64)
    while done < n:  # and on from island to island
        one[0], two[0] = waiting[done], forest.end[waiting[done]]
        done += 1
        for c in chords_in(chords.at, chords.of, one, two):
            if conducts(step, chords.edge[c]):
                n = _note(trees, chords.a[c], seen, waiting, n)
                n = _note(trees, chords.b[c], seen, waiting, n)
    return np.sort(waiting[:n])


@compiled
def may_reach_islands(forest: Forest, step: Step) -> bool:
    """Whether a change could concern an island that it does not cut; O(1)."""
    return forest.trees.size > 1 and step.moved.size + step.come.size > 0
