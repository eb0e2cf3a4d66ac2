"""The demo grid against what it was made of: pandapower's two nets, counted and measured on their own."""

from __future__ import annotations

import numpy as np
import pandapower.topology
import pytest
import shapely
from pandapower.networks import lv_schutterwald, mv_oberrhein

from gis_service.ingest.demo import LOW_VOLTAGE_FROM, demo_net, demo_package
from gis_service.ingest.pandapower_reading import old_formats
from gis_service.ingest.validate import validate
from tests.importers.grids import DEMO, RURAL, SEMIURBAN, grid


def _metres_apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(np.hypot(*((a - b) * 111_320.0 * np.array([np.cos(np.radians(48.45)), 1.0])).T))


def test_the_figures_of_the_joined_grid() -> None:
    # Without its aggregate stations Oberrhein has 179 buses; joined at 14 buses with Schutterwald's 2,940
    # that makes 3,105, and both grids' loads are 147 + 1,506 = 1,653. With the stations that stay (141 − 12)
    # there are 129 more buses; the 12 that Schutterwald replaces take their load with them.
    net = grid(DEMO).net
    assert len(net.bus) == 3105 + 129
    assert len(net.load) == 1653 - 12
    assert len(net.line) == 3181
    assert len(net.switch) == 700
    assert int((~net.switch.closed.astype(bool)).sum()) == 94
    assert len(net.trafo) == 2 + 129 + 14
    assert len(net.ext_grid) == 2
    assert pandapower.topology.unsupplied_buses(net) == set()


def test_thirteen_of_the_fourteen_transformers_stand_at_the_bus_they_are_named_after() -> None:
    net = grid(DEMO).net
    with old_formats():
        low = lv_schutterwald()
    there = shapely.get_coordinates(shapely.from_geojson(low.bus.geo.loc[low.trafo.hv_bus].to_numpy()))
    mine = net.trafo.loc[low.trafo.index + LOW_VOLTAGE_FROM]
    here = shapely.get_coordinates(shapely.from_geojson(net.bus.geo.loc[mine.hv_bus].to_numpy()))
    apart = dict(zip(mine["name"], _metres_apart(there, here), strict=True))
    assert 300.0 < apart.pop("T_idx_ZUSATZ") < 400.0
    assert len(apart) == 13
    assert max(apart.values()) < 30.0
    assert all(
        name == f"T_idx_{bus}"
        for name, bus in zip(mine["name"], mine["hv_bus"], strict=True)
        if name in apart
    )


def test_no_load_is_counted_twice() -> None:
    with old_formats():
        medium, low = mv_oberrhein(include_substations=True), lv_schutterwald()
    matched = {int(name[6:]) for name in low.trafo["name"] if name[6:].isdigit()}
    replaced = medium.trafo[medium.trafo.hv_bus.isin(matched)].lv_bus
    kept = medium.load[~medium.load.bus.isin(replaced)]
    expected_kva = 1000.0 * (
        np.hypot(kept.p_mw, kept.q_mvar).sum() + np.hypot(low.load.p_mw, low.load.q_mvar).sum()
    )
    assert demo_package()["customer_point"]["contracted_kva"].sum() == pytest.approx(expected_kva)
    assert not set(replaced) & set(grid(DEMO).net.load.bus)


def test_the_households_are_in_districts_of_15_to_177() -> None:
    package = grid(DEMO).package
    customers = package["customer_point"]
    sizes = (
        customers[customers["id"].str.removeprefix("load-").astype(int) >= LOW_VOLTAGE_FROM]
        .groupby("district_id")
        .size()
    )
    assert sizes.sum() == 1506
    assert len(sizes) == 14
    assert (sizes.min(), sizes.max()) == (15, 177)
    names = package["transformer_district"].set_index("id")["name"]
    assert set(names[sizes.index]) == set(names[names.str.startswith("T_idx_")])
    # Loads at 20 kV belong to none.
    assert int(customers["district_id"].isna().sum()) == 6


def test_a_district_has_an_area_round_its_transformer_and_its_customers() -> None:
    package = grid(DEMO).package
    area = package["transformer_district"].set_index("id").geometry
    assert (shapely.get_type_id(area) == shapely.GeometryType.POLYGON).all()
    assert shapely.is_valid(area).all()
    customers = package["customer_point"].dropna(subset="district_id")
    assert shapely.contains(area.loc[customers["district_id"]].to_numpy(), customers.geometry).all()
    of = package["transformer_district"].set_index("id")["transformer_id"]
    places = package["power_transformer"].set_index("id").geometry
    assert shapely.contains(area.to_numpy(), places.loc[of].to_numpy()).all()


