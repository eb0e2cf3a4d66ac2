"""Named cases of what a pandapower switch, reactor or outage flag becomes; answers worked out by hand."""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any

import numpy as np
import pandapower as pp
import pytest

from gis_service.ingest.frames import GridPackage
from gis_service.ingest.package import tables_from_package
from gis_service.ingest.pandapower_equipment import star_equivalent
from gis_service.ingest.pandapower_net import import_pandapower
from gis_service.network.build import build_topology
from gis_service.network.switching import normal_state
from gis_service.tracing.supply import supplied
from tests.importers.nets import bus, empty, line, switch, trafo, trafo3w


def _imported(net: Any) -> GridPackage:
    return import_pandapower(net, county_code="XX", county_name="case")


def _row(package: GridPackage, layer: str, id: str) -> Any:
    return package[layer].set_index("id").loc[id]


def _dark(package: GridPackage) -> set[str]:
    topology = build_topology(tables_from_package(package))
    return set(topology.tables.customers.id[~supplied(topology, normal_state(topology))].tolist())


def test_a_bus_line_switch_stands_between_its_bus_and_a_new_node_at_the_line_end() -> None:
    # bus-0 ──[switch-0]── bus-0/line-0 ════════ bus-1
    net = empty()
    a, b = bus(net, 7.0, 48.0), bus(net, 7.01, 48.0)
    switch(net, a, line(net, a, b), "l", type="CB", in_ka=0.63)
    package = _imported(net)
    device = _row(package, "switch", "switch-0")
    assert (device.from_node, device.to_node) == ("bus-0", "bus-0/line-0")
    assert (device.kind, device.open, device.normal_open) == ("breaker", False, False)
    assert device.rated_current_a == pytest.approx(630.0)
    section = _row(package, "line_section", "line-0")
    assert (section.from_node, section.to_node) == ("bus-0/line-0", "bus-1")


def test_two_switches_at_one_line_end_stand_in_series() -> None:
    # bus-0 ─[switch-0]─ bus-0/line-0 ─[switch-1 open]─ bus-0/line-0/2 ══ bus-1
    net = empty()
    a, b = bus(net, 7.0, 48.0), bus(net, 7.01, 48.0)
    one = line(net, a, b)
    switch(net, a, one, "l", type="DS")
    switch(net, a, one, "l", type="CB", closed=False)
    pp.create_ext_grid(net, a)
    pp.create_load(net, b, 0.1)
    package = _imported(net)
    assert _row(package, "switch", "switch-0").to_node == "bus-0/line-0"
    assert _row(package, "switch", "switch-1").from_node == "bus-0/line-0"
    assert _row(package, "line_section", "line-0").from_node == "bus-0/line-0/2"
    assert _dark(package) == {"load-0"}


def test_a_bus_transformer_switch_and_a_bus_bus_switch() -> None:
    # ext ─ bus-0 ─[switch-1 b]─ bus-1 ─[switch-0 t]─ bus-1/trafo-0 ─ trafo-0 ─ bus-2 (0.4 kV) ─ load-0
    net = empty()
    a, b, c = bus(net, 7.0, 48.0), bus(net, 7.0, 48.0), bus(net, 7.001, 48.0, 0.4)
    switch(net, b, trafo(net, b, c), "t", type="LBS")
    switch(net, a, b, "b", type="DS")
    pp.create_ext_grid(net, a)
    pp.create_load(net, c, 0.1, 0.05)
    package = _imported(net)
    transformer = _row(package, "power_transformer", "trafo-0")
    assert (transformer.from_node, transformer.to_node) == ("bus-1/trafo-0", "bus-2")
    joint = _row(package, "switch", "switch-1")
    assert (joint.from_node, joint.to_node, joint.kind) == ("bus-0", "bus-1", "disconnector")
    assert _row(package, "switch", "switch-0").kind == "load_break_switch"
    assert _dark(package) == set()
    customer = _row(package, "customer_point", "load-0")
    assert customer.district_id == "district-trafo-0"
    assert customer.contracted_kva == pytest.approx(111.803, abs=1e-3)
    assert _row(package, "transformer_district", "district-trafo-0").transformer_id == "trafo-0"


@pytest.mark.parametrize(
    ("code", "kind"),
    [("CB", "breaker"), ("LS", "load_break_switch"), ("LBS", "load_break_switch"), ("DS", "disconnector")],
)
def test_the_four_documented_switch_types(code: str, kind: str) -> None:
    # pandapower's page on switches: CB circuit breaker, LS load switch, LBS load break switch,
    # DS disconnecting switch
    net = empty()
    switch(net, bus(net, 7.0, 48.0), bus(net, 7.0, 48.0), "b", type=code)
    assert _row(_imported(net), "switch", "switch-0").kind == kind


