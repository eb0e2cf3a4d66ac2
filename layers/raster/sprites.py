"""Signs at points, drawn once each by Mapnik and then laid on the picture at every point by compiled code.

Mapnik takes about ten microseconds for a marker, and this a fraction of one. A sign is kept at sixteen
positions between four pixels, so that it stands where its point is to a quarter of a pixel.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import shapely

from compiling import F64, I32, I64, borrowing, compiled
from layers.raster.engraving import Pixels, Plate, engraved
from layers.style.model import Fill, Line, Mark, Part, Size

SHARES = 4
"""Positions of a sign between one pixel and the next, in either direction."""


@lru_cache(maxsize=1024)
def sprites(mark: Mark, parts: tuple[Part, ...], size: float, ratio: float) -> Pixels:
    """A sign at each of its positions, `(SHARES², side, side, 4)`, its point at `side // 2` and the share."""
    stroke = mark.stroke_width * ratio
    side = 2 * math.ceil(size / 2 + stroke + 1) + 2
    centres = [
        (
            column * side + side // 2 + (column + 0.5) / SHARES,
            row * side + side // 2 + (row + 0.5) / SHARES,
        )
        for row in range(SHARES)
        for column in range(SHARES)
    ]
    plates = []
    for part in parts:
        shapes = [_placed(part, x, y, size / 2) for x, y in centres]
        lines = [shapely.get_exterior_ring(shape) if part.closed else shape for shape in shapes]
        fill = mark.stroke if part.solid else mark.fill
        if part.closed:
            plates.append(Plate([Fill(fill)], list(shapely.to_wkb(shapes, flavor="iso"))))
        line = Line(mark.stroke, Size(((1.0, stroke),)))
        plates.append(Plate([line], list(shapely.to_wkb(lines, flavor="iso"))))
    sheet = engraved(side * SHARES, side * SHARES, plates)
    cut = sheet.reshape(SHARES, side, SHARES, side, 4).transpose(0, 2, 1, 3, 4)
    found: Pixels = np.ascontiguousarray(cut.reshape(SHARES * SHARES, side, side, 4))
    found.setflags(write=False)
    return found


def _placed(part: Part, x: float, y: float, scale: float) -> shapely.Geometry:
    points = np.array(part.points) * scale + (x, y)
    points[:, 1] *= -1  # y counts up where Mapnik draws
    return shapely.Polygon(points) if part.closed else shapely.LineString(points)


@compiled
def stamp(canvas: Pixels, some: I64, xy: F64, signs: Pixels, seen: I32, mark: int) -> int:
    """Lay a sign over a picture at some points, one for each pixel at most; how many it was."""
    height, width = canvas.shape[0], canvas.shape[1]
    side = signs.shape[1]
    half = side // 2
    laid = 0
    for k in range(some.size):
        x, y = xy[some[k], 0], xy[some[k], 1]
        if not (-half <= x < width + half and -half <= y < height + half):
            continue
        px, py = math.floor(x), math.floor(y)
        if 0 <= px < width and 0 <= py < height:
            if seen[py, px] == mark:
                continue
            seen[py, px] = mark
        share = int((y - py) * SHARES) * SHARES + int((x - px) * SHARES)
        sign = signs[share]
        for row in range(max(0, half - py), min(side, height - py + half)):
            for column in range(max(0, half - px), min(side, width - px + half)):
                if sign[row, column, 3]:
                    _over(canvas, py - half + row, px - half + column, sign, row, column)
        laid += 1
    return laid


@borrowing
def _over(canvas: Pixels, y: int, x: int, source: Pixels, row: int, column: int) -> None:
    """One pixel over another (Porter and Duff), neither multiplied by its alpha."""
    above = np.int64(source[row, column, 3])
    below = np.int64(canvas[y, x, 3])
    if above == 255 or below == 0:
        for band in range(4):
            canvas[y, x, band] = source[row, column, band]
        return
    kept = below * (255 - above)
    whole = above * 255 + kept
    for band in range(3):
        mixed = np.int64(source[row, column, band]) * above * 255 + np.int64(canvas[y, x, band]) * kept
        canvas[y, x, band] = np.uint8((mixed + whole // 2) // whole)
    canvas[y, x, 3] = np.uint8((whole + 127) // 255)


@compiled
def lay_over(canvas: Pixels, above: Pixels) -> None:
    """Lay a whole picture over another."""
    for y in range(canvas.shape[0]):
        words = above[y].view(np.uint32)  # four bands at once: most pixels of a picture of labels are empty
        for x in range(canvas.shape[1]):
            if words[x, 0]:
                _over(canvas, y, x, above, y, x)
