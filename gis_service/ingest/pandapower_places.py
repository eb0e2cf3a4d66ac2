"""Where things of a pandapower net stand: bus points and line routes, in lon/lat.

Reads GeoJSON in `bus.geo` and `line.geo` (pandapower 3) and the older `bus_geodata`, `line_geodata` tables.
A bus without a position takes one from what is bound to be at the same place (a switch or transformer
between them, or the end of a line's route); it is never invented from farther away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyproj
import shapely
from pyproj.exceptions import CRSError

from gis_service.errors import InvalidInput
from gis_service.ingest.pandapower_reading import BRANCH_BUSES, Net, table

Floats = npt.NDArray[np.float64]
Objects = npt.NDArray[np.object_]
METRES_PER_DEGREE = 111_320.0
_STUB_DEGREES = 1e-6  # about 0.1 m: a route must have two different points to be a valid LineString


@dataclass(frozen=True)
class Places:
    """`bus`: (lon, lat) by bus index; `route`: a LineString by line index, from the line's from_bus on."""

    bus: pd.DataFrame
    route: pd.Series[Any]
    notes: tuple[str, ...]

    def of(self, buses: npt.ArrayLike) -> Floats:
        """Positions of buses, `(n, 2)` lon/lat."""
        return self.bus.loc[np.asarray(buses, dtype=np.int64)].to_numpy(np.float64)


def places(net: Net, *, crs: str) -> Places:
    """Find where every bus and line is.

    Raises
    ------
    InvalidInput
        When the CRS is unknown, a geometry cannot be read, coordinates are not lon/lat after the
        conversion, or buses have no position; `faults` lists them.
    """
    to_lonlat = _transformer(crs)
    buses, lines = table(net, "bus"), table(net, "line")
    stood = _bus_points(net, buses)
    shapes = _drawn_routes(net, lines)
    if to_lonlat is not None:
        stood, shapes = (_moved(one, to_lonlat) for one in (stood, shapes))
    drawn = pd.Series(shapes, index=lines.index, dtype=object)
    xy = pd.DataFrame({"x": shapely.get_x(stood), "y": shapely.get_y(stood)}, index=buses.index)
    _check_range(xy, drawn)
    inferred = _infer(net, xy, lines, drawn)
    routes, stubs, straight = _routes(lines, drawn, xy)
    notes = []
    if inferred:
        notes.append(f"bus: {inferred} buses without a position took that of the equipment beside them")
    if straight:
        notes.append(f"line: {straight} lines without a route are drawn straight")
    if stubs:
        notes.append(f"line: {stubs} lines between buses at one point are drawn as a stub of 0.1 m")
    return Places(xy, routes, tuple(notes))


def metres(coordinates: Floats) -> Floats:
    """Lon/lat `(n, 2)` on a local plane in metres; good to 0.5 % over a distribution area."""
    if not len(coordinates):
        return coordinates
    scale = np.cos(np.radians(float(np.mean(coordinates[:, 1]))))
    return np.asarray(coordinates * np.array([METRES_PER_DEGREE * scale, METRES_PER_DEGREE]))


def points(coordinates: Floats) -> Objects:
    """Points `(n,)` of lon/lat `(n, 2)`."""
    return np.asarray(shapely.points(coordinates), dtype=np.object_).reshape(-1)


def two_points(from_xy: Floats, to_xy: Floats) -> Objects:
    """Straight LineStrings `(n,)`; ends at one point become a valid stub of 0.1 m."""
    same = (from_xy == to_xy).all(axis=1)
    ends = to_xy + np.where(same, _STUB_DEGREES, 0.0)[:, None] * np.array([1.0, 0.0])
    return np.asarray(shapely.linestrings(np.stack([from_xy, ends], axis=1)), dtype=object)


def _transformer(crs: str) -> pyproj.Transformer | None:
    try:
        given = pyproj.CRS.from_user_input(crs)
    except CRSError as problem:
        raise InvalidInput(f"CRS {crs!r} is unknown; write it as EPSG:31467, for example") from problem
    if given.equals(pyproj.CRS.from_epsg(4326), ignore_axis_order=True):
        return None
    return pyproj.Transformer.from_crs(given, "EPSG:4326", always_xy=True)


def _moved(shapes: Objects, to_lonlat: pyproj.Transformer) -> Objects:
    coordinates = shapely.get_coordinates(shapes)
    lon, lat = to_lonlat.transform(coordinates[:, 0], coordinates[:, 1])
    return np.asarray(shapely.set_coordinates(shapes.copy(), np.column_stack([lon, lat])), dtype=np.object_)


def _bus_points(net: Net, buses: pd.DataFrame) -> Objects:
    stood = _from_geojson(buses, "bus", "Point")
    old = net.get("bus_geodata")
    if isinstance(old, pd.DataFrame):
        old = old.reindex(buses.index)
        if {"x", "y"} <= set(old.columns):
            use = shapely.is_missing(stood) & old[["x", "y"]].notna().all(axis=1).to_numpy()
            stood[use] = points(old.loc[use, ["x", "y"]].to_numpy(np.float64))
    return stood


def _drawn_routes(net: Net, lines: pd.DataFrame) -> Objects:
    routes = _from_geojson(lines, "line", "LineString")
    old = net.get("line_geodata")
    if isinstance(old, pd.DataFrame) and "coords" in old:
        for row, coords in enumerate(old["coords"].reindex(lines.index).tolist()):
            if routes[row] is None and isinstance(coords, list | tuple | np.ndarray) and len(coords) > 1:
                routes[row] = shapely.LineString(coords)
    return routes


