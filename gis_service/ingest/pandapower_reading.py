"""A pandapower net out of a file or from memory, and the checks that nothing in it points nowhere.

Knows pandapower's tables and references; refuses a net with dangling references, listing all of them, and
a file that is not a net. Nothing here interprets switches or geometry.
"""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gis_service.errors import InvalidInput

Net = Any
"""A `pandapowerNet`; the package has no type information."""

# Classes a net file may name: pandapower's reader imports whatever module the file says.
_TRUSTED = ("pandapower", "pandas", "numpy", "geopandas", "shapely", "networkx", "simbench")
_NAMED_MODULE = re.compile(r'_module\\*"\s*:\s*\\*"([^"\\]*)')

BRANCH_BUSES: dict[str, dict[str, str]] = {
    "line": {"from": "from_bus", "to": "to_bus"},
    "impedance": {"from": "from_bus", "to": "to_bus"},
    "tcsc": {"from": "from_bus", "to": "to_bus"},
    "dcline": {"from": "from_bus", "to": "to_bus"},
    "trafo": {"hv": "hv_bus", "lv": "lv_bus"},
    "trafo3w": {"hv": "hv_bus", "mv": "mv_bus", "lv": "lv_bus"},
}
"""Conducting branches and the columns of their ends; `unsupplied_buses` walks over all of these."""

POINT_TABLES = ("ext_grid", "gen", "load", "asymmetric_load")
"""Tables of things that hang on one bus and are imported."""

SWITCHED = {"l": "line", "t": "trafo", "t3": "trafo3w"}
"""Switch code `et` → the branch whose end it switches; `b` joins two buses."""

_IMPORTED = {"bus", "switch", "substation", *BRANCH_BUSES, *POINT_TABLES}
_BOOKKEEPING = {
    "bus_geodata",
    "line_geodata",
    "std_types",
    "loadcases",
    "controller",
    "group",
    "characteristic",
}


def read_net(source: Net | str | os.PathLike[str]) -> Net:
    """The net itself, or the one stored in a JSON file that `pandapower.to_json` wrote.

    Raises
    ------
    InvalidInput
        When the file is missing, not JSON, not a pandapower net, encrypted, or names Python classes that
        are not pandapower's.
    """
    if not isinstance(source, str | os.PathLike):
        return source
    path = os.fspath(source)
    try:
        text = Path(path).read_text(encoding="utf-8")
        head = json.loads(text)
    except OSError as problem:
        raise InvalidInput(
            f"{path}: {problem.strerror}; name a file that pandapower.to_json wrote"
        ) from problem
    except ValueError as problem:
        raise InvalidInput(
            f"{path} is not JSON ({problem}); write the net again with pandapower.to_json"
        ) from problem
    if not isinstance(head, dict) or head.get("_class") != "pandapowerNet":
        raise InvalidInput(f"{path} holds no pandapower net; write one with pandapower.to_json(net, FILE)")
    strange = sorted({one for one in _NAMED_MODULE.findall(text) if one.split(".")[0] not in {*_TRUSTED, ""}})
    if strange:
        raise InvalidInput(
            f"{path} asks for Python code of {', '.join(strange)}; remove those objects from the net first"
        )
    try:
        with old_formats():
            import pandapower

            return pandapower.from_json(path)
    except Exception as problem:  # pandapower's reader raises whatever its converters happen to raise
        raise InvalidInput(f"{path}: pandapower cannot read this net ({problem})") from problem


