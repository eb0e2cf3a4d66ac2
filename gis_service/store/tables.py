"""Counties out of the database as the arrays the network is built from.

Reads only. Rows come sorted by (county, id) as Python sorts text; absent values as `network.tables` says.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from psycopg2 import extensions, sql

from gis_service.ingest.spec import BY_NAME, LAYERS, Layer
from gis_service.network import tables as t
from gis_service.network.columns import Texts
from gis_service.store.consistent import Layers, read_consistently, read_layers
from gis_service.store.schema import GEOMETRY, arrow_types, select_layer
from gis_service.store.versions import CountyVersion
from sharding.copy import LINE, POINT, copy_out, floats, lines, points, sorted_by, texts, truths
from sharding.readers import Readers

ELECTRICAL_LAYERS = tuple(layer for layer in LAYERS if layer.name not in ("county", "corridor"))
_COUNTY = "county_code"
_FLAT = {"Point": POINT, "LineString": LINE}


def load_tables(counties: Collection[str] | None = None) -> tuple[t.GridTables, dict[str, int]]:
    """The electrical layers of these counties (default: all loaded ones), and the version of each.

    Raises
    ------
    UnknownId
        For a county that is not loaded.
    NotReady
        When the database does not answer, or a cluster changes faster than it can be read.
    """
    tables, versions = load_grid(counties)
    return tables, {code: one.version for code, one in versions.items()}


def load_grid(counties: Collection[str] | None = None) -> tuple[t.GridTables, dict[str, CountyVersion]]:
    """`load_tables` with all that is known of each county's version; raises the same."""
    layers, versions = read_consistently(_read_layers, counties)
    return _grid_tables(layers), versions


def load_county_tables(county: str) -> tuple[t.GridTables, CountyVersion]:
    """`load_grid` of one county, its text as bytes: no Python string is made; raises the same."""
    layers, versions = read_consistently(_read_layers, [county])
    return _grid_tables(layers, Texts.of), versions[county]


def load_columns(county: str) -> tuple[dict[str, pa.Table], CountyVersion]:
    """The electrical layers of one county as Arrow columns, sorted by id, and its version at that moment.

    No Python string is made. Every table has its layer's columns by their names in the package: text as
    `large_string` (`sharding.copy.text_bytes` gives its offsets and bytes), numbers as `float64`, truths as
    `bool`, nulls as they are stored. `geom` is flat: `sharding.copy.points` and `lines` give its coordinates.
    Districts come without geometry.

    Raises
    ------
    UnknownId, NotReady
        As `load_tables`.
    """
    layers, versions = read_consistently(_read_layers, [county])
    return {name: sorted_by(rows, "county_code", "id") for name, rows in layers.items()}, versions[county]


def read_tables(cursor: extensions.cursor) -> t.GridTables:
    """All loaded counties' layers as a transaction sees them, its own writes among them."""
    return _grid_tables({layer.name: _read(cursor, layer, None) for layer in ELECTRICAL_LAYERS})


def _read_layers(readers: Readers, counties: Collection[str]) -> Layers:
    if not counties:
        return {layer.name: _read(readers.cursor, layer, []) for layer in ELECTRICAL_LAYERS}
    return read_layers(readers, [layer.name for layer in ELECTRICAL_LAYERS], counties, _read_county)


def _read_county(cursor: extensions.cursor, /, *, layer: str, county: str) -> pa.Table:
    """One layer of one county, by id."""
    return sorted_by(_read(cursor, BY_NAME[layer], [county]), "id")


def _read(cursor: extensions.cursor, layer: Layer, counties: Collection[str] | None) -> pa.Table:
    types = arrow_types(layer)
    geometry: dict[str, sql.Composable] = {}
    if layer.geometry in _FLAT:
        types[GEOMETRY] = _FLAT[layer.geometry]
        geometry[GEOMETRY] = sql.Identifier(GEOMETRY)
    if counties is None or len(counties) != 1:
        return copy_out(cursor, select_layer(layer, geometry, counties), types)
    # One county's code is known: a tenth of the bytes that need not travel.
    place, of_code = list(types).index(_COUNTY), types.pop(_COUNTY)
    query = select_layer(layer, geometry, counties, without=_COUNTY)
    rows = copy_out(cursor, query, types)
    (county,) = counties
    codes = pa.repeat(pa.scalar(county, of_code), len(rows))
    return rows.add_column(place, _COUNTY, codes)


def _grid_tables(layers: Mapping[str, pa.Table], text: Callable[[Any], t.Text] = texts) -> t.GridTables:
    columns = {layer.name: _columns(layer, layers[layer.name], text) for layer in ELECTRICAL_LAYERS}
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


def _columns(layer: Layer, rows: pa.Table, text: Callable[[Any], t.Text]) -> dict[str, Any]:
    rows = sorted_by(rows, "county_code", "id")
    columns: dict[str, Any] = {}
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
            columns["county" if column.name == "county_code" else column.name] = text(values)
    if layer.geometry == "Point":
        columns["xy"] = points(rows[GEOMETRY])
    elif layer.geometry == "LineString":
        columns["offsets"], columns["coords"] = lines(rows[GEOMETRY])
    return columns


def _masks(values: Any, absent: int) -> t.Masks:
    coded = pc.fill_null(values, "").combine_chunks().dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.unify_dictionaries().combine_chunks()
    known = np.array(
        [t.given_phases(text, absent=absent) for text in coded.dictionary.to_pylist()], dtype=np.uint8
    )
    return known[coded.indices.to_numpy()] if len(coded) else np.empty(0, dtype=np.uint8)
