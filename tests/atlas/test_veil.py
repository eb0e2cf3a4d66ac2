"""References that lead out of the counties that are seen; expected from the text of the grid, id by id."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis_service.atlas import Atlas
from gis_service.atlas.veil import REFERENCES
from gis_service.engine import Engine
from gis_service.engine.columns import table_of
from gis_service.engine.following.current import CurrentWorld
from gis_service.engine.following.held import HeldTables
from gis_service.network.tables import GridTables
from layers.sheet import Sight
from layers.source import Box
from tests.atlas.read import values_of
from tests.strategies import cut_grids

WORLD = Box(-180, -90, 180, 90)
REFERRED = {
    "from_node": "connectivity_node",
    "to_node": "connectivity_node",
    "node_id": "connectivity_node",
    "district_id": "transformer_district",
    "transformer_id": "power_transformer",
}


@pytest.mark.parametrize("layer", ["line_section", "switch", "power_transformer", "customer_point"])
@given(
    tables=cut_grids().map(lambda it: it[1]),
    seen=st.frozensets(st.sampled_from(["450101", "450102", "450103"])),
)
def test_a_reference_is_told_to_those_who_may_see_what_it_leads_to(
    layer: str, tables: GridTables, seen: frozenset[str]
) -> None:
    table, fields = table_of(tables, layer), REFERENCES[layer]
    county_of = {
        other: dict(zip(table_of(tables, other).id, table_of(tables, other).county, strict=True))
        for other in REFERRED.values()
    }
    expected = [
        tuple(
            id if id and county_of[REFERRED[field]].get(id) in seen else None
            for field, id in zip(fields, ids, strict=True)
        )
        for county, *ids in zip(table.county, *(getattr(table, field) for field in fields), strict=True)
        if county in seen
    ]
    atlas = Atlas(Engine(CurrentWorld(HeldTables(tables))))
    patches = atlas.look(layer, Sight(WORLD, fields, counties=seen)).patches
    told = [
        row
        for patch in patches
        for row in zip(*(values_of(patch.columns[field], patch.rows) for field in fields), strict=True)
    ]
    assert told == expected
    everything = atlas.look(layer, Sight(WORLD, fields)).patches
    assert sum(np.size(patch.rows) for patch in everything) == len(table)
