"""Sentences in a picture: what a fault or a missing county looks like where only pictures are looked at."""

from __future__ import annotations

import struct
import textwrap

import numpy as np
import shapely

from layers.raster.engraving import Caption, Pixels, Plate, engraved
from layers.raster.sprites import lay_over
from layers.style.model import Fill, Label, Size

_SIZE = 12.0
_LINE = 16
_WIDE = 7.2  # pixels of a letter of that size, about
_INK = Label("text", Size(((1.0, _SIZE),)), "#8c1c13", "#fff4f2", 1.0, 0.0)


def notice(pixels: Pixels, text: str) -> Pixels:
    """A copy of a picture with a band at its top that says something; as much of it as there is room for."""
    height, width = pixels.shape[:2]
    lines = textwrap.wrap(text, max(8, int((width - 12) / _WIDE)))[: max(1, (height - 8) // _LINE)]
    deep = min(height, _LINE * len(lines) + 8)
    band = shapely.to_wkb(shapely.MultiPolygon([shapely.box(0, -deep, width, 0)]))
    places = [
        struct.pack("<BIdd", 1, 1, width / 2, -(4 + _LINE * (number + 0.5))) for number in range(len(lines))
    ]
    said = [
        Caption(_INK, _SIZE, 1.0, "Point", [line], [place]) for line, place in zip(lines, places, strict=True)
    ]
    above = engraved(width, height, [Plate([Fill("#fff4f2", 0.93)], [band])], said)
    laid = np.array(pixels)
    lay_over(laid, above)
    return laid
