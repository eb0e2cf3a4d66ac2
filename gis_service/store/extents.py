"""Where the rows of a layer lie, county by county: how many there are, and the box around them.

For the layers that the engine does not hold in memory. Costs a pass over the layer in each county asked for,
so it is for the caller to keep.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from psycopg2 import extensions, sql

from gis_service.store.by_node import read_by_node
from gis_service.store.database import in_transaction
from gis_service.store.schema import GEOMETRY, in_counties


class Extent(NamedTuple):
    """Rows of a layer in one county; `box` is west, south, east, north, None where none has a place."""

    rows: int
    box: tuple[float, float, float, float] | None


def layer_extents(layer: str, counties: Collection[str]) -> tuple[dict[str, Extent], dict[str, str]]:
    """The extent of a layer in each of these counties; a county without rows has none.

    And the counties whose node did not answer, with the reason.

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

    def read(cursor: extensions.cursor, some: Collection[str]) -> list[tuple[Any, ...]]:
        cursor.execute(query + in_counties(some, code) + sql.SQL(" GROUP BY 1"))
        return cursor.fetchall()

    away: dict[str, str] = {}
    if layer == "county":  # which lies on every node, the coordinator too
        with in_transaction(read_only=True, one_statement=True) as cursor:
            parts = [read(cursor, counties)]
    else:
        parts, away = read_by_node(counties, read, one_statement=True)
    rows = sorted(row for part in parts for row in part)
    found = {
        county: Extent(count, None if west is None else (west, *edges))
        for county, count, west, *edges in rows
    }
    return found, away
