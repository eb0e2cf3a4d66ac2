"""Whether what is written on the elements agrees: voltages, sides, ratings, districts, contracted load."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from gis_service.checks.subject import Subject, counted

VOLTAGE_TOLERANCE = 0.01

_WANTED = {
    "line_section": ("rated_current_a", "r_ohm", "x_ohm"),
    "switch": ("rated_current_a",),
    "power_transformer": ("uk_percent", "pk_kw"),
}


def voltages(subject: Subject) -> None:
    """Lines and switches whose ends, or whose own voltage, differ; transformers with the sides swapped."""
    topology = subject.topology
    tables = topology.tables
    at = np.append(tables.nodes.base_voltage_kv, np.nan)
    start, end = at[topology.edge_from], at[topology.edge_to]
    start[topology.edge_from < 0] = np.nan
    end[topology.edge_to < 0] = np.nan
    first = topology.first_edge("power_transformer")
    own = np.full(first, np.nan)
    own[: len(tables.lines)] = tables.lines.base_voltage_kv
    across = _differ(start[:first], end[:first])
    for edge in np.flatnonzero(across).tolist():
        message = f"joins nodes of {start[edge]:g} and {end[edge]:g} kV"
        subject.find_edge("voltage_mismatch", edge, message)
    for edge in np.flatnonzero(~across & (_differ(own, start[:first]) | _differ(own, end[:first]))).tolist():
        other = start[edge] if _differ(own[edge], start[edge]) else end[edge]
        subject.find_edge("voltage_mismatch", edge, f"is of {own[edge]:g} kV between nodes of {other:g} kV")
    for row in range(len(tables.transformers)):
        edge = first + row
        if start[edge] < end[edge]:
            message = f"has {start[edge]:g} kV at from_node and {end[edge]:g} kV at to_node"
            subject.find_edge("transformer_sides", edge, message)


def _differ(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        found: np.ndarray = np.abs(one - other) > VOLTAGE_TOLERANCE * np.maximum(np.abs(one), np.abs(other))
    return found


def missing_values(subject: Subject) -> None:
    """Ratings and impedances that are not known, counted by county."""
    for layer, columns in _WANTED.items():
        table = subject.table(layer)
        for column in columns:
            absent: dict[str, int] = defaultdict(int)
            total: dict[str, int] = defaultdict(int)
            unknown = np.isnan(getattr(table, column)).tolist()
            for county, missing in zip(table.county.tolist(), unknown, strict=True):
                absent[county] += missing
                total[county] += 1
            for county, number in absent.items():
                if number:
                    message = f"{layer}: {number} of {total[county]} have no {column}"
                    subject.find_county("missing_value", county, layer, message)
    transformers = subject.topology.tables.transformers
    for row in np.flatnonzero(transformers.rated_kva == 0.0).tolist():
        subject.find("missing_value", "power_transformer", row, "has rated_kva 0")


def districts(subject: Subject) -> None:
    """Customers without a district; transformers whose customers contract for more than they can carry."""
    topology = subject.topology
    tables = topology.tables
    customers = tables.customers
    district = topology.customer_district
    for row in np.flatnonzero((district < 0) & (customers.district_id == "")).tolist():
        subject.find(
            "customer_without_district", "customer_point", row, "has no district and none can be traced"
        )
    in_one = district >= 0
    transformer = np.full(len(customers), -1, np.int64)
    transformer[in_one] = topology.district_transformer[district[in_one]]
    served = transformer >= 0
    n = len(tables.transformers)
    kva = np.bincount(transformer[served], weights=customers.contracted_kva[served], minlength=n)
    count = np.bincount(transformer[served], minlength=n)
    rated = tables.transformers.rated_kva
    for row in np.flatnonzero((rated > 0.0) & (kva > rated)).tolist():
        subject.find(
            "over_contracted",
            "power_transformer",
            row,
            f"is rated {rated[row]:g} kVA and its {counted(int(count[row]), 'customer')} contract for "
            f"{kva[row]:g} kVA",
        )
