"""A small sound grid package for tests to break one thing at a time, and a writer that checks nothing.

Two counties; the line L2 crosses their border, and the codes begin with a zero::

    G1 ─ n1 ─[B1]─ n2 ── L1 ── n3 ── L2 ──┊── n4 ─(X1)─ n5 ─ C1, C2      D1: the district of X1
    0801                                   ┊   0802
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio
import shapely

from gis_service.ingest.package import GridPackage
from gis_service.ingest.spec import LAYERS

Frames = dict[str, Any]  # of GeoDataFrame, which ships no types

_NODES = {
    "n1": (108.0, 22.8),
    "n2": (108.001, 22.8),
    "n3": (108.01, 22.8),
    "n4": (108.03, 22.8),
    "n5": (108.03, 22.801),
}


def sound_frames() -> Frames:
    """One GeoDataFrame per layer, every declared column present; the caller may change them."""
    point = {name: shapely.Point(xy) for name, xy in _NODES.items()}
    north, south = shapely.box(107.9, 22.7, 108.02, 22.9), shapely.box(108.02, 22.7, 108.1, 22.9)
    frames = {
        "county": _frame(code=["0801", "0802"], name=["West", "East"], geom=[_multi(north), _multi(south)]),
        "substation": _frame(
            id=["S1"], county_code=["0801"], name=["Main"], base_voltage_kv=[10.0], geom=[point["n1"]]
        ),
        "connectivity_node": _frame(
            id=list(_NODES),
            county_code=["0801", "0801", "0801", "0802", "0802"],
            base_voltage_kv=[10.0, 10.0, 10.0, 10.0, 0.4],
            substation_id=["S1", None, None, None, None],
            geom=list(point.values()),
        ),
        "energy_source": _frame(
            id=["G1"],
            county_code=["0801"],
            name=["Infeed"],
            node_id=["n1"],
            phases=[None],
            voltage_pu=[1.02],
            geom=[point["n1"]],
        ),
        "line_section": _frame(
            id=["L1", "L2"],
            county_code=["0801", "0801"],
            name=[None, ""],
            from_node=["n2", "n3"],
            to_node=["n3", "n4"],
            phases=["ABC", None],
            base_voltage_kv=[10.0, 10.0],
            construction=["overhead", "underground"],
            length_m=[930.0, 2060.5],
            r_ohm=[0.3, None],
            x_ohm=[-0.01, None],
            rated_current_a=[400.0, None],
            geom=[_line("n2", "n3"), _line("n3", "n4")],
        ),
        "switch": _frame(
            id=["B1"],
            county_code=["0801"],
            name=["Head"],
            kind=["breaker"],
            from_node=["n1"],
            to_node=["n2"],
            phases=["ABC"],
            normal_open=[False],
            open=[False],
            rated_current_a=[630.0],
            remote_controlled=[True],
            feeder_id=["F1"],
            geom=[point["n2"]],
        ),
        "power_transformer": _frame(
            id=["X1"],
            county_code=["0802"],
            name=["Village"],
            from_node=["n4"],
            to_node=["n5"],
            phases=[None],
            rated_kva=[250.0],
            uk_percent=[4.0],
            pk_kw=[3.2],
            geom=[point["n4"]],
        ),
        "transformer_district": _frame(
            id=["D1"],
            county_code=["0802"],
            name=["Village"],
            transformer_id=["X1"],
            geom=[shapely.box(108.029, 22.799, 108.031, 22.802)],
        ),
        "customer_point": _frame(
            id=["C1", "C2"],
            county_code=["0802", "0802"],
            node_id=["n5", "n5"],
            district_id=["D1", None],
            phases=["A", None],
            customer_class=["residential", "public"],
            critical_grade=[None, "first"],
            contracted_kva=[8.0, 40.0],
            geom=[shapely.Point(108.0301, 22.8011), shapely.Point(108.0299, 22.8011)],
        ),
        "corridor": _frame(
            id=["K1"],
            county_code=["0802"],
            from_vertex=["v1"],
            to_vertex=["v2"],
            kind=["street"],
            cost_per_m=[None],
            ducts_free=[2],
            geom=[_line("n4", "n5")],
        ),
    }
    assert list(frames) == [layer.name for layer in LAYERS]
    return frames


def sound_package() -> GridPackage:
    """The same as a package."""
    return GridPackage.of(sound_frames())


def put(frames: Frames, layer: str, row: int, column: str, value: Any) -> None:
    """Set one value, whatever its type; the column is of objects then."""
    if column == "geom":
        frames[layer].geometry = [
            value if at == row else one for at, one in enumerate(frames[layer].geometry)
        ]
        return
    values = frames[layer][column].astype(object)
    values.iloc[row] = value
    frames[layer][column] = values


def save(frames: Mapping[str, pd.DataFrame], path: Path) -> Path:
    """Write frames as a foreign tool would: as they are. `.gpkg`, or else a directory of GeoParquet."""
    if path.suffix == ".gpkg":
        for name, frame in frames.items():
            pyogrio.write_dataframe(frame, path, layer=name, driver="GPKG", append=path.exists())
    else:
        path.mkdir()
        for name, frame in frames.items():
            frame.to_parquet(path / f"{name}.parquet")
    return path


def save_geojson(frames: Mapping[str, pd.DataFrame], directory: Path) -> Path:
    """Write frames as one GeoJSON file per layer."""
    directory.mkdir()
    for name, frame in frames.items():
        features = []
        for row in frame.to_dict("records"):
            shape = row.pop("geom")
            properties = {key: None if pd.isna(value) else value for key, value in row.items()}
            geometry = None if shape is None else shapely.geometry.mapping(shape)
            features.append({"type": "Feature", "properties": properties, "geometry": geometry})
        text = json.dumps({"type": "FeatureCollection", "features": features})
        (directory / f"{name}.geojson").write_text(text, encoding="utf-8")
    return directory


def _frame(*, geom: list[Any], **columns: list[Any]) -> gpd.GeoDataFrame:
    frame = gpd.GeoDataFrame(columns, geometry=geom, crs="EPSG:4326")
    return frame.rename_geometry("geom")


def _multi(polygon: shapely.Polygon) -> shapely.MultiPolygon:
    return shapely.MultiPolygon([polygon])


def _line(start: str, end: str) -> shapely.LineString:
    return shapely.LineString([_NODES[start], _NODES[end]])
