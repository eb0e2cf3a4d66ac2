"""Rings of areas cut down to the picture and something around it, compiled (Sutherland and Hodgman, 1974).

A county on a map of a few metres is a ring of a billion pixels, and whoever draws its dashes draws all of
them. What is cut off runs along the edges of the box, beside the picture.
"""

from __future__ import annotations

import numpy as np

from compiling import F64, I64, compiled

_FAR = 8.0  # pictures: what lies nearer is drawn as it is


@compiled
def reaches_far(xy: F64, box: F64) -> bool:
    """Whether any position lies many pictures away from a picture's box; what is no number does not."""
    width, height = box[2] - box[0], box[3] - box[1]
    left, right = box[0] - _FAR * width, box[2] + _FAR * width
    top, bottom = box[1] - _FAR * height, box[3] + _FAR * height
    for v in range(len(xy)):
        if xy[v, 0] < left or xy[v, 0] > right or xy[v, 1] < top or xy[v, 1] > bottom:
            return True
    return False


@compiled
def clipped_rings(offsets: I64, xy: F64, box: F64) -> tuple[I64, F64]:
    """The rings within a box: offsets `(n + 1,)` and positions; one that lies beside it has none.

    Parameters
    ----------
    offsets, xy
        Ring `k` is `xy[offsets[k] : offsets[k + 1]]`, its last position the first one again.
    box
        Left, top, right, bottom.
    """
    found_offsets = np.zeros(len(offsets), np.int64)
    found = np.empty((len(xy) + 64, 2))
    at = 0
    for k in range(len(offsets) - 1):
        ring = np.empty((offsets[k + 1] - offsets[k], 2))
        n = 0
        for v in range(offsets[k], offsets[k + 1]):
            if xy[v, 0] == xy[v, 0] and xy[v, 1] == xy[v, 1]:
                ring[n] = xy[v]
                n += 1
        for side in range(4):
            ring, n = _beyond_cut(ring, n, side, box[side])
        if n >= 3:
            if at + n + 1 > len(found):
                wider = np.empty((2 * (at + n + 1), 2))
                wider[:at] = found[:at]
                found = wider
            found[at : at + n] = ring[:n]
            found[at + n] = ring[0]
            at += n + 1
        found_offsets[k + 1] = at
    return found_offsets, found[:at]


@compiled
def _beyond_cut(ring: F64, n: int, side: int, edge: float) -> tuple[F64, int]:
    """A ring without what lies beyond one edge: left, top, right or bottom; it need not say its end twice."""
    out = np.empty((2 * n + 2, 2))
    count = 0
    axis = side % 2
    for v in range(n):
        here, before = ring[v], ring[v - 1] if v else ring[n - 1]
        inside = here[axis] >= edge if side < 2 else here[axis] <= edge
        was_inside = before[axis] >= edge if side < 2 else before[axis] <= edge
        if inside != was_inside:
            share = (edge - before[axis]) / (here[axis] - before[axis])
            out[count] = before + share * (here - before)
            out[count, axis] = edge
            count += 1
        if inside:
            out[count] = here
            count += 1
    return out, count