def _from_geojson(frame: pd.DataFrame, name: str, kind: str) -> Objects:
    given = frame["geo"].to_numpy(dtype=object) if "geo" in frame else np.full(len(frame), None, dtype=object)
    text = np.array([one if isinstance(one, str) and one.strip() else None for one in given], dtype=object)
    shapes = np.asarray(shapely.from_geojson(text, on_invalid="ignore"), dtype=object)
    wanted = shapely.GeometryType[kind.upper()]
    wrong = np.array([one is not None for one in text], dtype=bool) & (
        (shapely.get_type_id(shapes) != wanted) | shapely.is_empty(shapes)
    )
    if wrong.any():
        faults = [f"{name} {index}: geo is not a GeoJSON {kind}; mend it" for index in frame.index[wrong]]
        raise InvalidInput(f"the pandapower net has {len(faults)} unreadable geometries: {faults[0]}", faults)
    return np.asarray(shapely.force_2d(shapes), dtype=np.object_)


def _check_range(xy: pd.DataFrame, routes: pd.Series[Any]) -> None:
    coords = shapely.get_coordinates(routes.to_numpy())
    both = np.concatenate([xy.dropna().to_numpy(np.float64), coords])
    out = ~np.isfinite(both).all(axis=1) | (np.abs(both) > np.array([180.0, 90.0])).any(axis=1)
    if out.any():
        x, y = both[int(np.flatnonzero(out)[0])]
        raise InvalidInput(
            f"the coordinates of the pandapower net are not lon/lat ({x:.6g}, {y:.6g}); "
            "say which CRS they are in, for example --crs EPSG:31467"
        )


def _infer(net: Net, xy: pd.DataFrame, lines: pd.DataFrame, drawn: pd.Series[Any]) -> int:
    """Fill missing bus positions in place; how many were filled."""
    missing = xy["x"].isna()
    if not missing.any():
        return 0
    before = int(missing.sum())
    given = drawn[drawn.notna()]
    for column, end in (("from_bus", 0), ("to_bus", -1)):
        for index, route in given.items():
            bus = lines.at[index, column]
            if xy["x"].isna().at[bus]:
                xy.loc[bus] = route.coords[end]
    beside = _beside(net)
    while True:
        unknown = xy["x"].isna().to_numpy()
        known_of = beside[xy["x"].reindex(beside["there"]).notna().to_numpy()]
        found = known_of[known_of["here"].isin(xy.index[unknown])].drop_duplicates("here")
        if found.empty:
            break
        xy.loc[found["here"]] = xy.loc[found["there"]].to_numpy()
    lost = xy.index[xy["x"].isna()]
    if len(lost):
        faults = [f"bus {bus} has no position and nothing beside it has one; set net.bus.geo" for bus in lost]
        raise InvalidInput(f"{len(lost)} buses of the pandapower net have no position: {_some(lost)}", faults)
    return before


def _beside(net: Net) -> pd.DataFrame:
    """Pairs of buses that stand at one place: across a bus–bus switch, a transformer, a series reactor."""
    pairs: list[tuple[Any, Any]] = []
    switches = table(net, "switch")
    if len(switches):
        joint = switches[switches["et"] == "b"]
        pairs += list(zip(joint["bus"], joint["element"], strict=True))
    for name in ("trafo", "trafo3w", "impedance", "tcsc"):
        frame = table(net, name)
        if len(frame):
            first, *others = BRANCH_BUSES[name].values()
            for other in others:
                pairs += list(zip(frame[first], frame[other], strict=True))
    both = pairs + [(there, here) for here, there in pairs]
    return pd.DataFrame(both, columns=["here", "there"])


def _some(buses: Sequence[Any] | pd.Index[Any]) -> str:
    shown = ", ".join(str(bus) for bus in buses[:20])
    return shown if len(buses) <= 20 else f"{shown} and {len(buses) - 20} more"


def _routes(lines: pd.DataFrame, drawn: pd.Series[Any], xy: pd.DataFrame) -> tuple[pd.Series[Any], int, int]:
    if lines.empty:
        return pd.Series(dtype=object, index=lines.index), 0, 0
    from_xy = xy.loc[lines["from_bus"]].to_numpy(np.float64)
    to_xy = xy.loc[lines["to_bus"]].to_numpy(np.float64)
    shapes = drawn.to_numpy(dtype=object).copy()
    flat = np.array([one is not None and one.length == 0.0 for one in shapes], dtype=bool)
    without = np.array([one is None for one in shapes], dtype=bool)
    shapes[without | flat] = two_points(from_xy, to_xy)[without | flat]
    first = shapely.get_coordinates(shapely.get_point(shapes, 0))
    last = shapely.get_coordinates(shapely.get_point(shapes, -1))
    along = np.hypot(*(first - from_xy).T) + np.hypot(*(last - to_xy).T)
    against = np.hypot(*(first - to_xy).T) + np.hypot(*(last - from_xy).T)
    turned = against < along
    shapes[turned] = shapely.reverse(shapes[turned])
    stubs = int(((without | flat) & (from_xy == to_xy).all(axis=1)).sum())
    return pd.Series(shapes, index=lines.index, dtype=object), stubs, int((without | flat).sum()) - stubs
