"""Layers made by hand out of GeoDataFrames, for tests that need no engine: looked up by shapely's boxes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from layers.geojson_columns import Column, Features, Geometries, NumberColumn, TextColumn, column_of
from layers.sheet import Patch, Seen, Sight
from layers.source import Box, Counties, Description, Field, Page, Query

LIVE = ("energised", "open")


@dataclass(frozen=True, eq=False)
class Handmade:
    """A layer of one GeoDataFrame in lon/lat with `id` and `county_code`; `absent` counties are away."""

    name: str
    frame: gpd.GeoDataFrame
    absent: tuple[str, ...] = ()
    looked: list[Sight] = field(default_factory=list)

    @property
    def description(self) -> Description:
        kind: Any = self.frame.geom_type.iloc[0] if len(self.frame) else "Point"
        fields = tuple(
            Field(
                str(column),
                "string" if column_of(self.frame[column].to_numpy()).__class__ is TextColumn else "number",
            )
            for column in self.frame.columns.drop("geometry")
        )
        return Description(
            self.name, self.name.replace("_", " ").title(), f"{self.name} by hand.", kind, fields
        )

    def extent(self, counties: Counties = None) -> Box | None:
        return Box(*self.frame.total_bounds.tolist()) if len(self.frame) else None

    def page(self, query: Query) -> Page:
        raise NotImplementedError

    def feature(self, id: str, counties: Counties = None) -> Features | None:
        return None

    def stamp(self, sight: Sight) -> str:
        return f"{len(self.frame)}:{sight.moment}"

    def look(self, sight: Sight) -> Seen:
        self.looked.append(sight)
        found = []
        for county, rows in self.frame.groupby("county_code"):
            if county in self.absent or (sight.counties is not None and county not in sight.counties):
                continue
            bounds = rows.bounds.to_numpy()
            box = sight.box
            meets = (
                (bounds[:, 0] <= box.east)
                & (bounds[:, 2] >= box.west)
                & (bounds[:, 1] <= box.north)
                & (bounds[:, 3] >= box.south)
            )
            places = np.flatnonzero(meets)
            found.append(
                Patch(
                    str(county),
                    places,
                    geometries_of(rows.geometry.to_numpy()),
                    _text(rows["id"].to_numpy()),
                    _columns(rows, sight.fields),
                    {
                        name: column
                        for name, column in _columns(rows.iloc[places], LIVE).items()
                        if name in sight.fields and isinstance(column, NumberColumn)
                    },
                )
            )
        return Seen(
            found, tuple(code for code in self.absent if sight.counties is None or code in sight.counties)
        )


def _columns(rows: gpd.GeoDataFrame, names: Collection[str]) -> Mapping[str, Column]:
    return {name: column_of(rows[name].to_numpy()) for name in names if name in rows}


def _text(values: Any) -> TextColumn:
    column = column_of(values.astype(object))
    assert isinstance(column, TextColumn)
    return column


def geometries_of(shapes: Any) -> Geometries:
    """Geometries of shapely's, all of one kind."""
    ragged: Any = shapely.to_ragged_array(shapes)
    kind, coords, offsets = ragged
    if kind == shapely.GeometryType.POINT:
        return Geometries.points(coords)
    if kind == shapely.GeometryType.LINESTRING:
        return Geometries.lines(offsets[0], coords)
    if kind == shapely.GeometryType.MULTILINESTRING:
        return Geometries.of_multilines(offsets[1], offsets[0], coords)
    if kind == shapely.GeometryType.POLYGON:
        return Geometries.of_polygons(offsets[1], offsets[0], coords)
    return Geometries.of_multipolygons(offsets[2], offsets[1], offsets[0], coords)
