"""A layer of points or lines in one call of compiled code: chosen, shaped, and written with its attributes.

What most tiles hold is a few hundred features, and the way between compiled calls takes longer than these do.
A layer that a tile may have no room for is left to `layers.tiles.mvt`, which makes the same of what fits.
"""

from __future__ import annotations

import math

import numpy as np

from compiling import F64, I64, U8, compiled
from compiling.addresses import numbers_at
from layers.addressed import ABSENT, KIND, LENGTH, SHAPE, VALUES
from layers.geojson_rows import POINT
from layers.tiles.features import features_room, put_patch
from layers.tiles.lines import shape_rows
from layers.tiles.values import new_table

TOO_MUCH = -1


@compiled
def large_enough(rows: I64, columns: I64, least: F64) -> I64:
    """Ascending places of the rows whose numbers are known not to be less than what each column asks for.

    Parameters
    ----------
    columns
        `(len(least), ADDRESSED)`, columns of doubles; one that is not there asks for nothing.
    """
    found = np.empty(len(rows), np.int64)
    n = 0
    for place in range(len(rows)):
        enough = True
        for c in range(len(least)):
            if columns[c, KIND] != ABSENT:
                values = numbers_at(columns[c, VALUES], columns[c, LENGTH]).view(np.float64)
                value = values[rows[place]]
                enough = enough and (math.isnan(value) or value >= least[c])
        found[n] = place
        n += enough
    return found[:n]


@compiled
def whole_layer(
    looks: I64,
    geometries: I64,
    ids: I64,
    columns: I64,
    live: I64,
    least_of: I64,
    least: F64,
    plane: F64,
    low: float,
    high: float,
    tolerance: float,
    most_features: int,
    most_bytes: int,
) -> tuple[U8, U8, int]:
    """The features of some patches, the values of their attributes, and how many there are or `TOO_MUCH`.

    Parameters
    ----------
    looks
        `(n, 2)`, address and number of the rows of each patch.
    geometries, ids
        `(n, ADDRESSED_GEOMETRY)` and `(n, ADDRESSED)`, those of the sheets.
    columns, live
        `(n, fields, ADDRESSED)` and `(n, fields)`, see `features.put_patch`.
    least_of, least
        `(n, m, ADDRESSED)` and `(m,)`, see `large_enough`.
    """
    out = np.empty(0, np.uint8)
    table = new_table()
    at = count = size = 0
    for p in range(len(looks)):
        rows = numbers_at(looks[p, 0], looks[p, 1])
        places = large_enough(rows, least_of[p], least)
        rows = rows[places]
        geometry, ends, _, kept = shape_rows(geometries[p], rows, plane, low, high, tolerance)
        count += len(kept)
        size += len(geometry)
        if count > most_features or size > most_bytes:
            return out, out, TOO_MUCH
        if not len(kept):
            continue
        room = at + features_room(len(kept), columns.shape[1], len(geometry))
        if room > len(out):
            wider = np.empty(room, np.uint8)
            wider[:at] = out[:at]
            out = wider
        type = 1 if geometries[p, SHAPE] == POINT else 2
        table, at = put_patch(
            kept, rows, places, ids[p], columns[p], live[p], type, geometry, ends, table, out, at
        )
    return out[:at], table.store[: table.used[1]], count
