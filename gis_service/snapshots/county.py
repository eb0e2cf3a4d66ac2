"""One county's tables as arrays by name, and each column back out of them.

A column becomes what it costs least as: text by codes where few words stand in it, else by bytes. The county
of every row is said once. The state of the switches is kept as it was read, and is not part of the identity
of a county's content: it moves without a load.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal, get_type_hints

import numpy as np
import numpy.typing as npt
import xxhash

from gis_service.errors import InvalidInput
from gis_service.network import tables as t
from gis_service.network.columns import Coded, Repeated, Text, Texts, distinct
from gis_service.snapshots.file import Snapshot
from gis_service.snapshots.layout import Arrays, Meta, checksum

Box = tuple[float, float, float, float]
"""West, south, east, north."""

_MOST_WORDS = 1 << 12
_DTYPES: dict[Any, type[np.generic]] = {
    t.Floats: np.float64,
    t.Bools: np.bool_,
    t.Masks: np.uint8,
    t.Offsets: np.int64,
}
_PAIRS = ("xy", "coords")
_MOVING = "switches.open"


@dataclass(frozen=True, slots=True, order=True)
class CountyKey:
    """Which content of a county: the load it belongs to."""

    county: str
    topology_version: int
    loaded_at: datetime | None = None

    def as_list(self) -> list[Any]:
        """For a header."""
        at = None if self.loaded_at is None else self.loaded_at.astimezone(UTC).isoformat()
        return [self.county, self.topology_version, at]


@dataclass(frozen=True, slots=True, eq=False)
class Spec:
    """One column of `GridTables`: which it is, and what its parts hold; there is one of each."""

    table: str
    name: str
    kind: Literal["text", "number"]
    dtype: np.dtype[Any]
    width: int

    @property
    def key(self) -> str:
        """`table.column`."""
        return f"{self.table}.{self.name}"


@lru_cache(maxsize=1)
def column_specs() -> tuple[Spec, ...]:
    """Every column of every table, in declared order."""
    found: list[Spec] = []
    classes = get_type_hints(t.GridTables)
    for table in fields(t.GridTables):
        for name, hint in get_type_hints(classes[table.name]).items():
            dtype = np.dtype(_DTYPES.get(hint, np.object_))
            kind: Literal["text", "number"] = "text" if hint is Text else "number"
            found.append(Spec(table.name, name, kind, dtype, 2 if name in _PAIRS else 0))
    return tuple(found)


def county_snapshot(key: CountyKey, tables: t.GridTables) -> tuple[Meta, dict[str, npt.NDArray[Any]]]:
    """Header and arrays of a county.

    Raises
    ------
    InvalidInput
        When rows of another county are among them.
    """
    strangers = [code for code in tables.counties if code != key.county]
    if strangers:
        raise InvalidInput(f"a snapshot of county {key.county} cannot hold rows of {', '.join(strangers)}")
    arrays: dict[str, npt.NDArray[Any]] = {}
    columns: dict[str, Any] = {}
    for spec in column_specs():
        column = getattr(getattr(tables, spec.table), spec.name)
        if spec.kind == "number":
            arrays[spec.key] = np.ascontiguousarray(column, spec.dtype)
        elif spec.name != "county":
            columns[spec.key] = _text_arrays(spec.key, column, arrays)
    meta: Meta = {
        "kind": "county",
        "key": key.as_list(),
        "rows": {one.name: len(getattr(tables, one.name)) for one in fields(tables)},
        "coords": len(tables.lines.coords),
        "text": columns,
        "boxes": {one.name: _box(getattr(tables, one.name)) for one in fields(tables)},
    }
    return meta | {"content": content_digest(meta, arrays)}, arrays


def content_digest(meta: Meta, arrays: Arrays) -> str:
    """Identity of what a county holds, the state of its switches apart."""
    told = [meta["key"], meta["rows"], meta["text"]]
    sums = [[name, checksum(array)] for name, array in sorted(arrays.items()) if name != _MOVING]
    return xxhash.xxh3_128_hexdigest(json.dumps([told, sums], sort_keys=True).encode())


def fits(meta: Meta, key: CountyKey) -> bool:
    """Whether a header is that of this content, with every column this code knows."""
    return bool(
        meta.get("kind") == "county"
        and meta["key"] == key.as_list()
        and meta["text"].keys()
        == {one.key for one in column_specs() if one.kind == "text" and one.name != "county"}
        and meta["rows"].keys() == {one.name for one in fields(t.GridTables)}
    )


def rows_of(meta: Meta, spec: Spec) -> int:
    """Rows of a column in one county; `offsets` without its last, which begins the next county."""
    return int(meta["coords"] if spec.name == "coords" else meta["rows"][spec.table])


def column_of(snapshot: Snapshot, spec: Spec) -> Any:
    """One column; `offsets` with its last row."""
    if spec.kind == "number":
        return snapshot.array(spec.key)
    if spec.name == "county":
        return Repeated(snapshot.meta["key"][0], int(snapshot.meta["rows"][spec.table]))
    words = snapshot.meta["text"][spec.key]
    if words is None:
        return Texts(snapshot.array(f"{spec.key}.offsets"), snapshot.array(f"{spec.key}.data"))
    if len(words) < 2:
        return Repeated("".join(words), int(snapshot.meta["rows"][spec.table]))
    return Coded(snapshot.array(f"{spec.key}.codes"), words)


def arrays_of(snapshot: Snapshot, spec: Spec) -> Iterator[str]:
    """Names of the arrays behind a column."""
    if spec.kind == "number":
        yield spec.key
    elif spec.name != "county":
        words = snapshot.meta["text"][spec.key]
        if words is None:
            yield f"{spec.key}.offsets"
            yield f"{spec.key}.data"
        elif len(words) > 1:
            yield f"{spec.key}.codes"


def _text_arrays(key: str, column: Text, arrays: dict[str, npt.NDArray[Any]]) -> list[str] | None:
    """Put the arrays of a text column in; its words, or None where it is kept as bytes."""
    words = sorted(distinct(column))
    if len(words) > min(_MOST_WORDS, max(2, len(column) // 4)):
        texts = Texts.of(column)
        arrays[f"{key}.offsets"], arrays[f"{key}.data"] = texts.offsets, texts.data
        return None
    if len(words) > 1:
        arrays[f"{key}.codes"] = Coded.of(Texts.of(column)).codes
    return words


def _box(table: t.Table) -> list[float] | None:
    """West, south, east, north of a table's geometry; None where it has none."""
    columns = table.columns()
    points = np.asarray(columns["coords"] if "coords" in columns else columns.get("xy", np.empty((0, 2))))
    points = points[~np.isnan(points).any(axis=1)]
    if not len(points):
        return None
    return [*points.min(axis=0).tolist(), *points.max(axis=0).tolist()]
