"""The rules of the grid package: what is refused, row by row, and why.

Knows every rule between and within rows, and nothing of files. Works on parts of layers, whole columns at a
time: a sound package costs hash look-ups only, and a layer need never be in memory at once. Parallel
elements, loops, self-loops, islands and unsupplied parts are legal and are not looked for here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gis_service.ingest.columns import is_identifier
from gis_service.ingest.faults import Fault, Placed, in_order
from gis_service.ingest.frames import GEOMETRY, GridPackage
from gis_service.ingest.geometry_rules import geometry_faults
from gis_service.ingest.known_ids import KnownIds, id_hashes
from gis_service.ingest.parts import Part, part_of_frame
from gis_service.ingest.spec import BY_NAME, LAYERS, Column, Layer
from gis_service.ingest.wkb import binary_buffers
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
    parts = {}
    known = KnownIds()
    for layer in LAYERS:
        told = {name: rows for (of, name), rows in reported.rows.items() if of == layer.name}
        parts[layer.name] = part_of_frame(layer, package[layer.name], told)
        known.add(layer.name, parts[layer.name].columns[layer.key])
    rules = Rules(known, package.counties, stored, references, reported.columns)
    return [fault for layer in LAYERS for fault in in_order(rules.of(layer).checked([parts[layer.name]]))]


@dataclass(frozen=True)
class Rules:
    """The rules, and what they must know of the whole package.

    `unread` are the (layer, column) that could not be read at all: nothing is said about them, nor about
    references to them.
    """

    known: KnownIds
    counties: Sequence[str]
    stored: StoredIds | None = None
    references: bool = True
    unread: Collection[tuple[str, str]] = ()

    def of(self, layer: Layer) -> LayerRules:
        """The rules of one layer, which take its parts one after another."""
        return LayerRules(layer, self)


class LayerRules:
    """The rules of one layer."""

    def __init__(self, layer: Layer, rules: Rules) -> None:
        self.layer = layer
        self.rules = rules
        self._repeated = rules.known.repeated(layer.name)
        self._twice: dict[str, list[int]] = {}
        self._taken: set[str] = set()
        self._found: list[Placed] = []

    def checked(self, parts: Iterable[Part]) -> list[Placed]:
        """What stands against the rows of these parts, in no order; they must be all of the layer."""
        for part in parts:
            self.check(part)
        return self.finish()

    def check(self, part: Part) -> None:
        """Look at some rows."""
        if not len(part):
            return
        for place, column in enumerate(self.layer.columns):
            if (self.layer.name, column.name) not in self.rules.unread:
                _ColumnRules(self, part, place, column).check()
        if part.shapes is not None and (self.layer.name, GEOMETRY) not in self.rules.unread:
            told = part.told.get(GEOMETRY, np.zeros(len(part), dtype=bool))
            for row, reason, mend in geometry_faults(self.layer, part.shapes, skip=told):
                self.add(part, len(self.layer.columns), row, GEOMETRY, reason, mend)

    def finish(self) -> list[Placed]:
        """What stands against all rows seen, in no order."""
        key, place = self.layer.key, [one.name for one in self.layer.columns].index(self.layer.key)
        for id, rows in self._twice.items():
            if len(rows) > 1:
                rows.sort()
                shown = ", ".join(str(row + 1) for row in rows[:5]) + (", …" if len(rows) > 5 else "")
                reason = f"the {key} stands {len(rows)} times (rows {shown})"
                fault = Fault(self.layer.name, id, key, reason, "give each row its own")
                self._found.append(Placed.by_rule(rows[0], place, fault, rank=1))
        return self._found

    def add(
        self, part: Part, place: int, row: int, column: str, reason: str, mend: str, *, rank: int = 2
    ) -> None:
        """Note one row's fault."""
        fault = part.fault(row, column, reason, mend)
        self._found.append(Placed.by_rule(int(part.numbers[row]), place, fault, rank=rank))

    def keys(self, part: Part, place: int, values: Any) -> None:
        """Look at the ids themselves: which stand twice, which belong to a stored county."""
        known = values.drop_null()
        rows = np.flatnonzero(_mask(values.is_valid()))
        hashes = id_hashes(known)
        if len(self._repeated):
            for at in np.flatnonzero(np.isin(hashes, self._repeated)).tolist():
                self._twice.setdefault(known[at].as_py(), []).append(int(part.numbers[rows[at]]))
        stored, layer = self.rules.stored, self.layer
        if stored is None or layer.name == "county":
            return
        held = stored.owners(layer.name, ArrowTexts(known), outside=self.rules.counties)
        if not held:
            return
        for at in np.flatnonzero(_mask(pc.is_in(known, pa.array(list(held), known.type)))).tolist():
            id = known[at].as_py()
            if id not in self._taken:
                self._taken.add(id)
                reason = f"the id already stands in the stored county {held[id]}"
                mend = "give it another, or load both counties together"
                self.add(part, place, int(rows[at]), layer.key, reason, mend, rank=1)

    def references(self, part: Part, place: int, column: Column, values: Any) -> None:
        """Look at what a column refers to."""
        rules, target = self.rules, BY_NAME[str(column.refers_to)]
        if (target.name, target.key) in rules.unread:
            return
        valid = np.flatnonzero(_mask(values.is_valid()))
        named = values.drop_null()
        if target.name == "county":
            unknown = ~_mask(pc.is_in(named, pa.array(list(rules.counties), named.type)))
        else:
            unknown = ~rules.known.has(target.name, id_hashes(named))
        where = "package"
        if rules.stored is not None and target.name != "county" and unknown.any():
            where = "package and in no other county"
            lost = named.filter(pa.array(unknown)).unique().to_pylist()
            held = rules.stored.owners(target.name, lost, outside=rules.counties)
            if held:
                unknown &= ~_mask(pc.is_in(named, pa.array(list(held), named.type)))
        what = target.name.replace("_", " ")
        mend = f"add it to the layer {target.name} or correct {column.name}"
        for at in np.flatnonzero(unknown).tolist():
            reason = f"{column.name} {named[at].as_py()!r} is no {what} of the {where}"
            self.add(part, place, int(valid[at]), column.name, reason, mend)


