"""A grid with two districts in two counties, and what tests reserve in it.

::

    450101                                ┊ 450102
    S1 ─ n1 ─[CB1]─ n2 ─ L1 ─ n3 ─ L2 ────┊─ n4
                              │           ┊  │
                             (T1)         ┊ (T2)
                              │           ┊  │
                              n5 ─ C1     ┊  n6 ─ C2
    S2 ─ m1 ─[CB2]─ m2 ─ M1 ─ m3          ┊

T1 and T2 have 100 kVA; C1 contracts for 8 kVA, C2 for 10. Both substations have names of their own.
"""

from __future__ import annotations

import itertools
from typing import Any

import httpx

from gis_service.ingest.package import GridPackage
from gis_service.network.text import parse_grid
from tests.drawn import package_of
from tests.live import LiveEngine

NORTH, SOUTH = "450101", "450102"
FLAT = {"load": {"coincidence": [{"customers": 1, "factor": 1.0}]}}
"""No diversity, so that what fits can be told without the rules' own arithmetic."""

AFIELD = {**FLAT, "limits": {"off_corridor_m": 400}}
"""And straight over the fields, where no corridor leads to the other substation's line."""

TEXT = """
@450101
ST1 substation  kv=110
ST2 substation  kv=110
n1  node        substation=ST1
m1  node        substation=ST2
n5  node        kv=0.4
S1  source      n1
CB1 breaker     n1 n2 feeder=F1
L1  line        n2 n3 length=120 r=0.05 x=0.04 rated=300
L2  line        n3 n4 length=80 r=0.04 x=0.03 rated=300
T1  transformer n3 n5 kva=100
D1  district    T1
C1  customer    n5 kva=8
S2  source      m1
CB2 breaker     m1 m2 feeder=F2
M1  line        m2 m3 length=90 r=0.04 x=0.03 rated=300
@450102
n6  node        kv=0.4
T2  transformer n4 n6 kva=100
D2  district    T2
C2  customer    n6 kva=10
"""
TABLES = parse_grid(TEXT)
CONTRACTED = {"D1": 8.0, "D2": 10.0}
RATED = 100.0

_keys = itertools.count()


def package(*, without: str = "") -> GridPackage:
    """The grid as a package, without the lines of the text that begin with a word."""
    lines = [line for line in TEXT.splitlines() if not without or line.split()[:1] != [without]]
    return package_of(parse_grid("\n".join(lines)))


def beside(node: str) -> list[float]:
    """A point some 11 m from a node."""
    nodes = TABLES.nodes
    x, y = nodes.xy[nodes.id.tolist().index(node)].tolist()
    return [x + 0.0001, y]


AT = {"D1": beside("n5"), "D2": beside("n6")}


def asked(district: str, kva: float, **more: Any) -> dict[str, Any]:
    """The body that reserves at a district; a key of its own where none is given."""
    return {
        "point": AT[district],
        "kva": kva,
        "rules": FLAT,
        "chosen": [{"attach": {"kind": "district", "id": district}, "conductor": "low cable 150"}],
        "operator": "planner",
        "idempotency_key": f"key-{next(_keys)}",
        **more,
    }


def reserve(engine: LiveEngine, district: str, kva: float, **more: Any) -> httpx.Response:
    """Reserve at a district."""
    return engine.post("/v1/reservations", asked(district, kva, **more))


def fitting(district: str, kva: float) -> int:
    """How many customers of a size a district's transformer takes beside those it has, without diversity."""
    return int((RATED - CONTRACTED[district]) / kva + 1e-9)
