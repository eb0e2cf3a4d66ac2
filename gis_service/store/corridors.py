"""Corridors and county areas out of the database: what only planning reads, and only where it plans."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pyarrow as pa
import shapely
from psycopg2 import extensions, sql

from gis_service.ingest.spec import BY_NAME
from gis_service.network.texts import Texts
from gis_service.planning.corridors import UNKNOWN, Corridors
from gis_service.store.consistent import Layers, read_consistently, read_layers
from gis_service.store.database import in_transaction
from gis_service.store.schema import GEOMETRY, arrow_types, select_layer
from gis_service.store.versions import CountyVersion
from sharding.copy import LINE, copy_out, floats, lines, sorted_by
from sharding.readers import Readers

_CORRIDOR = BY_NAME["corridor"]


def load_corridors(county: str) -> tuple[Corridors, CountyVersion]:
    """The corridors of one county, by id, and the version they were read at; meets that county's shard alone.

    Raises
    ------
    UnknownId
        When it is not loaded.
    CountyAway, NotReady
        When its node, or the database, does not answer.
    """
    layers, versions = read_consistently(_read, [county])
    rows = sorted_by(layers["corridor"], "id")
    text = {name: Texts.of(rows[name]) for name in ("id", "from_vertex", "to_vertex", "kind")}
    ducts = rows["ducts_free"].fill_null(UNKNOWN).to_numpy().astype(np.int64)
    offsets, coords = lines(rows[GEOMETRY])
    made = Corridors(
        county=county,
        cost_per_m=floats(rows["cost_per_m"]),
        ducts_free=ducts,
        offsets=offsets,
        coords=coords,
        **text,
    )
    return made, versions[county]


def county_areas(counties: Collection[str]) -> dict[str, shapely.Geometry]:
    """The area of each of these counties; asks the coordinator alone, which has them all."""
    query = select_layer(BY_NAME["county"], {GEOMETRY: sql.Identifier(GEOMETRY)}, counties)
    types = arrow_types(BY_NAME["county"]) | {GEOMETRY: pa.large_binary()}
    with in_transaction(read_only=True) as cursor:
        rows = copy_out(cursor, query, types)
    shapes = shapely.from_wkb(rows[GEOMETRY].to_numpy(zero_copy_only=False))
    return dict(sorted(zip(rows["code"].to_pylist(), shapes.tolist(), strict=True)))


def _read(readers: Readers, counties: Collection[str]) -> Layers:
    return read_layers(readers, ["corridor"], counties, _read_county)


def _read_county(cursor: extensions.cursor, /, *, layer: str, county: str) -> pa.Table:
    types = arrow_types(BY_NAME[layer]) | {GEOMETRY: LINE}
    geometry: dict[str, sql.Composable] = {GEOMETRY: sql.Identifier(GEOMETRY)}
    return copy_out(cursor, select_layer(_CORRIDOR, geometry, [county]), types)
