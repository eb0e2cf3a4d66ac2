"""What is wrong with a grid package, and how it is said.

Knows how one fault reads and how many are worth printing; not how faults are found.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

from gis_service.errors import InvalidInput

PRINTED = 50
PRINTED_OF_A_KIND = 3


@dataclass(frozen=True, slots=True)
class Fault:
    """One reason to refuse a package: where (layer, id, column), why, and what mends it.

    `id` is None where the fault is of a whole layer, or the row has none (then `reason` names the row).
    """

    layer: str
    id: str | None
    column: str | None
    reason: str
    mend: str

    @property
    def sentence(self) -> str:
        """One sentence that names the layer, the id, the reason and the mend."""
        where = self.layer if self.id is None else f"{self.layer} {self.id!r}"
        return f"{where}: {self.reason}; {self.mend}"

    def as_dict(self) -> dict[str, str | None]:
        """The fault for a JSON report."""
        return {**asdict(self), "message": self.sentence}


class Placed(NamedTuple):
    """A fault and its place among those of its layer: form first by column, then rules by row."""

    order: tuple[int, int, int, int]
    fault: Fault

    @staticmethod
    def of_layer(fault: Fault) -> Placed:
        """A fault of the whole layer or of a column."""
        return Placed((0, -1, 0, 0), fault)

    @staticmethod
    def by_form(place: int, row: int, fault: Fault) -> Placed:
        """A value that could not be taken."""
        return Placed((0, place, row, 0), fault)

    @staticmethod
    def by_rule(row: int, place: int, fault: Fault, *, rank: int = 2) -> Placed:
        """A value that a rule refuses; the rank orders what is said of one value."""
        return Placed((1, row, place, rank), fault)


def in_order(faults: Iterable[Placed]) -> list[Fault]:
    """The faults of one layer as they are told."""
    return [placed.fault for placed in sorted(faults, key=lambda placed: placed.order)]


def printed(faults: Sequence[Fault], *, limit: int | None = PRINTED) -> list[str]:
    """The sentences to print: all, or where they are more than `limit`, the first of each kind.

    Faults of one kind have the same column and the same mend, whatever their layers: one wrong code of a
    county is told of every element in it, and must not hide what else is wrong.
    """
    if limit is None or len(faults) <= limit:
        return [fault.sentence for fault in faults]
    kinds: dict[tuple[str | None, str], list[Fault]] = {}
    for fault in faults:
        kinds.setdefault((fault.column, fault.mend), []).append(fault)
    lines: list[str] = []
    told = 0
    for alike in kinds.values():
        shown = alike[:PRINTED_OF_A_KIND]
        if len(lines) + len(shown) > limit:
            break
        told += len(alike)
        lines += [fault.sentence for fault in shown]
        if len(shown) < len(alike):
            lines.append(f"  and {len(alike) - len(shown):,} more like these")
    if told < len(faults):
        lines.append(f"and {len(faults) - told:,} others")
    lines.append("(--all-faults prints all, --json FILE holds all)")
    return lines


def refusal(what: str, faults: Sequence[Fault]) -> InvalidInput:
    """The error that refuses `what`, with every fault as a sentence."""
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    first = f", the first: {faults[0].sentence}" if faults else ""
    return InvalidInput(f"{what} has {count}{first}", [fault.sentence for fault in faults])