def test_the_town_and_the_rest_are_two_counties_that_share_no_ground() -> None:
    package = grid(DEMO).package
    assert dict(zip(package["county"]["code"], package["county"]["name"], strict=True)) == {
        "08317122": "Schutterwald",
        "08317": "Ortenaukreis",
    }
    town, rest = package["county"].geometry
    assert town.is_valid
    assert rest.is_valid
    assert town.intersection(rest).area < 1e-12
    customers = package["customer_point"]
    mine = customers["id"].str.removeprefix("load-").astype(int) >= LOW_VOLTAGE_FROM
    assert set(customers.loc[mine, "county_code"]) == {"08317122"}
    for name in ("connectivity_node", "switch", "power_transformer", "customer_point"):
        frame = package[name]
        in_town = np.asarray(shapely.intersects(town, frame.geometry.to_numpy()))
        assert ((frame["county_code"] == "08317122").to_numpy() == in_town).all()


def test_four_feeders_leave_two_substations_through_breakers() -> None:
    # Oberrhein's only circuit breakers: two at each of its two HV/MV substations (net.switch, type CB).
    package, net = grid(DEMO).package, grid(DEMO).net
    heads = package["switch"].dropna(subset=["feeder_id"])
    breakers = net.switch.index[(net.switch["type"] == "CB") & (net.switch.index < LOW_VOLTAGE_FROM)]
    assert set(heads["id"]) == {f"switch-{index}" for index in breakers}
    assert len(package["substation"]) == 2


def test_the_demo_grid_is_the_same_every_time() -> None:
    again = demo_package()
    for name, frame in grid(DEMO).package.layers.items():
        assert frame.equals(again[name]), name
    assert again.notes == grid(DEMO).package.notes
    net = demo_net()
    for name in ("bus", "line", "switch", "trafo", "load"):
        assert net[name].equals(grid(DEMO).net[name])


@pytest.mark.parametrize("name", [DEMO, RURAL, SEMIURBAN])
def test_nothing_is_lost_between_a_net_and_its_package(name: str) -> None:
    net, package = grid(name).net, grid(name).package
    assert validate(package) == []
    for layer, table in {
        "line_section": net.line, "switch": net.switch, "power_transformer": net.trafo,
        "customer_point": net.load, "energy_source": net.ext_grid,
    }.items():  # fmt: skip
        assert len(package[layer]) == len(table)
        indices = package[layer]["id"].str.rsplit("-", n=1).str[1].astype(int)
        assert set(indices) == set(table.index)
    buses = package["connectivity_node"]["id"]
    assert set(buses[~buses.str.contains("/")]) == {f"bus-{index}" for index in net.bus.index}
    assert len(buses) == len(net.bus) + int((net.switch.et != "b").sum())
    kva = np.hypot(net.load.p_mw, net.load.q_mvar).sum() * 1000.0
    assert package["customer_point"]["contracted_kva"].sum() == pytest.approx(kva)
    assert package["line_section"]["length_m"].sum() == pytest.approx(net.line.length_km.sum() * 1000.0)
    sections = package["line_section"].set_index("id").loc[[f"line-{index}" for index in net.line.index]]
    ohm = (net.line.r_ohm_per_km * net.line.length_km / net.line.parallel).to_numpy()
    assert sections["r_ohm"].to_numpy() == pytest.approx(ohm)
    assert package["power_transformer"]["rated_kva"].sum() == pytest.approx(net.trafo.sn_mva.sum() * 1000.0)


@pytest.mark.parametrize("name", [DEMO, RURAL, SEMIURBAN])
def test_everything_stands_where_pandapower_has_it(name: str) -> None:
    # Nodes and customers exactly; a switch within 5 m of its bus (it stands out along its line) or, at a
    # transformer, between bus and transformer.
    net, package = grid(name).net, grid(name).package
    bus = dict(
        zip(net.bus.index, shapely.get_coordinates(shapely.from_geojson(net.bus.geo.to_numpy())), strict=True)
    )
    nodes = package["connectivity_node"].set_index("id").geometry
    at = np.array([bus[index] for index in net.bus.index])
    assert (
        shapely.get_coordinates(nodes.loc[[f"bus-{index}" for index in net.bus.index]].to_numpy()) == at
    ).all()
    for layer, table, tolerance in (("switch", net.switch, 60.0), ("customer_point", net.load, 0.0)):
        prefix = "load" if layer == "customer_point" else "switch"
        points = package[layer].set_index("id").geometry.loc[[f"{prefix}-{index}" for index in table.index]]
        apart = _metres_apart(
            shapely.get_coordinates(points.to_numpy()), np.array([bus[one] for one in table.bus])
        )
        if name == DEMO and layer == "switch":
            # One end of a 20 kV route is drawn 72 m from its bus in Oberrhein itself.
            assert int((apart > tolerance).sum()) <= 1
            tolerance = 80.0
        assert apart.max() <= tolerance
    if name == DEMO:
        drawn = (
            package["line_section"]
            .set_index("id")
            .geometry.loc[[f"line-{index}" for index in net.line.index]]
        )
        given = shapely.from_geojson(net.line.geo.to_numpy())
        assert shapely.equals_exact(drawn.to_numpy(), given, tolerance=0.0).all()
