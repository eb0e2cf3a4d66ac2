"""The provinces that the tests look at, each made once a run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import pyarrow as pa

from gis_service.network.build import build_topology
from gis_service.network.topology import Topology
from gis_service.province.generate import generate
from gis_service.province.grid import grid_tables, together
from gis_service.province.plan import Plan, plan_province
from gis_service.province.statistics import Statistics


@dataclass(frozen=True)
class Made:
    plan: Plan
    counties: dict[str, dict[str, pa.Table]]
    topology: Topology
    statistics: Statistics

    def column(self, layer: str, name: str) -> list[object]:
        """One column of all counties."""
        return [value for tables in self.counties.values() for value in tables[layer][name].to_pylist()]


@cache
def two_counties() -> Made:
    """City, towns and country in two real counties, with feeders and a tie across the border."""
    plan = plan_province(counties=2, customers=20_000, seed=1, shapes="guangxi")
    statistics = Statistics()
    counties = dict(generate(plan, on_area=statistics.add))
    return Made(plan, counties, build_topology(grid_tables(together(counties.values()))), statistics)