@dataclass(frozen=True)
class _ColumnRules:
    """The rules of one column in one part."""

    layer: LayerRules
    part: Part
    place: int
    column: Column

    def check(self) -> None:
        column, values = self.column, self.part.columns[self.column.name]
        if column.required and values.null_count:
            absent = ~_mask(values.is_valid())
            told = self.part.told.get(column.name)
            empty = " or empty" if is_identifier(column) else ""
            self._tell(
                absent if told is None else absent & ~told, f"{column.name} is null{empty}", "give it a value"
            )
        if column.type in ("float", "int"):
            self._numbers(values)
        elif column.type == "text":
            self._texts(values)

    def _tell(self, bad: Rows, reason: str | Callable[[Any], str], mend: str) -> None:
        """Report every row that is bad; a reason may depend on its value."""
        values = self.part.columns[self.column.name]
        for row in np.flatnonzero(bad).tolist():
            said = reason if isinstance(reason, str) else reason(values[row].as_py())
            self.layer.add(self.part, self.place, row, self.column.name, said, mend)

    def _numbers(self, given: Any) -> None:
        values = np.asarray(
            given.cast(pa.float64(), safe=False).fill_null(float("nan")).to_numpy(zero_copy_only=False)
        )
        name, least = self.column.name, self.column.minimum
        endless = np.isinf(values)
        if endless.any():
            self._tell(endless, f"{name} is infinite", "give a finite number")
        if least is not None:
            low = (values < least) & ~endless
            if low.any():
                self._tell(
                    low,
                    lambda value: f"{name} {float(value):g} is less than {least:g}",
                    f"give {least:g} or more",
                )

    def _texts(self, values: Any) -> None:
        column, name = self.column, self.column.name
        offsets, data = binary_buffers(values)
        if len(values) and not data[offsets[0] : offsets[-1]].all():
            nul = _mask(pc.match_substring(values, "\0"))
            self._tell(nul, lambda text: f"{name} {text!r} holds a NUL character", "remove it")
        if name == self.layer.layer.key:
            self.layer.keys(self.part, self.place, values)
        if is_identifier(column) and int(np.diff(offsets).max(initial=0)) > LONGEST_ID:
            long = _mask(pc.greater(pc.utf8_length(values), LONGEST_ID))
            mend = f"give it at most {LONGEST_ID}"
            self._tell(long, lambda text: f"{name} {text[:20]!r}… has {len(text)} characters", mend)
        if name == "code":
            least, most = CODE_LENGTHS
            length = pc.utf8_length(values)
            bad = _mask(pc.or_(pc.less(length, least), pc.greater(length, most)))
            self._tell(
                bad,
                lambda text: f"the county code {text!r} has {len(text)} characters",
                f"give it {least} to {most}",
            )
        if column.choices is not None:
            strange = _mask(values.is_valid()) & ~_mask(
                pc.is_in(values, pa.array(column.choices, values.type))
            )
            mend = f"write one of {', '.join(column.choices)}"
            self._tell(strange, lambda text: f"{name} {text!r} is not known", mend)
        if name == "phases":
            sound = [text for text in values.unique().to_pylist() if text is not None and _sound_phases(text)]
            strange = _mask(values.is_valid()) & ~_mask(pc.is_in(values, pa.array(sound, values.type)))
            mend = "write each of A, B, C at most once, N if there is a neutral, or null for three-phase"
            self._tell(strange, lambda text: f"phases {text!r} cannot be read", mend)
        if column.refers_to is not None and (self.layer.rules.references or column.refers_to == "county"):
            self.layer.references(self.part, self.place, column, values)


class ArrowTexts(Collection[str]):
    """An Arrow array of text as a collection, whose strings are made when somebody looks."""

    def __init__(self, values: Any) -> None:
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Any:
        return iter(self._values.to_pylist())

    def __contains__(self, text: object) -> bool:
        return text in self._values.to_pylist()


def _mask(values: Any) -> Rows:
    """An Arrow array of truths as NumPy; null is false."""
    return np.asarray(values.fill_null(False).to_numpy(zero_copy_only=False), dtype=bool)


def _sound_phases(text: str) -> bool:
    try:
        return phase_mask(text, absent=0) != 0
    except ValueError:
        return False
