"""A layer over one table with `(county_code, id)` and `geom` in PostGIS, spread over shards or not.

Every query names its counties as literals, so that a cluster asks only the shards that hold them: those that
a box meets, or as few as hold the page. They are read node by node, so that one that does not answer costs
its own features and no others. Whole rows never travel: columns are named one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from psycopg2 import DataError, extensions, sql

from layers.filter.statement import Told, condition
from layers.filter.tree import is_live
from layers.geojson_columns import Features, Geometries, column_of
from layers.row_estimate import planned_rows
from layers.source import (
    BadQuery,
    Box,
    Count,
    Counties,
    Description,
    FieldType,
    GeometryType,
    Key,
    Page,
    Query,
    Unreachable,
    within,
)
from sharding.copy import LINE, POINT, copy_out, lines, points, sorted_by

ReadOf = Callable[[extensions.cursor, Collection[str]], pa.Table]
ReadByNode = Callable[[Collection[str], ReadOf], tuple[list[pa.Table], Collection[str]]]
RowsByCounty = Callable[[Box | None], Mapping[str, int]]
CountiesOfId = Callable[[str], Collection[str]]
ExtentOf = Callable[[Counties], Box | None]

_GEOMETRY = "geom"
_FLAT = {"Point": POINT, "LineString": LINE}
_NOTHING = {"Polygon": shapely.Polygon(), "MultiPolygon": shapely.MultiPolygon()}
_TYPES: dict[FieldType, Any] = {
    "string": pa.large_string(),
    "number": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
}


@dataclass(frozen=True)
class CountyTable:
    """One table as a layer; the key and the county are among its fields.

    Parameters
    ----------
    read
        Reads counties node by node: what was read, and the counties whose node did not answer.
    rows_by_county
        The counties that can hold features meeting a box (any features, without one), and how many features
        each holds. A county too many costs time, one too few loses features.
    counties_of_id
        The counties that can hold the feature of an id, likewise.
    extent_of
        A box around the layer in some counties, from whoever knows it cheaply.
    key
        The column of the id; `county_code` beside it except in the table of counties itself.
    told
        How some columns are told where that is not how they are stored; in conditions as well.
    """

    description: Description
    read: ReadByNode
    rows_by_county: RowsByCounty
    counties_of_id: CountiesOfId
    extent_of: ExtentOf
    key: str = "id"
    told: Told = field(default_factory=dict)

    @property
    def _county_name(self) -> str:
        return "code" if self.description.id == "county" else "county_code"

    @property
    def _county(self) -> sql.Identifier:
        return sql.Identifier(self._county_name)

    def extent(self, counties: Counties = None) -> Box | None:
        """A box around the layer, as `extent_of` knows it."""
        return self.extent_of(counties)

    def page(self, query: Query) -> Page:
        """Features by (county, id)."""
        conditions = self._conditions(query)
        parts: list[pa.Table] = []
        away: set[str] = set()
        left = query.limit + 1
        for counties in self._portions(query):
            part, lost = self._select(counties, conditions, left)
            parts.append(part)
            away.update(lost)
            left -= len(part)
            if not left:
                break
        missing = tuple(sorted(away))
        sifted = query.where is not None
        rows = pa.concat_tables(parts or [self._schema().empty_table()]).combine_chunks()
        if len(rows) <= query.limit:
            return Page(self._features(rows), None, missing, sifted)
        last = Key(rows[self._county_name][query.limit - 1].as_py(), rows[self.key][query.limit - 1].as_py())
        return Page(self._features(rows.slice(0, query.limit)), last, missing, sifted)

    def count(self, query: Query, most: int) -> Count | None:
        """As many as the counties are known to hold, or by counting no further than `most`.

        Beyond that the planner's estimate is told.
        """
        held = self.rows_by_county(query.box)
        counties = within(held, query.counties)
        if query.box is None and query.where is None:
            return Count(sum(held[county] for county in counties), True)
        if not counties:
            return Count(0, True)
        conditions = self._conditions(replace(query, after=None))

        def read(cursor: extensions.cursor, some: Collection[str]) -> pa.Table:
            rows = sql.SQL("SELECT 1 FROM {} WHERE {}").format(
                sql.Identifier(self.description.id), self._all(some, conditions)
            )
            cursor.execute(
                sql.SQL("SELECT count(*) FROM ({} LIMIT {}) AS found").format(rows, sql.Literal(most + 1))
            )
            ((number,),) = cursor.fetchall()
            planned = planned_rows(cursor, rows) if number > most else 0
            return pa.table({"number": [number], "planned": [max(number, planned)]})

        parts, away = self._asked(counties, read)
        if away:
            return None
        number = sum(part["number"][0].as_py() for part in parts)
        if number <= most:
            return Count(number, True)
        return Count(sum(part["planned"][0].as_py() for part in parts), False)

    def feature(self, id: str, counties: Counties = None) -> Features | None:
        """The feature of an id; asks the county that holds it, or every county where nobody knows which.

        One of a county that is not among these is not looked for: its answer is that of an unknown id.

        Raises
        ------
        Unreachable
            When no county that answers has it, and others do not answer.
        """
        asked = within(self.counties_of_id(id), counties)
        if not asked:
            return None
        wanted = sql.SQL("{} = {}").format(sql.Identifier(self.key), sql.Literal(id))
        rows, away = self._select(asked, [wanted], 1)
        if away and not len(rows):
            raise Unreachable(
                f"county {', '.join(sorted(away))} may hold {id!r} of {self.description.id}, and its node "
                f"does not answer: ask again when it is back"
            )
        return self._features(rows) if len(rows) else None

    def by_county(self, counties: Collection[str]) -> tuple[dict[str, Features], Collection[str]]:
        """All features of some counties, each by id, and those of the counties that do not answer."""
        rows, away = self._select(counties, (), None)
        rows = rows.combine_chunks()
        found = {county: self._features(rows.slice(0, 0)) for county in counties if county not in away}
        runs = pc.run_end_encode(rows[self._county_name].combine_chunks().cast(pa.string()))
        first = 0
        for county, stop in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
            # a copy: a slice would keep the rows of all the others
            whole = stop - first == len(rows)
            found[county] = self._features(rows if whole else rows.take(pa.array(range(first, stop))))
            first = stop
        return found, away

    def _portions(self, query: Query) -> Iterator[list[str]]:
        """Counties to ask, in the order of pages, until the page is full.

        All that a box meets together, for they answer at the same time; without a box only as many as should
        hold the page, and then the next. Of a condition nobody knows how much it keeps: then it is asked of
        twice as many counties each time.
        """
        held = self.rows_by_county(query.box)
        first = "" if query.after is None else query.after.county
        left = sorted(county for county in within(held, query.counties) if county >= first)
        least = 0
        while left:
            taken = len(left)
            if query.box is None:
                taken = expected = 0
                while taken < len(left) and (expected <= query.limit or taken < least):
                    # of the county that the page begins in, nobody knows how many are left
                    expected += 0 if left[taken] == first else held[left[taken]]
                    taken += 1
            yield left[:taken]
            left = left[taken:]
            least = 0 if query.where is None else 2 * taken

    def _conditions(self, query: Query) -> list[sql.Composable]:
        conditions: list[sql.Composable] = []
        if query.box is not None:
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
        if query.where is not None:
            if is_live(query.where):
                raise TypeError("what is live is in no table")
            conditions.append(condition(query.where, self.told))
        return conditions

    def _all(self, counties: Collection[str], conditions: Collection[sql.Composable]) -> sql.Composable:
        listed = sql.SQL(", ").join(map(sql.Literal, sorted(counties)))
        return sql.SQL(" AND ").join([sql.SQL("{} IN ({})").format(self._county, listed), *conditions])

    def _asked(self, counties: Collection[str], read: ReadOf) -> tuple[list[pa.Table], Collection[str]]:
        try:
            return self.read(counties, read)
        except DataError as error:
            raise BadQuery(
                f"filter: cannot be worked out for every feature ({error.diag.message_primary}); "
                f"ask with smaller numbers"
            ) from None

    def _schema(self) -> pa.Schema:
        fields = [(field.name, _TYPES[field.type]) for field in self.description.fields]
        return pa.schema([*fields, (_GEOMETRY, _FLAT.get(self.description.geometry, pa.large_binary()))])

    def _select(
        self, counties: Collection[str], conditions: Collection[sql.Composable], limit: int | None
    ) -> tuple[pa.Table, Collection[str]]:
        """The first rows of these counties (limit None: all), and those counties that could not be read."""
        schema = self._schema()

        def read(cursor: extensions.cursor, some: Collection[str]) -> pa.Table:
            statement = sql.SQL("SELECT {} FROM {} WHERE {} ORDER BY {}, {} LIMIT {}").format(
                sql.SQL(", ").join(map(self._column, schema.names)),
                sql.Identifier(self.description.id),
                self._all(some, conditions),
                self._county,
                sql.Identifier(self.key),
                sql.Literal(limit),
            )
            return copy_out(cursor, statement, dict(zip(schema.names, schema.types, strict=True)))

        parts, away = self._asked(counties, read)
        if len(parts) == 1:
            return parts[0], away
        rows = pa.concat_tables(parts) if parts else schema.empty_table()
        return sorted_by(rows, self._county_name, self.key).slice(0, limit), away

    def _column(self, name: str) -> sql.Composable:
        told = self.told.get(name)
        return (
            sql.Identifier(name) if told is None else sql.SQL("{} AS {}").format(told, sql.Identifier(name))
        )

    def _features(self, rows: pa.Table) -> Features:
        properties = {field.name: column_of(rows[field.name]) for field in self.description.fields}
        return Features(
            _geometries(self.description.geometry, rows[_GEOMETRY]), properties, properties[self.key]
        )


def _geometries(kind: GeometryType, column: Any) -> Geometries:
    if kind == "Point":
        return Geometries.points(points(column))
    if kind == "LineString":
        return Geometries.lines(*lines(column))
    shapes = np.asarray(shapely.from_wkb(column.to_numpy()), dtype=object)
    # an empty polygon is written as none at all
    shapes[shapely.is_missing(shapes)] = _NOTHING[kind]
    if not len(shapes):
        return Geometries.nowhere(0)
    _, coords, offsets = shapely.to_ragged_array(shapes)
    make: Callable[..., Geometries] = (
        Geometries.of_polygons if kind == "Polygon" else Geometries.of_multipolygons
    )
    return make(*reversed(offsets), coords)
