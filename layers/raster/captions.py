"""Which labels are tried on a picture: as many as a reader can read, the weightier first."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from compiling import F64, I64
from layers.geojson_rows import LINE, POINT
from layers.raster.engraving import Caption
from layers.raster.frame import Frame
from layers.raster.shaping import Shaped
from layers.raster.writing import area_chunks, line_chunks
from layers.style.classes import PatchColumns, labelled
from layers.style.model import Label, Rule

_PIXELS_FOR_EACH = 2500.0
"""Of the picture: more labels than one for so many pixels cannot stand beside each other."""

_SHORTEST_LINE = 45.0
_MOST_STRETCHED = 10_000.0
"""Times that a labelled area may be longer than wide: its middle is looked for in squares of its width."""

_LONGEST_TEXT = 80
_UNSEEN = np.zeros((0, 0), np.int32)


class _Wanted(NamedTuple):
    label: Label
    kind: str
    texts: list[str]
    places: list[bytes]


class Captions:
    """The labels of one picture, gathered layer by layer, the lowest first."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._most = int(frame.width * frame.height / _PIXELS_FOR_EACH / frame.ratio**2) + 8
        self._wanted: list[_Wanted] = []

    def gather(self, rules: Sequence[Rule], columns: PatchColumns, shaped: Shaped) -> None:
        """Take note of the labels of one patch."""
        for label, rows in labelled(rules, columns):
            rows = self._roomy(rows, shaped)[: self._most]
            if not len(rows):
                continue
            texts = columns.texts(label.field, rows)
            kind = {POINT: "Point", LINE: "LineString"}.get(shaped.kind, "Polygon")
            named = [
                (text[:_LONGEST_TEXT], place)
                for row, text in zip(rows.tolist(), texts, strict=True)
                if text and (place := self._place(row, shaped)) is not None
            ]
            if named:
                self._wanted.append(
                    _Wanted(label, kind, [text for text, _ in named], [place for _, place in named])
                )

    def chosen(self) -> list[Caption]:
        """The labels to try, the weightiest first, and of the same weight those of the upper layer."""
        left = self._most
        found = []
        upper_first = list(reversed(self._wanted))
        for one in sorted(upper_first, key=lambda one: -one.label.priority):
            if left <= 0:
                break
            size = one.label.size.at(self._frame.denominator) * self._frame.ratio
            found.append(
                Caption(one.label, size, self._frame.ratio, one.kind, one.texts[:left], one.places[:left])
            )
            left -= len(one.texts)
        return found

    def _roomy(self, rows: I64, shaped: Shaped) -> I64:
        """Rows that lie on the picture, and lines long enough for a word, the longest first."""
        if not len(rows):
            return rows
        if shaped.kind == POINT:
            x, y = shaped.xy[rows, 0], shaped.xy[rows, 1]
            inside: I64 = rows[(x >= 0) & (x < self._frame.width) & (y >= 0) & (y < self._frame.height)]
            return inside
        if shaped.kind != LINE:
            return rows
        first, last = shaped.xy[shaped.offsets[rows]], shaped.xy[shaped.offsets[rows + 1] - 1]
        spans = np.nan_to_num(np.hypot(*(last - first).T))
        order = np.argsort(-spans, kind="stable")
        roomy: I64 = rows[order[spans[order] >= _SHORTEST_LINE * self._frame.ratio]]
        return roomy

    def _place(self, row: int, shaped: Shaped) -> bytes | None:
        if shaped.kind == POINT:
            x, y = shaped.xy[row].tolist()
            return struct.pack("<BIdd", 1, 1, x, -y)
        some = np.array([row], np.int64)
        box: F64 = np.array([0.0, 0.0, self._frame.width, self._frame.height])
        if shaped.kind == LINE:
            written, ends = line_chunks(some, shaped.offsets, shaped.xy, box, _UNSEEN, 0)
        else:
            if _is_sliver(row, shaped):
                return None
            written, ends = area_chunks(
                some, shaped.multis, shaped.polygons, shaped.offsets, shaped.xy, box, _UNSEEN, 0
            )
        return written[: int(ends[0])].tobytes() if len(ends) else None


def _is_sliver(row: int, shaped: Shaped) -> bool:
    first, last = (shaped.offsets[shaped.polygons[shaped.multis[at]]] for at in (row, row + 1))
    xy = shaped.xy[first:last]
    xy = xy[np.isfinite(xy).all(axis=1)]
    if not len(xy):
        return True
    short, long = sorted((xy.max(axis=0) - xy.min(axis=0)).tolist())
    return bool(long > _MOST_STRETCHED * short)
