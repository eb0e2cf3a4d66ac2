"""What one area comes to: numbered rows of every layer, in whole arrays, not yet under their names.

Holds; makes nothing. Numbers become identifiers, codes become words when a county's tables are built.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gis_service.province.layout import Layout
from gis_service.province.plan import Area
from gis_service.province.plane import Floats, Ints
from gis_service.province.substation import Yard

Numbers = npt.NDArray[Any]


@dataclass(frozen=True)
class Named:
    """What references point to: county, area and number of each node or vertex; neighbours' at the end."""

    county: npt.NDArray[np.int16]
    area: npt.NDArray[np.int32]
    number: npt.NDArray[np.int32]


@dataclass(frozen=True)
class Lines:
    """Flat coordinates of lines, lon/lat, and their lengths in metres."""

    coords: Floats
    offsets: Ints
    length_m: Floats


@dataclass(frozen=True)
class MadeArea:
    """An area's rows, layer by layer, by number. `rows[layer]` holds arrays of one length.

    Each layer has `county` (position in the plan), `xy` where it is a point. References are positions in
    `nodes` or `vertices`; `-1 - k` is the k-th of the neighbours' at the end. `twins` are feeders on two
    circuits, `meshes` joined streets of low voltage.
    """

    area: Area
    layout: Layout
    yard: Yard
    nodes: Named
    vertices: Named
    rows: dict[str, dict[str, Numbers]]
    lines: Lines
    corridors: Lines
    twins: int
    meshes: int
