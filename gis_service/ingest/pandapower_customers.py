"""Loads of a pandapower net as customers: their class, phases and contracted power.

Knows load types and the German standard load profiles that SimBench names its loads by (BDEW: H household,
G commerce, L agriculture); refuses to guess at critical grades, which no pandapower net carries.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import pandas as pd

from gis_service.ingest.pandapower_reading import Net, numbers, table, texts, truths
from gis_service.ingest.pandapower_terminals import Terminals

# BDEW standard load profiles: https://www.bdew.de (H0; G0–G6; L0–L2); SimBench adds -A, -B, -C, -L, -M.
_PROFILE = re.compile(r"([HGL])\d")
_BY_LETTER = {"H": "residential", "G": "commercial", "L": "agricultural"}
_BY_TYPE = {
    "HH": "residential",
    "residential": "residential",
    "household": "residential",
    "commercial": "commercial",
    "industrial": "industrial",
    "agricultural": "agricultural",
    "public": "public",
    "MV Load": "industrial",
    "MV/LV Station": "residential",  # the households of a station that is not modelled further
}
LOW_VOLTAGE_KV = 1.0


def customers(net: Net, ends: Terminals) -> tuple[pd.DataFrame, list[str]]:
    """Customer points of load and asymmetric_load, with an extra column `bus`, and notes."""
    voltage = pd.Series(numbers(table(net, "bus"), "vn_kv"), index=table(net, "bus").index)
    notes: list[str] = []
    parts = []
    for name in ("load", "asymmetric_load"):
        frame = table(net, name)
        if frame.empty:
            continue
        bus = frame["bus"].to_numpy(np.int64)
        classes, plain = _classes(frame, np.asarray(voltage.loc[bus], dtype=np.float64))
        if plain:
            notes.append(
                f"{name}: {plain} have no known type or profile: residential up to {LOW_VOLTAGE_KV:g} kV, "
                "industrial above"
            )
        kva, phases = _symmetric(frame) if name == "load" else _by_phase(frame)
        parts.append(
            pd.DataFrame(
                {
                    "bus": bus,
                    "id": [f"{name}-{index}" for index in frame.index],
                    "node_id": ends.node(name, "", frame.index),
                    "phases": phases,
                    "customer_class": classes,
                    "contracted_kva": kva,
                }
            )
        )
        unserved = int((~truths(frame, "in_service", True)).sum())
        if unserved:
            notes.append(f"{name}: {unserved} out of service, kept as customers behind an open jumper")
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(), notes


def customer_class(load_type: str | None, profile: str | None) -> str | None:
    """The class that a load's type or profile says, None when neither says one."""
    for text in (profile, load_type):
        found = _PROFILE.match(text or "")
        if found:
            return _BY_LETTER[found.group(1)]
    return _BY_TYPE.get(load_type or "")


def _classes(frame: pd.DataFrame, kv: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.object_], int]:
    said = [customer_class(t, p) for t, p in zip(texts(frame, "type"), texts(frame, "profile"), strict=True)]
    plain = np.where(kv <= LOW_VOLTAGE_KV, "residential", "industrial")
    classes = np.array([one or other for one, other in zip(said, plain, strict=True)], dtype=object)
    return classes, said.count(None)


def _symmetric(frame: pd.DataFrame) -> tuple[npt.NDArray[np.float64], None]:
    """Apparent power as stated, before `scaling`, which belongs to a study case."""
    kva = np.hypot(numbers(frame, "p_mw", 0.0), numbers(frame, "q_mvar", 0.0)) * 1000.0
    return np.where(kva > 0.0, kva, numbers(frame, "sn_mva", 0.0) * 1000.0), None


def _by_phase(frame: pd.DataFrame) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.object_]]:
    kva = np.column_stack(
        [np.hypot(numbers(frame, f"p_{x}_mw", 0.0), numbers(frame, f"q_{x}_mvar", 0.0)) for x in "abc"]
    )
    letters = np.array(["A", "B", "C"], dtype=object)
    phases = np.array(["".join(letters[row]) or None for row in kva > 0.0], dtype=object)
    return kva.sum(axis=1) * 1000.0, phases
