"""A grid small enough to read every answer off the drawing; written as a GeoJSON package.

Two counties; the line L2 crosses their border::

8801 West ┊ 8802 East G1 ─ a1 ─[B1]─ a2 ── L1 ── a3 ─[S1]─ a4 ────── L2 ─────┊── b1 ─[F1]─ b2 ─(X2)─ b3 ─ C3,
=C4, C5 │ ┊ (X1)─ a5 ─ C1, C2 ┊ D1: district of X1, D2: district of X2

B1 is a breaker, S1 a load-break switch (it protects nothing), F1 a fuse. The id `=C4` is one that a
spreadsheet would take for a formula. Longitudes are negative, so that CSV shows how numbers with a sign are
written.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

WEST, EAST = "8801", "8802"
DEVICES = ("L1", "L2", "B1", "S1", "F1", "X1", "X2")

CUSTOMERS: dict[str, dict[str, Any]] = {
    "C1": {"county_code": WEST, "node_id": "a5", "district_id": "D1", "contracted_kva": 10.0},
    "C2": {"county_code": WEST, "node_id": "a5", "district_id": "D1", "contracted_kva": 20.5},
    "=C4": {"county_code": EAST, "node_id": "b3", "district_id": "D2", "contracted_kva": 7.0},
    "C3": {"county_code": EAST, "node_id": "b3", "district_id": "D2", "contracted_kva": 5.0},
    "C5": {
        "county_code": EAST,
        "node_id": "b3",
        "district_id": "D2",
        "contracted_kva": 100.0,
        "critical_grade": "first",
    },
}
"""Every customer, in the order county, id."""

WITHOUT_SUPPLY = {
    "L1": ["C1", "C2", "=C4", "C3", "C5"],
    "B1": ["C1", "C2", "=C4", "C3", "C5"],
    "S1": ["=C4", "C3", "C5"],
    "L2": ["=C4", "C3", "C5"],
    "F1": ["=C4", "C3", "C5"],
    "X1": ["C1", "C2"],
    "X2": ["=C4", "C3", "C5"],
}
"""Who loses supply when a device is out: read off the drawing."""

_POINTS = {
    "a1": (-1.50, 52.0),
    "a2": (-1.49, 52.0),
    "a3": (-1.48, 52.0),
    "a4": (-1.47, 52.0),
    "a5": (-1.48, 51.99),
    "b1": (-1.44, 52.0),
    "b2": (-1.43, 52.0),
    "b3": (-1.42, 52.0),
}


def write_small_grid(folder: Path) -> Path:
    """Write the package into `folder`, one GeoJSON file per layer; the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for layer, features in _layers().items():
        document = {"type": "FeatureCollection", "features": features}
        (folder / f"{layer}.geojson").write_text(json.dumps(document), encoding="utf-8")
    return folder


def point_of(customer: str) -> list[float]:
    """Longitude and latitude of a customer."""
    longitude, latitude = _POINTS[str(CUSTOMERS[customer]["node_id"])]
    return [longitude, round(latitude + 0.001 * (1 + list(CUSTOMERS).index(customer)), 6)]


def _layers() -> dict[str, list[dict[str, Any]]]:
    nodes = [
        _feature(
            _point(name),
            id=name,
            county_code=_county(name),
            base_voltage_kv=0.4 if name in ("a5", "b3") else 10.0,
            substation_id="A" if name == "a1" else None,
        )
        for name in _POINTS
    ]
    switch = {"phases": None, "normal_open": False, "open": False, "rated_current_a": None}
    switch |= {"remote_controlled": None, "name": None, "feeder_id": None}
    line = {"name": None, "phases": None, "base_voltage_kv": 10.0, "construction": "underground"}
    line |= {"r_ohm": None, "x_ohm": None, "rated_current_a": None}
    transformer = {"name": None, "phases": None, "rated_kva": 250.0, "uk_percent": None, "pk_kw": None}
    return {
        "county": [
            _feature(_box(-1.6, 51.9, -1.455, 52.1), code=WEST, name="West"),
            _feature(_box(-1.455, 51.9, -1.3, 52.1), code=EAST, name="East"),
        ],
        "substation": [_feature(_point("a1"), id="A", county_code=WEST, name="Alder", base_voltage_kv=10.0)],
        "connectivity_node": nodes,
        "energy_source": [
            _feature(
                _point("a1"),
                id="G1",
                county_code=WEST,
                name="Infeed",
                node_id="a1",
                phases=None,
                voltage_pu=1.0,
            )
        ],
        "line_section": [
            _between("a2", "a3", id="L1", county_code=WEST, length_m=680.0, **line),
            _between("a4", "b1", id="L2", county_code=WEST, length_m=2050.0, **line),
        ],
        "switch": [
            _at("a1", "a2", id="B1", county_code=WEST, kind="breaker", **switch | {"feeder_id": "FD1"}),
            _at("a3", "a4", id="S1", county_code=WEST, kind="load_break_switch", **switch),
            _at("b1", "b2", id="F1", county_code=EAST, kind="fuse", **switch),
        ],
        "power_transformer": [
            _at("a3", "a5", id="X1", county_code=WEST, **transformer),
            _at("b2", "b3", id="X2", county_code=EAST, **transformer),
        ],
        "transformer_district": [
            _feature(None, id="D1", county_code=WEST, name="West Lane", transformer_id="X1"),
            _feature(None, id="D2", county_code=EAST, name="East Lane", transformer_id="X2"),
        ],
        "customer_point": [
            _feature(
                {"type": "Point", "coordinates": point_of(name)},
                id=name,
                phases=None,
                customer_class="residential",
                **{"critical_grade": None} | customer,
            )
            for name, customer in CUSTOMERS.items()
        ],
        "corridor": [],
    }


def _county(node: str) -> str:
    return WEST if node.startswith("a") else EAST


def _point(node: str) -> dict[str, Any]:
    return {"type": "Point", "coordinates": list(_POINTS[node])}


def _box(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "MultiPolygon", "coordinates": [[ring]]}


def _between(start: str, end: str, **properties: Any) -> dict[str, Any]:
    shape = {"type": "LineString", "coordinates": [list(_POINTS[start]), list(_POINTS[end])]}
    return _feature(shape, from_node=start, to_node=end, **properties)


def _at(start: str, end: str, **properties: Any) -> dict[str, Any]:
    return _feature(_point(start), from_node=start, to_node=end, **properties)


def _feature(geometry: dict[str, Any] | None, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}
