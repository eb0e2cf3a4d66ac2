"""A pandapower net as a grid package.

Knows how the parts (ends and switches, equipment, customers, stations, districts, corridors) make up the
layers and how they are named: `bus-12`, `line-5`, `switch-7`, `trafo-3`, `load-9`, `ext_grid-0` after
pandapower's own tables and indices, so an answer can be held against the net. Imports whatever can conduct or
be supplied; what it has no place for is counted in the package's notes, never silently dropped.
"""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from gis_service.ingest import corridors as corridor_graph
from gis_service.ingest.counties import county_rows, hull
from gis_service.ingest.districts import district_areas, districts_of, transformer_districts
from gis_service.ingest.frames import GridPackage
from gis_service.ingest.pandapower_customers import customers
from gis_service.ingest.pandapower_equipment import line_sections, power_transformers, stars
from gis_service.ingest.pandapower_places import Places, metres, places, points, two_points
from gis_service.ingest.pandapower_reading import (
    Net,
    check,
    left_out,
    numbers,
    read_net,
    table,
    texts,
    truths,
)
from gis_service.ingest.pandapower_stations import Stations, stations
from gis_service.ingest.pandapower_terminals import Terminals, switch_kinds, terminals

_COUNTY_MARGIN_M = 300.0
_SWITCH_FROM_END_M = 4.0

Floats = npt.NDArray[np.float64]
Objects = npt.NDArray[np.object_]


def import_pandapower(
    source: Net | str | os.PathLike[str],
    *,
    county_code: str,
    county_name: str,
    crs: str = "EPSG:4326",
) -> GridPackage:
    """Convert a pandapower net, or the JSON file of one, into a grid package of one county.

    Parameters
    ----------
    source
        A `pandapowerNet`, which is not changed, or the path of a file written by `pandapower.to_json`.
    county_code, county_name
        Of the county that everything is put into; its area is a hull round the grid.
    crs
        What the net's coordinates are in; the package is in lon/lat.

    Returns
    -------
    GridPackage
        `notes` say, a sentence each, what was assumed and what the package has no place for.

    Raises
    ------
    InvalidInput
        When the file is no net, rows point at things that are not there, or buses have no position.
    """
    net = read_net(source)
    check(net)
    where = places(net, crs=crs)
    ends = terminals(net)
    yards = stations(net, where)
    lines, transformers = line_sections(net, ends), power_transformers(net, ends)
    customer, customer_notes = customers(net, ends)

    line = lines.stacked()
    line["geom"] = _line_shapes(line, where)
    transformer = transformers.stacked()
    if len(transformer):
        transformer["geom"] = points(where.of(transformer["b"]))
    device_xy = _device_places(ends, line, transformer, where)
    node = _nodes(net, ends, device_xy, where, yards)
    switch = _switches(net, ends, device_xy, where, yards)
    supply = _sources(net, ends, where)

    frames: dict[str, pd.DataFrame] = {
        "substation": _pointed(yards.substation, yards.substation[["x", "y"]].to_numpy(np.float64)),
        "connectivity_node": node,
        "energy_source": supply,
        "switch": switch,
    }
    if len(line):
        frames["line_section"] = line
        kinds = corridor_graph.corridor_kind(line["construction"], line["base_voltage_kv"])
        drawn = (line["element"] == "line").to_numpy()
        frames["corridor"] = corridor_graph.corridors(line["geom"].to_numpy()[drawn], kinds[drawn])
    if len(transformer):
        frames["power_transformer"] = transformer
        frames["transformer_district"] = transformer_districts(transformer, node)
    if len(customer):
        frames["customer_point"] = _pointed(customer, where.of(customer["bus"]))
        if len(transformer):
            customer["district_id"] = districts_of(
                customer["node_id"].to_numpy(dtype=object),
                districts=frames["transformer_district"],
                nodes=node,
                lines=line if len(line) else _NO_LINES,
                switches=switch,
                transformers=transformer,
                sources=supply,
            )
            frames["customer_point"]["district_id"] = customer["district_id"]
    if len(transformer):
        frames["transformer_district"]["geom"] = district_areas(
            frames["transformer_district"],
            transformers=transformer,
            customers=frames.get("customer_point", _NO_CUSTOMERS),
        )
    for frame in frames.values():
        frame["county_code"] = county_code
    everywhere = np.concatenate(
        [shapely.get_coordinates(node["geom"]), shapely.get_coordinates(line.get("geom", []))]
    )
    frames["county"] = county_rows({county_code: (county_name, hull(everywhere, margin_m=_COUNTY_MARGIN_M))})
    notes = (
        *left_out(net),
        *where.notes,
        *switch_kinds(net)[1],
        *_out_of_service(ends),
        *lines.notes,
        *transformers.notes,
        *customer_notes,
        *yards.notes,
        f"county {county_code}: the area is a hull round the equipment, not an administrative boundary",
        "corridor: derived from the routes of the lines",
        "transformer_district: the areas are hulls round the customers and the transformer",
    )
    return replace(GridPackage.of(frames), notes=notes)


