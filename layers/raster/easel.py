"""A picture while it is made: classes of features in order, lines and areas by Mapnik, signs over them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from compiling import I32, I64
from layers.geojson_rows import LINE, POINT
from layers.raster.captions import Captions
from layers.raster.clipping import clipped_rings, reaches_far
from layers.raster.engraving import Pixels, Plate, engraved
from layers.raster.frame import Frame
from layers.raster.shaping import Shaped, apart, shapes_on_pixels
from layers.raster.sprites import lay_over, sprites, stamp
from layers.raster.writing import area_chunks, line_chunks
from layers.sheet import Patch
from layers.style.classes import Class, Order, PatchColumns, classes_of
from layers.style.model import Cartography, Fill, Line, Mark, Size, Style


class Easel:
    """The picture while it is made: what Mapnik draws is gathered until a sign has to lie over it."""

    def __init__(self, frame: Frame, cartography: Cartography) -> None:
        self._frame = frame
        self._marks = cartography.marks
        self._names = frozenset(cartography.marks)
        self._plates: list[Plate] = []
        self._canvas: Pixels | None = None
        self._seen: I32 = np.zeros((frame.height, frame.width), np.int32)
        self._mark = 0
        self._captions = Captions(frame)

    def add(self, style: Style, patches: Sequence[Patch], *, labels: bool) -> None:
        """Draw one layer over what there is."""
        rules = style.rules_at(self._frame.denominator)
        classes: dict[Order, list[tuple[Class, Shaped]]] = defaultdict(list)
        for patch in map(apart, patches):
            if not len(patch.rows):
                continue
            columns = PatchColumns(patch)
            shaped = shapes_on_pixels(self._frame, patch)
            for one in classes_of(rules, columns, self._names):
                classes[one.order].append((one, shaped))
            if labels:
                self._captions.gather(rules, columns, shaped)
        for order in sorted(classes):
            self._draw_class(classes[order])

    def _draw_class(self, members: Sequence[tuple[Class, Shaped]]) -> None:
        symbols = members[0][0].symbols
        self._mark += 1
        strokes = [self._sized(one) for one in symbols if isinstance(one, Line | Fill)]
        if strokes:
            chunks = [
                chunk
                for one, shaped in members
                if shaped.kind != POINT
                for chunk in self._chunks(one.places, shaped, strokes)
            ]
            if chunks:
                self._plates.append(Plate(strokes, chunks))
        for mark in symbols:
            if isinstance(mark, Mark):
                self._stamp(mark, members)

    def _sized(self, symbol: Line | Fill) -> Line | Fill:
        if isinstance(symbol, Fill):
            return symbol
        width = symbol.width.at(self._frame.denominator) * self._frame.ratio
        return replace(symbol, width=Size(((1.0, width),)))

    def _chunks(self, places: I64, shaped: Shaped, strokes: Sequence[Line | Fill]) -> list[bytes]:
        widest = max((one.width.stops[0][1] for one in strokes if isinstance(one, Line)), default=1.0)
        margin = widest + 2.0
        frame = self._frame
        box = np.array([-margin, -margin, frame.width + margin, frame.height + margin])
        assert shaped.offsets is not None
        if shaped.kind == LINE:
            written, ends = line_chunks(places, shaped.offsets, shaped.xy, box, self._seen, self._mark)
        else:
            assert shaped.polygons is not None
            assert shaped.multis is not None
            offsets, xy = shaped.offsets, shaped.xy
            if reaches_far(xy, box):
                offsets, xy = clipped_rings(offsets, xy, box)
            written, ends = area_chunks(
                places, shaped.multis, shaped.polygons, offsets, xy, box, self._seen, self._mark
            )
        raw = written.tobytes()
        starts = [0, *ends.tolist()]
        return [raw[start:stop] for start, stop in pairwise(starts)]

    def _stamp(self, mark: Mark, members: Sequence[tuple[Class, Shaped]]) -> None:
        points = [(one, shaped) for one, shaped in members if shaped.kind == POINT]
        if not points:
            return
        self._engrave()
        assert self._canvas is not None
        size = round(mark.size.at(self._frame.denominator) * self._frame.ratio * 4) / 4
        signs = sprites(
            replace(mark, size=Size(((1.0, size),))), self._marks[mark.mark], size, self._frame.ratio
        )
        for one, shaped in points:
            stamp(self._canvas, one.places, shaped.xy, signs, self._seen, self._mark)

    def _engrave(self) -> None:
        if self._plates or self._canvas is None:
            drawn = engraved(self._frame.width, self._frame.height, self._plates)
            if self._canvas is None:
                self._canvas = drawn.copy()
            else:
                lay_over(self._canvas, drawn)
            self._plates = []

    def finished(self) -> Pixels:
        """The picture with its labels, which lie over everything."""
        captions = self._captions.chosen()
        if self._canvas is None:
            return engraved(self._frame.width, self._frame.height, self._plates, captions)
        if self._plates or captions:
            lay_over(self._canvas, engraved(self._frame.width, self._frame.height, self._plates, captions))
        return self._canvas
