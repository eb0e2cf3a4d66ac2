"""What a change of switches and elements does to supply, at a cost that follows the change, not the network.

A fixed spanning forest in preorder (`kernels.forest`) is cut where its edges do not conduct (`kernels.cuts`);
each cut makes the interval below it a *fragment* of its own. Conducting edges outside the forest (*chords*:
closed ties, the second half of a loop) join fragments again. Whether a fragment has supply is then a union of
a few sets, before the change and after it, phase by phase where chords of fewer phases are involved.

Everything is in positions of the forest; position 0 is the supply. Fragment 0 is what lies below no cut.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gis_service.kernels.chords import chords_in
from gis_service.kernels.compiled import I32, I64, U8, borrowing, compiled
from gis_service.kernels.cuts import cuts_of
from gis_service.kernels.forest import Forest, first_island
from gis_service.kernels.held import Held
from gis_service.kernels.islands import islands_of
from gis_service.kernels.step import AFTER, BEFORE, Step, conducts, first_not_below


class Fragments(NamedTuple):
    """The pieces that the cuts leave, in order of position.

    start, stop : int64 (n,), the interval below each cut; a piece is this without the intervals inside it
    above : int64 (n,), the piece that the cut took it from: 0 the uncut rest, k + 1 the piece of cut k
    before, after : uint8 (n + 1,), phases with supply in each piece, the uncut rest first
    """

    start: I64
    stop: I64
    above: I64
    before: U8
    after: U8


@borrowing
def piece_at(start: I64, stop: I64, above: I64, position: int) -> int:
    """The innermost piece that holds a position."""
    k = first_not_below(start, position + 1)
    while k > 0 and stop[k - 1] <= position:
        k = above[k - 1]
    return int(k)


@compiled
def _nested(start: I64, end: I32) -> tuple[I64, I64]:
    """Where the intervals below some cuts (ascending) stop, and the piece that each is taken from."""
    stop = np.empty(start.size, np.int64)
    above = np.zeros(start.size, np.int64)
    stack = np.empty(start.size, np.int64)
    height = 0
    for k in range(start.size):
        stop[k] = end[start[k]]
        while height and stop[stack[height - 1]] <= start[k]:
            height -= 1
        above[k] = stack[height - 1] + 1 if height else 0
        stack[height] = k
        height += 1
    return stop, above


@compiled
def _with_islands(cuts: I64, cut_flags: U8, islands: I64) -> tuple[I64, U8]:
    """Cuts and islands in one order; an island is cut off in both states."""
    if not islands.size:
        return cuts, cut_flags
    start = np.empty(cuts.size + islands.size, np.int64)
    flags = np.empty(start.size, np.uint8)
    i, j = 0, 0
    for k in range(start.size):
        if j == islands.size or (i < cuts.size and cuts[i] < islands[j]):
            start[k], flags[k] = cuts[i], cut_flags[i]
            i += 1
        else:
            start[k], flags[k] = islands[j], BEFORE | AFTER
            j += 1
    return start, flags


@compiled
def _near(held: Held, step: Step, start: I64, stop: I64, above: I64) -> I32:
    """Chords with an end below a cut that may conduct before or after."""
    outermost = above == 0
    first, last = start[outermost], stop[outermost]
    if step.moved.size + step.come.size == 0:  # then none but those that normally conduct
        return chords_in(held.loops.at, held.loops.of, first, last)
    return chords_in(held.chords.at, held.chords.of, first, last)


@borrowing
def _find(group: I64, k: int) -> int:
    while group[k] != k:
        group[k] = group[group[k]]
        k = group[k]
    return k


@compiled
def _spread(
    above: I64, flags: U8, state: int, a: I64, b: I64, joins: U8, mask: U8, bits: int, live: U8
) -> None:
    """Add `bits` to every piece that has them in one of the two states."""
    n = above.size
    group = np.empty(n + 1, np.int64)
    whole = np.empty(n + 1, np.int64)  # the piece that each one is part of, cuts of the other state undone
    group[0] = whole[0] = 0
    for k in range(n):
        group[k + 1] = k + 1
        whole[k + 1] = k + 1 if flags[k] & state else whole[above[k]]
    for c in range(a.size):
        if joins[c] & state and mask[c] & bits:
            group[_find(group, whole[a[c]])] = _find(group, whole[b[c]])
    fed = _find(group, 0)
    for k in range(n + 1):
        if _find(group, whole[k]) == fed:
            live[k] |= bits


@compiled
def joined(held: Held, step: Step, cuts: I64, cut_flags: U8) -> Fragments:
    """The pieces that some cuts leave, the islands that matter among them, joined by what conducts."""
    forest, chords, bits = held.forest, held.chords, held.bits
    start, flags = _with_islands(cuts, cut_flags, islands_of(forest, chords, step, cuts))
    stop, above = _nested(start, forest.end)
    near = _near(held, step, start, stop, above)
    a = np.empty(near.size, np.int64)
    b = np.empty(near.size, np.int64)
    joins = np.empty(near.size, np.uint8)
    mask = np.empty(near.size, np.uint8)
    n = 0
    alike = True  # all phases of the forest go the same ways
    for c in near:
        how = conducts(step, chords.edge[c])
        if how:
            a[n] = piece_at(start, stop, above, chords.a[c])
            b[n] = piece_at(start, stop, above, chords.b[c])
            joins[n] = how
            mask[n] = chords.mask[c]
            alike = alike and chords.mask[c] == bits
            n += 1
    before = np.zeros(start.size + 1, np.uint8)
    after = np.zeros(start.size + 1, np.uint8)
    for phase in range(1 if alike else 3):
        spread = bits if alike else bits & (1 << phase)
        if spread:
            _spread(above, flags, BEFORE, a[:n], b[:n], joins, mask, spread, before)
            _spread(above, flags, AFTER, a[:n], b[:n], joins, mask, spread, after)
    return Fragments(start, stop, above, before, after)


@compiled
def fragments(held: Held, step: Step) -> Fragments:
    """The pieces of one forest, and the phases with supply in each, before and after a change.

    O((cuts + chords below cuts) · log cuts); cuts are what goes, and what stood open before.
    """
    cuts = cuts_of(held, step)
    return joined(held, step, cuts.position, cuts.flags)


@compiled
def phases_at(pieces: Fragments, forest: Forest, positions: I32) -> tuple[U8, U8]:
    """Phases with supply at some positions, before and after."""
    island = first_island(forest)
    before = np.zeros(positions.size, np.uint8)
    after = np.zeros(positions.size, np.uint8)
    for k in range(positions.size):
        position = positions[k]
        piece = piece_at(pieces.start, pieces.stop, pieces.above, position)
        if piece or position < island:  # an island that nothing touches has no supply
            before[k] = pieces.before[piece] & forest.path[position]
            after[k] = pieces.after[piece] & forest.path[position]
    return before, after


@compiled
def phases_everywhere(pieces: Fragments, forest: Forest, before: U8, after: U8) -> None:
    """Add the phases with supply at every node to `before` and `after`, by node: O(nodes)."""
    n = pieces.start.size
    island = first_island(forest)
    stack = np.empty(n, np.int64)
    height, k = 0, 0
    for position in range(forest.node.size):
        while height and pieces.stop[stack[height - 1]] <= position:
            height -= 1
        while k < n and pieces.start[k] == position:
            stack[height] = k
            height += 1
            k += 1
        if height or position < island:
            piece = stack[height - 1] + 1 if height else 0
            before[forest.node[position]] |= pieces.before[piece] & forest.path[position]
            after[forest.node[position]] |= pieces.after[piece] & forest.path[position]
