"""Counties one after another as the tables of a province, opened column by column under a memory budget.

Nothing that was not compared with its checksum is ever handed out: a county is compared as a whole when a
row of it is asked for first (or before, by `verify_all`). One that turns out damaged is repaired by whoever
gave the way to; the answer waits for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import fields, replace
from functools import cached_property, partial
from typing import Any, get_type_hints

import numpy as np

from gis_service.kernels.compiled import B1
from gis_service.network import tables as t
from gis_service.network.columns import JoinedNumbers, JoinedTexts
from gis_service.network.texts import Text
from gis_service.snapshots.budget import Budget
from gis_service.snapshots.county import (
    Box,
    CountyKey,
    Spec,
    arrays_of,
    column_of,
    column_specs,
    rows_of,
)
from gis_service.snapshots.file import Snapshot
from gis_service.snapshots.layout import BadSnapshot

Repair = Callable[[CountyKey, str, str], Snapshot]
"""Makes a snapshot again, being told its content and how it is damaged; may raise `GridError`."""


class HeldCounty:
    """One county, mapped or in memory; safe for threads."""

    def __init__(self, key: CountyKey, snapshot: Snapshot, repair: Repair, budget: Budget) -> None:
        self.key = key
        self._snapshot = snapshot
        self._repair = repair
        self._budget = budget
        self._columns: dict[Spec, tuple[Any, int, Hashable, Callable[[], None]]] = {}
        self._checking = threading.Lock()
        self._checked = threading.Event()

    @property
    def content(self) -> str:
        """Identity of what it holds."""
        return str(self._snapshot.meta["content"])

    def rows(self, spec: Spec) -> int:
        """Rows of a column."""
        return rows_of(self._snapshot.meta, spec)

    def size(self, table: str) -> int:
        """Rows of a table."""
        return int(self._snapshot.meta["rows"][table])

    def box(self, table: str) -> Box | None:
        """The box around the geometry of a table; None where it has none."""
        found = self._snapshot.meta["boxes"][table]
        return None if found is None else (found[0], found[1], found[2], found[3])

    def verify(self) -> None:
        """Compare everything with its checksum, once; a damaged one is replaced."""
        if self._checked.is_set():
            return
        with self._checking:
            if self._checked.is_set():
                return
            try:
                self._snapshot.verify()
            except BadSnapshot as bad:
                self._snapshot = self._repair(self.key, self.content, str(bad))
            self._checked.set()

    def column(self, spec: Spec) -> Any:
        """One column."""
        self.verify()
        held = self._columns.get(spec)
        if held is None:
            size = sum(self._snapshot.array(array).nbytes for array in arrays_of(self._snapshot, spec))
            made = column_of(self._snapshot, spec), size, (id(self), spec), partial(self._let_go, spec)
            # of two threads the first one's stays
            held = self._columns.setdefault(spec, made)
        column, size, name, let_go = held
        if size:
            self._budget.use(name, size, let_go)
        return column

    def _let_go(self, spec: Spec) -> None:
        self._snapshot.forget(arrays_of(self._snapshot, spec))


class Counties:
    """Counties by code, as one grid."""

    def __init__(self, counties: Sequence[HeldCounty]) -> None:
        self.held = sorted(counties, key=lambda one: one.key)

    def __iter__(self) -> Any:
        return iter(self.held)

    def verify_all(self) -> None:
        """Compare every county with its checksums."""
        for county in self.held:
            county.verify()

    @cached_property
    def tables(self) -> t.GridTables:
        """The tables; nothing is read by asking for them."""
        classes = get_type_hints(t.GridTables)
        columns: dict[str, dict[str, Any]] = {one.name: {} for one in fields(t.GridTables)}
        for spec in column_specs():
            columns[spec.table][spec.name] = self._joined(spec)
        return t.GridTables(**{name: classes[name](**of) for name, of in columns.items()})

    def with_switches(self, open: B1) -> t.GridTables:
        """The same tables with the switches as they stand now, bool `(n_switches,)`."""
        return replace(self.tables, switches=replace(self.tables.switches, open=open))

    def _joined(self, spec: Spec) -> Text | JoinedNumbers:
        sizes = [county.rows(spec) for county in self.held]
        if spec.kind == "text":
            return JoinedTexts(sizes, partial(self._open, spec))
        if spec.name != "offsets":
            return JoinedNumbers(sizes, partial(self._open, spec), spec.dtype, spec.width)
        # offsets count from 0 in each county, and the last of all closes the last line
        coords = next(one for one in column_specs() if one.name == "coords")
        begins = np.cumsum([0, *(county.rows(coords) for county in self.held)]).tolist()
        return JoinedNumbers([*sizes, 1], partial(self._offsets, spec), np.int64, shifts=begins)

    def _open(self, spec: Spec, part: int) -> Any:
        return self.held[part].column(spec)

    def _offsets(self, spec: Spec, part: int) -> Any:
        if part == len(self.held):
            return np.zeros(1, np.int64)
        return self.held[part].column(spec)[:-1]
