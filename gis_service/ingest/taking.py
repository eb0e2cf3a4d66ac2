"""Raw layers into canonical frames: columns, types, reference systems, kinds of geometry.

Collects what stands against their form; what the rules refuse is `validate`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from gis_service.ingest.columns import coerce
from gis_service.ingest.faults import Fault
from gis_service.ingest.frames import GEOMETRY, assemble, empty_layer
from gis_service.ingest.parts import WANTED
from gis_service.ingest.placing import UNDECLARED, declared_kind, flat, to_lonlat
from gis_service.ingest.reading import RawLayer, RawPackage
from gis_service.ingest.spec import Column, Layer
from gis_service.ingest.validate import Reported


@dataclass
class Gathered:
    """What stands against the form of a package, and remarks."""

    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    reported: Reported = field(default_factory=Reported)


def take_layer(layer: Layer, raw: RawPackage, gathered: Gathered) -> gpd.GeoDataFrame:
    """A layer in canonical form, as far as it can be taken; the rest is gathered."""
    found = raw.layers.get(layer.name)
    if found is None:
        gathered.reported.columns.update((layer.name, column.name) for column in layer.columns)
        if layer.name in raw.unreadable:
            gathered.faults.append(Fault(layer.name, None, None, *_split(raw.unreadable[layer.name])))
        else:
            gathered.faults.append(
                Fault(
                    layer.name, None, None, "the layer is missing", "add it, without rows if there are none"
                )
            )
        return empty_layer(layer)
    columns = {}
    for column in layer.columns:
        values = _column(layer, column, found, gathered)
        if values is not None:
            columns[column.name] = values
    declared = {column.name for column in layer.columns}
    extra = [str(name) for name in found.attributes.columns if name not in declared]
    if extra:
        gathered.notes.append(f"{layer.name}: not part of the package and left out: {', '.join(extra)}")
    return assemble(layer, columns, _geometry(layer, found, gathered))


def _split(sentence: str) -> tuple[str, str]:
    reason, _, mend = sentence.rpartition("; ")
    return reason, mend


def _column(layer: Layer, column: Column, found: RawLayer, gathered: Gathered) -> pd.Series[Any] | None:
    if column.name not in found.attributes.columns:
        if column.required and found.declares_columns:
            gathered.reported.columns.add((layer.name, column.name))
            alike = [str(name) for name in found.attributes.columns if str(name).lower() == column.name]
            mend = f"rename {alike[0]}" if alike else f"add it ({column.type}, without nulls)"
            gathered.faults.append(
                Fault(layer.name, None, column.name, f"the column {column.name} is missing", mend)
            )
        return None
    coerced = coerce(found.attributes[column.name], column)
    if coerced.note:
        gathered.notes.append(f"{layer.name}: {coerced.note}")
    given = found.attributes[column.name]
    gathered.reported.rows[layer.name, column.name] = coerced.wrong
    for row in np.flatnonzero(coerced.wrong).tolist():
        reason = f"{column.name} {_plain(given.iloc[row])!r} is not {WANTED[column.type]}"
        gathered.faults.append(_row_fault(layer, found, row, column.name, reason, "correct the value"))
    return coerced.values


def _row_fault(layer: Layer, found: RawLayer, row: int, column: str, reason: str, mend: str) -> Fault:
    keys = found.attributes.get(layer.key)
    key = None if keys is None else keys.iloc[row]
    if key is None or column == layer.key:
        return Fault(layer.name, None, column, f"row {row + 1}: {reason}", mend)
    return Fault(layer.name, str(key), column, reason, mend)


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value


def _geometry(layer: Layer, found: RawLayer, gathered: Gathered) -> npt.NDArray[np.object_]:
    rows = len(found.attributes)
    if found.geometry is None:
        if layer.geometry_required and (rows or found.declares_columns):
            gathered.reported.columns.add((layer.name, GEOMETRY))
            gathered.faults.append(
                Fault(
                    layer.name, None, GEOMETRY, "the geometry column is missing", f"add it ({layer.geometry})"
                )
            )
        return np.full(rows, None, dtype=object)
    shapes = found.geometry
    if found.broken:
        told = np.zeros(rows, dtype=bool)
        told[list(found.broken)] = True
        gathered.reported.rows[layer.name, GEOMETRY] = told
        for row, why in found.broken.items():
            reason = f"the geometry cannot be read ({why})"
            gathered.faults.append(_row_fault(layer, found, row, GEOMETRY, reason, "write it anew"))
    shapes, note = flat(layer, shapes)
    gathered.notes += [note] if note else []
    if len(shapes) and not bool(np.all(shapely.is_missing(shapes))):
        placing = to_lonlat(layer, found.crs)
        if placing is None:
            gathered.reported.columns.add((layer.name, GEOMETRY))
            gathered.faults.append(Fault(layer.name, None, GEOMETRY, *UNDECLARED))
        else:
            shapes = placing.moved(shapes)
            gathered.notes += [placing.note] if placing.note else []
    return declared_kind(layer, shapes)
