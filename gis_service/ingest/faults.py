"""What is wrong with a grid package, and how it is said.

Knows how one fault reads and how many are worth printing; not how faults are found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from gis_service.errors import InvalidInput

PRINTED = 50


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


def printed(faults: Sequence[Fault], *, limit: int | None = PRINTED) -> list[str]:
    """The sentences to print: the first `limit`, then how many more there are."""
    shown = faults if limit is None else faults[:limit]
    lines = [fault.sentence for fault in shown]
    if len(shown) < len(faults):
        lines.append(f"and {len(faults) - len(shown)} more (--all-faults prints all, --json FILE holds all)")
    return lines


def refusal(what: str, faults: Sequence[Fault]) -> InvalidInput:
    """The error that refuses `what`, with every fault as a sentence."""
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    first = f", the first: {faults[0].sentence}" if faults else ""
    return InvalidInput(f"{what} has {count}{first}", [fault.sentence for fault in faults])
