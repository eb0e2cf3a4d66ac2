"""The live state of some rows of a layer, as columns: which have voltage, and how switches stand."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from gis_service.engine.live import energised
from gis_service.engine.world import Scene
from gis_service.kernels.compiled import I64
from layers.geojson_columns import NumberColumn, truths

LIVE = {
    "substation": ("energised",),
    "line_section": ("energised",),
    "switch": ("energised", "open"),
    "power_transformer": ("energised",),
    "transformer_district": ("energised",),
    "customer_point": ("energised",),
}
"""Layer → the fields that move without a load."""


def live_columns(scene: Scene, layer: str, rows: I64, fields: Collection[str]) -> dict[str, NumberColumn]:
    """Some live fields of rows of the world's table, aligned with the rows."""
    found: dict[str, NumberColumn] = {}
    if "energised" in fields:
        found["energised"] = truths(energised(scene, layer, rows))
    if "open" in fields:
        found["open"] = truths(np.asarray(scene.state.open[rows]))
    return found


def live_by_part(
    scene: Scene, layer: str, parts: Sequence[I64], fields: Collection[str]
) -> list[dict[str, NumberColumn]]:
    """The same for several lots of rows at once, which costs what one lot of all of them does."""
    if not fields or len(parts) < 2:
        return [live_columns(scene, layer, rows, fields) for rows in parts]
    whole = live_columns(scene, layer, np.concatenate(parts), fields)
    ends = np.cumsum([rows.size for rows in parts]).tolist()
    return [
        {name: NumberColumn(of.kind, of.values[first:end]) for name, of in whole.items()}
        for first, end in zip([0, *ends], ends, strict=False)
    ]