_NO_CUSTOMERS = pd.DataFrame({"district_id": [], "geom": []})
_NO_LINES = pd.DataFrame({"from_node": [], "to_node": [], "length_m": []})


def _line_shapes(line: pd.DataFrame, where: Places) -> Objects:
    if line.empty:
        return np.empty(0, dtype=object)
    shapes = two_points(where.of(line["a"]), where.of(line["b"]))
    real = (line["element"] == "line").to_numpy()
    shapes[real] = where.route.loc[line.loc[real, "index"]].to_numpy()
    return shapes


def _device_places(ends: Terminals, line: pd.DataFrame, transformer: pd.DataFrame, where: Places) -> Floats:
    """Where each switch in an end stands.

    A few metres out from the bus along its line, so that the switches of one bus can be told apart on a
    map; half-way to a transformer that stands elsewhere; else at the bus.
    """
    device = ends.device
    end = ends.end.iloc[device["end"].to_numpy()].reset_index(drop=True)
    at_bus = where.of(end["bus"]) if len(end) else np.empty((0, 2))
    xy = at_bus.copy()
    share = (device["place"] / device["places"]).to_numpy(np.float64)
    if len(line):
        shapes = line.set_index(["element", "index"])["geom"]
        keys = pd.MultiIndex.from_frame(end[["element", "index"]])
        mine = keys.isin(shapes.index)
        route = shapes.reindex(keys[mine]).to_numpy()
        if len(route):
            length = _length_m(route)
            fraction = np.minimum(0.2, _SWITCH_FROM_END_M / np.maximum(length, 1e-9)) * share[mine]
            fraction = np.where((end["side"] == "to").to_numpy()[mine], 1.0 - fraction, fraction)
            xy[mine] = shapely.get_coordinates(
                shapely.line_interpolate_point(route, fraction, normalized=True)
            )
    if len(transformer):
        at = transformer.drop_duplicates(["element", "index"]).set_index(["element", "index"])["geom"]
        keys = pd.MultiIndex.from_frame(end[["element", "index"]])
        mine = keys.isin(at.index)
        target = shapely.get_coordinates(at.reindex(keys[mine]).to_numpy())
        xy[mine] += (target - at_bus[mine]) * share[mine, None] / 2.0
    return xy


def _length_m(routes: Objects) -> Floats:
    coordinates, row = shapely.get_coordinates(routes, return_index=True)
    steps = np.hypot(*np.diff(metres(coordinates), axis=0).T)
    same = row[1:] == row[:-1]
    return np.bincount(row[1:][same], weights=steps[same], minlength=len(routes)).astype(np.float64)


def _pointed(frame: pd.DataFrame, xy: Floats) -> pd.DataFrame:
    return frame.assign(geom=points(xy))


