"""Laws on random nets: whatever the net, who is dark after the import is who pandapower says is dark."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gis_service.ingest.package import tables_from_package
from gis_service.ingest.pandapower_net import import_pandapower
from gis_service.ingest.validate import validate
from gis_service.network.build import build_topology
from gis_service.network.switching import normal_state
from gis_service.tracing.outs import outs_of
from gis_service.tracing.supply import supplied
from tests.importers.nets import nets
from tests.oracles.pandapower_supply import dark_loads

IDS = {
    "line": ("line-{}",),
    "trafo": ("trafo-{}",),
    "trafo3w": ("trafo3w-{}/hv", "trafo3w-{}/mv", "trafo3w-{}/lv"),
}
IDS |= {"impedance": ("impedance-{}",), "dcline": ("dcline-{}",), "bus": ("bus-{}",)}


def share(percent: int) -> settings:
    """So many percent of the profile's examples: a net takes a quarter of a second to make and import."""
    whole = settings().max_examples
    return settings(max_examples=whole * percent // 100)


@share(60)
@given(nets(), st.data())
def test_dark_customers_are_those_on_buses_pandapower_calls_unsupplied(net: Any, data: st.DataObject) -> None:
    package = import_pandapower(net, county_code="XX", county_name="random")
    assert validate(package) == []
    topology = build_topology(tables_from_package(package))

    changed = copy.deepcopy(net)
    flipped = data.draw(
        st.lists(st.sampled_from(net.switch.index.tolist()), unique=True) if len(net.switch) else st.just([])
    )
    changed.switch.loc[flipped, "closed"] = ~changed.switch.loc[flipped, "closed"].astype(bool)
    candidates = [(name, int(index)) for name in IDS for index in net[name].index]
    gone = data.draw(st.lists(st.sampled_from(candidates), unique=True, max_size=2))
    for name, index in gone:
        changed[name].loc[index, "in_service"] = False

    rows = [topology.ids.find(f"switch-{index}", layers=["switch"]).row for index in flipped]
    state = normal_state(topology)
    state = state.with_switching(rows, [not state.open[row] for row in rows])
    outs = outs_of(
        topology, [topology.ids.find(one.format(index)) for name, index in gone for one in IDS[name]]
    )
    dark = np.flatnonzero(~supplied(topology, state, outs))
    assert set(topology.tables.customers.id[dark].tolist()) == dark_loads(changed)


@share(20)
@given(nets())
def test_nothing_of_a_net_gets_lost_or_double(net: Any) -> None:
    package = import_pandapower(net, county_code="XX", county_name="random")
    devices = package["switch"]
    assert len(devices[~devices["id"].str.endswith("/out-of-service")]) == len(net.switch)
    assert len(package["line_section"]) == len(net.line) + len(net.impedance) + len(net.dcline)
    assert len(package["power_transformer"]) == len(net.trafo) + 3 * len(net.trafo3w)
    assert len(package["customer_point"]) == len(net.load)
    assert len(package["energy_source"]) == len(net.ext_grid) + int(net.gen.slack.sum())
    ids = [one for name in package.layers if name != "county" for one in package[name]["id"]]
    assert len(ids) == len(set(ids))
    drawn = {f"bus-{index}" for index in net.bus.index}
    assert drawn <= set(package["connectivity_node"]["id"])


@share(15)
@given(nets())
def test_importing_leaves_the_net_as_it_was_and_gives_the_same_twice(net: Any) -> None:
    before = copy.deepcopy(net)
    first, second = (import_pandapower(net, county_code="XX", county_name="random") for _ in range(2))
    for name in (
        "bus",
        "line",
        "trafo",
        "trafo3w",
        "switch",
        "load",
        "ext_grid",
        "gen",
        "impedance",
        "dcline",
    ):
        assert net[name].equals(before[name])
    for name, frame in first.layers.items():
        assert frame.equals(second[name])
