"""A grid package as the plain arrays the network is built from.

Knows the mapping from package columns to `network.tables` (order, absent values, phase masks, flat
geometry) and trusts its input: the package has been validated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from gis_service.ingest.columns import as_objects
from gis_service.ingest.frames import GridPackage
from gis_service.ingest.spec import layer as layer_named
from gis_service.network import tables as t


def tables_from_package(package: GridPackage) -> t.GridTables:
    """Every county of the package as `GridTables`, each table sorted by (county, id).

    Absent text is `""`, absent numbers NaN, absent truth values False, absent phases all three (0 for
    customers: those that reach the node). Costs a sort per layer.
    """
    return t.GridTables(
        substations=t.Substations(**_columns(package, "substation")),
        nodes=t.Nodes(**_columns(package, "connectivity_node")),
        sources=t.Sources(**_columns(package, "energy_source")),
        lines=t.Lines(**_columns(package, "line_section", _paths)),
        switches=t.Switches(**_columns(package, "switch")),
        transformers=t.Transformers(**_columns(package, "power_transformer")),
        districts=t.Districts(**_columns(package, "transformer_district", _nothing)),
        customers=t.Customers(**_columns(package, "customer_point", absent_phases=0)),
    )


def _nothing(_shapes: Any) -> dict[str, Any]:
    return {}


def _points(shapes: Any) -> dict[str, Any]:
    return {"xy": np.column_stack([shapely.get_x(shapes), shapely.get_y(shapes)]).astype(np.float64)}


def _paths(shapes: Any) -> dict[str, Any]:
    counts = shapely.get_num_coordinates(shapes)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return {"offsets": offsets, "coords": shapely.get_coordinates(shapes).astype(np.float64)}


def _columns(
    package: GridPackage,
    name: str,
    geometry: Callable[[Any], dict[str, Any]] = _points,
    *,
    absent_phases: int = t.ALL_PHASES,
) -> dict[str, Any]:
    frame = package[name]
    order = _county_and_id_order(frame)
    columns: dict[str, Any] = {}
    for column in layer_named(name).columns:
        values = frame[column.name]
        if column.name == "phases":
            taken = _masks(values.to_numpy(dtype=object), absent_phases)
        elif column.type == "float":
            taken = values.to_numpy(dtype=np.float64)
        elif column.type == "bool":
            taken = values.to_numpy(dtype=bool, na_value=False)
        else:
            taken = as_objects(values)
            taken[values.isna().to_numpy()] = ""
        columns["county" if column.name == "county_code" else column.name] = taken[order]
    return columns | geometry(frame.geometry.to_numpy()[order])


def _county_and_id_order(frame: gpd.GeoDataFrame) -> Any:
    # np.lexsort compares Python strings by code point, as `sorted` does.
    return np.lexsort((frame["id"].to_numpy(dtype=object), frame["county_code"].to_numpy(dtype=object)))


def _masks(texts: Any, absent: int) -> Any:
    known = {text: t.phase_mask(text, absent=absent) for text in set(texts.tolist())}
    return np.fromiter((known[text] for text in texts.tolist()), np.uint8, len(texts))