def test_a_switch_of_no_known_type_is_no_protective_device_and_is_noted() -> None:
    net = empty()
    switch(net, bus(net, 7.0, 48.0), bus(net, 7.0, 48.0), "b")
    package = _imported(net)
    assert _row(package, "switch", "switch-0").kind == "load_break_switch"
    assert "switch: 1 switches with no type are taken as load_break_switch" in package.notes


def test_an_open_switch_at_one_side_of_a_three_winding_transformer_leaves_the_others_joined() -> None:
    #                 ┌ trafo3w-0/mv ─ bus-1 (20) load-0
    # ext ─ bus-0 ─ star
    #                 └ trafo3w-0/lv ─[switch-0 open]─ bus-2 (10) load-1
    net = empty()
    hv, mv, lv = bus(net, 7.0, 48.0, 110.0), bus(net, 7.0, 48.0, 20.0), bus(net, 7.0, 48.0, 10.0)
    switch(net, lv, trafo3w(net, hv, mv, lv), "t3", closed=False)
    pp.create_ext_grid(net, hv)
    pp.create_load(net, mv, 1.0)
    pp.create_load(net, lv, 1.0)
    package = _imported(net)
    assert _dark(package) == {"load-1"}
    ends = package["power_transformer"].set_index("id")[["from_node", "to_node"]]
    assert ends.loc["trafo3w-0/hv"].tolist() == ["bus-0", "trafo3w-0/star"]
    assert ends.loc["trafo3w-0/mv"].tolist() == ["trafo3w-0/star", "bus-1"]
    assert ends.loc["trafo3w-0/lv"].tolist() == ["trafo3w-0/star", "bus-2/trafo3w-0"]


def test_the_star_of_a_three_winding_transformer_gives_back_its_short_circuit_voltages() -> None:
    # The law: two star windings in series, each on its own rating, make the pair's percentage again.
    rated = {"hv": np.array([40.0]), "mv": np.array([25.0]), "lv": np.array([15.0])}
    pairs = {"hv": np.array([10.0]), "mv": np.array([11.0]), "lv": np.array([12.0])}
    star = star_equivalent(rated, pairs)
    ohm = {side: star[side] / rated[side] for side in rated}
    assert (ohm["hv"] + ohm["mv"]) * 25.0 == pytest.approx(pairs["hv"])
    assert (ohm["mv"] + ohm["lv"]) * 15.0 == pytest.approx(pairs["mv"])
    assert (ohm["hv"] + ohm["lv"]) * 15.0 == pytest.approx(pairs["lv"])


def test_a_series_reactor_conducts() -> None:
    # ext ─ bus-0 ─ impedance-0 ─ bus-1 ─ load-0;   0.01 + j0.02 pu on 10 MVA, 20 kV: 40 Ω a pu
    net = empty()
    a, b = bus(net, 7.0, 48.0), bus(net, 7.0, 48.0)
    pp.create_impedance(net, a, b, 0.01, 0.02, 10.0)
    pp.create_ext_grid(net, a)
    pp.create_load(net, b, 1.0)
    package = _imported(net)
    assert _dark(package) == set()
    reactor = _row(package, "line_section", "impedance-0")
    assert (reactor.r_ohm, reactor.x_ohm) == (pytest.approx(0.4), pytest.approx(0.8))
    assert (reactor.construction, reactor.length_m) == ("busbar", 0.0)
    assert package["corridor"].empty  # no cable was ever laid there


def test_parallel_lines_and_transformers_share_their_current() -> None:
    # 0.5 km of 0.2 + j0.1 Ω/km, two in parallel, derated to 0.8; two transformers of 400 kVA, vkr 1.5 %
    net = empty()
    a, b, c = bus(net, 7.0, 48.0), bus(net, 7.01, 48.0), bus(net, 7.01, 48.0, 0.4)
    line(net, a, b, parallel=2, df=0.8)
    trafo(net, b, c, parallel=2)
    package = _imported(net)
    section = _row(package, "line_section", "line-0")
    assert (section.r_ohm, section.x_ohm, section.length_m) == tuple(map(pytest.approx, (0.05, 0.025, 500.0)))
    assert section.rated_current_a == pytest.approx(0.3 * 1000 * 0.8 * 2)
    transformer = _row(package, "power_transformer", "trafo-0")
    assert (transformer.rated_kva, transformer.uk_percent, transformer.pk_kw) == tuple(
        map(pytest.approx, (800.0, 6.0, 12.0))
    )


