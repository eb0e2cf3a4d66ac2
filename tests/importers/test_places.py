"""Where things are put: routes, projections, and buses that nobody gave a position."""

from __future__ import annotations

from typing import Any

import pandapower as pp
import pandas as pd
import pyproj
import pytest
import shapely

from gis_service.errors import InvalidInput
from gis_service.ingest.frames import GridPackage
from gis_service.ingest.pandapower_net import import_pandapower
from tests.importers.nets import bus, empty, line, switch, trafo

ROUTE = [(7.0, 48.0), (7.004, 48.003), (7.01, 48.0)]


def _imported(net: object, crs: str = "EPSG:4326") -> GridPackage:
    return import_pandapower(net, county_code="XX", county_name="case", crs=crs)


def _shape(package: GridPackage, layer: str, id: str) -> Any:
    return package[layer].set_index("id").loc[id].geom


def test_a_route_is_kept_point_by_point() -> None:
    net = empty()
    line(net, bus(net, *ROUTE[0]), bus(net, *ROUTE[-1]), geodata=ROUTE)
    assert list(_shape(_imported(net), "line_section", "line-0").coords) == ROUTE


def test_a_route_drawn_against_the_line_is_turned_round() -> None:
    net = empty()
    line(net, bus(net, *ROUTE[0]), bus(net, *ROUTE[-1]), geodata=ROUTE[::-1])
    assert list(_shape(_imported(net), "line_section", "line-0").coords) == ROUTE


def test_a_line_without_a_route_is_straight_and_said_to_be() -> None:
    net = empty()
    line(net, bus(net, 7.0, 48.0), bus(net, 7.01, 48.01))
    package = _imported(net)
    assert list(_shape(package, "line_section", "line-0").coords) == [(7.0, 48.0), (7.01, 48.01)]
    assert "line: 1 lines without a route are drawn straight" in package.notes


def test_a_line_between_two_buses_at_one_point_is_still_a_valid_line() -> None:
    net = empty()
    line(net, bus(net, 7.0, 48.0), bus(net, 7.0, 48.0))
    package = _imported(net)
    shape = _shape(package, "line_section", "line-0")
    assert shape.is_valid
    assert shape.length < 2e-6
    assert "line: 1 lines between buses at one point are drawn as a stub of 0.1 m" in package.notes


def test_switches_stand_a_few_metres_out_along_their_lines() -> None:
    # So that the switches of one bus can be told apart: 4 m, each along its own line.
    net = empty()
    a = bus(net, 7.0, 48.0)
    for k, to in enumerate(((7.01, 48.0), (7.0, 48.01))):
        line(net, a, bus(net, *to))
        switch(net, a, k, "l")
        switch(net, k + 1, k, "l")
    package = _imported(net)
    geod = pyproj.Geod(ellps="WGS84")
    for id, at in (
        ("switch-0", (7.0, 48.0)),
        ("switch-2", (7.0, 48.0)),
        ("switch-1", (7.01, 48.0)),
        ("switch-3", (7.0, 48.01)),
    ):
        point = _shape(package, "switch", id)
        assert geod.inv(*at, point.x, point.y)[2] == pytest.approx(4.0, rel=0.01)
    assert len({_shape(package, "switch", f"switch-{k}").wkt for k in range(4)}) == 4
    assert _shape(package, "connectivity_node", "bus-0/line-0") == _shape(package, "switch", "switch-0")


def test_projected_coordinates_come_out_as_lon_lat() -> None:
    # The expected place comes from pyproj: Gauss–Krüger zone 3 (the German grid) of Offenburg.
    there = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:31467", always_xy=True)
    route = [there.transform(*one) for one in ROUTE]
    net = empty()
    line(net, bus(net, *route[0]), bus(net, *route[-1]), geodata=route)
    shape = _shape(_imported(net, "EPSG:31467"), "line_section", "line-0")
    assert shapely.hausdorff_distance(shape, shapely.LineString(ROUTE)) < 1e-6


def test_projected_coordinates_taken_for_lon_lat_are_refused_with_a_hint() -> None:
    net = empty()
    bus(net, 3_420_000.0, 5_370_000.0)
    with pytest.raises(InvalidInput, match=r"not lon/lat .* --crs EPSG:31467"):
        _imported(net)


def test_an_unknown_crs_is_refused() -> None:
    net = empty()
    bus(net, 7.0, 48.0)
    with pytest.raises(InvalidInput, match="CRS 'Gauss' is unknown"):
        _imported(net, "Gauss")


def test_geodata_tables_of_older_nets_are_read() -> None:
    net = empty()
    a, b = int(pp.create_bus(net, 20.0)), int(pp.create_bus(net, 20.0))
    line(net, a, b)
    net["bus_geodata"] = pd.DataFrame(
        {"x": [7.0, 7.01], "y": [48.0, 48.0], "coords": [None, None]}, index=[a, b]
    )
    net["line_geodata"] = pd.DataFrame({"coords": [ROUTE]}, index=[0])
    package = _imported(net)
    assert _shape(package, "connectivity_node", "bus-1").coords[0] == (7.01, 48.0)
    assert list(_shape(package, "line_section", "line-0").coords) == ROUTE


def test_a_bus_without_a_position_takes_that_of_what_is_bound_to_be_beside_it() -> None:
    # bus-0 (known) ─[b]─ bus-1 ─ trafo-0 ─ bus-2;   line-0 with a route: bus-2 … bus-3
    net = empty()
    a = bus(net, 7.0, 48.0)
    b, c, d = int(pp.create_bus(net, 20.0)), int(pp.create_bus(net, 0.4)), int(pp.create_bus(net, 0.4))
    switch(net, a, b, "b")
    trafo(net, b, c)
    line(net, c, d, geodata=[(7.0, 48.0), (7.002, 48.0)])
    package = _imported(net)
    assert _shape(package, "connectivity_node", "bus-1").coords[0] == (7.0, 48.0)
    assert _shape(package, "connectivity_node", "bus-2").coords[0] == (7.0, 48.0)
    assert _shape(package, "connectivity_node", "bus-3").coords[0] == (7.002, 48.0)
    assert "bus: 3 buses without a position took that of the equipment beside them" in package.notes


def test_buses_that_no_position_can_be_found_for_are_all_named() -> None:
    net = empty()
    a = bus(net, 7.0, 48.0)
    far = [int(pp.create_bus(net, 20.0)) for _ in range(2)]
    for one in far:
        line(net, a, one)
    with pytest.raises(InvalidInput, match="2 buses of the pandapower net have no position: 1, 2") as caught:
        _imported(net)
    assert len(caught.value.faults) == 2


def test_geometry_that_is_not_geojson_is_named() -> None:
    net = empty()
    bus(net, 7.0, 48.0)
    net.bus.loc[0, "geo"] = "POINT (7 48)"
    with pytest.raises(InvalidInput, match="bus 0: geo is not a GeoJSON Point"):
        _imported(net)
