"""The grid as plain columns: what storage hands to the network, and nothing more.

Every table is frozen, one column per field, all of one length, **sorted by (county, id)**. A number
column is a NumPy array, a text column an object array of `str`; or, where a province must fit into memory, a
column of `network.columns`, which answers like one. An absent text is `""`, an absent number `nan`. Phases
are bit masks (`A` 1, `B` 2, `C` 4, and `N` 8, which carries no supply). Geometry is flat: `xy` is float64
`(n, 2)` lon/lat; lines carry `offsets` int64 `(n + 1,)` into `coords` float64 `(m, 2)`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from gis_service.network.columns import Text as Text
from gis_service.network.columns import distinct

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Masks = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]

PHASE_A, PHASE_B, PHASE_C = 1, 2, 4
ALL_PHASES = PHASE_A | PHASE_B | PHASE_C
NEUTRAL = 8
"""Named beside phases; stands in the columns of tables alone, and no network knows it."""


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of one layer; `len()` is the number of rows."""

    county: Text
    id: Text

    def __len__(self) -> int:
        return len(self.id)

    def columns(self) -> dict[str, Any]:
        """Every column by name, in declared order."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, eq=False)
class Substations(Table):
    """Substations; `base_voltage_kv` is the highest."""

    name: Text
    base_voltage_kv: Floats
    xy: Floats


@dataclass(frozen=True, eq=False)
class Nodes(Table):
    """Connectivity nodes; `substation_id` is empty outside substations."""

    base_voltage_kv: Floats
    substation_id: Text
    xy: Floats


@dataclass(frozen=True, eq=False)
class Sources(Table):
    """Energy sources, each feeding its node."""

    name: Text
    node_id: Text
    phases: Masks
    voltage_pu: Floats
    xy: Floats


@dataclass(frozen=True, eq=False)
class Lines(Table):
    """Line sections; r and x are for the whole section."""

    name: Text
    from_node: Text
    to_node: Text
    phases: Masks
    base_voltage_kv: Floats
    construction: Text
    length_m: Floats
    r_ohm: Floats
    x_ohm: Floats
    rated_current_a: Floats
    offsets: Offsets
    coords: Floats


@dataclass(frozen=True, eq=False)
class Switches(Table):
    """Switches; `feeder_id` is set on head switches only."""

    name: Text
    kind: Text
    from_node: Text
    to_node: Text
    phases: Masks
    normal_open: Bools
    open: Bools
    rated_current_a: Floats
    remote_controlled: Bools
    feeder_id: Text
    xy: Floats


@dataclass(frozen=True, eq=False)
class Transformers(Table):
    """Power transformers, `from_node` on the high side."""

    name: Text
    from_node: Text
    to_node: Text
    phases: Masks
    rated_kva: Floats
    uk_percent: Floats
    pk_kw: Floats
    xy: Floats


@dataclass(frozen=True, eq=False)
class Districts(Table):
    """Transformer districts."""

    name: Text
    transformer_id: Text


@dataclass(frozen=True, eq=False)
class Customers(Table):
    """`phases` 0 means not given: the phases that reach the node in the normal state."""

    node_id: Text
    district_id: Text
    phases: Masks
    customer_class: Text
    critical_grade: Text
    contracted_kva: Floats
    xy: Floats


@dataclass(frozen=True, eq=False)
class GridTables:
    """One or more counties of grid, each table sorted by (county, id)."""

    substations: Substations
    nodes: Nodes
    sources: Sources
    lines: Lines
    switches: Switches
    transformers: Transformers
    districts: Districts
    customers: Customers

    @property
    def counties(self) -> list[str]:
        """County codes that own at least one row, sorted."""
        found: set[str] = set()
        for field in fields(self):
            found |= distinct(getattr(self, field.name).county)
        return sorted(found)


def phase_mask(text: str | None, *, absent: int = ALL_PHASES) -> int:
    """The bit mask of a phase string such as `"ABN"`; `absent` for None or empty.

    The neutral `N` carries no supply of its own and is left out of the mask.

    Raises
    ------
    ValueError
        For a letter outside `ABCN`, or one that stands twice.
    """
    if not text:
        return absent
    mask = 0
    for letter in text:
        if letter not in "ABCN" or text.count(letter) > 1:
            raise ValueError(f"phases {text!r}: write each of A, B, C, N at most once")
        mask |= {"A": PHASE_A, "B": PHASE_B, "C": PHASE_C, "N": 0}[letter]
    return mask


def given_phases(text: str | None, *, absent: int = ALL_PHASES) -> int:
    """The mask of a phase string as it stands in a table: `phase_mask` with `NEUTRAL` where `N` is named."""
    return phase_mask(text, absent=absent) | (NEUTRAL if text and "N" in text else 0)


def phase_text(mask: int) -> str:
    """The phase letters of a mask, in the order ABCN."""
    return "".join(letter for bit, letter in ((1, "A"), (2, "B"), (4, "C"), (8, "N")) if mask & bit)
