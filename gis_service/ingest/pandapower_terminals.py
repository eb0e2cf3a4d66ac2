"""Pandapower's switch semantics: which node each end of each element is really joined to.

A pandapower switch at a line or transformer end has no node of its own behind it; here each becomes a
switch element between its bus and a new auxiliary node at that end::

    bus-12 ──[switch-7]── bus-12/line-5 ════ line-5 ════ bus-13

Several switches at one end stand in series, as in pandapower, where any open one takes the branch out.
What is out of service stays in the package and hangs behind an open jumper at each end, so it is drawn and
counted but carries nothing: `pandapower.topology.unsupplied_buses` leaves those edges out altogether.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from gis_service.ingest.pandapower_reading import (
    BRANCH_BUSES,
    POINT_TABLES,
    SWITCHED,
    Net,
    numbers,
    table,
    texts,
    truths,
)

SWITCH_KIND = {
    "CB": "breaker",
    "LS": "load_break_switch",
    "LBS": "load_break_switch",
    "DS": "disconnector",
    "FUSE": "fuse",
}
"""Pandapower's documented type codes (CB, LS, LBS, DS), and the word fuse; others: see `switch_kinds`."""
UNKNOWN_KIND = "load_break_switch"

Key = tuple[str, str]


@dataclass(frozen=True)
class Terminals:
    """Ends and what stands at them.

    `end`: one row per element end with `element` (table name), `index`, `side`, `bus` and `node`, the id of
    the node the element is joined to. `device`: one row per switch or jumper in an end, in the order from
    the bus outward, with `id`, `name`, `kind`, `open`, `rated_current_a`, `from_node`, `to_node`, `end` (row
    of `end`), `place` and `places` (1 of 2). Every `to_node` of `device` is a new auxiliary node.
    """

    end: pd.DataFrame
    device: pd.DataFrame

    def node(self, element: str, side: str, index: pd.Index[int]) -> npt.NDArray[np.object_]:
        """Node ids of that side of the elements at `index`."""
        mine = self.end[(self.end["element"] == element) & (self.end["side"] == side)]
        return mine.set_index("index").loc[index, "node"].to_numpy(dtype=object)


def terminals(net: Net) -> Terminals:
    """Work out every element end of a net that `pandapower_reading.check` found sound."""
    end = _ends(net)
    device = pd.concat([_branch_switches(net, end), _jumpers(end)], ignore_index=True)
    device = device.astype({"end": np.int64, "place": np.int64, "open": bool, "rated_current_a": np.float64})
    device = device.sort_values(["end", "place"], kind="stable", ignore_index=True)
    device["place"] = device.groupby("end").cumcount() + 1
    device["places"] = device.groupby("end")["end"].transform("size")
    bus = end["bus"].to_numpy()[device["end"]]
    element = end["element"].to_numpy()[device["end"]]
    index = end["index"].to_numpy()[device["end"]]
    names = pd.Series([f"bus-{b}/{e}-{i}" for b, e, i in zip(bus, element, index, strict=True)], dtype=object)
    # Both ends of a self-loop share bus and element, so the count runs over the name, not over the end.
    nth = names.groupby(names).cumcount().to_numpy() + 1
    device["to_node"] = [one if n == 1 else f"{one}/{n}" for one, n in zip(names, nth, strict=True)]
    before = device["to_node"].shift().where(device["place"] > 1)
    at_bus = pd.Series([f"bus-{b}" for b in bus], dtype=object)
    device["from_node"] = before.where(device["place"] > 1, at_bus)
    end["node"] = [f"bus-{b}" for b in end["bus"]]
    last = device[device["place"] == device["places"]]
    end.loc[last["end"].to_numpy(), "node"] = last["to_node"].to_numpy()
    return Terminals(end, device)


