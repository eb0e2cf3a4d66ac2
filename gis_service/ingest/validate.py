"""The rules of the grid package: what is refused, row by row, and why.

Knows every rule between and within rows, and nothing of files. Works on canonical columns, whole columns
at a time: a sound package costs hash look-ups only. Parallel elements, loops, self-loops, islands and
unsupplied parts are legal and are not looked for here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from gis_service.ingest.columns import as_objects, is_identifier
from gis_service.ingest.faults import Fault
from gis_service.ingest.frames import GEOMETRY, GridPackage
from gis_service.ingest.geometry_rules import geometry_faults
from gis_service.ingest.spec import BY_NAME, LAYERS, Column, Layer
from gis_service.network.tables import phase_mask

Rows = npt.NDArray[np.bool_]

CODE_LENGTHS = (2, 12)
LONGEST_ID = 200


class StoredIds(Protocol):
    """What the rules ask of the counties that are already stored."""

    def owners(self, layer: str, ids: Collection[str], *, outside: Collection[str]) -> dict[str, str]:
        """County code by id, for those of `ids` that a stored county not in `outside` holds in `layer`."""


@dataclass
class Reported:
    """What the reader has already found fault with, so that it is not said twice.

    `columns`: (layer, column) that could not be read at all. `rows`: by (layer, column), the rows whose
    value could not be taken.
    """

    columns: set[tuple[str, str]] = field(default_factory=set)
    rows: dict[tuple[str, str], Rows] = field(default_factory=dict)


def validate(
    package: GridPackage,
    *,
    stored: StoredIds | None = None,
    references: bool = True,
    reported: Reported | None = None,
) -> list[Fault]:
    """Every fault of a package, in the order of layers, rows and columns; empty when it may be loaded.

    Parameters
    ----------
    package
        In canonical form, as `read_package` and `GridPackage.of` make it.
    stored
        The counties already stored: their ids must not come again, and may be referred to. The counties
        of the package itself are not asked for, because the package replaces them.
    references
        False: elements may refer to what is not in the package, counties apart.
    reported
        What a reader has already reported.
    """
    reported = reported or Reported()
    faults: list[Fault] = []
    for layer in LAYERS:
        faults += _LayerRules(layer, package, stored, references, reported).faults()
    return faults


@dataclass
class _LayerRules:
    layer: Layer
    package: GridPackage
    stored: StoredIds | None
    references: bool
    reported: Reported
    found: list[tuple[int, int, Fault]] = field(default_factory=list)
    keys: Any = None

    def faults(self) -> list[Fault]:
        frame = self.package[self.layer.name]
        if len(frame) == 0:
            return []
        self.keys = as_objects(frame[self.layer.key])
        for place, column in enumerate(self.layer.columns):
            if (self.layer.name, column.name) not in self.reported.columns:
                self._column(place, column, as_objects(frame[column.name]), frame[column.name])
        if (self.layer.name, GEOMETRY) not in self.reported.columns:
            told = self._told(GEOMETRY, len(frame))
            for row, reason, mend in geometry_faults(self.layer, frame.geometry.to_numpy(), skip=told):
                self._add(len(self.layer.columns), row, GEOMETRY, reason, mend)
        self.found.sort(key=lambda one: one[:2])
        return [fault for _, _, fault in self.found]

    def _told(self, column: str, length: int) -> Rows:
        told = self.reported.rows.get((self.layer.name, column))
        return np.zeros(length, dtype=bool) if told is None else told

    def _add(self, place: int, row: int, column: str, reason: str, mend: str) -> None:
        key = self.keys[row]
        if key is None:
            reason = f"row {row + 1}: {reason}"
        self.found.append((row, place, Fault(self.layer.name, key, column, reason, mend)))

    def _each(
        self, place: int, column: Column, rows: Iterable[int], reason: str | Callable[[int], str], mend: str
    ) -> None:
        for row in rows:
            self._add(place, row, column.name, reason if isinstance(reason, str) else reason(row), mend)

    def _column(self, place: int, column: Column, values: npt.NDArray[np.object_], typed: Any) -> None:
        name = column.name
        absent = np.asarray(pd.isna(values), dtype=bool)
        if column.required:
            null = np.flatnonzero(absent & ~self._told(name, len(values))).tolist()
            empty = " or empty" if is_identifier(column) else ""
            self._each(place, column, null, f"{name} is null{empty}", "give it a value")
        if column.type in ("float", "int"):
            self._numbers(place, column, typed)
        elif column.type == "text":
            self._texts(place, column, values)

    def _numbers(self, place: int, column: Column, typed: Any) -> None:
        values = typed.to_numpy(dtype=np.float64, na_value=np.nan)
        name, least = column.name, column.minimum
        endless = np.flatnonzero(np.isinf(values)).tolist()
        self._each(place, column, endless, f"{name} is infinite", "give a finite number")
        if least is not None:
            low = np.flatnonzero((values < least) & np.isfinite(values)).tolist()
            self._each(
                place,
                column,
                low,
                lambda row: f"{name} {values[row]:g} is less than {least:g}",
                f"give {least:g} or more",
            )

    def _texts(self, place: int, column: Column, values: npt.NDArray[np.object_]) -> None:
        name = column.name
        codes, distinct = pd.factorize(values, use_na_sentinel=True)
        self._told_of(
            place,
            column,
            values,
            codes,
            np.fromiter(("\0" in text for text in distinct), bool, len(distinct)),
            lambda text: f"{name} {text!r} holds a NUL character",
            "remove it",
        )
        if name == self.layer.key:
            self._duplicates(place, column, codes, distinct)
        if is_identifier(column):
            self._told_of(
                place,
                column,
                values,
                codes,
                np.fromiter((len(text) > LONGEST_ID for text in distinct), bool, len(distinct)),
                lambda text: f"{name} {text[:20]!r}… has {len(text)} characters",
                f"give it at most {LONGEST_ID}",
            )
        if self.layer.name == "county" and name == "code":
            least, most = CODE_LENGTHS
            self._told_of(
                place,
                column,
                values,
                codes,
                np.fromiter((not least <= len(text) <= most for text in distinct), bool, len(distinct)),
                lambda text: f"the county code {text!r} has {len(text)} characters",
                f"give it {least} to {most}",
            )
        if column.choices is not None:
            known = set(column.choices)
            self._told_of(
                place,
                column,
                values,
                codes,
                np.fromiter((text not in known for text in distinct), bool, len(distinct)),
                lambda text: f"{name} {text!r} is not known",
                f"write one of {', '.join(column.choices)}",
            )
        if name == "phases":
            self._told_of(
                place,
                column,
                values,
                codes,
                np.fromiter((not _sound_phases(text) for text in distinct), bool, len(distinct)),
                lambda text: f"phases {text!r} cannot be read",
                "write each of A, B, C at most once, N if there is a neutral, or null for three-phase",
            )
        if column.refers_to is not None and (self.references or column.refers_to == "county"):
            self._references(place, column, values, codes, distinct)

    def _told_of(
        self,
        place: int,
        column: Column,
        values: npt.NDArray[np.object_],
        codes: npt.NDArray[np.intp],
        bad: Rows,
        reason: Callable[[str], str],
        mend: str,
    ) -> None:
        """Report every row that holds one of the bad distinct values."""
        if bad.any():
            rows = np.flatnonzero(np.append(bad, False)[codes]).tolist()
            self._each(place, column, rows, lambda row: reason(values[row]), mend)

    def _duplicates(self, place: int, column: Column, codes: npt.NDArray[np.intp], distinct: Any) -> None:
        order = np.argsort(codes, kind="stable")
        starts = np.searchsorted(codes[order], np.arange(len(distinct) + 1))
        for code in np.flatnonzero(np.diff(starts) > 1).tolist():
            rows = order[starts[code] : starts[code + 1]]
            shown = ", ".join(str(row + 1) for row in rows[:5]) + (", …" if len(rows) > 5 else "")
            reason = f"the {column.name} stands {len(rows)} times (rows {shown})"
            self._add(place, int(rows[0]), column.name, reason, "give each row its own")
        if self.stored is None or self.layer.name == "county":
            return
        taken = self.stored.owners(self.layer.name, list(distinct), outside=self.package.counties)
        if taken:
            first = dict(zip(distinct, order[starts[:-1]].tolist(), strict=True))
            for id, county in taken.items():
                reason = f"the id already stands in the stored county {county}"
                self._add(
                    place, first[id], column.name, reason, "give it another, or load both counties together"
                )

    def _references(
        self,
        place: int,
        column: Column,
        values: npt.NDArray[np.object_],
        codes: npt.NDArray[np.intp],
        distinct: Any,
    ) -> None:
        target = BY_NAME[str(column.refers_to)]
        if (target.name, target.key) in self.reported.columns:
            return
        known = pd.Index(as_objects(self.package[target.name][target.key]))
        unknown = ~pd.Index(distinct).isin(known)
        where = "package"
        if self.stored is not None and target.name != "county" and unknown.any():
            where = "package and in no other county"
            lost = [distinct[code] for code in np.flatnonzero(unknown).tolist()]
            held = self.stored.owners(target.name, lost, outside=self.package.counties)
            unknown &= ~pd.Index(distinct).isin(pd.Index(list(held), dtype=object))
        what = target.name.replace("_", " ")
        self._told_of(
            place,
            column,
            values,
            codes,
            np.asarray(unknown, dtype=bool),
            lambda text: f"{column.name} {text!r} is no {what} of the {where}",
            f"add it to the layer {target.name} or correct {column.name}",
        )


def _sound_phases(text: str) -> bool:
    try:
        return phase_mask(text, absent=0) != 0
    except ValueError:
        return False
