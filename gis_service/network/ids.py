"""The border between the utility's ids and dense rows: inside everything counts rows, outside it says ids.

An id is unique within its layer only. One that stands in several layers must be written `layer:id`; but a
grouping (a district often bears its transformer's id, a feeder its head switch's) gives way to an element.

Ids are found in hash tables of row numbers (see `kernels.hashing`), five bytes a slot, and compared with the
columns themselves: the index holds no string.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from gis_service.errors import AmbiguousId, UnknownId
from gis_service.kernels.compiled import I32, I64
from gis_service.kernels.hashing import candidates, first_candidate, hold_tables, next_candidate, put_in
from gis_service.kernels.texts import U64, Int, equal_rows, hash_rows
from gis_service.network.columns import Coded, JoinedTexts, Texts, text_parts
from gis_service.network.recent import Recent
from gis_service.network.texts import Text, encoded, frozen

GROUPINGS = ("substation", "transformer_district", "feeder")
"""Layers that stand for elements of other layers."""

_SLOTS_PER_ROW = 1.45
_KNOWN = 1 << 15  # ids found lately, of which as many or up to twice as many are kept: 16 MB at most
_FEW = 8
"""Up to so many ids are looked up one by one."""


class Ref(NamedTuple):
    """One element: its layer, and its row in that layer's table."""

    layer: str
    row: int


