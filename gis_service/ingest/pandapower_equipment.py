"""Lines and transformers of a pandapower net as rows of the grid package, with their electrical data.

Knows pandapower's units and its notion of `parallel`; knows nothing of geometry or of what is in service.
Series elements that are no lines (impedance, tcsc, dcline) become line sections of no length: what lies
behind them would look unsupplied otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from gis_service.errors import InvalidInput
from gis_service.ingest.pandapower_reading import Net, numbers, table, texts
from gis_service.ingest.pandapower_terminals import Terminals

CONSTRUCTION = {"cs": "underground", "ol": "overhead"}
"""Pandapower's line types: cable system, overhead line."""
_OVERHEAD_NF_PER_KM = 50.0  # a cable has some 100–800 nF/km, an overhead line about 10
STAR = "star"


@dataclass
class Rows:
    """Frames to be stacked into one layer, and what is to be said about them."""

    frames: list[pd.DataFrame] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def stacked(self) -> pd.DataFrame:
        """All frames, one under the other."""
        kept = [frame.dropna(axis=1, how="all") for frame in self.frames if len(frame)]
        return pd.concat(kept, ignore_index=True) if kept else pd.DataFrame()


def line_sections(net: Net, ends: Terminals) -> Rows:
    """Line sections of line, impedance, tcsc, dcline; extra columns `element`, `index`, `a`, `b` (buses)."""
    rows = Rows()
    voltage = _bus_voltages(net)
    for name in ("line", "impedance", "tcsc", "dcline"):
        frame = table(net, name)
        if frame.empty:
            continue
        a, b = frame["from_bus"].to_numpy(np.int64), frame["to_bus"].to_numpy(np.int64)
        kv = voltage.loc[a].to_numpy()
        part = pd.DataFrame(
            {
                "element": name,
                "index": frame.index.to_numpy(np.int64),
                "a": a,
                "b": b,
                "id": [f"{name}-{index}" for index in frame.index],
                "name": texts(frame, "name"),
                "from_node": ends.node(name, "from", frame.index),
                "to_node": ends.node(name, "to", frame.index),
                "base_voltage_kv": kv,
                "construction": "busbar",
                "length_m": 0.0,
                "r_ohm": np.nan,
                "x_ohm": np.nan,
                "rated_current_a": np.nan,
            }
        )
        if name == "line":
            rows.notes += _line_data(frame, part)
        else:
            rows.notes.append(
                f"{name}: {len(frame)} rows are imported as line sections of no length that conduct"
            )
        if name == "impedance":
            base_ohm = kv**2 / numbers(frame, "sn_mva")
            part["r_ohm"] = numbers(frame, "rft_pu") * base_ohm
            part["x_ohm"] = numbers(frame, "xft_pu") * base_ohm
        rows.frames.append(part)
    return rows


def _line_data(frame: pd.DataFrame, part: pd.DataFrame) -> list[str]:
    km, parallel = numbers(frame, "length_km"), np.maximum(numbers(frame, "parallel", 1.0), 1.0)
    if np.isnan(km).any():
        faults = [f"line {index}: length_km is missing; set it" for index in frame.index[np.isnan(km)]]
        raise InvalidInput(
            f"the pandapower net has {len(faults)} lines without a length: {faults[0]}", faults
        )
    part["length_m"] = km * 1000.0
    part["r_ohm"] = numbers(frame, "r_ohm_per_km") * km / parallel
    part["x_ohm"] = numbers(frame, "x_ohm_per_km") * km / parallel
    part["rated_current_a"] = numbers(frame, "max_i_ka") * 1000.0 * numbers(frame, "df", 1.0) * parallel
    given = pd.Series(texts(frame, "type"), dtype=object).map(CONSTRUCTION)
    unsaid = given.isna().to_numpy()
    capacitance = numbers(frame, "c_nf_per_km", 0.0)
    guess = np.where((capacitance > 0.0) & (capacitance < _OVERHEAD_NF_PER_KM), "overhead", "underground")
    part["construction"] = np.where(unsaid, guess, given.to_numpy(dtype=object))
    if unsaid.any():
        note = (
            f"line: {int(unsaid.sum())} lines are typed neither cs nor ol; those below "
            f"{_OVERHEAD_NF_PER_KM:.0f} nF/km are taken as overhead, the others as underground"
        )
        return [note]
    return []


