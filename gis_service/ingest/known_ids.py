"""The ids of a whole package as 64-bit hashes: who is known, and what stands twice, at eight bytes an id.

A province has some thirty million ids, which as Python strings fill gigabytes. Two different ids share a hash
with a probability of one in 2**64: ids that seem to stand twice are compared in full by whoever has their
text, and among 10**8 references to nothing one in 10**4 packages would have one taken for known.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gis_service.kernels.texts import hash_rows
from gis_service.network.texts import Texts

Hashes = npt.NDArray[np.uint64]
_NONE: Hashes = np.empty(0, dtype=np.uint64)


class KnownIds:
    """Ids by layer: first all are added, then the questions may be asked."""

    def __init__(self) -> None:
        self._added: dict[str, list[Hashes]] = {}
        self._sorted: dict[str, Hashes] = {}
        self._repeated: dict[str, Hashes] = {}

    def add(self, layer: str, ids: Any) -> None:
        """Add an Arrow array of text; nulls are nobody's id."""
        self._added.setdefault(layer, []).append(id_hashes(ids.drop_null()))

    def has(self, layer: str, hashes: Hashes) -> npt.NDArray[np.bool_]:
        """Which of these hashes are of ids of the layer; O(log ids) each, less where they lie close."""
        known = self._of(layer)
        if not len(known) or not len(hashes):
            return np.zeros(len(hashes), dtype=np.bool_)
        order = np.argsort(hashes)  # neighbours in turn find their places in the same cache lines
        wanted = hashes[order]
        places = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        found = np.empty(len(hashes), dtype=np.bool_)
        found[order] = known[places] == wanted
        return found

    def repeated(self, layer: str) -> Hashes:
        """Hashes that more than one id of the layer has, sorted."""
        if layer in self._repeated:
            return self._repeated[layer]
        known = self._of(layer)
        return np.unique(known[1:][known[1:] == known[:-1]])

    def settle(self, layer: str) -> None:
        """Keep of a layer only what stands twice: nobody will ask who is known there."""
        self._repeated[layer] = self.repeated(layer)
        self.forget(layer)

    def forget(self, layer: str) -> None:
        """Let go of a layer's ids."""
        self._added.pop(layer, None)
        self._sorted.pop(layer, None)

    def _of(self, layer: str) -> Hashes:
        if layer in self._added:
            every = np.concatenate(self._added.pop(layer))
            every.sort()
            self._sorted[layer] = every
        return self._sorted.get(layer, _NONE)


def id_hashes(ids: Any) -> Hashes:
    """The hash of each text of an Arrow array without nulls, uint64 `(n,)`."""
    if not len(ids):
        return _NONE
    texts = Texts.of(ids if isinstance(ids, pa.Array) else pa.array(ids, pa.large_string()))
    return hash_rows(texts.offsets, texts.data)
