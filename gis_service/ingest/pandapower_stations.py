"""Substations of a pandapower net, and the feeders that leave them.

A substation is what `net.substation` says, or else everything joined to an HV/MV transformer (or, without
one, to a source) by bus–bus switches, open or closed. A feeder is a line that leaves the medium-voltage
busbars of such a place; its head is the switch through which it does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gis_service.ingest.pandapower_places import Places
from gis_service.ingest.pandapower_reading import Net, numbers, table, texts, truths
from gis_service.ingest.pandapower_terminals import switch_kinds

LOW_VOLTAGE_KV = 1.0


@dataclass(frozen=True)
class Stations:
    """What is where.

    `substation`: rows of the layer with `x`, `y`. `of_bus`: substation id by bus. `feeder_of_switch`: feeder
    id by switch index, for head switches only.
    """

    substation: pd.DataFrame
    of_bus: pd.Series[str]
    feeder_of_switch: pd.Series[str]
    notes: tuple[str, ...]


def stations(net: Net, where: Places) -> Stations:
    """Find the substations and their head switches."""
    buses = table(net, "bus")
    kv = pd.Series(numbers(buses, "vn_kv"), index=buses.index)
    yard = _yards(net, kv)
    notes: list[str] = []
    named = _named(net, yard, notes)
    of_bus = named if named is not None else _derived(yard)
    substation = _rows(net, of_bus, kv, where, by_name=named is not None)
    heads, headless = _heads(net, yard, kv)
    if headless:
        notes.append(f"switch: {headless} feeders leave their substation without a switch; they have no head")
    return Stations(substation, of_bus, heads, tuple(notes))


def _yards(net: Net, kv: pd.Series[float]) -> pd.Series[int]:
    """The busbars of each supply point as one label by bus; buses elsewhere are left out.

    The label is the lowest bus index of the yard.
    """
    switches, joints = table(net, "switch"), []
    if len(switches):
        joint = switches[switches["et"] == "b"]
        joints.append(joint[["bus", "element"]].to_numpy(np.int64))
    bulk = _bulk_windings(net, kv)
    joints.append(bulk)
    pairs = np.concatenate(joints)
    a, b = (kv.index.get_indexer(pd.Index(pairs[:, k])) for k in (0, 1))
    graph = coo_array((np.ones(len(a)), (a, b)), shape=(len(kv), len(kv)))
    label = pd.Series(connected_components(graph, directed=False)[1], index=kv.index)
    anchors = set(label[label.index.isin(bulk.ravel())])
    for bus in _sources(net):
        if kv[bus] > LOW_VOLTAGE_KV and label[bus] not in anchors and _lines_leave(net, label, label[bus]):
            anchors.add(label[bus])
    inside = label[label.isin(anchors)]
    lowest = pd.Series(inside.index, index=inside.index).groupby(inside).transform("min")
    return lowest.astype(np.int64)


def _bulk_windings(net: Net, kv: pd.Series[float]) -> npt.NDArray[np.int64]:
    """(upper bus, lower bus) of transformer windings between two levels above 1 kV."""
    pairs = [np.empty((0, 2), np.int64)]
    for name, sides in (
        ("trafo", [("hv_bus", "lv_bus")]),
        ("trafo3w", [("hv_bus", "mv_bus"), ("hv_bus", "lv_bus")]),
    ):
        frame = table(net, name)
        for upper, lower in sides if len(frame) else []:
            both = frame[[upper, lower]].to_numpy(np.int64)
            pairs.append(both[kv.loc[both[:, 1]].to_numpy() > LOW_VOLTAGE_KV])
    return np.concatenate(pairs)


def _sources(net: Net) -> list[int]:
    generators = table(net, "gen")
    slack = generators[truths(generators, "slack", False)]
    return [int(bus) for frame in (table(net, "ext_grid"), slack) if len(frame) for bus in frame["bus"]]


def _lines_leave(net: Net, label: pd.Series[int], yard: int) -> bool:
    lines = table(net, "line")
    if lines.empty:
        return False
    ends = [label.loc[lines[column]].to_numpy() == yard for column in ("from_bus", "to_bus")]
    return bool((ends[0] != ends[1]).any())


def _named(net: Net, yard: pd.Series[int], notes: list[str]) -> pd.Series[str] | None:
    """Substation id by bus from `net.substation` and `bus.substation`; None when the net has none."""
    declared, buses = table(net, "substation"), table(net, "bus")
    if declared.empty or "substation" not in buses:
        return None
    by_name = {
        name: f"substation-{index}"
        for index, name in zip(declared.index, texts(declared, "name"), strict=True)
    }
    said = pd.Series(texts(buses, "substation"), index=buses.index, dtype=object)
    known = said.map(by_name).dropna()
    lost = set(by_name.values()) - set(known)
    if lost:
        notes.append(f"substation: {len(lost)} are named by no bus and left out")
    # The buses between busbar and bay are often not named: what is joined to a named busbar is there too.
    beside = known.groupby(yard.reindex(known.index)).first()
    return known.combine_first(yard.map(beside).dropna()).astype(object)


def _derived(yard: pd.Series[int]) -> pd.Series[str]:
    return yard.map(lambda bus: f"substation-{bus}").astype(object)


def _rows(
    net: Net, of_bus: pd.Series[str], kv: pd.Series[float], where: Places, *, by_name: bool
) -> pd.DataFrame:
    ids = sorted(of_bus.unique(), key=lambda one: int(one.rsplit("-", 1)[1]))
    xy = pd.DataFrame(where.of(of_bus.index), index=of_bus.index, columns=["x", "y"]).groupby(of_bus).mean()
    source = table(net, "substation") if by_name else table(net, "bus")
    names = pd.Series(texts(source, "name"), index=source.index, dtype=object)
    said = [names[int(one.rsplit("-", 1)[1])] for one in ids]
    return pd.DataFrame(
        {
            "id": ids,
            "name": [
                (name if by_name else f"Substation {name}") if name else one
                for name, one in zip(said, ids, strict=True)
            ],
            "base_voltage_kv": kv.loc[of_bus.index].groupby(of_bus).max().loc[ids].to_numpy(),
            "x": xy.loc[ids, "x"].to_numpy(),
            "y": xy.loc[ids, "y"].to_numpy(),
        }
    )


def _heads(net: Net, yard: pd.Series[int], kv: pd.Series[float]) -> tuple[pd.Series[str], int]:
    """Feeder id by head switch index, and how many feeders have no switch at their head."""
    lines, switches = table(net, "line"), table(net, "switch")
    top = kv.loc[yard.index].groupby(yard).transform("max")
    bottom = kv.loc[yard.index].groupby(yard).transform("min")
    level = kv.loc[yard.index]
    busbars = yard[(level > LOW_VOLTAGE_KV) & ((level < top) | (top == bottom))]
    heads: dict[int, str] = {}
    headless = 0
    if lines.empty or busbars.empty:
        return pd.Series(heads, dtype=object), headless
    kinds = pd.Series(switch_kinds(net)[0], index=switches.index)
    anchors = set(np.unique(_bulk_windings(net, kv))) | set(_sources(net))
    ends = pd.concat(
        [
            pd.DataFrame({"line": lines.index, "bus": lines[here].to_numpy(), "far": lines[there].to_numpy()})
            for here, there in (("from_bus", "to_bus"), ("to_bus", "from_bus"))
        ]
    )
    crowd = ends["bus"].value_counts()
    leaving = ends[ends["bus"].isin(busbars.index)]
    inner = yard.reindex(leaving["far"]).to_numpy() == yard.loc[leaving["bus"]].to_numpy()
    for line, bus in leaving.loc[~inner, ["line", "bus"]].sort_values("line").itertuples(index=False):
        mine = switches[(switches["et"] == "l") & (switches["element"] == line) & (switches["bus"] == bus)]
        if mine.empty and crowd[bus] == 1 and bus not in anchors:
            mine = switches[
                (switches["et"] == "b") & ((switches["bus"] == bus) | (switches["element"] == bus))
            ]
        if mine.empty:
            headless += 1
            continue
        head = min(mine.index, key=lambda one: (kinds[one] != "breaker", not mine.at[one, "closed"], one))
        heads[int(head)] = f"feeder-switch-{head}"
    return pd.Series(heads, dtype=object), headless
