"""A grid package as the plain arrays the network is built from.

Knows the mapping from package columns to `network.tables` (order, absent values, phase masks, flat
geometry) and trusts its input: the package has been validated. No row is touched by the interpreter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from gis_service.ingest.frames import GridPackage
from gis_service.ingest.parts import part_of_frame
from gis_service.ingest.spec import BY_NAME, GEOMETRY, Layer
from gis_service.ingest.wkb import large_binary, plain_lines, plain_points
from gis_service.network import tables as t
from gis_service.network.columns import Coded
from gis_service.network.texts import Texts

Geometry = dict[str, npt.NDArray[Any]]
GeometryOf = Callable[[Layer, npt.NDArray[np.int64]], Geometry]


def tables_from_arrow(layers: Mapping[str, pa.Table]) -> t.GridTables:
    """Layers as `GridTables`, each table sorted by (county, id); text as bytes, few words as codes.

    The layers are those of `ParquetPackage.county_tables`: declared columns in their types, WKB in `geom`;
    several counties may stand in one table. Absent values are as in `tables_from_package`.
    """

    def made(name: str) -> dict[str, Any]:
        layer, rows = BY_NAME[name], layers[name]
        return _columns(layer, {column.name: rows[column.name] for column in layer.columns}, _bytes, flat)

    def flat(layer: Layer, order: npt.NDArray[np.int64]) -> Geometry:
        wkb = large_binary(layers[layer.name][GEOMETRY]).take(pa.array(order))
        if layer.geometry == "Point":
            return {"xy": plain_points(wkb)}
        offsets, coords = plain_lines(wkb)
        return {"offsets": offsets, "coords": coords}

    return _grid_tables(made)


def tables_from_package(package: GridPackage) -> t.GridTables:
    """Every county of the package as `GridTables`, each table sorted by (county, id).

    Absent text is `""`, absent numbers NaN, absent truth values False, absent phases all three (0 for
    customers: those that reach the node). Costs a sort per layer.
    """

    def made(name: str) -> dict[str, Any]:
        layer = BY_NAME[name]
        return _columns(layer, part_of_frame(layer, package[name]).columns, _objects, flat)

    def flat(layer: Layer, order: npt.NDArray[np.int64]) -> Geometry:
        shapes = package[layer.name].geometry.to_numpy()[order]
        if layer.geometry == "Point":
            return {"xy": np.column_stack([shapely.get_x(shapes), shapely.get_y(shapes)]).astype(np.float64)}
        offsets = np.zeros(len(shapes) + 1, dtype=np.int64)
        np.cumsum(shapely.get_num_coordinates(shapes), out=offsets[1:])
        return {"offsets": offsets, "coords": shapely.get_coordinates(shapes).astype(np.float64)}

    return _grid_tables(made)


def _grid_tables(columns: Callable[[str], dict[str, Any]]) -> t.GridTables:
    return t.GridTables(
        substations=t.Substations(**columns("substation")),
        nodes=t.Nodes(**columns("connectivity_node")),
        sources=t.Sources(**columns("energy_source")),
        lines=t.Lines(**columns("line_section")),
        switches=t.Switches(**columns("switch")),
        transformers=t.Transformers(**columns("power_transformer")),
        districts=t.Districts(**columns("transformer_district")),
        customers=t.Customers(**columns("customer_point")),
    )


def _columns(
    layer: Layer, given: Mapping[str, Any], text: Callable[[Any, bool], t.Text], geometry: GeometryOf
) -> dict[str, Any]:
    keys = pa.table({name: given[name] for name in ("county_code", "id")})
    # Arrow compares text by its bytes, which for UTF-8 is the order of code points, as Python's `sorted`
    order = pc.sort_indices(keys, sort_keys=[("county_code", "ascending"), ("id", "ascending")])
    columns: dict[str, Any] = {}
    for column in layer.columns:
        values = pa.table({"values": given[column.name]})["values"].take(order).combine_chunks()
        if column.name == "phases":
            columns["phases"] = _masks(values, 0 if layer.name == "customer_point" else t.ALL_PHASES)
        elif column.type == "float":
            columns[column.name] = np.asarray(values.fill_null(float("nan")).to_numpy(zero_copy_only=False))
        elif column.type == "bool":
            columns[column.name] = np.asarray(
                values.fill_null(False).to_numpy(zero_copy_only=False), np.bool_
            )
        else:
            few = column.choices is not None or column.name == "county_code"
            name = "county" if column.name == "county_code" else column.name
            columns[name] = text(values.fill_null(""), few)
    if layer.geometry in ("Point", "LineString"):
        columns |= geometry(layer, order.to_numpy().astype(np.int64))
    return columns


def _bytes(values: Any, few: bool) -> t.Text:
    return Coded.of(values) if few else Texts.of(values)


def _objects(values: Any, _few: bool) -> t.Text:
    objects: npt.NDArray[np.object_] = np.array(values.to_pandas(deduplicate_objects=True), dtype=object)
    return objects


def _masks(values: Any, absent: int) -> t.Masks:
    coded = values.fill_null("").dictionary_encode()
    known = np.array(
        [t.phase_mask(text, absent=absent) for text in coded.dictionary.to_pylist()], dtype=np.uint8
    )
    return known[coded.indices.to_numpy()] if len(coded) else np.empty(0, dtype=np.uint8)
