"""The hand-drawn grid of the engine's tests, every answer readable off the drawing; text grids as packages.

Two counties; L2 crosses their border. Lengths in metres behind the lines, `=` before what stands open::

    450101                                        ┊ 450102
                                                  ┊
    S1 ─ n1 ─[CB1]─ n2 ─ L1:120 ─ n3 ─ L2:80 ─────┊─ n4 ─[FU1]─ n7 ─ L4:50 ─ n8 ─(T2)─ n9 ─ C3 C4    D2: of T2
                                  │               ┊  │
                                 (T1)             ┊ [SW2]
                                  │               ┊  │
                                  n5 ─ C1 C2      ┊  n6 ─ L3:200 ─ n10 ─ C5
                                                  ┊  │
           D1: of T1                              ┊ =[TIE]
                                                  ┊  │
    S2 ─ m1 ─[CB2]─ m2 ─ L5:300 ──────────────────┊─ m3 ─ C6

CB1 (feeder F1), CB2 (feeder F2) are breakers, FU1 a fuse, SW2 and TIE load-break switches. C2 is on phase A,
C4 is of the special grade, C3 of the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from gis_service.ingest.package import GridPackage
from gis_service.ingest.spec import LAYERS
from gis_service.network.tables import GridTables, Lines, phase_text
from gis_service.network.text import parse_grid

NORTH, SOUTH = "450101", "450102"

DRAWN = """
@450101
ST1 substation  kv=110 name=Main
n1  node        substation=ST1
S1  source      n1
CB1 breaker     n1 n2  feeder=F1
L1  line        n2 n3  length=120
T1  transformer n3 n5
D1  district    T1     name=Village
C1  customer    n5     kva=8
C2  customer    n5  A  kva=5.5
S2  source      m1
CB2 breaker     m1 m2  feeder=F2
L2  line        n3 n4  length=80
@450102
FU1 fuse        n4 n7
L4  line        n7 n8  length=50
T2  transformer n8 n9
D2  district    T2     name=Mill
C3  customer    n9     kva=40  grade=first
C4  customer    n9     kva=100 grade=special
SW2 load_break_switch n4 n6
L3  line        n6 n10 length=200
C5  customer    n10    kva=12
TIE load_break_switch n6 m3  normal_open open
L5  line        m2 m3  length=300
C6  customer    m3     kva=7
"""

KVA = {"C1": 8.0, "C2": 5.5, "C3": 40.0, "C4": 100.0, "C5": 12.0, "C6": 7.0}

_TABLES = {
    "substation": "substations",
    "connectivity_node": "nodes",
    "energy_source": "sources",
    "line_section": "lines",
    "switch": "switches",
    "power_transformer": "transformers",
    "transformer_district": "districts",
    "customer_point": "customers",
}


def drawn_package() -> GridPackage:
    """The drawing as a package."""
    return package_of(parse_grid(DRAWN))


def package_of(tables: GridTables) -> GridPackage:
    """Grid tables as a package; counties are boxes, corridors follow the lines."""
    frames: dict[str, gpd.GeoDataFrame] = {}
    for layer, name in _TABLES.items():
        table = getattr(tables, name)
        columns: dict[str, Any] = {"county_code": table.county, "id": table.id}
        for column in LAYERS_BY_NAME[layer]:
            if column not in columns and column in table.columns():
                columns[column] = _values(column, table.columns()[column])
        frames[layer] = gpd.GeoDataFrame(columns, geometry=_shapes(table), crs=4326)
    codes = tables.counties
    boxes = [shapely.MultiPolygon([shapely.box(107.9 + k, 22.7, 108.9 + k, 22.9)]) for k in range(len(codes))]
    frames["county"] = gpd.GeoDataFrame({"code": codes, "name": codes}, geometry=boxes, crs=4326)
    lines = tables.lines
    frames["corridor"] = gpd.GeoDataFrame(
        {
            "id": np.array([f"K-{id}" for id in lines.id], object),
            "county_code": lines.county,
            "from_vertex": lines.from_node,
            "to_vertex": lines.to_node,
            "kind": ["street"] * len(lines),
        },
        geometry=_shapes(lines),
        crs=4326,
    )
    return GridPackage.of(frames)


LAYERS_BY_NAME: Mapping[str, list[str]] = {
    layer.name: [one.name for one in layer.columns] for layer in LAYERS
}


def _values(column: str, values: Any) -> Any:
    if column == "phases":
        return np.array([phase_text(mask) or None for mask in values.tolist()], object)
    if column in ("name", "substation_id", "feeder_id", "district_id", "critical_grade"):
        return np.array([value if value or column == "name" else None for value in values.tolist()], object)
    return values


def _shapes(table: Any) -> list[Any]:
    if isinstance(table, Lines):
        return [
            shapely.LineString(table.coords[a:b])
            for a, b in zip(table.offsets[:-1], table.offsets[1:], strict=True)
        ]
    if hasattr(table, "xy"):
        return [shapely.Point(xy) for xy in table.xy]
    return [None] * len(table)
