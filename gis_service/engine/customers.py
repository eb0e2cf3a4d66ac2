"""Customers and their districts counted and listed, as every answer shows them.

Sums are exact (`math.fsum`), then rounded to six decimals, so they do not depend on the order of rows or on
how the province is cut.
"""

from __future__ import annotations

import math

import numpy as np

from gis_service.engine.columns import Answer, Rows
from gis_service.engine.world import World
from gis_service.ingest.spec import CRITICAL_GRADES
from gis_service.network.tables import Floats


def _sum(kva: Floats) -> float:
    return round(math.fsum(kva.tolist()), 6)


def counted(world: World, rows: Rows) -> Answer:
    """Customers, critical ones by grade, districts with at least one of them, contracted kVA."""
    customers = world.topology.tables.customers
    grades = customers.critical_grade[rows].tolist()
    district = world.topology.customer_district[rows]
    return {
        "customers": len(rows),
        "critical": {grade: grades.count(grade) for grade in CRITICAL_GRADES},
        "transformer_districts": int(np.unique(district[district >= 0]).size),
        "contracted_kva": _sum(customers.contracted_kva[rows]),
    }


def counted_by_county(world: World, rows: Rows) -> dict[str, Answer]:
    """The same for each county that owns at least one of the customers, counties in order."""
    county = world.topology.tables.customers.county[rows]
    # rows are sorted by (county, id), so each county is one run
    codes = sorted(set(county.tolist()))
    return {code: counted(world, rows[county == code]) for code in codes}


def districts_of(world: World, rows: Rows) -> list[Answer]:
    """Districts with at least one of the customers, by (county, id)."""
    topology, tables = world.topology, world.topology.tables
    district = topology.customer_district[rows]
    found, place = np.unique(district, return_inverse=True)
    order = np.argsort(place, kind="stable")
    cuts = np.searchsorted(place[order], np.arange(found.size + 1))
    answers: list[Answer] = []
    for k, row in enumerate(found.tolist()):
        if row < 0:
            continue
        theirs = rows[order[cuts[k] : cuts[k + 1]]]
        answers.append(
            {
                "id": tables.districts.id[row],
                "county_code": tables.districts.county[row],
                "name": tables.districts.name[row] or None,
                "transformer_id": tables.districts.transformer_id[row] or None,
                "customers": len(theirs),
                "customers_total": int(world.district_sizes[row]),
                "contracted_kva": _sum(tables.customers.contracted_kva[theirs]),
            }
        )
    return answers


def customers_of(world: World, rows: Rows) -> list[Answer]:
    """Customers, by (county, id)."""
    topology, customers = world.topology, world.topology.tables.customers
    district = topology.customer_district[rows]
    names = topology.tables.districts.id
    points = customers.xy[rows].tolist()
    return [
        {
            "id": id,
            "county_code": county,
            "district_id": names[at] if at >= 0 else None,
            "node_id": node,
            "customer_class": class_,
            "critical_grade": grade or None,
            "contracted_kva": kva,
            "point": None if math.isnan(point[0]) else point,
        }
        for id, county, at, node, class_, grade, kva, point in zip(
            customers.id[rows].tolist(),
            customers.county[rows].tolist(),
            district.tolist(),
            customers.node_id[rows].tolist(),
            customers.customer_class[rows].tolist(),
            customers.critical_grade[rows].tolist(),
            customers.contracted_kva[rows].tolist(),
            points,
            strict=True,
        )
    ]
