"""The three real grids the importer is held against, each made once a run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from gis_service.ingest.demo import demo_net, demo_package
from gis_service.ingest.frames import GridPackage
from gis_service.ingest.package import tables_from_package
from gis_service.ingest.pandapower_net import import_pandapower
from gis_service.ingest.simbench_grid import simbench_net
from gis_service.network.build import build_topology
from gis_service.network.topology import Topology

DEMO = "demo"
RURAL, SEMIURBAN = "1-MVLV-rural-all-0-sw", "1-MVLV-semiurb-all-0-sw"


@dataclass(frozen=True)
class Grid:
    net: Any
    package: GridPackage
    topology: Topology


@cache
def grid(name: str) -> Grid:
    if name == DEMO:
        net, package = demo_net(), demo_package()
    else:
        net = simbench_net(name)
        package = import_pandapower(net, county_code="SB", county_name=name)
    return Grid(net, package, build_topology(tables_from_package(package)))
