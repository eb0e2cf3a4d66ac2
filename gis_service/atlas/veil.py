"""References that lead out of the counties a caller may see: which they are, and columns without them.

An element that reaches over a border is shown by its own county; the id of what it reaches to is the other's.
What is referred to and not known in the world is taken for another county's.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gis_service.engine.columns import EDGE_LAYERS, table_of
from gis_service.engine.live import Bools
from gis_service.engine.world import World
from gis_service.kernels.compiled import I64
from gis_service.network.columns import runs
from gis_service.network.tables import Table
from layers.geojson_columns import Column, TextColumn
from layers.source import Counties

REFERENCES = {
    "line_section": ("from_node", "to_node"),
    "switch": ("from_node", "to_node"),
    "power_transformer": ("from_node", "to_node"),
    "transformer_district": ("transformer_id",),
    "customer_point": ("node_id", "district_id"),
}
"""Layer → the fields that name an element of another layer."""


def veiled(
    world: World, layer: str, rows: I64, columns: Mapping[str, Column], counties: frozenset[str]
) -> dict[str, Column]:
    """The columns of some rows with null for each reference to an element of a county that is not seen.

    Parameters
    ----------
    rows
        The rows of the world's table that the columns tell of, int64; -1 where it has none.
    columns
        Aligned with the rows; those without references are given back as they are.
    """
    found = dict(columns)
    for field in REFERENCES.get(layer, ()):
        column = columns.get(field)
        if isinstance(column, TextColumn):
            seen = _seen(world, layer, field, rows, counties)
            if not seen.all():
                kept = np.flatnonzero(seen)
                codes = np.full(rows.size, -1, np.int32)
                codes[kept] = kept if column.codes is None else column.codes[kept]
                found[field] = TextColumn(column.offsets, column.data, codes)
    return found


def shown(rows: I64, table: Table, counties: Counties) -> I64:
    """Those of some rows of a table that belong to the counties."""
    if counties is None or not rows.size:
        return rows
    return rows[np.array([one in counties for one in table.county[rows].tolist()], np.bool_)]


def _seen(world: World, layer: str, field: str, rows: I64, counties: frozenset[str]) -> Bools:
    """Whether what a field of some rows names is an element of the counties."""
    known = np.flatnonzero(rows >= 0)
    other, referred = _referred(world, layer, field, rows[known])
    found = runs(table_of(world.topology.tables, other).county)
    firsts = np.array([first for _, first, _ in found], np.int64)
    theirs = np.array([county in counties for county, _, _ in found], np.bool_)
    seen = np.zeros(rows.size, np.bool_)
    inner = referred >= 0
    seen[known[inner]] = theirs[np.searchsorted(firsts, referred[inner], side="right") - 1]
    return seen


def _referred(world: World, layer: str, field: str, rows: I64) -> tuple[str, I64]:
    """The layer that a field names elements of, and the rows of these; -1 where it names none."""
    topology = world.topology
    if layer in EDGE_LAYERS:
        ends = topology.edge_from if field == "from_node" else topology.edge_to
        return "connectivity_node", ends[topology.first_edge(layer) + rows].astype(np.int64)
    if layer == "transformer_district":
        return "power_transformer", topology.district_transformer[rows].astype(np.int64)
    if field == "node_id":
        return "connectivity_node", topology.customer_node[rows].astype(np.int64)
    return "transformer_district", topology.customer_district[rows].astype(np.int64)
