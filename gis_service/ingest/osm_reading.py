"""OpenStreetMap through pyrosm: the streets a line can follow, and the buildings that want supply.

Knows tags of OpenStreetMap; refuses to know what a grid is. What a building takes is an assumption out of its
floor area, for nobody maps it: `LOADS` holds the figures, and they are told among the notes of a package.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from gis_service.errors import InvalidInput
from gis_service.ingest.counties import METRES_PER_DEGREE

ATTRIBUTION = "data: © OpenStreetMap contributors, Open Database License 1.0: name them wherever it is shown"

STREETS = (
    "motorway", "trunk", "primary", "secondary", "tertiary", "unclassified", "residential", "living_street",
    "service", "pedestrian", "road",
)  # fmt: skip
"""Values of `highway` along which a utility lays lines; links such as `primary_link` go with their road."""

LOADS: dict[str, tuple[str, float, float]] = {
    "industrial": ("industrial", 80.0, 30.0),
    "warehouse": ("industrial", 30.0, 30.0),
    "commercial": ("commercial", 50.0, 10.0),
    "office": ("commercial", 50.0, 10.0),
    "retail": ("commercial", 60.0, 10.0),
    "hotel": ("commercial", 50.0, 30.0),
    "school": ("public", 30.0, 20.0),
    "university": ("public", 50.0, 30.0),
    "hospital": ("public", 80.0, 100.0),
    "church": ("public", 15.0, 10.0),
    "civic": ("public", 40.0, 10.0),
    "public": ("public", 40.0, 10.0),
    "train_station": ("public", 40.0, 50.0),
    "farm": ("agricultural", 15.0, 10.0),
    "barn": ("agricultural", 10.0, 10.0),
    "": ("residential", 25.0, 8.0),
}
"""Value of `building` → customer class, VA for a square metre of floor, and kVA at least."""

MOST_KVA = 2_000.0
_HOSPITALS = ("hospital", "train_station")  # critical_grade "first"
_UNUSED = ("garage", "garages", "shed", "roof", "ruins", "hut", "carport", "greenhouse")


@dataclass(frozen=True)
class Town:
    """What was read, in lon/lat.

    streets : LineStrings, object (s,), each between two points of the map
    bridges : bool (s,), streets that lead over or under something
    place : float64 (b, 2), where each building stands
    ids : OpenStreetMap's number of each building, with its kind (`way/12`), sorted
    customer_class, critical : object (b,)
    kva : float64 (b,), contracted power
    """

    streets: npt.NDArray[np.object_]
    bridges: npt.NDArray[np.bool_]
    place: npt.NDArray[np.float64]
    ids: npt.NDArray[np.object_]
    customer_class: npt.NDArray[np.object_]
    critical: npt.NDArray[np.object_]
    kva: npt.NDArray[np.float64]


def read_osm(path: Path) -> Town:
    """The streets and buildings of an `.osm.pbf`.

    Raises
    ------
    InvalidInput
        When the file is not there, cannot be read, or has no street.
    ModuleNotFoundError
        Without pyrosm (`gridgis[import]`).
    """
    import pyrosm

    if not path.is_file():
        raise InvalidInput(f"{path}: no such file; give an OpenStreetMap extract, NAME.osm.pbf")
    if not path.name.endswith(".pbf"):
        raise InvalidInput(f"{path}: is no .osm.pbf; osmium or osmconvert make one of other forms")
    try:
        source = pyrosm.OSM(str(path))
        streets = source.get_network(network_type="driving+service")
        buildings = source.get_buildings()
    except Exception as error:  # pyrosm raises what its parts raise: zlib, protobuf, ValueError
        raise InvalidInput(
            f"{path}: cannot be read as .osm.pbf ({type(error).__name__}: {error}); fetch it again"
        ) from error
    if streets is None or streets.empty:
        raise InvalidInput(f"{path}: has no street; give an extract of a place where there are some")
    return _town(streets, buildings)


def _town(streets: Any, buildings: Any) -> Town:
    kind = streets["highway"].astype("string").str.removesuffix("_link")
    streets = streets[kind.isin(STREETS).to_numpy(dtype=bool, na_value=False)].sort_values(
        "id", kind="stable"
    )
    lines = shapely.get_parts(streets.geometry.to_numpy())
    bridged = _tag(streets, "bridge").ne("no") & _tag(streets, "bridge").ne("")
    bridged |= _tag(streets, "tunnel").ne("no") & _tag(streets, "tunnel").ne("")
    many = shapely.get_num_geometries(streets.geometry.to_numpy())
    if buildings is None or buildings.empty:
        buildings = streets.iloc[0:0].assign(building="", osm_type="")
    names = buildings["osm_type"].astype(str) + "/" + buildings["id"].astype(str)
    buildings = buildings.assign(name_here=names).sort_values("name_here")
    buildings = buildings[~_tag(buildings, "building").isin(_UNUSED)]
    shapes = buildings.geometry.to_numpy()
    buildings = buildings[shapely.area(shapes) > 0]
    shapes = buildings.geometry.to_numpy()
    kind = _tag(buildings, "building")
    told = [LOADS.get(one, LOADS[""]) for one in kind]
    floors = np.array([_floors(text) for text in _tag(buildings, "building:levels")])
    density, least = (np.array([one[k] for one in told], float).reshape(-1) for k in (1, 2))
    kva = np.clip(np.round(_square_metres(shapes) * floors * density / 1000), least, MOST_KVA)
    return Town(
        np.asarray(lines, dtype=object),
        np.repeat(bridged.to_numpy(dtype=bool), many),
        shapely.get_coordinates(shapely.point_on_surface(shapes)).reshape(-1, 2),
        buildings["name_here"].to_numpy(dtype=object),
        np.array([one[0] for one in told], dtype=object),
        np.array(["first" if one in _HOSPITALS else None for one in kind], dtype=object),
        kva,
    )


def _tag(frame: Any, name: str) -> pd.Series[str]:
    """A tag as text, "" where it is absent; pyrosm leaves out columns that no element has."""
    if name not in frame:
        return pd.Series("", index=frame.index)
    column: pd.Series[str] = frame[name].astype("string").fillna("").astype(str)
    return column


def _floors(text: str) -> float:
    """Floors as mappers write them: `4`, `2.5`, `1;2`; two where they did not."""
    found = re.match(r"\s*(\d{1,3}(?:\.\d+)?)", text)
    return max(1.0, float(found[1])) if found else 2.0


def _square_metres(shapes: npt.NDArray[np.object_]) -> npt.NDArray[np.float64]:
    """Areas of lon/lat polygons in a local frame each: right to a thousandth for a building."""
    latitude = shapely.get_y(shapely.centroid(shapes))
    areas: npt.NDArray[np.float64] = (
        shapely.area(shapes) * METRES_PER_DEGREE**2 * np.cos(np.radians(latitude))
    )
    return areas
