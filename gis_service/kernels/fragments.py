"""What a change of switches and elements does to supply, at a cost that follows the change, not the network.

A fixed spanning forest in preorder (`kernels.forest`) is cut where its edges do not conduct; each cut makes
the interval below it a *fragment* of its own. Conducting edges outside the forest (*chords*: closed ties, the
second half of a loop) join fragments again. Whether a fragment has supply is then a union of a few sets,
before the change and after it, phase by phase where chords of fewer phases are involved.

Everything is in positions of the forest; position 0 is the supply. Fragment 0 is what lies below no cut.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gis_service.kernels.compiled import B1, I32, I64, U8, compiled
from gis_service.kernels.forest import Chords, Forest

_CUT_BEFORE, _CUT_AFTER = 1, 2
_DIGIT_BITS = 12
_DIGIT = 1 << _DIGIT_BITS
_MANY = 1 << 10


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


@compiled
def _holds(sorted_values: I64, value: int) -> bool:
    at = np.searchsorted(sorted_values, value)
    return bool(at < sorted_values.size and sorted_values[at] == value)


@compiled
def _positions_below(below: I32, edges: I64, n_nodes: int) -> I64:
    """Ascending positions below those edges that are in the forest."""
    found = np.empty(edges.size, np.int64)
    n = 0
    for k in range(edges.size):
        if below[edges[k]] >= 0:
            found[n] = below[edges[k]]
            n += 1
    found = found[:n]
    if n < 2:
        return found
    if n < _MANY:
        return np.sort(found)
    # by digits, last digit first: at ten thousand a third of the cost of comparing
    other = np.empty(n, np.int64)
    shift = 0
    while n_nodes >> shift:
        place = np.zeros(_DIGIT + 1, np.int64)
        for position in found:
            place[((position >> shift) & (_DIGIT - 1)) + 1] += 1
        for digit in range(_DIGIT):
            place[digit + 1] += place[digit]
        for position in found:
            own = (position >> shift) & (_DIGIT - 1)
            other[place[own]] = position
            place[own] += 1
        found, other = other, found
        shift += _DIGIT_BITS
    return found


@compiled
def _cut_keys(
    below: I32, open_before: B1, first_switch: int, moved: I64, gone: I64, come: I64, n_nodes: int
) -> I64:
    """Ascending `4 · position + flags` of all cuts; one position may stand twice."""
    standing = np.empty(moved.size, np.int64)
    n = 0
    for row in moved:
        edge = first_switch + row
        position = below[edge]
        if position >= 0 and open_before[row]:
            closes = come.size > 0 and _holds(come, edge)
            standing[n] = 4 * position + (_CUT_BEFORE if closes else _CUT_BEFORE | _CUT_AFTER)
            n += 1
    fresh = _positions_below(below, gone, n_nodes)
    if n > 1:
        standing[:n] = np.sort(standing[:n])
    keys = np.empty(n + fresh.size, np.int64)
    i, found = 0, 0
    for position in fresh:
        while i < n and standing[i] < 4 * position:
            keys[found] = standing[i]
            found += 1
            i += 1
        keys[found] = 4 * position + _CUT_AFTER
        found += 1
    while i < n:
        keys[found] = standing[i]
        found += 1
        i += 1
    return keys[:found]


@compiled
def _piece(start: I64, stop: I64, above: I64, position: int) -> int:
    """The innermost piece that holds a position."""
    k = np.searchsorted(start, position, side="right")
    while k > 0 and stop[k - 1] <= position:
        k = above[k - 1]
    return int(k)


@compiled
def _conducts(chord: int, edge: I32, open_before: B1, first_switch: int, gone: I64, come: I64) -> int:
    """Whether a chord conducts before (1) and after (2) the change."""
    e = edge[chord]
    row = e - first_switch
    flags = 3
    if 0 <= row < open_before.size and open_before[row]:
        flags = 2 if come.size and _holds(come, e) else 0
    if flags & 2 and gone.size and _holds(gone, e):
        flags &= 1
    return flags


@compiled
def _chords_in(at: I32, of: I32, starts: I64, stops: I64) -> I32:
    """Chords with an end in some disjoint, ascending intervals; one with both ends there may come twice."""
    low = np.empty(starts.size, np.int64)
    high = np.empty(starts.size, np.int64)
    total = 0
    if starts.size * 8 > at.size:
        i = 0
        for k in range(starts.size):
            while i < at.size and at[i] < starts[k]:
                i += 1
            low[k] = i
            while i < at.size and at[i] < stops[k]:
                i += 1
            high[k] = i
            total += high[k] - low[k]
    else:
        for k in range(starts.size):
            low[k] = np.searchsorted(at, starts[k])
            high[k] = low[k]
            if low[k] < at.size and at[low[k]] < stops[k]:
                high[k] = np.searchsorted(at, stops[k])
            total += high[k] - low[k]
    found = np.empty(total, np.int32)
    n = 0
    for k in range(starts.size):
        for i in range(low[k], high[k]):
            found[n] = of[i]
            n += 1
    return found


@compiled
def _outermost(start: I64, end: I32) -> tuple[I64, I64]:
    """The intervals below some cuts (ascending) that lie in no other."""
    first = np.empty(start.size, np.int64)
    last = np.empty(start.size, np.int64)
    n, until = 0, 0
    for position in start:
        if position >= until:
            until = end[position]
            first[n], last[n] = position, until
            n += 1
    return first[:n], last[:n]


@compiled
def _drop_hidden(
    end: I32,
    chords: Chords,
    open_before: B1,
    first_switch: int,
    gone: I64,
    come: I64,
    cuts: I64,
    flags: U8,
) -> int:
    """Move to the front the cuts that count, where before the change nothing was cut; how many they are.

    What lies below a cut was live before, and is dead after unless a chord leads out of there; then no cut
    below it counts. O(cuts · log chords + chords below them).
    """
    start, stop = _outermost(cuts, end)
    near = _chords_in(chords.at, chords.of, start, stop)
    ends = np.empty(2 * near.size, np.int64)  # of chords that conduct after: position, and which chord
    n = 0
    for c in near:
        if _conducts(c, chords.edge, open_before, first_switch, gone, come) & _CUT_AFTER:
            for position in (chords.a[c], chords.b[c]):
                ends[n] = np.int64(position) << 32 | c
                n += 1
    ends = np.sort(ends[:n])
    kept, until = 0, np.int64(0)
    for at in range(cuts.size):
        if cuts[at] < until:
            continue
        position, beyond = cuts[at], np.int64(end[cuts[at]])
        cuts[kept], flags[kept] = position, flags[at]
        kept += 1
        leads_out = False
        k = np.searchsorted(ends, position << 32)
        while k < n and ends[k] < beyond << 32 and not leads_out:
            c = ends[k] & 0xFFFFFFFF
            a, b = chords.a[c], chords.b[c]
            leads_out = a < position or a >= beyond or b < position or b >= beyond
            k += 1
        if not leads_out:
            until = beyond
    return kept


@compiled
def _islands(
    forest: Forest,
    chords: Chords,
    open_before: B1,
    first_switch: int,
    moved: I64,
    gone: I64,
    come: I64,
    cuts: I64,
) -> I64:
    """Ascending roots of the islands that the change may concern: cut, or joined by a conducting chord."""
    first_island = forest.trees[1]
    waiting = np.empty(forest.trees.size, np.int64)
    seen = np.zeros(forest.trees.size, np.bool_)
    n, done = 0, 0
    for position in cuts:
        if position >= first_island:
            k = np.searchsorted(forest.trees, position, side="right") - 1
            if not seen[k]:
                seen[k] = True
                waiting[n] = forest.trees[k]
                n += 1
    # a tie that conducts now and normally does not may end in an island that nothing cuts
    for source in range(2):
        rows = moved if source == 0 else come
        for value in rows:
            e = value + first_switch if source == 0 else value
            c = np.searchsorted(chords.edge, e)
            if c == chords.edge.size or chords.edge[c] != e:
                continue
            if _conducts(c, chords.edge, open_before, first_switch, gone, come):
                for position in (chords.a[c], chords.b[c]):
                    if position >= first_island:
                        k = np.searchsorted(forest.trees, position, side="right") - 1
                        if not seen[k]:
                            seen[k] = True
                            waiting[n] = forest.trees[k]
                            n += 1
    one = np.empty(1, np.int64)
    two = np.empty(1, np.int64)
    while done < n:  # and on from island to island
        one[0] = waiting[done]
        two[0] = forest.end[waiting[done]]
        done += 1
        for c in _chords_in(chords.at, chords.of, one, two):
            if _conducts(c, chords.edge, open_before, first_switch, gone, come):
                for position in (chords.a[c], chords.b[c]):
                    if position >= first_island:
                        k = np.searchsorted(forest.trees, position, side="right") - 1
                        if not seen[k]:
                            seen[k] = True
                            waiting[n] = forest.trees[k]
                            n += 1
    return np.sort(waiting[:n])


@compiled
def _find(group: I64, k: int) -> int:
    while group[k] != k:
        group[k] = group[group[k]]
        k = group[k]
    return k


@compiled
def _spread(
    above: I64, flags: U8, cut: int, a: I64, b: I64, conducts: U8, mask: U8, bits: int, live: U8
) -> None:
    """Add `bits` to every piece that has them, in the world in which `cut` cuts and `conducts` joins."""
    n = above.size
    group = np.empty(n + 1, np.int64)
    whole = np.empty(n + 1, np.int64)  # the piece that each one is part of, cuts of the other world undone
    group[0] = whole[0] = 0
    for k in range(n):
        group[k + 1] = k + 1
        whole[k + 1] = k + 1 if flags[k] & cut else whole[above[k]]
    for c in range(a.size):
        if conducts[c] & cut and mask[c] & bits:
            group[_find(group, whole[a[c]])] = _find(group, whole[b[c]])
    fed = _find(group, 0)
    for k in range(n + 1):
        if _find(group, whole[k]) == fed:
            live[k] |= bits


@compiled
def fragments(
    forest: Forest,
    chords: Chords,
    bits: int,
    open_before: B1,
    first_switch: int,
    moved: I64,
    gone: I64,
    come: I64,
) -> Fragments:
    """The pieces of one forest, and the phases with supply in each, before and after a change.

    Parameters
    ----------
    bits
        Phases of the forest.
    open_before
        bool `(n_switches,)`: how switches stand before; the edge of row 0 is `first_switch`.
    moved
        Ascending rows of the switches that before the change stand otherwise than in the normal state, on
        which the forest grew.
    gone
        Ascending, unique edges that do not conduct after.
    come
        Ascending, unique edges of switches that close.

    Notes
    -----
    O((cuts + chords below cuts) · log cuts); cuts are `gone` and the open ones of `moved`.
    """
    keys = _cut_keys(forest.below, open_before, first_switch, moved, gone, come, forest.end.size)
    cuts = np.empty(keys.size, np.int64)
    cut_flags = np.empty(keys.size, np.uint8)
    n, standing = 0, 0
    for key in keys:
        standing |= key & _CUT_BEFORE
        if n and cuts[n - 1] == key >> 2:
            cut_flags[n - 1] |= key & 3
        else:
            cuts[n] = key >> 2
            cut_flags[n] = key & 3
            n += 1
    cuts = cuts[:n]
    if forest.trees.size == 1 and not standing:
        n = _drop_hidden(forest.end, chords, open_before, first_switch, gone, come, cuts, cut_flags)
        cuts = cuts[:n]
    if forest.trees.size > 1:
        islands = _islands(forest, chords, open_before, first_switch, moved, gone, come, cuts)
    else:
        islands = cuts[:0]
    start = np.empty(n + islands.size, np.int64)
    flags = np.empty(n + islands.size, np.uint8)
    i, j = 0, 0
    for k in range(start.size):
        if j == islands.size or (i < n and cuts[i] < islands[j]):
            start[k] = cuts[i]
            flags[k] = cut_flags[i]
            i += 1
        else:
            start[k] = islands[j]
            flags[k] = 3
            j += 1
    n = start.size
    stop = np.empty(n, np.int64)
    above = np.zeros(n, np.int64)
    stack = np.empty(n, np.int64)
    height = 0
    for k in range(n):
        stop[k] = forest.end[start[k]]
        while height and stop[stack[height - 1]] <= start[k]:
            height -= 1
        above[k] = stack[height - 1] + 1 if height else 0
        stack[height] = k
        height += 1
    outer_start, outer_stop = _outermost(start, forest.end)
    near = _chords_in(chords.at, chords.of, outer_start, outer_stop)
    a = np.empty(near.size, np.int64)
    b = np.empty(near.size, np.int64)
    conducts = np.empty(near.size, np.uint8)
    mask = np.empty(near.size, np.uint8)
    joined = 0
    alike = True  # all phases of the forest go the same ways
    for c in near:
        how = _conducts(c, chords.edge, open_before, first_switch, gone, come)
        if how:
            a[joined] = _piece(start, stop, above, chords.a[c])
            b[joined] = _piece(start, stop, above, chords.b[c])
            conducts[joined] = how
            mask[joined] = chords.mask[c]
            alike = alike and chords.mask[c] == bits
            joined += 1
    before = np.zeros(n + 1, np.uint8)
    after = np.zeros(n + 1, np.uint8)
    for phase in range(1 if alike else 3):
        spread = bits if alike else bits & (1 << phase)
        if spread:
            _spread(above, flags, 1, a[:joined], b[:joined], conducts, mask, spread, before)
            _spread(above, flags, 2, a[:joined], b[:joined], conducts, mask, spread, after)
    return Fragments(start, stop, above, before, after)


@compiled
def changed_ranges(pieces: Fragments, n_nodes: int) -> tuple[I64, I64, U8, U8]:
    """Ranges of positions whose piece changed its phases: starts, stops, phases before, phases after.

    Disjoint and ascending. What a node has is this and the phases of its path.
    """
    start, stop = pieces.start, pieces.stop
    n = start.size
    starts = np.empty(2 * n + 1, np.int64)
    stops = np.empty(2 * n + 1, np.int64)
    had = np.empty(2 * n + 1, np.uint8)
    has = np.empty(2 * n + 1, np.uint8)
    stack = np.empty(n, np.int64)
    found, height, at = 0, 0, 0
    for k in range(n + 1):
        until = start[k] if k < n else n_nodes
        while height and stop[stack[height - 1]] <= until:
            top = stack[height - 1]
            b, a = pieces.before[top + 1], pieces.after[top + 1]
            if b != a and at < stop[top]:
                starts[found], stops[found], had[found], has[found] = at, stop[top], b, a
                found += 1
            at = max(at, stop[top])
            height -= 1
        if k == n:
            break
        if height:
            top = stack[height - 1]
            b, a = pieces.before[top + 1], pieces.after[top + 1]
            if b != a and at < until:
                starts[found], stops[found], had[found], has[found] = at, until, b, a
                found += 1
        at = until
        stack[height] = k
        height += 1
    return starts[:found].copy(), stops[:found].copy(), had[:found].copy(), has[:found].copy()


@compiled
def phases_at(pieces: Fragments, forest: Forest, positions: I32) -> tuple[U8, U8]:
    """Phases with supply at some positions, before and after."""
    first_island = forest.trees[1] if forest.trees.size > 1 else forest.end.size
    before = np.zeros(positions.size, np.uint8)
    after = np.zeros(positions.size, np.uint8)
    for k in range(positions.size):
        position = positions[k]
        piece = _piece(pieces.start, pieces.stop, pieces.above, position)
        if piece or position < first_island:  # an island that nothing touches has no supply
            before[k] = pieces.before[piece] & forest.path[position]
            after[k] = pieces.after[piece] & forest.path[position]
    return before, after


@compiled
def phases_everywhere(pieces: Fragments, forest: Forest, before: U8, after: U8) -> None:
    """Add the phases with supply at every node to `before` and `after`, by node: O(nodes)."""
    n = pieces.start.size
    first_island = forest.trees[1] if forest.trees.size > 1 else forest.end.size
    stack = np.empty(n, np.int64)
    height, k = 0, 0
    for position in range(forest.node.size):
        while height and pieces.stop[stack[height - 1]] <= position:
            height -= 1
        while k < n and pieces.start[k] == position:
            stack[height] = k
            height += 1
            k += 1
        if height or position < first_island:
            piece = stack[height - 1] + 1 if height else 0
            before[forest.node[position]] |= pieces.before[piece] & forest.path[position]
            after[forest.node[position]] |= pieces.after[piece] & forest.path[position]
