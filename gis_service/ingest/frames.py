"""A grid package in memory: one GeoDataFrame per layer, every declared column in its canonical type.

Knows the shape of a package and nothing of files, of the rules between its rows, or of storage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from gis_service.errors import InvalidInput
from gis_service.ingest.columns import coerce, nulls
from gis_service.ingest.spec import BY_NAME, CRS, GEOMETRY, LAYERS, Layer

__all__ = ["CRS", "GEOMETRY", "GridPackage", "assemble", "empty_layer"]


@dataclass(frozen=True)
class GridPackage:
    """All layers of `spec.LAYERS`, lon/lat, columns and types as declared there, geometry in `geom`.

    `notes` are remarks of the reader that refuse nothing, one sentence each.
    """

    layers: dict[str, gpd.GeoDataFrame]
    notes: tuple[str, ...] = ()

    def __getitem__(self, layer: str) -> gpd.GeoDataFrame:
        return self.layers[layer]

    @property
    def counties(self) -> list[str]:
        """Codes of the package's counties, in the order of the layer."""
        return [str(code) for code in self.layers["county"]["code"]]

    @property
    def row_counts(self) -> dict[str, int]:
        """Rows of each layer, in the order of `spec.LAYERS`."""
        return {layer.name: len(self.layers[layer.name]) for layer in LAYERS}

    def rows_by_county(self) -> dict[str, int]:
        """How many elements each county has, by code."""
        rows = dict.fromkeys(sorted(self.counties), 0)
        for name, frame in self.layers.items():
            if name != "county":
                for county, count in frame["county_code"].value_counts().items():
                    rows[str(county)] += int(count)
        return rows

    @staticmethod
    def of(frames: Mapping[str, pd.DataFrame]) -> GridPackage:
        """A package out of loosely typed frames, for importers.

        Missing layers become empty, missing optional columns null, values are brought to their
        canonical type. Frames are in EPSG:4326 or carry no CRS; their geometry may have any name.

        Raises
        ------
        InvalidInput
            For a layer or required column the package does not know, or a value of the wrong type.
        """
        unknown = sorted(set(frames) - set(BY_NAME))
        if unknown:
            raise InvalidInput(f"the grid package has no layer {', '.join(unknown)}")
        return GridPackage({one.name: _framed(one, frames.get(one.name)) for one in LAYERS})


def empty_layer(layer: Layer) -> gpd.GeoDataFrame:
    """A layer without rows."""
    return assemble(layer, {}, np.empty(0, dtype=object))


def assemble(layer: Layer, columns: Mapping[str, pd.Series[Any]], geometry: Any) -> gpd.GeoDataFrame:
    """A layer out of canonical columns and an array of geometries; absent columns become null."""
    data = {
        one.name: columns[one.name] if one.name in columns else nulls(one, len(geometry))
        for one in layer.columns
    }
    frame = pd.DataFrame(data, index=pd.RangeIndex(len(geometry)))
    shapes = gpd.GeoSeries(list(geometry), index=frame.index, crs=CRS)
    return gpd.GeoDataFrame(frame.assign(**{GEOMETRY: shapes}), geometry=GEOMETRY, crs=CRS)


def _framed(layer: Layer, frame: pd.DataFrame | None) -> gpd.GeoDataFrame:
    if frame is None:
        return empty_layer(layer)
    columns = {}
    for one in layer.columns:
        if one.name in frame.columns:
            coerced = coerce(frame[one.name], one)
            if coerced.wrong.any():
                value = frame[one.name].iloc[int(np.flatnonzero(coerced.wrong)[0])]
                raise InvalidInput(f"{layer.name}.{one.name}: {value!r} is not of type {one.type}")
            columns[one.name] = coerced.values
        elif one.required:
            raise InvalidInput(f"{layer.name} needs a column {one.name}")
    if isinstance(frame, gpd.GeoDataFrame):
        geometry = frame.geometry.to_numpy()
    elif GEOMETRY in frame.columns:
        geometry = frame[GEOMETRY].to_numpy(dtype=object)
    else:
        geometry = np.full(len(frame), None, dtype=object)
    return assemble(layer, columns, geometry)
