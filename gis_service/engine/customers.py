"""Customers and their districts counted and listed as values, as every answer shows them."""

from __future__ import annotations

import math

import numpy as np

from gis_service.engine.columns import Answer, Rows
from gis_service.engine.world import World


def counted(world: World, rows: Rows) -> Answer:
    """Customers, critical ones by grade, districts with at least one of them, contracted kVA; rows ascend."""
    return world.tallies.of(rows).total


def counted_by_county(world: World, rows: Rows) -> dict[str, Answer]:
    """The same for each county that owns at least one of the customers, counties in order."""
    return world.tallies.of(rows).by_county


def districts_of(world: World, rows: Rows) -> list[Answer]:
    """Districts with at least one of the customers, by (county, id); rows ascend."""
    tally = world.tallies.of(rows)
    districts = world.topology.tables.districts
    at = np.array(tally.districts, np.int64)
    return [
        {
            "id": id,
            "county_code": county,
            "name": name or None,
            "transformer_id": transformer or None,
            "customers": customers,
            "customers_total": total,
            "contracted_kva": kva,
        }
        for id, county, name, transformer, customers, total, kva in zip(
            districts.id[at].tolist(),
            districts.county[at].tolist(),
            districts.name[at].tolist(),
            districts.transformer_id[at].tolist(),
            tally.customers,
            world.district_sizes[at].tolist(),
            tally.kva,
            strict=True,
        )
    ]


def customers_of(world: World, rows: Rows) -> list[Answer]:
    """Customers, by (county, id); `Listing.customers` writes the same as text."""
    topology, customers = world.topology, world.topology.tables.customers
    district = topology.customer_district[rows]
    known = np.unique(district[district >= 0])
    names = dict(zip(known.tolist(), topology.tables.districts.id[known].tolist(), strict=True))
    points = customers.xy[rows].tolist()
    return [
        {
            "id": id,
            "county_code": county,
            "district_id": names.get(at),
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
