"""A grid as a few lines of text, for tests, docs and talking: one element a line, ids first.

::

    @450122                         # the county of what follows
    S1  source       n1
    Q1  breaker      n1 n2  feeder=F1
    L1  line         n2 n3  length=120
    K1  load_break_switch n3 n9  normal_open open
    T1  transformer  n3 n4  kva=400
    D1  district     T1
    C1  customer     n4  A  kva=8  grade=first

Nodes come into being when they are first named, in the county of that line (or of a `node` line).
Phases are a bare word out of `ABCN`. `open` means open now; `normal_open` normally.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_type_hints

import numpy as np

from gis_service.ingest.spec import SWITCH_KINDS
from gis_service.network import tables as t

_JOINS = {"line": "lines", "transformer": "transformers", **dict.fromkeys(SWITCH_KINDS, "switches")}
_WORDS = {
    "length": ("length_m", float),
    "kva": ("rated_kva", float),
    "kv": ("base_voltage_kv", float),
    "rated": ("rated_current_a", float),
    "r": ("r_ohm", float),
    "x": ("x_ohm", float),
    "feeder": ("feeder_id", str),
    "district": ("district_id", str),
    "grade": ("critical_grade", str),
    "class": ("customer_class", str),
    "name": ("name", str),
    "substation": ("substation_id", str),
    "construction": ("construction", str),
}
_DEFAULTS: dict[str, Any] = {
    "base_voltage_kv": 10.0,
    "length_m": 100.0,
    "rated_kva": 400.0,
    "contracted_kva": 10.0,
    "construction": "overhead",
    "customer_class": "residential",
    "phases": t.ALL_PHASES,
}


def parse_grid(text: str) -> t.GridTables:
    """The tables of a grid written in the notation above; positions are laid out on a small square mesh.

    Raises
    ------
    ValueError
        Naming the line, for an unknown kind or word, or an id that stands twice in its layer.
    """
    rows: dict[str, dict[str, dict[str, Any]]] = {field.name: {} for field in fields(t.GridTables)}
    county = "450122"
    for number, raw in enumerate(text.splitlines(), start=1):
        words = raw.split("#", 1)[0].split()
        if not words:
            continue
        if words[0].startswith("@"):
            county = words[0][1:]
            continue
        try:
            _add(rows, county, words)
        except (ValueError, IndexError) as error:
            raise ValueError(f"line {number} {raw.strip()!r}: {error}") from error
    return make_tables(rows)


def _add(rows: dict[str, dict[str, dict[str, Any]]], county: str, words: list[str]) -> None:
    id, kind, *rest = words
    row: dict[str, Any] = {"county": county, "id": id}
    if kind in _JOINS:
        layer = _JOINS[kind]
        row["from_node"], row["to_node"], *rest = rest
        if layer == "switches":
            row |= {"kind": kind, "open": False, "normal_open": False}
    elif kind == "source":
        layer, (row["node_id"], *rest) = "sources", rest
    elif kind == "customer":
        layer, (row["node_id"], *rest) = "customers", rest
        row["phases"] = 0
    elif kind == "district":
        layer, (row["transformer_id"], *rest) = "districts", rest
    elif kind in ("node", "substation"):
        layer = "nodes" if kind == "node" else "substations"
    else:
        raise ValueError(f"unknown kind {kind!r}")
    for word in rest:
        name, equals, value = word.partition("=")
        if equals and name in _WORDS:
            column, convert = _WORDS[name]
            column = "contracted_kva" if layer == "customers" and name == "kva" else column
            row[column] = convert(value)
        elif layer == "switches" and word in ("open", "normal_open"):
            row[word] = True
        elif not equals:
            row["phases"] = t.given_phases(word)
        else:
            raise ValueError(f"unknown word {word!r}")
    if id in rows[layer]:
        raise ValueError(f"{id!r} stands twice in {layer}")
    rows[layer][id] = row
    for end in ("node_id", "from_node", "to_node"):
        if end in row:
            rows["nodes"].setdefault(row[end], {"county": county, "id": row[end]})


def make_tables(rows: dict[str, dict[str, dict[str, Any]]]) -> t.GridTables:
    """Tables from rows by table name and id; a column that a row lacks gets a plain default."""
    order = sorted(rows["nodes"])
    side = max(1, int(np.ceil(np.sqrt(len(order)))))
    place = {id: (108.0 + 0.001 * (k % side), 22.8 + 0.001 * (k // side)) for k, id in enumerate(order)}
    made: dict[str, t.Table] = {}
    for field in fields(t.GridTables):
        kind = get_type_hints(t.GridTables)[field.name]
        by_key = sorted(rows[field.name].values(), key=lambda row: (row["county"], row["id"]))
        made[field.name] = kind(**_columns(kind, by_key, place))
    return t.GridTables(**made)  # type: ignore[arg-type]  # each table has the class of its own field


def _columns(
    kind: type[t.Table], rows: list[dict[str, Any]], place: dict[str, tuple[float, float]]
) -> dict[str, Any]:
    ends = [
        (
            place.get(row.get("from_node", row.get("node_id", row["id"])), (108.0, 22.8)),
            place.get(row.get("to_node", row.get("node_id", row["id"])), (108.0, 22.8)),
        )
        for row in rows
    ]
    columns: dict[str, Any] = {}
    for name, hint in get_type_hints(kind).items():
        values = [row.get(name) for row in rows]
        if name == "xy":
            columns[name] = np.array([a for a, _ in ends], np.float64).reshape(-1, 2)
        elif name == "coords":
            columns[name] = np.array(ends, np.float64).reshape(-1, 2)
        elif name == "offsets":
            columns[name] = 2 * np.arange(len(rows) + 1, dtype=np.int64)
        elif hint == t.Text:
            default = _DEFAULTS.get(name, "")
            columns[name] = np.array([default if v is None else v for v in values], np.object_)
        else:
            kinds: dict[Any, tuple[Any, Any]] = {t.Floats: (np.float64, np.nan), t.Bools: (np.bool_, False)}
            dtype, absent = kinds.get(hint, (np.uint8, 0))
            default = _DEFAULTS.get(name, absent)
            columns[name] = np.array([default if v is None else v for v in values], dtype)
    return columns
