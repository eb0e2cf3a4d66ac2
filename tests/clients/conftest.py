"""One engine for the clients: the hand-drawn grid, and beside it a layer out of a file.

What is true is read off the package that was loaded and the file that was written, never off the engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import geopandas
import numpy as np
import pytest
import shapely

from gis_service.ingest.package import GridPackage
from tests.drawn import drawn_package
from tests.grid_database import GridDatabase
from tests.live import LiveEngine, empty, load, running_engine

STORED = (
    "county",
    "substation",
    "line_section",
    "switch",
    "power_transformer",
    "transformer_district",
    "customer_point",
    "corridor",
)
PARKS = "town:parks"
WORKED_OUT = ("feeder", "outage_area", "topology_issue")
"""Collections whose features stand nowhere: true of them is what the service tells without a client."""

COLLECTIONS = (*STORED, PARKS, *WORKED_OUT)
BOX = (107.999, 22.799, 108.004, 22.804)
"""All that is drawn but the counties lies in here: west, south, east, north."""

Truth = Mapping[str, Any]
"""Geometries by id, lon/lat."""


@dataclass
class Served:
    """A running engine, and what it was given."""

    engine: LiveEngine
    package: GridPackage
    parks: geopandas.GeoDataFrame

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.engine.port}"

    @cached_property
    def truth(self) -> dict[str, Truth]:
        """Geometries by id by collection."""
        found: dict[str, Truth] = {}
        for name in STORED:
            frame = self.package[name]
            key = "code" if name == "county" else "id"
            found[name] = dict(zip(frame[key], frame.geometry, strict=True))
        found[PARKS] = {str(row): shape for row, shape in enumerate(self.parks.geometry, 1)}
        for name in WORKED_OUT:
            told = self.engine.ask(f"/ogc/collections/{name}/items", params={"limit": 1000})["features"]
            found[name] = {one["id"]: shape_of(one) for one in told}
            assert found[name]
        return found


def shape_of(feature: Mapping[str, Any]) -> Any:
    """The geometry of a GeoJSON feature; None where it is null."""
    return feature["geometry"] and shapely.geometry.shape(feature["geometry"])


def assert_read(found: Mapping[str, Any], truth: Truth) -> None:
    """The ids are those of the truth, and each geometry is the same, axes in the same order."""
    assert sorted(found) == sorted(truth)
    for id, geometry in truth.items():
        if geometry is None:
            assert found[id] is None or found[id].is_empty
        else:
            assert shapely.hausdorff_distance(found[id], geometry) < 1e-6


@pytest.fixture(scope="package")
def clients_engine(
    migrated_database: GridDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[LiveEngine, geopandas.GeoDataFrame]]:
    """An engine process with a directory of extra layers."""
    folder = tmp_path_factory.mktemp("clients")
    (folder / "files" / "town").mkdir(parents=True)
    shapes = [shapely.box(107.9995 + at, 22.8032, 108.0003 + at, 22.8038) for at in (0.0, 0.001, 0.002)]
    parks = geopandas.GeoDataFrame({"name": ["A", "B", "C"]}, geometry=shapes, crs=4326)
    parks.to_crs(3857).to_file(folder / "files" / "town" / "parks.gpkg")
    with ExitStack() as kept:
        with pytest.MonkeyPatch.context() as patch:  # for this engine alone
            patch.setenv("GRIDGIS_EXTRA_LAYERS", str(folder / "files"))
            live = kept.enter_context(running_engine(migrated_database.dsn, folder))
        yield live, parks


@pytest.fixture(scope="module")
def served(
    clients_engine: tuple[LiveEngine, geopandas.GeoDataFrame],
    migrated_database: GridDatabase,
    django_db_blocker: Any,
) -> Iterator[Served]:
    """The engine over the hand-drawn grid; afterwards its log must not tell of a fault."""
    live, parks = clients_engine
    package = drawn_package()
    districts = package["transformer_district"]
    outlines = [
        shapely.box(108.0005 + at, 22.7995, 108.0012 + at, 22.8) for at in np.arange(len(districts)) * 0.001
    ]
    districts = districts.set_geometry(outlines, crs=4326)
    package = GridPackage.of({**package.layers, "transformer_district": districts})
    with django_db_blocker.unblock():
        empty(migrated_database)
        load(package)
        live.catch_up()
        before = len(live.log_text())
        # C6 is without supply
        live.operate({"id": "CB2", "open": True, "reason": "test", "operator": "nobody"})
        yield Served(live, package, parks)
        said = live.log_text()[before:]
        assert "ERROR" not in said, said
        assert "Traceback" not in said, said
