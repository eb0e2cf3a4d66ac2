"""Packages for the store: a county of any size, and one with every awkward value that is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from gis_service.ingest.package import GridPackage
from tests.packages import sound_frames

AWKWARD_TEXTS = (
    "Müller & Söhne",
    "台区一号",
    'say "no", twice',
    "a,b;c\td",
    "two\nlines\r\nthree",
    "\\N",
    "\\.",
    "a\n\\.\nb",
    " leading and trailing ",
    "NULL",
    "é vs e\u0301",
    "𝔾rid",
)


def trunk_package(counties: Sequence[str], nodes: int, *, mark: str = "") -> GridPackage:
    """Each county a line of `nodes` nodes with a switch and a customer at every tenth; names are `mark`.

    The counties do not touch. Ids begin with the county's code.
    """
    frames: dict[str, list[gpd.GeoDataFrame]] = {}
    for county in counties:
        for layer, frame in _trunk(county, nodes, float(int(county) % 180), mark).items():
            frames.setdefault(layer, []).append(frame)
    return GridPackage.of({layer: _joined(parts) for layer, parts in frames.items()})


def joined_packages(*packages: GridPackage) -> GridPackage:
    """The counties of all of them."""
    return GridPackage.of({name: _joined([one[name] for one in packages]) for name in packages[0].layers})


def awkward_package() -> GridPackage:
    """The small sound package with an element per awkward text: in ids, names and references."""
    frames = sound_frames()
    node = frames["connectivity_node"].iloc[:1]
    line = frames["line_section"].iloc[:1]
    nodes = [node.assign(id=text) for text in AWKWARD_TEXTS]
    lines = [line.assign(id=text, name=text, to_node=text, length_m=0.1 + 0.2) for text in AWKWARD_TEXTS]
    frames["connectivity_node"] = _joined([frames["connectivity_node"], *nodes])
    frames["line_section"] = _joined([frames["line_section"], *lines])
    frames["customer_point"]["contracted_kva"] = [1e-300, 1.7976931348623157e308]
    frames["customer_point"].geometry = [shapely.Point(-180.0, 90.0), shapely.Point(-0.0, 5e-324)]
    return GridPackage.of(frames)


def _trunk(county: str, nodes: int, west: float, mark: str) -> dict[str, gpd.GeoDataFrame]:
    at = np.column_stack([west + np.linspace(0.0, 0.5, nodes), np.full(nodes, 48.0)])
    points: Any = shapely.points(at)
    ids = np.array([f"{county}-{k}" for k in range(nodes)], dtype=object)
    tenth = np.arange(0, nodes - 1, 10)
    area = shapely.MultiPolygon([shapely.box(west, 47.9, west + 0.5, 48.1)])
    switches = _frame(
        points[tenth],
        id=[f"sw-{one}" for one in ids[tenth]],
        county_code=county,
        name=mark,
        kind="breaker",
        from_node=ids[tenth],
        to_node=ids[tenth + 1],
        normal_open=False,
        open=False,
    )
    return {
        "county": _frame(np.array([area]), code=[county], name=mark or county),
        "substation": _frame(
            points[:1], id=[f"ss-{county}"], county_code=county, name=mark, base_voltage_kv=110.0
        ),
        "connectivity_node": _frame(points, id=ids, county_code=county, base_voltage_kv=20.0),
        "energy_source": _frame(
            points[:1], id=[f"g-{county}"], county_code=county, name=mark, node_id=ids[:1]
        ),
        "line_section": _frame(
            shapely.linestrings(np.stack([at[:-1], at[1:]], axis=1)),
            id=[f"l-{one}" for one in ids[1:]],
            county_code=county,
            name=mark,
            from_node=ids[:-1],
            to_node=ids[1:],
            base_voltage_kv=20.0,
            construction="overhead",
            length_m=np.linspace(1.0, 2.0, nodes - 1),
        ),
        "switch": switches,
        "power_transformer": _frame(
            points[:1],
            id=[f"t-{county}"],
            county_code=county,
            name=mark,
            from_node=ids[:1],
            to_node=ids[1:2],
            rated_kva=400.0,
        ),
        "transformer_district": _frame(
            np.array([None]), id=[f"d-{county}"], county_code=county, name=mark, transformer_id=f"t-{county}"
        ),
        "customer_point": _frame(
            points[tenth],
            id=[f"c-{one}" for one in ids[tenth]],
            county_code=county,
            node_id=ids[tenth],
            customer_class="residential",
            contracted_kva=4.0,
        ),
        "corridor": _frame(
            shapely.linestrings([[at[0], at[1]]]),
            id=[f"k-{county}"],
            county_code=county,
            from_vertex="a",
            to_vertex="b",
            kind="street",
        ),
    }


def _frame(geometry: Any, **columns: Any) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        columns, index=range(len(geometry)), geometry=geometry, crs="EPSG:4326"
    ).rename_geometry("geom")


def _joined(parts: Sequence[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    """The rows of all parts; plain lists, so that columns that hold only nulls keep quiet."""
    columns = {name: [value for part in parts for value in part[name]] for name in parts[0].columns}
    geometry = columns.pop("geom")
    return gpd.GeoDataFrame(columns, geometry=geometry, crs="EPSG:4326").rename_geometry("geom")
