"""A grid package as planning sees it in an engine: the world, its corridors and areas, without a database."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

import numpy as np
import shapely

from gis_service.engine.corridors import CorridorShelf
from gis_service.engine.schemes import Planner
from gis_service.engine.shapes import Shapes
from gis_service.engine.world import CountyVersion, Scene, World
from gis_service.ingest.package import GridPackage, tables_from_package
from gis_service.network.build import build_topology
from gis_service.network.switching import loaded_state
from gis_service.planning.corridors import UNKNOWN, Corridors
from gis_service.planning.rules import default_rules
from gis_service.planning.trees import Trees
from gis_service.store import CountyVersion as StoredVersion

_LOADED = datetime(2026, 1, 1, tzinfo=UTC)


def planning_scene(package: GridPackage) -> tuple[Scene, Planner]:
    """A scene of now, and a planner with the shipped rules."""
    topology = build_topology(tables_from_package(package))
    counties = package["county"].sort_values("code")
    versions = {str(code): CountyVersion(1, 1, _LOADED) for code in counties["code"]}
    world = World(topology, loaded_state(topology), versions, Shapes(topology.tables))
    area_of = dict(zip(counties["code"].astype(str), counties.geometry, strict=True))

    def areas(wanted: Collection[str]) -> dict[str, shapely.Geometry]:
        return {one: area_of[one] for one in wanted}

    def corridors(county: str) -> tuple[Corridors, StoredVersion]:
        return corridors_of(package, county), StoredVersion(1, 1, _LOADED, _LOADED, 0)

    return Scene(world, world.current, _LOADED), Planner(
        default_rules(), CorridorShelf(corridors, areas), Trees()
    )


def corridors_of(package: GridPackage, county: str) -> Corridors:
    """The corridors of one county, by id."""
    rows: Any = package["corridor"]
    rows = rows[rows["county_code"] == county].sort_values("id")
    shapes = np.asarray(rows.geometry, np.object_)

    def numbers(name: str) -> Any:
        return (
            rows[name].to_numpy(np.float64, na_value=np.nan) if name in rows else np.full(len(rows), np.nan)
        )

    ducts = numbers("ducts_free")
    return Corridors(
        county,
        **{
            name: np.array(rows[name].astype(str), np.object_)
            for name in ("id", "from_vertex", "to_vertex", "kind")
        },
        cost_per_m=numbers("cost_per_m"),
        ducts_free=np.where(np.isnan(ducts), UNKNOWN, ducts).astype(np.int64),
        offsets=np.concatenate([[0], np.cumsum(shapely.get_num_coordinates(shapes))]).astype(np.int64),
        coords=shapely.get_coordinates(shapes),
    )
