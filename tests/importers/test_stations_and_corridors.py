"""Substations, feeder heads and corridors of small drawings; the answers are read off the drawings."""

from __future__ import annotations

from typing import Any

import networkx
import numpy as np
import pandapower as pp
import pandas as pd
import shapely

from gis_service.ingest.corridors import corridor_kind, corridors
from gis_service.ingest.frames import GridPackage
from gis_service.ingest.pandapower_net import import_pandapower
from tests.importers.grids import DEMO, grid
from tests.importers.nets import bus, empty, line, switch, trafo


def _imported(net: Any) -> GridPackage:
    return import_pandapower(net, county_code="XX", county_name="case")


def _heads(package: GridPackage) -> set[str]:
    return set(package["switch"].dropna(subset=["feeder_id"])["id"])


def _double_busbar() -> Any:
    #                       ┌─[sw-1 DS]── bay 3 ─[sw-3 CB]── bay 4 ── line-0 ── bus-5
    # bus-0 ─ trafo ─ bus-1 ┤ busbar 1       │
    #                       └─[sw-0 CB open]─ bus-2 busbar 2 ─[sw-2 DS open]─ bay 3
    #                                         bus-2 ── [sw-4 CB] line-1 ── bus-6
    net = empty()
    top = bus(net, 7.0, 48.0, 110.0)
    one, two, bay, out = (bus(net, 7.0, 48.0) for _ in range(4))
    far, other = bus(net, 7.01, 48.0), bus(net, 7.0, 48.01)
    trafo(net, top, one, sn_mva=25.0, vn_hv_kv=110.0, vn_lv_kv=20.0)
    line(net, out, far)
    line(net, two, other)
    switch(net, one, two, "b", type="CB", closed=False)
    switch(net, one, bay, "b", type="DS")
    switch(net, two, bay, "b", type="DS", closed=False)
    switch(net, bay, out, "b", type="CB")
    switch(net, two, 1, "l", type="CB")
    pp.create_ext_grid(net, top)
    return net


def test_a_feeder_head_is_the_breaker_through_which_a_line_leaves_a_double_busbar() -> None:
    package = _imported(_double_busbar())
    assert _heads(package) == {"switch-3", "switch-4"}
    nodes = package["connectivity_node"].set_index("id")["substation_id"]
    assert set(nodes[nodes.notna()].index) == {"bus-0", "bus-1", "bus-2", "bus-3", "bus-4", "bus-2/line-1"}
    station = package["substation"].iloc[0]
    assert (station.id, station.base_voltage_kv) == ("substation-0", 110.0)


def test_substations_that_the_net_names_keep_their_names() -> None:
    net = _double_busbar()
    net["substation"] = pd.DataFrame({"name": ["Umspannwerk Süd", "Unused"]}, index=[7, 8])
    net.bus["substation"] = None
    net.bus.loc[[0, 1], "substation"] = "Umspannwerk Süd"
    package = _imported(net)
    assert package["substation"][["id", "name"]].to_numpy().tolist() == [["substation-7", "Umspannwerk Süd"]]
    # Unnamed bays belong to the busbar they are joined to.
    assert package["connectivity_node"].set_index("id").loc["bus-4", "substation_id"] == "substation-7"
    assert "substation: 1 are named by no bus and left out" in package.notes


def test_a_medium_voltage_net_without_a_transformer_begins_at_its_source() -> None:
    net = empty()
    a, b = bus(net, 7.0, 48.0), bus(net, 7.01, 48.0)
    switch(net, a, line(net, a, b), "l", type="CB")
    pp.create_ext_grid(net, a)
    package = _imported(net)
    assert _heads(package) == {"switch-0"}
    assert package["substation"]["id"].tolist() == ["substation-0"]


def test_a_feeder_without_a_switch_is_reported() -> None:
    net = empty()
    a, b = bus(net, 7.0, 48.0), bus(net, 7.01, 48.0)
    line(net, a, b)
    pp.create_ext_grid(net, a)
    package = _imported(net)
    assert _heads(package) == set()
    assert "switch: 1 feeders leave their substation without a switch; they have no head" in package.notes


def _routes(*lines: list[tuple[float, float]]) -> np.ndarray:
    return np.array([shapely.LineString(one) for one in lines], dtype=object)


def test_corridors_are_cut_where_routes_meet_and_shared_where_they_run_together() -> None:
    #  0 ── 1 ── 2 ── 3     first route, 1 and 2 only bends of it
    #       └────┘          second route from 1 over 2 (the same piece) down to 4
    #            │
    #            4
    p = [(0.0, 0.0), (1.0, 0.0), (2.0, 0.0), (3.0, 0.0), (2.0, -1.0)]
    frame = corridors(_routes(p[:4], [p[1], p[2], p[4]]), np.array(["duct", "street"], dtype=object))
    found = {
        (tuple(map(tuple, shapely.get_coordinates(g).tolist())), k)
        for g, k in zip(frame.geom, frame.kind, strict=True)
    }
    assert found == {
        ((p[0], p[1]), "duct"), ((p[1], p[2]), "street"), ((p[2], p[3]), "duct"), ((p[2], p[4]), "street"),
    } or found == {
        ((p[0], p[1]), "duct"), ((p[1], p[2]), "street"), ((p[2], p[3]), "duct"), ((p[4], p[2]), "street"),
    }  # fmt: skip


def test_a_bend_is_no_vertex_and_a_ring_is_one_corridor() -> None:
    bend = corridors(_routes([(0.0, 0.0), (1.0, 1.0), (2.0, 0.0)]), np.array(["duct"], dtype=object))
    assert bend["from_vertex"].tolist() == ["0.000000,0.000000"]
    assert bend["to_vertex"].tolist() == ["2.000000,0.000000"]
    ring = corridors(
        _routes([(0.0, 0.0), (1.0, 1.0), (2.0, 0.0), (0.0, 0.0)]), np.array(["duct"], dtype=object)
    )
    assert len(ring) == 1
    assert ring["from_vertex"].tolist() == ring["to_vertex"].tolist()
    assert ring.geom[0].length == shapely.LineString([(0, 0), (1, 1), (2, 0), (0, 0)]).length


def test_kinds_of_corridors() -> None:
    kinds = corridor_kind(["overhead", "underground", "underground"], [0.4, 0.4, 20.0])
    assert kinds.tolist() == ["pole_line", "street", "duct"]


def test_the_corridors_of_the_demo_grid_join_what_its_lines_join() -> None:
    # Expected: networkx over the rounded ends of the routes themselves, and the ground they cover.
    package = grid(DEMO).package
    frame, lines = package["corridor"], package["line_section"]
    graph = networkx.MultiGraph(zip(frame["from_vertex"], frame["to_vertex"], strict=True))

    def vertex(xy: tuple[float, ...]) -> str:
        return f"{round(xy[0], 6):.6f},{round(xy[1], 6):.6f}"

    ends = [(vertex(one.coords[0]), vertex(one.coords[-1])) for one in lines.geometry]
    whole = networkx.Graph(ends)
    label = {v: k for k, part in enumerate(networkx.connected_components(graph)) for v in part}
    for part in networkx.connected_components(whole):
        assert len({label[v] for v in part}) == 1
    covered = shapely.union_all(frame.geometry.to_numpy(), grid_size=1e-6)
    routes = shapely.union_all(lines.geometry.to_numpy(), grid_size=1e-6)
    assert abs(covered.length - routes.length) / routes.length < 0.005
