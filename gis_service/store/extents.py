"""Where the rows of a layer lie, county by county: how many there are, and the box around them.

For the layers that the engine does not hold in memory. Costs a pass over the layer in each county asked for,
so it is for the caller to keep.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from psycopg2 import sql

from gis_service.store.database import in_transaction
from gis_service.store.schema import GEOMETRY, in_counties


class Extent(NamedTuple):
    """Rows of a layer in one county; `box` is west, south, east, north, None where none has a place."""

    rows: int
    box: tuple[float, float, float, float] | None


def layer_extents(layer: str, counties: Collection[str]) -> dict[str, Extent]:
    """The extent of a layer in each of these counties, sorted; a county without rows has none.

    The box may be a little wider than the rows, never narrower. Asks the shards of these counties alone.

    Raises
    ------
    NotReady
        When the database does not answer.
    """
    code = "code" if layer == "county" else "county_code"
    place = sql.Identifier(GEOMETRY)
    box = sql.SQL(", ").join(
        sql.SQL("{}(ST_Extent({}))").format(sql.SQL(edge), place)
        for edge in ("ST_XMin", "ST_YMin", "ST_XMax", "ST_YMax")
    )
    query = sql.SQL("SELECT {}, count(*), {} FROM {}").format(
        sql.Identifier(code), box, sql.Identifier(layer)
    )
    query += in_counties(counties, code) + sql.SQL(" GROUP BY 1")
    with in_transaction(read_only=True) as cursor:
        cursor.execute(query)
        rows = sorted(cursor.fetchall())
    return {
        county: Extent(count, None if west is None else (west, *edges))
        for county, count, west, *edges in rows
    }
