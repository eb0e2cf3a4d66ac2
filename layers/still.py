"""A layer of features that do not change while the process runs: a table and its shapes, held in memory.

Knows shapes in lon/lat and columns of Arrow; not where they were read. Such a layer belongs to no county:
it is background, the same for everybody, and so it pays no heed to the counties or the moment of a question.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely
import xxhash

from compiling import I64
from layers.geojson_columns import Column, Features, Geometries, TextColumn, column_of
from layers.sheet import Patch, Seen, Sight
from layers.source import Box, Count, Counties, Description, GeometryType, Key, Page, Query

NO_COUNTY = ""
"""What stands for the county in keys and patches of features that have none."""

Shapes = npt.NDArray[np.object_]

_EMPTY = {
    "Point": shapely.Point(),
    "LineString": shapely.LineString(),
    "MultiLineString": shapely.MultiLineString(),
    "Polygon": shapely.Polygon(),
    "MultiPolygon": shapely.MultiPolygon(),
}


class StillLayer:
    """Features in the order of their ids.

    Parameters
    ----------
    description
        The fields are the columns of `table`, in its order.
    ids
        Ascending texts, each once.
    shapes
        Shapely geometries of the one kind that the description names, lon/lat, or None.
    table
        The stored fields.

    Raises
    ------
    ValueError
        When ids, shapes and table differ in length, or ids do not ascend.
    """

    def __init__(self, description: Description, ids: list[str], shapes: Shapes, table: pa.Table) -> None:
        if not len(ids) == len(shapes) == len(table):
            raise ValueError(f"{len(ids)} ids, {len(shapes)} shapes and {len(table)} rows are no layer")
        if any(first >= second for first, second in pairwise(ids)):
            raise ValueError("the ids of a still layer ascend, and each stands once")
        self._description = description
        self._ids = np.array(ids, dtype=object)
        self._table = table
        self._shapes = shapes.copy()
        self._shapes[shapely.is_missing(shapes)] = _EMPTY[description.geometry]
        self._tree = shapely.STRtree(self._shapes)

    @property
    def description(self) -> Description:
        """What the layer is."""
        return self._description

    def extent(self, counties: Counties = None) -> Box | None:  # noqa: ARG002  # of no county
        """A box around all features; None where none of them is anywhere."""
        box = shapely.total_bounds(self._shapes)
        return None if np.isnan(box).any() else Box(*map(float, box))

    def page(self, query: Query) -> Page:
        """Features by id; whoever asks sifts them by a condition."""
        rows = self._asked_for(query)
        if query.after is not None and query.after.county == NO_COUNTY:
            rows = rows[rows >= int(np.searchsorted(self._ids, query.after.id, side="right"))]
        elif query.after is not None:
            rows = rows[:0]  # every county comes after none
        taken = rows[: query.limit]
        last = Key(NO_COUNTY, self._ids[taken[-1]]) if len(rows) > len(taken) > 0 else None
        return Page(self._features(taken), last)

    def count(self, query: Query, most: int) -> Count | None:  # noqa: ARG002  # counting costs nothing
        """How many features meet the box; not known where there is a condition."""
        return None if query.where is not None else Count(len(self._asked_for(query)), True)

    def feature(self, id: str, counties: Counties = None) -> Features | None:  # noqa: ARG002  # of none
        """The feature of that id alone, or None."""
        row = int(np.searchsorted(self._ids, id))
        if row == len(self._ids) or self._ids[row] != id:
            return None
        return self._features(np.array([row]))

    def look(self, sight: Sight) -> Seen:
        """What lies in a box, as one patch of no county."""
        rows = self._rows_at(sight.box, None)
        fields = {name: self._columns[name] for name in sight.fields if name in self._columns}
        return Seen([Patch(NO_COUNTY, rows, self._geometries, self._id_column, fields)])

    def stamp(self, sight: Sight) -> str:  # noqa: ARG002  # nothing that is looked at changes
        """The same text for as long as the features are the same, over restarts as well."""
        return self._stamp

    def _asked_for(self, query: Query) -> I64:
        """Rows whose shape, and not only the box around it, meets the box."""
        return np.arange(len(self._ids)) if query.box is None else self._rows_at(query.box, "intersects")

    def _rows_at(self, box: Box, predicate: Literal["intersects"] | None) -> I64:
        found = [self._tree.query(shapely.box(*part), predicate=predicate) for part in box.parts()]
        return np.unique(np.concatenate(found)).astype(np.int64)

    def _features(self, rows: I64) -> Features:
        columns = {
            name: column_of(self._table[name].take(pa.array(rows))) for name in self._table.column_names
        }
        ids = column_of(self._ids[rows])
        return Features(geometries_of(self._description.geometry, self._shapes[rows]), columns, ids)

    @cached_property
    def _geometries(self) -> Geometries:
        return geometries_of(self._description.geometry, self._shapes)

    @cached_property
    def _columns(self) -> dict[str, Column]:
        return {name: column_of(self._table[name]) for name in self._table.column_names}

    @cached_property
    def _id_column(self) -> TextColumn:
        column = column_of(self._ids)
        assert isinstance(column, TextColumn)
        return column

    @cached_property
    def _stamp(self) -> str:
        digest = xxhash.xxh3_64()
        for shape in shapely.to_wkb(self._shapes):
            digest.update(shape)
        digest.update("\0".join(self._ids).encode())
        digest.update(repr(self._table.to_pydict()).encode())
        return digest.hexdigest()


def geometries_of(kind: GeometryType, shapes: Shapes) -> Geometries:
    """Shapes of one kind as flat arrays; an empty shape has no coordinates."""
    if not len(shapes):
        return Geometries.nowhere(0)
    found, coords, parts = shapely.to_ragged_array(shapes)
    offsets: tuple[Any, ...] = parts
    if kind == "MultiPolygon" and found == shapely.GeometryType.POLYGON:
        offsets = (*offsets, np.arange(len(shapes) + 1))
    if kind == "MultiLineString" and found == shapely.GeometryType.LINESTRING:
        offsets = (*offsets, np.arange(len(shapes) + 1))
    make: dict[GeometryType, Callable[..., Geometries]] = {
        "Point": Geometries.points,
        "LineString": Geometries.lines,
        "MultiLineString": Geometries.of_multilines,
        "Polygon": Geometries.of_polygons,
        "MultiPolygon": Geometries.of_multipolygons,
    }
    return make[kind](*reversed(offsets), coords)
