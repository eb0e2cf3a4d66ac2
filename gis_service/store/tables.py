"""Counties out of the database: as arrays for the network, as a package for the world.

Reads only. Everything of one answer belongs to one moment of each county, and counties that were changed
together are seen together; rows come sorted by (county, id) as Python sorts text.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from psycopg2 import extensions, sql

from gis_service.errors import NotReady
from gis_service.ingest.spec import LAYERS, Layer
from gis_service.network import tables as t
from gis_service.store.database import LONG_DEADLINE_S, distributed, in_transaction
from gis_service.store.schema import arrow_types, select_layer
from gis_service.store.versions import read_versions, require_loaded
from sharding.copy import copy_out, floats, lines, sorted_by, texts, truths

_TRIES = 20
_POINT: dict[str, sql.Composable] = {"x": sql.SQL("ST_X(geom)"), "y": sql.SQL("ST_Y(geom)")}
_LINE: dict[str, sql.Composable] = {"line": sql.SQL("geom::text")}
_GEOMETRY: dict[str, dict[str, sql.Composable]] = {
    "substation": _POINT,
    "connectivity_node": _POINT,
    "energy_source": _POINT,
    "line_section": _LINE,
    "switch": _POINT,
    "power_transformer": _POINT,
    "transformer_district": {},
    "customer_point": _POINT,
}
_ARROW_GEOMETRY = {"x": pa.float64(), "y": pa.float64(), "line": pa.large_string()}

Layers = dict[str, pa.Table]


def load_tables(counties: Collection[str] | None = None) -> tuple[t.GridTables, dict[str, int]]:
    """The electrical layers of these counties (default: all loaded ones), and the version of each.

    Raises
    ------
    UnknownId
        For a county that is not loaded.
    NotReady
        When the database does not answer, or a cluster changes faster than it can be read.
    """
    layers, versions = read_consistently(_read_layers, counties)
    return _grid_tables(layers), versions


def read_consistently(
    read: Callable[[extensions.cursor, Collection[str] | None], Layers], counties: Collection[str] | None
) -> tuple[Layers, dict[str, int]]:
    """What `read` gives for these counties, and the version of each at the same moment.

    One server gives a snapshot. A cluster gives each node's own, so there the counties whose version moved
    meanwhile are read again, until nothing moved between two looks.
    """
    with in_transaction(read_only=True, deadline_s=LONG_DEADLINE_S) as cursor:
        before = _versions(cursor, counties)
        layers = read(cursor, counties if counties is None else sorted(before))
        if not distributed(cursor):
            return layers, before
    for _ in range(_TRIES):
        with in_transaction(read_only=True) as cursor:
            now = _versions(cursor, counties)
        if now == before:
            return layers, before
        moved = sorted(code for code in now if now[code] != before.get(code))
        with in_transaction(read_only=True, deadline_s=LONG_DEADLINE_S) as cursor:
            fresh = read(cursor, moved)
        stale = pa.array([*moved, *(before.keys() - now.keys())], pa.large_string())
        layers = {name: _merged(old, fresh[name], stale) for name, old in layers.items()}
        before = now
    raise NotReady("the counties change faster than they can be read; try again in a moment")


def _versions(cursor: extensions.cursor, counties: Collection[str] | None) -> dict[str, int]:
    found = read_versions(cursor) if counties is None else require_loaded(cursor, counties)
    return {code: one.version for code, one in found.items()}


def _merged(old: pa.Table, fresh: pa.Table, stale: pa.Array) -> pa.Table:
    code = "county_code" if "county_code" in old.column_names else "code"
    kept = old.filter(pc.invert(pc.is_in(old[code], value_set=stale)))
    return pa.concat_tables([kept, fresh])


def _read_layers(cursor: extensions.cursor, counties: Collection[str] | None) -> Layers:
    read: Layers = {}
    for layer in LAYERS:
        geometry = _GEOMETRY.get(layer.name)
        if geometry is not None:
            types = arrow_types(layer) | {name: _ARROW_GEOMETRY[name] for name in geometry}
            read[layer.name] = copy_out(cursor, select_layer(layer, geometry, counties), types)
    return read


def _grid_tables(layers: Mapping[str, pa.Table]) -> t.GridTables:
    columns = {layer.name: _columns(layer, layers[layer.name]) for layer in LAYERS if layer.name in layers}
    return t.GridTables(
        substations=t.Substations(**columns["substation"]),
        nodes=t.Nodes(**columns["connectivity_node"]),
        sources=t.Sources(**columns["energy_source"]),
        lines=t.Lines(**columns["line_section"]),
        switches=t.Switches(**columns["switch"]),
        transformers=t.Transformers(**columns["power_transformer"]),
        districts=t.Districts(**columns["transformer_district"]),
        customers=t.Customers(**columns["customer_point"]),
    )


def _columns(layer: Layer, rows: pa.Table) -> dict[str, npt.NDArray[Any]]:
    rows = sorted_by(rows, "county_code", "id")
    columns: dict[str, npt.NDArray[Any]] = {}
    for column in layer.columns:
        values = rows[column.name]
        if column.name == "phases":
            absent = 0 if layer.name == "customer_point" else t.ALL_PHASES
            columns["phases"] = _masks(values, absent)
        elif column.type == "float":
            columns[column.name] = floats(values)
        elif column.type == "bool":
            columns[column.name] = truths(values)
        else:
            columns["county" if column.name == "county_code" else column.name] = texts(values)
    if "x" in rows.column_names:
        columns["xy"] = np.column_stack([floats(rows["x"]), floats(rows["y"])])
    if "line" in rows.column_names:
        columns["offsets"], columns["coords"] = lines(rows["line"])
    return columns


def _masks(values: Any, absent: int) -> t.Masks:
    coded = pc.fill_null(values, "").combine_chunks().dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.unify_dictionaries().combine_chunks()
    known = np.array(
        [t.phase_mask(text, absent=absent) for text in coded.dictionary.to_pylist()], dtype=np.uint8
    )
    return known[coded.indices.to_numpy()] if len(coded) else np.empty(0, dtype=np.uint8)
