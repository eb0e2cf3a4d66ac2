"""The outage question in one call. For a small question, the call itself is the cost.

Handing sixteen arrays over to compiled code takes longer than a search among them, so they are handed over
once, and held there.
"""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.experimental import structref

from gis_service.kernels.compiled import B1, I32, I64, compiled
from gis_service.kernels.forest import Chords, Forest
from gis_service.kernels.fragments import changed_ranges, fragments
from gis_service.kernels.hung import Hung, count_lost, lost_and_gained


@structref.register
class _HeldType(types.StructRef):
    def preprocess_fields(self, fields: Any) -> Any:
        return tuple((name, types.unliteral(kind)) for name, kind in fields)  # type: ignore[no-untyped-call]


class Held(structref.StructRefProxy):
    """A forest of all phases with its chords and what hangs on it, held by compiled code; see `hold`."""

    forest: Forest
    chords: Chords
    hung: Hung
    bits: int


structref.define_proxy(Held, _HeldType, ["forest", "chords", "hung", "bits"])  # type: ignore[no-untyped-call]


@compiled
def _hold(forest: Forest, chords: Chords, hung: Hung, bits: int) -> Held:
    return Held(forest, chords, hung, bits)  # type: ignore[no-untyped-call]


def hold(forest: Forest, chords: Chords, hung: Hung, bits: int) -> Held:
    """Hand a forest over for good."""
    return _hold(forest, chords, hung, bits)


@compiled
def changed_in_question(
    held: Held, open_before: B1, first_switch: int, moved: I64, gone: I64, come: I64
) -> tuple[I32, I32]:
    """Rows that lose supply by a change, and that gain it, in order of position.

    The arguments are those of `kernels.fragments.fragments`.
    """
    pieces = fragments(held.forest, held.chords, held.bits, open_before, first_switch, moved, gone, come)
    starts, stops, had, has = changed_ranges(pieces, held.forest.end.size)
    return lost_and_gained(held.hung, held.forest.path, held.bits, starts, stops, had, has)


@compiled
def count_lost_in_question(
    held: Held, open_before: B1, first_switch: int, moved: I64, gone: I64, come: I64
) -> int:
    """How many rows lose supply by the same change."""
    pieces = fragments(held.forest, held.chords, held.bits, open_before, first_switch, moved, gone, come)
    starts, stops, had, has = changed_ranges(pieces, held.forest.end.size)
    return count_lost(held.hung, held.forest.path, held.bits, starts, stops, had, has)
