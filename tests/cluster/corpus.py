"""The grids that both databases are asked about, each as a package in a file, made once a run.

Small ones drawn by hand or full of awkward values, two real ones, and a generated province whose feeders
cross borders.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gis_service.ingest.demo import demo_package
from gis_service.ingest.frames import GridPackage
from gis_service.ingest.package import read_package, tables_from_package, write_package
from gis_service.ingest.simbench_grid import import_simbench
from gis_service.network.tables import GridTables
from gis_service.province.files import write_province
from gis_service.province.plan import plan_province
from tests.drawn import drawn_package
from tests.packages import sound_package
from tests.store.grids import awkward_package, trunk_package

COUNTIES = [f"4501{k}" for k in range(22, 34)]
PROVINCE_COUNTIES, PROVINCE_CUSTOMERS = 6, 40_000


@dataclass(frozen=True)
class Grid:
    """One grid: where its package lies, and what stands in it."""

    name: str
    path: Path
    package: GridPackage
    tables: GridTables

    @property
    def counties(self) -> list[str]:
        """The codes of its counties, sorted."""
        return sorted(self.package.counties)

    def crossing(self) -> list[str]:
        """Ids of the elements whose far end lies in another county than their own."""
        county_of = dict(zip(self.tables.nodes.id.tolist(), self.tables.nodes.county.tolist(), strict=True))
        found: list[str] = []
        for table in (self.tables.lines, self.tables.switches, self.tables.transformers):
            ends = np.array(
                [
                    {county_of[a], county_of[b]} != {own}
                    for a, b, own in zip(table.from_node, table.to_node, table.county, strict=True)
                ],
                np.bool_,
            )
            found += table.id[ends].tolist()
        return found


def _written(make: Callable[[], GridPackage]) -> Callable[[Path], None]:
    return lambda path: write_package(make(), path)


def _province(path: Path) -> None:
    plan = plan_province(counties=PROVINCE_COUNTIES, customers=PROVINCE_CUSTOMERS, seed=2, shapes="guangxi")
    write_province(plan, path)


GRIDS: dict[str, Callable[[Path], None]] = {
    "drawn": _written(drawn_package),
    "sound": _written(sound_package),
    "awkward": _written(awkward_package),
    "trunks": _written(lambda: trunk_package(COUNTIES, 60)),
    "demo": _written(demo_package),
    "simbench": _written(lambda: import_simbench("1-MVLV-rural-1.108-0-sw")),
    "province": _province,
}
"""Name → what writes its package into a directory of GeoParquet."""

EVERY_GRID = "GRIDGIS_EVERY_GRID"
ASKED = list(GRIDS) if os.environ.get(EVERY_GRID) else ["awkward", "demo", "province"]
"""Every question is asked of these: of all by `make test-cluster`, of those most unlike by `make test`.

What is refused is asked of `drawn`, together with everything else.
"""

COMMANDED = ["awkward", "demo", "province"] if os.environ.get(EVERY_GRID) else ["awkward", "province"]
"""Every command works on these: the demo's two counties are joined as those of the province are."""


def make_grid(name: str, directory: Path) -> Grid:
    """The grid of that name, its package written below the directory."""
    path = directory / name
    GRIDS[name](path)
    package = read_package(path)
    return Grid(name, path, package, tables_from_package(package))
