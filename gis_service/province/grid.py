"""A county's Arrow tables as the columns that the network is built from, with no file and no Python string.

Takes what `generate` yields (or such tables of several counties, one after another). Geometry is
little-endian WKB as written here; anything else is the grid package's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gis_service.ingest.spec import BY_NAME
from gis_service.network import tables as t
from gis_service.network.columns import Coded, Repeated, Texts
from gis_service.province.tables import GEOMETRY

_CODED = {"construction", "kind", "customer_class", "critical_grade", "feeder_id", "substation_id"}
_POINT_BYTES, _LINE_HEAD = 21, 9


def grid_tables(layers: Mapping[str, pa.Table]) -> t.GridTables:
    """The electrical layers as `GridTables`: identifiers as bytes, few words as codes, numbers as arrays.

    Cost: one pass over the bytes; at most a fifth of a second for each 100,000 customers.
    """
    return t.GridTables(
        substations=t.Substations(**_columns("substation", layers)),
        nodes=t.Nodes(**_columns("connectivity_node", layers)),
        sources=t.Sources(**_columns("energy_source", layers)),
        lines=t.Lines(**_columns("line_section", layers)),
        switches=t.Switches(**_columns("switch", layers)),
        transformers=t.Transformers(**_columns("power_transformer", layers)),
        districts=t.Districts(**_columns("transformer_district", layers)),
        customers=t.Customers(**_columns("customer_point", layers)),
    )


def together(counties: Iterable[Mapping[str, pa.Table]]) -> dict[str, pa.Table]:
    """The layers of several counties, one after another, for `grid_tables` of all of them."""
    parts = list(counties)
    return {layer: pa.concat_tables([one[layer] for one in parts]) for layer in BY_NAME}


def _columns(layer: str, layers: Mapping[str, pa.Table]) -> dict[str, Any]:
    rows = layers[layer].combine_chunks()
    found: dict[str, Any] = {}
    for column in BY_NAME[layer].columns:
        values = _whole(rows[column.name])
        if column.name == "county_code":
            found["county"] = _counties(values)
        elif column.name == "phases":
            found["phases"] = _masks(values, absent=0 if layer == "customer_point" else t.ALL_PHASES)
        elif column.name in _CODED:
            found[column.name] = Coded.of(values)
        elif column.type == "float":
            found[column.name] = pc.fill_null(values, np.nan).to_numpy(zero_copy_only=False)
        elif column.type == "bool":
            found[column.name] = pc.fill_null(values, False).to_numpy(zero_copy_only=False)
        else:
            found[column.name] = (
                Repeated("", len(rows)) if values.null_count == len(rows) else Texts.of(values)
            )
    kind = BY_NAME[layer].geometry
    if kind == "Point":
        found["xy"] = _points(_whole(rows[GEOMETRY]))
    elif kind == "LineString":
        found["offsets"], found["coords"] = _lines(_whole(rows[GEOMETRY]))
    return found


def _whole(values: pa.ChunkedArray) -> pa.Array:
    return values.chunk(0) if values.num_chunks == 1 else pa.concat_arrays(values.chunks)


def _counties(values: pa.Array) -> Any:
    known = pc.unique(values).to_pylist()
    return Repeated(known[0], len(values)) if len(known) == 1 else Coded.of(values)


def _masks(values: pa.Array, *, absent: int) -> t.Masks:
    coded = Coded.of(values)
    known = np.array([t.phase_mask(word, absent=absent) for word in coded.words], np.uint8)
    return known[coded.codes] if len(coded) else np.empty(0, np.uint8)


def _bytes(values: pa.Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Offsets from zero and the bytes of a binary array."""
    _, at, data = values.buffers()
    offsets = np.frombuffer(at, np.int32)[values.offset : values.offset + len(values) + 1].astype(np.int64)
    held = np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]]
    return offsets - offsets[0], held


def _points(values: pa.Array) -> t.Floats:
    if not len(values):
        return np.empty((0, 2))
    _, data = _bytes(values)
    return np.ascontiguousarray(data.reshape(-1, _POINT_BYTES)[:, 5:]).view("<f8").reshape(-1, 2)


def _lines(values: pa.Array) -> tuple[t.Offsets, t.Floats]:
    if not len(values):
        return np.zeros(1, np.int64), np.empty((0, 2))
    at, data = _bytes(values)
    count = (np.diff(at) - _LINE_HEAD) // 16
    head = np.zeros(data.size, np.bool_)
    head[(at[:-1, None] + np.arange(_LINE_HEAD)).ravel()] = True
    coords = np.ascontiguousarray(data[~head]).view("<f8").reshape(-1, 2)
    return np.concatenate([[0], np.cumsum(count)]), coords