def test_what_is_out_of_service_is_kept_and_carries_nothing() -> None:
    # ext ─ bus-0 ── line-0 (out) ── bus-1 load-0
    #         └───── line-1 ── bus-2 (out) load-1 ── line-2 ── bus-3 load-2
    net = empty()
    a, b, c, d = (bus(net, 7.0 + k / 100, 48.0, in_service=k != 2) for k in range(4))
    line(net, a, b, in_service=False)
    line(net, a, c)
    line(net, c, d)
    pp.create_ext_grid(net, a)
    for at in (b, c, d):
        pp.create_load(net, at, 0.1)
    pp.create_load(net, a, 0.1, in_service=False)
    package = _imported(net)
    assert len(package["line_section"]) == 3
    assert _dark(package) == {"load-0", "load-1", "load-2", "load-3"}
    jumpers = package["switch"].set_index("id")
    assert set(jumpers.index) == {
        "line-0/from/out-of-service", "line-0/to/out-of-service",
        "line-1/to/out-of-service", "line-2/from/out-of-service", "load-3/out-of-service",
    }  # fmt: skip
    assert jumpers["normal_open"].all()
    assert set(jumpers["kind"]) == {"jumper"}
    assert "load: 1 out of service, kept as customers behind an open jumper" in package.notes


def test_generators_energise_nothing_unless_they_are_slack() -> None:
    net = empty()
    a, b, c = (bus(net, 7.0 + k / 100, 48.0) for k in range(3))
    for at in (a, b, c):
        pp.create_load(net, at, 0.1)
    pp.create_sgen(net, a, 1.0)
    pp.create_gen(net, b, 1.0)
    pp.create_gen(net, c, 1.0, slack=True, vm_pu=1.02)
    package = _imported(net)
    assert _dark(package) == {"load-0", "load-1"}
    source = package["energy_source"].iloc[0]
    assert (source.id, source.node_id, source.voltage_pu) == ("gen-1", "bus-2", 1.02)
    assert "sgen: 1 rows are not imported; the grid package has no layer for them" in package.notes
    assert any(note.startswith("gen: 1 generators without slack") for note in package.notes)


def test_an_asymmetric_load_keeps_its_phases() -> None:
    net = empty()
    pp.create_asymmetric_load(net, bus(net, 7.0, 48.0, 0.4), p_a_mw=0.003, q_a_mvar=0.004, p_c_mw=0.002)
    customer = _row(_imported(net), "customer_point", "asymmetric_load-0")
    assert customer.phases == "AC"
    assert customer.contracted_kva == pytest.approx(7.0)


def test_the_scaling_of_a_study_case_does_not_change_what_was_contracted() -> None:
    net = empty()
    pp.create_load(net, bus(net, 7.0, 48.0, 0.4), 0.3, 0.4, scaling=0.5)
    assert _row(_imported(net), "customer_point", "load-0").contracted_kva == pytest.approx(500.0)


def test_overhead_and_underground_lines() -> None:
    net = empty()
    a, b = bus(net, 7.0, 48.0), bus(net, 7.01, 48.0)
    for kind, capacitance in (("ol", 200.0), ("cs", 10.0), (None, 10.0), (None, 200.0)):
        line(net, a, b, type=kind, c_nf_per_km=capacitance)
    package = _imported(net)
    assert package["line_section"]["construction"].tolist() == [
        "overhead",
        "underground",
        "overhead",
        "underground",
    ]
    assert any(note.startswith("line: 2 lines are typed neither cs nor ol") for note in package.notes)


def test_districts_of_two_transformers_on_one_low_voltage_network_are_split_by_length() -> None:
    # trafo-0 ─ bus-1 ══100 m══ bus-2 (load-0) ══300 m══ bus-3 (load-1) ══100 m══ bus-4 ─ trafo-1
    net = empty()
    top = bus(net, 7.0, 48.0)
    low = [bus(net, 7.0 + k / 1000, 48.0, 0.4) for k in range(4)]
    for (a, b), km in zip(pairwise(low), (0.1, 0.3, 0.1), strict=True):
        line(net, a, b, length_km=km)
    trafo(net, top, low[0])
    trafo(net, top, low[3])
    pp.create_ext_grid(net, top)
    pp.create_load(net, low[1], 0.1)
    pp.create_load(net, low[2], 0.1)
    pp.create_load(net, top, 0.1)
    customers = _imported(net)["customer_point"].set_index("id")["district_id"]
    assert customers["load-0"] == "district-trafo-0"
    assert customers["load-1"] == "district-trafo-1"
    assert customers["load-2"] is None  # medium voltage: no district

    cut = copy.deepcopy(net)
    switch(cut, top, 0, "t", closed=False)
    customers = _imported(cut)["customer_point"].set_index("id")["district_id"]
    assert customers["load-0"] == "district-trafo-1"  # trafo-0 feeds nobody in the normal state
