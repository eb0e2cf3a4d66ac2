"""Switch operations as they are reported, and what may not stand in one batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gis_service.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Operated:
    """One operation as reported; `at` None means now."""

    id: str
    open: bool
    at: datetime | None = None
    reason: str = ""
    operator: str = ""
    idempotency_key: str | None = None


def refuse_contradictions(operations: Sequence[Operated]) -> None:
    """Refuse an empty batch, one switch both ways at one time, and one key for two operations.

    Raises
    ------
    InvalidInput
        Naming each place.
    """
    if not operations:
        raise InvalidInput("the list of operations is empty: name at least one switch")
    faults: list[str] = []
    seen: dict[tuple[str, datetime | None], tuple[int, bool]] = {}
    keys: dict[str, int] = {}
    for k, one in enumerate(operations):
        first, open_ = seen.setdefault((one.id, one.at), (k, one.open))
        if open_ != one.open:
            faults.append(
                f"[{k}].open: switch {one.id!r} is operated the other way in [{first}] at the same time; "
                f"give each its own time in `at`"
            )
        if one.idempotency_key is not None:
            before = keys.setdefault(one.idempotency_key, k)
            if before != k:
                faults.append(
                    f"[{k}].idempotency_key: {one.idempotency_key!r} stands in [{before}] already; "
                    f"each operation needs its own"
                )
    if faults:
        raise InvalidInput(faults[0], faults)