def power_transformers(net: Net, ends: Terminals) -> Rows:
    """Two-winding transformers, and three for each three-winding one.

    Extra columns `element`, `index`, `a` (high-side bus), `b` (low-side bus). A three-winding transformer
    becomes a star node `trafo3w-2/star` with the transformers `trafo3w-2/hv` (high side to star),
    `trafo3w-2/mv` and `trafo3w-2/lv` (star to medium and low side).
    """
    rows = Rows()
    frame = table(net, "trafo")
    if len(frame):
        parallel = np.maximum(numbers(frame, "parallel", 1.0), 1.0)
        kva = numbers(frame, "sn_mva") * 1000.0 * parallel
        rows.frames.append(
            pd.DataFrame(
                {
                    "element": "trafo",
                    "index": frame.index.to_numpy(np.int64),
                    "a": frame["hv_bus"].to_numpy(np.int64),
                    "b": frame["lv_bus"].to_numpy(np.int64),
                    "id": [f"trafo-{index}" for index in frame.index],
                    "name": texts(frame, "name"),
                    "from_node": ends.node("trafo", "hv", frame.index),
                    "to_node": ends.node("trafo", "lv", frame.index),
                    "rated_kva": kva,
                    "uk_percent": numbers(frame, "vk_percent"),
                    "pk_kw": numbers(frame, "vkr_percent") / 100.0 * kva,
                }
            )
        )
    _three_windings(net, ends, rows)
    return rows


def stars(net: Net) -> pd.DataFrame:
    """The star nodes of three-winding transformers: `id`, `bus` (the high side's), `base_voltage_kv`."""
    frame = table(net, "trafo3w")
    if frame.empty:
        return pd.DataFrame({"id": [], "bus": [], "base_voltage_kv": []})
    bus = frame["hv_bus"].to_numpy(np.int64)
    ids = [f"trafo3w-{index}/{STAR}" for index in frame.index]
    return pd.DataFrame({"id": ids, "bus": bus, "base_voltage_kv": _bus_voltages(net).loc[bus].to_numpy()})


def _three_windings(net: Net, ends: Terminals, rows: Rows) -> None:
    frame = table(net, "trafo3w")
    if frame.empty:
        return
    rated = {side: numbers(frame, f"sn_{side}_mva") for side in ("hv", "mv", "lv")}
    uk = star_equivalent(rated, {side: numbers(frame, f"vk_{side}_percent") for side in rated})
    ukr = star_equivalent(rated, {side: numbers(frame, f"vkr_{side}_percent") for side in rated})
    negative = 0
    hv_bus = frame["hv_bus"].to_numpy(np.int64)
    for side in ("hv", "mv", "lv"):
        star = [f"trafo3w-{index}/{STAR}" for index in frame.index]
        winding = ends.node("trafo3w", side, frame.index)
        usable = uk[side] >= 0.0
        negative += int((~usable).sum())
        copper_kw = ukr[side] / 100.0 * rated[side] * 1000.0
        rows.frames.append(
            pd.DataFrame(
                {
                    "element": "trafo3w",
                    "index": frame.index.to_numpy(np.int64),
                    "a": hv_bus,
                    "b": frame[f"{side}_bus"].to_numpy(np.int64),
                    "id": [f"trafo3w-{index}/{side}" for index in frame.index],
                    "name": texts(frame, "name"),
                    "from_node": winding if side == "hv" else star,
                    "to_node": star if side == "hv" else winding,
                    "rated_kva": rated[side] * 1000.0,
                    "uk_percent": np.where(usable, uk[side], np.nan),
                    "pk_kw": np.where(copper_kw >= 0.0, copper_kw, np.nan),
                }
            )
        )
    rows.notes.append(f"trafo3w: {len(frame)} are imported as a star node and three transformers each")
    if negative:
        rows.notes.append(f"trafo3w: {negative} star windings have a negative uk_percent, left empty")


def star_equivalent(
    rated: dict[str, npt.NDArray[np.float64]], pairs: dict[str, npt.NDArray[np.float64]]
) -> dict[str, npt.NDArray[np.float64]]:
    """Short-circuit percentages of the three star windings, each on its own rating.

    Parameters
    ----------
    rated
        MVA of the windings hv, mv, lv.
    pairs
        Percent between hv–mv (`hv`), mv–lv (`mv`) and hv–lv (`lv`), each on the smaller rating of its two
        windings, as pandapower defines `vk_*_percent` of `trafo3w`.
    """
    per_mva = {
        "hv": pairs["hv"] / np.minimum(rated["hv"], rated["mv"]),
        "mv": pairs["mv"] / np.minimum(rated["mv"], rated["lv"]),
        "lv": pairs["lv"] / np.minimum(rated["hv"], rated["lv"]),
    }
    half = {
        "hv": (per_mva["hv"] + per_mva["lv"] - per_mva["mv"]) / 2.0,
        "mv": (per_mva["hv"] + per_mva["mv"] - per_mva["lv"]) / 2.0,
        "lv": (per_mva["mv"] + per_mva["lv"] - per_mva["hv"]) / 2.0,
    }
    return {side: half[side] * rated[side] for side in half}


def _bus_voltages(net: Net) -> pd.Series[float]:
    buses = table(net, "bus")
    return pd.Series(numbers(buses, "vn_kv"), index=buses.index)
