"""The grid on which the campaigns operate switches: counties in a ring, each feeder tied to the next one.

::

    S0 ─[Q0]─ a0 ─[K0.1]─ … ─[K0.n]─ z0 ──(tie, normally open)── a1 ─[…]
                │ C                  │ C

Small on purpose: what is expected of it is worked out by looking at every moment afresh.
"""

from __future__ import annotations

from gis_service.ingest.frames import GridPackage
from gis_service.network.tables import GridTables
from gis_service.network.text import parse_grid
from tests.drawn import package_of

COUNTIES = ("990101", "990102", "990103")
SECTIONS = 3


def ring_tables() -> GridTables:
    """The grid as tables; one customer in three is on a single phase."""
    lines: list[str] = []
    for k, county in enumerate(COUNTIES):
        following = (k + 1) % len(COUNTIES)
        lines += [f"@{county}", f"S{k} source s{k}", f"Q{k} breaker s{k} n{k}.0 feeder=F{k}"]
        for j in range(1, SECTIONS + 1):
            lines += [
                f"K{k}.{j} load_break_switch n{k}.{j - 1} m{k}.{j}",
                f"L{k}.{j} line m{k}.{j} n{k}.{j} length={100 + 10 * j}",
                f"T{k}.{j} transformer n{k}.{j} t{k}.{j}",
                f"D{k}.{j} district T{k}.{j}",
                f"C{k}.{j}.a customer t{k}.{j} A kva=5",
                f"C{k}.{j}.b customer t{k}.{j} kva=8 grade=first",
            ]
        lines.append(f"TIE{k} load_break_switch n{k}.{SECTIONS} n{following}.1 normal_open open")
    return parse_grid("\n".join(lines))


def ring_package() -> GridPackage:
    """The same as a package."""
    return package_of(ring_tables())