def switch_kinds(net: Net) -> tuple[npt.NDArray[np.object_], list[str]]:
    """The kind of every switch in index order, and a note for codes pandapower does not document.

    A switch without a type, or with another one, counts as a load-break switch: it may be operated but is
    never taken for a protective device.
    """
    frame = table(net, "switch")
    codes = [None if one is None else str(one).upper() for one in texts(frame, "type")]
    kinds = np.array([SWITCH_KIND.get(one or "", UNKNOWN_KIND) for one in codes], dtype=object)
    strange = [one or "no type" for one in codes if one not in SWITCH_KIND]
    counted = pd.Series(strange, dtype=object).value_counts().sort_index()
    notes = [f"switch: {n} switches with {code} are taken as {UNKNOWN_KIND}" for code, n in counted.items()]
    return kinds, notes


def _ends(net: Net) -> pd.DataFrame:
    alive = table(net, "bus").index[truths(table(net, "bus"), "in_service", True)]
    sides: list[tuple[str, str, str]] = [
        (name, side, column) for name, columns in BRANCH_BUSES.items() for side, column in columns.items()
    ]
    sides += [(name, "", "bus") for name in POINT_TABLES]
    parts = []
    for name, side, column in sides:
        frame = table(net, name)
        if frame.empty:
            continue
        bus = frame[column].to_numpy(np.int64)
        dead_bus = ~np.isin(bus, alive)
        if name in ("load", "asymmetric_load"):
            dead_bus[:] = False  # nothing else reaches a bus out of service: its loads are dark as they are
        cut = dead_bus | ~truths(frame, "in_service", True)
        parts.append(_rows(name, frame.index, side, bus, cut))
    switches = table(net, "switch")
    if len(switches):
        joint = switches[switches["et"] == "b"]
        for side, column in (("from", "bus"), ("to", "element")):
            bus = joint[column].to_numpy(np.int64)
            parts.append(_rows("switch", joint.index, side, bus, ~np.isin(bus, alive)))
    columns = ["element", "index", "side", "bus", "cut"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _rows(
    name: str, index: pd.Index[int], side: str, bus: npt.NDArray[np.int64], cut: npt.NDArray[np.bool_]
) -> pd.DataFrame:
    return pd.DataFrame(
        {"element": name, "index": index.to_numpy(np.int64), "side": side, "bus": bus, "cut": cut}
    )


def _branch_switches(net: Net, end: pd.DataFrame) -> pd.DataFrame:
    switches = table(net, "switch")
    columns = ["id", "name", "kind", "open", "rated_current_a", "end", "place"]
    if switches.empty:
        return pd.DataFrame(columns=columns)
    whole = pd.DataFrame(
        {
            "id": [f"switch-{index}" for index in switches.index],
            "name": texts(switches, "name"),
            "kind": switch_kinds(net)[0],
            "open": ~truths(switches, "closed", True),
            "rated_current_a": numbers(switches, "in_ka") * 1000.0,
            "place": np.arange(len(switches)),
        }
    )
    mine = switches["et"].isin(list(SWITCHED)).to_numpy()
    wanted = pd.DataFrame(
        {
            "element": switches["et"].map(SWITCHED).to_numpy()[mine],
            "index": switches["element"].to_numpy(np.int64)[mine],
            "bus": switches["bus"].to_numpy(np.int64)[mine],
        }
    )
    keys = end.reset_index(names="end").drop_duplicates(["element", "index", "bus"])
    found = wanted.merge(keys, on=["element", "index", "bus"], how="left", validate="many_to_one")
    return whole[mine].assign(end=found["end"].to_numpy(np.int64))[columns]


def _jumpers(end: pd.DataFrame) -> pd.DataFrame:
    cut = end[end["cut"].astype(bool)]
    whose = [f"{e}-{i}" for e, i in zip(cut["element"], cut["index"], strict=True)]
    sides = [f"/{side}" if side else "" for side in cut["side"]]
    return pd.DataFrame(
        {
            "id": [f"{one}{side}/out-of-service" for one, side in zip(whose, sides, strict=True)],
            "name": [f"{one} is out of service" for one in whose],
            "kind": "jumper",
            "open": True,
            "rated_current_a": np.nan,
            "end": cut.index.to_numpy(np.int64),
            "place": -1,  # next to the bus, before any switch of that end
        }
    )
