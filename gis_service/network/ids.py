"""The border between the utility's ids and dense rows: inside everything counts rows, outside it says ids.

An id is unique within its layer only. One that stands in several layers must be written `layer:id`; but a
grouping (a district often bears its transformer's id, a feeder its head switch's) gives way to an element.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from gis_service.errors import AmbiguousId, UnknownId
from gis_service.network.tables import Text

GROUPINGS = ("substation", "transformer_district", "feeder")
"""Layers that stand for elements of other layers."""


class Ref(NamedTuple):
    """One element: its layer, and its row in that layer's table."""

    layer: str
    row: int


class IdIndex:
    """Ids of every layer, to rows. Layers are searched in the order in which they were given."""

    def __init__(self, layers: Mapping[str, Text]) -> None:
        self._rows: dict[str, dict[str, int]] = {
            layer: {id: row for row, id in enumerate(ids.tolist())} for layer, ids in layers.items()
        }

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that can be named."""
        return tuple(self._rows)

    def row(self, layer: str, id: str) -> int | None:
        """The row of an id in one layer, or None."""
        return self._rows[layer].get(id)

    def find(self, id: str, *, layers: Sequence[str] | None = None) -> Ref:
        """The element of that id, or of `layer:id`.

        Raises
        ------
        UnknownId
            When no element of `layers` (default: all) has it.
        AmbiguousId
            When elements of several layers do, or groupings of several layers and no element.
        """
        among = self.layers if layers is None else tuple(layers)
        every = [Ref(layer, row) for layer in among if (row := self._rows[layer].get(id)) is not None]
        found = [ref for ref in every if ref.layer not in GROUPINGS] or every
        if len(found) > 1:
            raise AmbiguousId(id, [ref.layer for ref in found])
        if found:
            return found[0]
        layer, colon, rest = id.partition(":")
        if colon and layer in among:
            row = self._rows[layer].get(rest)
            if row is not None:
                return Ref(layer, row)
        raise UnknownId([id], what=" or ".join(among) if layers is not None else "element")

    def find_many(self, ids: Iterable[str], *, layers: Sequence[str] | None = None) -> list[Ref]:
        """The elements of several ids, in their order; `UnknownId` names every unknown one."""
        refs: list[Ref] = []
        unknown: list[str] = []
        for id in ids:
            try:
                refs.append(self.find(id, layers=layers))
            except UnknownId:
                unknown.append(id)
        if unknown:
            raise UnknownId(unknown, what=" or ".join(layers) if layers is not None else "element")
        return refs
