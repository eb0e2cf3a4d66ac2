"""A layer over one table with `(county_code, id)` and `geom` in PostGIS, spread over shards or not.

Every query names its counties as literals, so that a cluster asks only the shards that hold them; without a
box it fans out. Whole rows never travel: columns are named one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from psycopg2 import extensions, sql

from layers.source import Box, Description, FeatureRow, Key, Page, Query

Transaction = Callable[[], AbstractContextManager[extensions.cursor]]
CountiesOf = Callable[[Box], Collection[str]]
ExtentOf = Callable[[], Box | None]


@dataclass(frozen=True)
class CountyTable:
    """One table as a layer.

    Parameters
    ----------
    transaction
        Opens a read-only transaction and gives its cursor.
    counties_of
        The counties that can hold features meeting a box; a county too many costs time, one too few loses
        features.
    extent_of
        A box around the whole layer, from whoever knows it cheaply.
    key
        The column of the id; `county_code` beside it except in the table of counties itself.
    """

    description: Description
    transaction: Transaction
    counties_of: CountiesOf
    extent_of: ExtentOf
    key: str = "id"

    @property
    def _county(self) -> sql.Identifier:
        return sql.Identifier("code" if self.description.id == "county" else "county_code")

    def extent(self) -> Box | None:
        """A box around the layer, as `extent_of` knows it."""
        return self.extent_of()

    def page(self, query: Query) -> Page:
        """Features by (county, id)."""
        conditions: list[sql.Composable] = []
        if query.box is not None:
            counties = self.counties_of(query.box)
            if not counties:
                return Page((), more=False)
            listed = sql.SQL(", ").join(map(sql.Literal, sorted(counties)))
            conditions.append(sql.SQL("{} IN ({})").format(self._county, listed))
            boxes = [
                sql.SQL("ST_Intersects(geom, ST_MakeEnvelope({}, 4326))").format(
                    sql.SQL(", ").join(map(sql.Literal, part))
                )
                for part in query.box.parts()
            ]
            conditions.append(sql.SQL("({})").format(sql.SQL(" OR ").join(boxes)))
        if query.after is not None:
            conditions.append(
                sql.SQL("({}, {}) > ({}, {})").format(
                    self._county,
                    sql.Identifier(self.key),
                    sql.Literal(query.after.county),
                    sql.Literal(query.after.id),
                )
            )
        rows = self._select(conditions, query.limit + 1)
        return Page(rows[: query.limit], more=len(rows) > query.limit)

    def feature(self, id: str) -> FeatureRow | None:
        """The feature of an id; asks every shard for one row by its index."""
        rows = self._select([sql.SQL("{} = {}").format(sql.Identifier(self.key), sql.Literal(id))], 1)
        return rows[0] if rows else None

    def _select(self, conditions: Collection[sql.Composable], limit: int) -> list[FeatureRow]:
        names = [field.name for field in self.description.fields]
        where = sql.SQL(" WHERE {}").format(sql.SQL(" AND ").join(conditions)) if conditions else sql.SQL("")
        statement = sql.SQL("SELECT {}, {}, ST_AsGeoJSON(geom), {} FROM {}{} ORDER BY 1, 2 LIMIT {}").format(
            self._county,
            sql.Identifier(self.key),
            sql.SQL(", ").join(map(sql.Identifier, names)),
            sql.Identifier(self.description.id),
            where,
            sql.Literal(limit),
        )
        with self.transaction() as cursor:
            cursor.execute(statement)
            found: list[tuple[Any, ...]] = cursor.fetchall()
        return [
            FeatureRow(Key(county, id), dict(zip(names, values, strict=True)), geometry)
            for county, id, geometry, *values in found
        ]