class IdIndex:
    """Ids of every layer, to rows. Layers are searched in the order in which they were given.

    Of equal ids in one layer the first row is found; the empty text is nobody's id. About 7 bytes an id, and
    0.1 µs an id to build.
    """

    def __init__(
        self, layers: Mapping[str, Text], arrays: Mapping[str, npt.NDArray[Any]] | None = None
    ) -> None:
        self._layers = tuple(layers)
        self._place = {layer: k for k, layer in enumerate(layers)}
        # bytes once and for all, where each look-up would make them again
        self._ids: list[Texts | JoinedTexts] = [
            ids if isinstance(ids, Texts | JoinedTexts) else Texts.of(ids) for ids in layers.values()
        ]
        found = _tables(self._ids) if arrays is None else arrays
        self._bounds = frozen(found["bounds"], np.int64)
        self._tags = frozen(found["tags"], np.uint8)
        self._slot_rows = frozen(found["rows"], np.int32)
        self._tables = hold_tables(self._tags, self._slot_rows, self._bounds)
        self._known: Recent[str, Ref] = Recent(_KNOWN)

    @classmethod
    def from_arrays(cls, layers: Mapping[str, Text], arrays: Mapping[str, npt.NDArray[Any]]) -> IdIndex:
        """The index that `arrays()` was taken of, over the same columns."""
        return cls(layers, arrays)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The tables, to be stored: `bounds` int64 `(layers + 1,)`; `tags` uint8, `rows` int32 `(slots,)`."""
        return {"bounds": self._bounds, "tags": self._tags, "rows": self._slot_rows}

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that can be named."""
        return self._layers

    def row(self, layer: str, id: str) -> int | None:
        """The row of an id in one layer, or None."""
        k = self._place[layer]
        text = encoded(id)
        wanted = np.frombuffer(text, np.uint8)
        row, after = next_candidate(self._tables, k, wanted, -1)
        return self._same(k, text, wanted, row, after)

    def _same(self, k: int, text: bytes, wanted: Any, row: Int, after: Int) -> int | None:
        """The candidate, or the next, that really has the id."""
        while row >= 0 and self._ids[k].raw(int(row)) != text:
            row, after = next_candidate(self._tables, k, wanted, after)
        return int(row) if row >= 0 else None

    def rows(self, layer: str, wanted: Text) -> I32:
        """Rows of many ids in one layer, int32 `(len(wanted),)`; -1 for unknown and empty ones.

        `wanted` may be any text column; no string is made of it. 0.1 to 0.3 µs an id.
        """
        k = self._place[layer]
        if isinstance(wanted, Coded):
            rows: I32 = self._rows(k, Texts.of(wanted.words))[wanted.codes]
            return rows
        parts = [self._rows(k, part) for _, part in text_parts(wanted)]
        return np.concatenate([np.empty(0, np.int32), *parts]) if len(parts) != 1 else parts[0]

    def _rows(self, k: int, wanted: Texts) -> I32:
        table = slice(int(self._bounds[k]), int(self._bounds[k + 1]))
        tags, slot_rows = self._tags[table], self._slot_rows[table]
        rows = np.full(wanted.size, -1, np.int32)
        hashes: U64 = hash_rows(wanted.offsets, wanted.data)
        at = np.full(wanted.size, -1, np.int64)
        pending = np.arange(wanted.size)
        # every round settles all but the few whose candidate only looks alike
        while pending.size:
            found = candidates(tags, slot_rows, hashes, pending, at)
            pending, held = pending[found >= 0], found[found >= 0].astype(np.int64)
            same = self._verified(k, wanted, pending, held)
            rows[pending[same]] = held[same]
            pending = pending[~same]
        return rows

    def _verified(self, k: int, wanted: Texts, asked: I64, found: I64) -> Any:
        ids = self._ids[k]
        if isinstance(ids, Texts):
            return equal_rows(wanted.offsets, wanted.data, asked, ids.offsets, ids.data, found)
        same = np.zeros(asked.size, np.bool_)
        if not asked.size:
            return same
        of = np.searchsorted(ids.parts.firsts, found, side="right") - 1
        order = np.argsort(of, kind="stable") if of.min() != of.max() else np.arange(of.size)
        parts, cuts = np.unique(of[order], return_index=True)
        for part, begin, end in zip(parts.tolist(), cuts, [*cuts[1:], of.size], strict=True):
            place = order[begin:end]
            held = Texts.of(ids.parts.open(part))
            within = found[place] - ids.parts.firsts[part]
            same[place] = equal_rows(
                wanted.offsets, wanted.data, asked[place], held.offsets, held.data, within
            )
        return same

    def find(self, id: str, *, layers: Sequence[str] | None = None) -> Ref:
        """The element of that id, or of `layer:id`; a few µs.

        Raises
        ------
        UnknownId
            When no element of `layers` (default: all) has it.
        AmbiguousId
            When elements of several layers do, or groupings of several layers and no element.
        """
        if layers is None and (known := self._known.get(id)) is not None:
            return known
        among = self._layers if layers is None else tuple(layers)
        text = encoded(id)
        wanted = np.frombuffer(text, np.uint8)
        every: list[Ref] = []
        after_layer = 0
        while after_layer >= 0:
            k, candidate, after, after_layer = first_candidate(self._tables, wanted, after_layer)
            if k < 0:
                break
            layer = self._layers[k]
            if layer in among:
                row = self._same(k, text, wanted, candidate, after)
                if row is not None:
                    every.append(Ref(layer, row))
        if len(every) == 1:
            if layers is None:
                self._known.put(id, every[0])  # control rooms ask of the same elements over and over
            return every[0]
        return self._chosen(id, every, among, named=layers is not None)

    def _chosen(self, id: str, every: Sequence[Ref], among: Sequence[str], *, named: bool) -> Ref:
        found = [ref for ref in every if ref.layer not in GROUPINGS] or every
        if len(found) > 1:
            raise AmbiguousId(id, [ref.layer for ref in found])
        if found:
            return found[0]
        layer, colon, rest = id.partition(":")
        if colon and layer in among:
            row = self.row(layer, rest)
            if row is not None:
                return Ref(layer, row)
        raise UnknownId([id], what=" or ".join(among) if named else "element")

    def find_many(self, ids: Iterable[str], *, layers: Sequence[str] | None = None) -> list[Ref]:
        """The elements of several ids, in their order; `UnknownId` names every unknown one."""
        asked = list(ids)
        among = self.layers if layers is None else tuple(layers)
        place, rows = self._single(asked, among) if len(asked) > _FEW else ([-1] * len(asked), [])
        refs: list[Ref] = []
        unknown: list[str] = []
        for k, id in enumerate(asked):
            if place[k] >= 0:
                refs.append(Ref(among[place[k]], rows[k]))
                continue
            try:
                refs.append(self.find(id, layers=layers))
            except UnknownId:
                unknown.append(id)
        if unknown:
            raise UnknownId(unknown, what=" or ".join(layers) if layers is not None else "element")
        return refs

    def _single(self, asked: list[str], among: Sequence[str]) -> tuple[list[int], list[int]]:
        """For each id that stands in one layer alone, which of `among` that is, and its row; else -1."""
        texts = Texts.of(asked)
        rows = np.stack([self.rows(layer, texts) for layer in among])
        place = (rows >= 0).argmax(axis=0)
        place[(rows >= 0).sum(axis=0) != 1] = -1
        return place.tolist(), rows.max(axis=0).tolist()


def _tables(columns: Sequence[Text]) -> dict[str, npt.NDArray[Any]]:
    bounds = np.cumsum([0, *(int(len(ids) * _SLOTS_PER_ROW) + 1 for ids in columns)])
    tags, rows = np.zeros(bounds[-1], np.uint8), np.zeros(bounds[-1], np.int32)
    for ids, first_slot, stop in zip(columns, bounds, bounds[1:], strict=False):
        for first, part in text_parts(ids):
            put_in(tags[first_slot:stop], rows[first_slot:stop], part.offsets, part.data, first)
    return {"bounds": bounds, "tags": tags, "rows": rows}
