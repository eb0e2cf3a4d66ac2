"""The demo grid: the Oberrhein 20 kV grid with the real low-voltage grid of Schutterwald under it.

Both come with pandapower (BSD-3; Schutterwald: doi 10.3390/en13164052), and nothing of them is kept here.
They fit, because Schutterwald's transformer `T_idx_47` stands at bus 47 of the 20 kV grid, and so on: 13 of
its 14 lie within 30 m of that bus. The aggregate stations at these buses (12; bus 78 has none) are taken out,
or their load would count twice. The fourteenth, `T_idx_ZUSATZ`, names no bus: it is put on the nearest 20 kV
bus, which is 356 m away.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import shapely

from gis_service.ingest.counties import divided, hull
from gis_service.ingest.frames import GridPackage
from gis_service.ingest.pandapower_net import import_pandapower
from gis_service.ingest.pandapower_places import METRES_PER_DEGREE
from gis_service.ingest.pandapower_reading import old_formats

TOWN = ("08317122", "Schutterwald")
DISTRICT = ("08317", "Ortenaukreis")
LOW_VOLTAGE_FROM = 10_000
"""Indices of everything from the low-voltage grid start here, so `bus-10001` is Schutterwald's bus 1."""

_TOWN_MARGIN_M = 60.0
_MOVED = {
    "bus": (),
    "line": ("from_bus", "to_bus"),
    "trafo": ("hv_bus", "lv_bus"),
    "load": ("bus",),
    "switch": ("bus",),
}
ATTRIBUTION = (
    "data: mv_oberrhein and lv_schutterwald of pandapower (BSD-3-Clause; University of Kassel and "
    "Fraunhofer IEE; Schutterwald: doi 10.3390/en13164052)"
)


def demo_package() -> GridPackage:
    """The demo grid as a package of two counties, the town and the rest; the same every time.

    Takes about 3 s, or 7 s where pandapower compiles its power flow for the first time.
    """
    net = demo_net()
    package = import_pandapower(net, county_code=DISTRICT[0], county_name=DISTRICT[1])
    (whole,) = package["county"].geometry
    low = net.bus.index >= LOW_VOLTAGE_FROM
    town = hull(
        shapely.get_coordinates(shapely.from_geojson(net.bus["geo"][low].to_numpy())), margin_m=_TOWN_MARGIN_M
    )
    rest = whole.difference(town)
    package = divided(package, {TOWN[0]: (TOWN[1], town), DISTRICT[0]: (DISTRICT[1], rest)})
    return replace(package, notes=(ATTRIBUTION, *package.notes))


def demo_net() -> Any:
    """The two grids as one pandapower net, for whoever wants to ask pandapower itself."""
    with old_formats():
        from pandapower.networks import lv_schutterwald, mv_oberrhein

        net, low = mv_oberrhein(include_substations=True), lv_schutterwald()
    _without_results(net)
    low.ext_grid = low.ext_grid.iloc[0:0]
    for name, columns in _MOVED.items():
        low[name].index = low[name].index + LOW_VOLTAGE_FROM
        for column in columns:
            low[name][column] = low[name][column].astype("int64") + LOW_VOLTAGE_FROM
    low.switch["element"] = low.switch["element"].astype("int64") + LOW_VOLTAGE_FROM

    joint = {index: _medium_voltage_bus(net, low, index) for index in low.trafo.index}
    _take_out_stations(net, list(joint.values()))
    low.bus = low.bus.drop(low.trafo["hv_bus"].unique())
    low.trafo["hv_bus"] = pd.Series(joint)
    for name in _MOVED:
        net[name] = pd.concat([net[name], low[name].dropna(axis=1, how="all")])
    net.name = "Oberrhein with Schutterwald"
    return net


def _medium_voltage_bus(net: Any, low: Any, transformer: int) -> int:
    """The 20 kV bus at which a transformer of the low-voltage grid stands."""
    number = str(low.trafo.at[transformer, "name"]).removeprefix("T_idx_")
    if number.isdigit():
        return int(number)
    medium = net.bus[(net.bus["vn_kv"] > 1.0) & (net.bus["vn_kv"] < 100.0)]
    here = shapely.get_coordinates(
        shapely.from_geojson(low.bus.at[low.trafo.at[transformer, "hv_bus"], "geo"])
    )
    there = shapely.get_coordinates(shapely.from_geojson(medium["geo"].to_numpy()))
    scale = METRES_PER_DEGREE * np.array([np.cos(np.radians(here[0, 1])), 1.0])
    return int(medium.index[np.argmin(np.hypot(*((there - here) * scale).T))])


def _take_out_stations(net: Any, buses: list[int]) -> None:
    """Remove the aggregate MV/LV stations at these 20 kV buses, with what hangs on their low-voltage bus."""
    station = net.trafo.index[net.trafo["hv_bus"].isin(buses) & (net.trafo["vn_lv_kv"] <= 1.0)]
    behind = net.trafo.loc[station, "lv_bus"].unique()
    for name in ("load", "sgen"):
        net[name] = net[name][~net[name]["bus"].isin(behind)]
    net.trafo = net.trafo.drop(station)
    net.bus = net.bus.drop(behind)


def _without_results(net: Any) -> None:
    for name in [one for one in net if one.startswith("res_")]:
        net[name] = net[name].iloc[0:0]