def _nodes(net: Net, ends: Terminals, device_xy: Floats, where: Places, yards: Stations) -> pd.DataFrame:
    buses = table(net, "bus")
    kv = pd.Series(numbers(buses, "vn_kv"), index=buses.index)
    auxiliary_bus = ends.end["bus"].to_numpy()[ends.device["end"].to_numpy(np.int64)].astype(np.int64)
    star = stars(net)
    star_bus = star["bus"].to_numpy(np.int64)
    of_bus = yards.of_bus.reindex(buses.index).astype(object)
    of_bus = of_bus.where(of_bus.notna(), None)
    parts = [
        pd.DataFrame(
            {
                "id": [f"bus-{bus}" for bus in buses.index],
                "base_voltage_kv": kv.to_numpy(),
                "substation_id": of_bus.to_numpy(),
                "geom": points(where.of(buses.index)),
            }
        ),
        pd.DataFrame(
            {
                "id": ends.device["to_node"].to_numpy(),
                "base_voltage_kv": kv.loc[auxiliary_bus].to_numpy(),
                "substation_id": of_bus.loc[auxiliary_bus].to_numpy(),
                "geom": points(device_xy),
            }
        ),
        pd.DataFrame(
            {
                "id": star["id"].to_numpy(),
                "base_voltage_kv": star["base_voltage_kv"].to_numpy(np.float64),
                "substation_id": of_bus.loc[star_bus].to_numpy(),
                "geom": points(where.of(star_bus)),
            }
        ),
    ]
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def _switches(net: Net, ends: Terminals, device_xy: Floats, where: Places, yards: Stations) -> pd.DataFrame:
    switches = table(net, "switch")
    joint = switches[switches["et"] == "b"] if len(switches) else switches
    parts = [_pointed(ends.device, device_xy)]
    if len(joint):
        kinds = pd.Series(switch_kinds(net)[0], index=switches.index)
        middle = (where.of(joint["bus"]) + where.of(joint["element"])) / 2.0
        parts.append(
            pd.DataFrame(
                {
                    "id": [f"switch-{index}" for index in joint.index],
                    "name": texts(joint, "name"),
                    "kind": kinds.loc[joint.index].to_numpy(),
                    "open": ~truths(joint, "closed", True),
                    "rated_current_a": numbers(joint, "in_ka") * 1000.0,
                    "from_node": ends.node("switch", "from", joint.index),
                    "to_node": ends.node("switch", "to", joint.index),
                    "geom": points(middle),
                }
            )
        )
    kept = [part for part in parts if len(part)]
    if not kept:
        return pd.DataFrame(
            {name: [] for name in ("id", "kind", "open", "normal_open", "from_node", "to_node")}
        )
    frame = pd.concat(kept, ignore_index=True)
    frame["open"] = frame["open"].astype(bool)
    frame["normal_open"] = frame["open"]
    heads = {f"switch-{index}": feeder for index, feeder in yards.feeder_of_switch.items()}
    frame["feeder_id"] = [heads.get(one) for one in frame["id"]]
    return frame


def _sources(net: Net, ends: Terminals, where: Places) -> pd.DataFrame:
    parts = []
    for name in ("ext_grid", "gen"):
        frame = table(net, name)
        if name == "gen":
            frame = frame[truths(frame, "slack", False)]
        if frame.empty:
            continue
        ids = [f"{name}-{index}" for index in frame.index]
        parts.append(
            pd.DataFrame(
                {
                    "id": ids,
                    "name": [given or one for given, one in zip(texts(frame, "name"), ids, strict=True)],
                    "node_id": ends.node(name, "", frame.index),
                    "voltage_pu": numbers(frame, "vm_pu"),
                    "geom": points(where.of(frame["bus"])),
                }
            )
        )
    columns = ["id", "name", "node_id", "voltage_pu", "geom"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({name: [] for name in columns})


def _out_of_service(ends: Terminals) -> list[str]:
    cut = ends.end[ends.end["cut"].astype(bool) & ~ends.end["element"].isin(["load", "asymmetric_load"])]
    counted = cut.drop_duplicates(["element", "index"])["element"].value_counts().sort_index()
    return [
        f"{name}: {n} out of service (themselves or a bus of theirs), kept behind open jumpers"
        for name, n in counted.items()
    ]