@contextmanager
def old_formats() -> Iterator[None]:
    """Silence what pandapower and SimBench warn of their own data files while they read them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def table(net: Net, name: str) -> pd.DataFrame:
    """A table of the net in index order, to be read only; without rows but with columns when it has none."""
    found = net.get(name)
    if not isinstance(found, pd.DataFrame) or found.empty:
        columns = {
            "bus": ["vn_kv"],
            "switch": ["bus", "element", "et", "closed"],
            **{one: list(sides.values()) for one, sides in BRANCH_BUSES.items()},
        }
        return pd.DataFrame(
            {column: pd.Series(dtype=object) for column in columns.get(name, ["bus"])},
            index=pd.Index([], dtype=np.int64),
        )
    return found if found.index.is_monotonic_increasing else found.sort_index()


def numbers(frame: pd.DataFrame, column: str, default: float = np.nan) -> npt.NDArray[np.float64]:
    """A column as float64; `default` where the column or the value is absent."""
    if column not in frame:
        return np.full(len(frame), default)
    values = pd.to_numeric(frame[column], errors="coerce").to_numpy(np.float64, na_value=np.nan)
    return np.where(np.isnan(values), default, values)


def texts(frame: pd.DataFrame, column: str) -> npt.NDArray[np.object_]:
    """A column as `str`, None where absent or empty."""
    if column not in frame:
        return np.full(len(frame), None, dtype=object)
    values = frame[column].to_numpy(dtype=object)
    out = np.empty(len(values), dtype=object)
    out[:] = [None if pd.isna(one) or str(one).strip() == "" else str(one).strip() for one in values]
    return out


def truths(frame: pd.DataFrame, column: str, default: bool) -> npt.NDArray[np.bool_]:
    """A column as bool; `default` where the column or the value is absent."""
    if column not in frame:
        return np.full(len(frame), default)
    return frame[column].astype("boolean").fillna(default).to_numpy(dtype=bool)


def check(net: Net) -> None:
    """Refuse a net whose tables point at things that are not there.

    Raises
    ------
    InvalidInput
        `faults` names every dangling bus or element reference, duplicate index and bus without voltage.
    """
    faults: list[str] = []
    buses = table(net, "bus")
    if buses.empty:
        raise InvalidInput("the pandapower net has no buses; there is nothing to import")
    faults += [
        f"bus {bus}: vn_kv is missing; set it" for bus in buses.index[np.isnan(numbers(buses, "vn_kv"))]
    ]
    for name in ("bus", "switch", *BRANCH_BUSES, *POINT_TABLES):
        frame = table(net, name)
        twice = frame.index[frame.index.duplicated()].unique()
        faults += [f"{name} {index} stands twice; give each row its own index" for index in twice]
    ends = [(name, column) for name, sides in BRANCH_BUSES.items() for column in sides.values()]
    for name, column in [*ends, *((one, "bus") for one in POINT_TABLES)]:
        faults += _dangling(table(net, name), name, column, buses.index)
    if not faults:
        faults = _switch_faults(net, buses.index)
    if faults:
        raise InvalidInput(f"the pandapower net has {len(faults)} faults, the first: {faults[0]}", faults)


def _dangling(frame: pd.DataFrame, name: str, column: str, buses: pd.Index[Any]) -> list[str]:
    if frame.empty:
        return []
    lost = frame[~frame[column].isin(buses)]
    return [
        f"{name} {index}: {column} {bus} is not in the bus table; add the bus or remove the {name}"
        for index, bus in lost[column].items()
    ]


def _switch_faults(net: Net, buses: pd.Index[Any]) -> list[str]:
    switches = table(net, "switch")
    if switches.empty:
        return []
    faults = _dangling(switches, "switch", "bus", buses)
    strange = switches[~switches["et"].isin([*SWITCHED, "b"])]
    faults += [
        f"switch {index}: et {et!r} is none of b, l, t, t3; mend it" for index, et in strange["et"].items()
    ]
    faults += _dangling(switches[switches["et"] == "b"], "switch", "element", buses)
    for code, name in SWITCHED.items():
        mine = switches[switches["et"] == code]
        branch = table(net, name)
        known = mine["element"].isin(branch.index)
        faults += [
            f"switch {index}: there is no {name} {element}; remove the switch or mend its element"
            for index, element in mine.loc[~known, "element"].items()
        ]
        mine = mine[known]
        if mine.empty:
            continue
        ends = branch.loc[mine["element"], list(BRANCH_BUSES[name].values())].to_numpy()
        away = ~(ends == mine["bus"].to_numpy()[:, None]).any(axis=1)
        faults += [
            f"switch {index}: bus {row.bus} is no end of {name} {row.element}; mend bus or element"
            for index, row in mine[away].iterrows()
        ]
    return faults


def left_out(net: Net) -> list[str]:
    """One sentence for each table with rows that the grid package has no place for."""
    notes = []
    for name in sorted(net.keys()):
        frame = net[name]
        if not isinstance(frame, pd.DataFrame) or frame.empty or name.startswith(("_", "res_", "empty_")):
            continue
        if name not in _IMPORTED | _BOOKKEEPING:
            notes.append(
                f"{name}: {len(frame)} rows are not imported; the grid package has no layer for them"
            )
    generators = table(net, "gen")
    plain = int((~truths(generators, "slack", False)).sum())
    if plain:
        notes.append(
            f"gen: {plain} generators without slack are not imported; they energise nothing by themselves"
        )
    return notes
