"""A choice as a supply scheme: where, which way, what it costs part by part, what it does to the grid."""

from __future__ import annotations

from typing import Any

import numpy as np

from gis_service.kernels.compiled import I64
from gis_service.kernels.radial import way_up
from gis_service.planning.reckoned import Reckoned
from gis_service.planning.routes import Routes, Stretch
from gis_service.planning.search import Choice
from gis_service.planning.sites import Site, Sites
from gis_service.planning.supply_tree import SOURCE, SupplyTree

Answer = dict[str, Any]


def scheme(choice: Choice, rank: int) -> Answer:
    """A choice in full; see `Supply schemes in detail` of the interface for its fields."""
    offers, block = choice.offers, choice.offers.block
    routes, found, reckoned = offers.routes, offers.routes.found, block.reckoned
    stretches = routes.stretches(choice.way)
    length = float(found.length[choice.way])
    off_m = routes.off_m(choice.way)
    chains, row = choice.chains, choice.row
    held = float(reckoned.held[choice.at])
    way = elements_of(reckoned.tree, way_up(reckoned.tree.parent, choice.at))
    unknown = [element_id(reckoned.tree, int(one)) for one in way[reckoned.unknown[way]]]
    radius = next(one for one in offers.limits if one.name == "supply_radius").value[choice.way]
    loss = float(chains.loss_after[row] - chains.loss_before[row])
    return {
        "rank": rank,
        "base_voltage_kv": float(offers.kv[choice.way]),
        "attach": attach(block.sites, choice.place, reckoned),
        "route": {
            "geometry": {"type": "LineString", "coordinates": routes.line(choice.place, choice.way)},
            "length_m": round(length, 3),
            "construction": routes.construction,
            "corridors": _corridors(routes, stretches),
            "off_corridor_m": round(off_m, 3),
        },
        "conductor": offers.conductor.name,
        "transformer": block.transformer.rated_kva if block.transformer is not None else None,
        "cost": cost_parts(choice, stretches, off_m),
        "voltage": {
            "drop_percent": round(100.0 * (held - float(chains.end[row])), 6),
            "level_drop_percent": round(100.0 * float(chains.level[row] - chains.end[row]), 6),
            "customer_pu": round(float(chains.end[row]), 9),
            "worst_pu": round(float(chains.worst[row]), 9),
        },
        "losses_kw": round(loss, 6),
        "loading": _loading(reckoned, way, offers.load.reckoned_kva),
        "supply_radius_m": round(float(radius), 3),
        "supply_path": [element_id(reckoned.tree, int(one)) for one in way],
        "single_points": [
            {"id": element_id(reckoned.tree, one.position), "by_switching": one.by_switching}
            for one in reckoned.exposure(offers.load.phases).single_points(
                choice.at, mid_span=choice.site.node < 0
            )
        ],
        "feeder": _feeder(reckoned.tree, choice.at),
        "shares_with_customers": _sharing(reckoned, choice.at),
        "unknown": sorted({*unknown, *routes.unknown(choice.way)}),
    }


def _corridors(routes: Routes, stretches: list[Stretch]) -> list[Answer]:
    """The corridors along a route; pieces that follow each other on one are told as one."""
    ground = routes.ground
    told: list[Answer] = []
    before = -1
    for one in stretches:
        if ground.corridor[one.edge] == before:
            told[-1]["length_m"] += one.length_m
            continue
        before = int(ground.corridor[one.edge])
        told.append(
            {
                "id": str(ground.id[one.edge]),
                "county_code": str(ground.county[one.edge]),
                "kind": str(ground.kind[one.edge]),
                "length_m": one.length_m,
            }
        )
    for corridor in told:
        corridor["length_m"] = round(corridor["length_m"], 3)
    return told


def attach(sites: Sites, place: int, reckoned: Reckoned) -> Answer:
    """A place as an attach point."""
    site: Site = sites.site(place)
    nodes = reckoned.tree.topology.tables.nodes
    plane_point = sites.metres[place : place + 1]
    point = sites.plane.degrees(plane_point)[0].tolist() if site.node < 0 else nodes.xy[site.node].tolist()
    return {
        "kind": site.kind,
        "id": site.id,
        "county_code": site.county,
        "node_id": str(nodes.id[site.node]) if site.node >= 0 else None,
        "point": point,
        "fraction": site.fraction,
    }


def cost_parts(choice: Choice, stretches: list[Stretch], off_m: float) -> Answer:
    """What a choice costs, part by part: each quantity times its unit cost, to the cent, and their sum."""
    offers, routes = choice.offers, choice.offers.routes
    site, conductor = choice.site, offers.conductor
    parts: list[Answer] = []

    def part(item: str, quantity: float, unit: str, unit_cost: float) -> None:
        if quantity > 0.0:
            amount = round(round(quantity, 3) * unit_cost, 2)
            parts.append(
                {
                    "item": item,
                    "quantity": round(quantity, 3),
                    "unit": unit,
                    "unit_cost": unit_cost,
                    "amount": amount,
                }
            )

    part(f"connection: {site.kind}", 1.0, "piece", float(getattr(offers.rules.attach_cost, site.kind)))
    part(f"conductor: {conductor.name}", float(routes.found.length[choice.way]), "m", conductor.cost_per_m)
    ways: dict[tuple[str, float], float] = {}
    for one in stretches:
        ground = routes.ground
        kind, rate = str(ground.kind[one.edge]), float(routes.rate[one.edge])
        ways[kind, rate] = ways.get((kind, rate), 0.0) + one.length_m
    for (kind, rate), metres in sorted(ways.items()):
        part(f"way along {kind}", metres, "m", rate)
    part("way off corridors", off_m, "m", routes.off_rate)
    own = offers.block.transformer
    if own is not None:
        part(f"transformer: {own.rated_kva:g} kVA", 1.0, "piece", own.cost)
    return {
        "total": round(sum(one["amount"] for one in parts), 2),
        "currency": offers.rules.currency,
        "parts": parts,
    }


def _loading(reckoned: Reckoned, way: Any, kva: float) -> list[Answer]:
    """Loading of every element of a supply path whose rating is known, as a share of it."""
    rated = np.isfinite(reckoned.rated[way])
    some = way[rated]
    before = reckoned.before[some] / reckoned.rated[some]
    after = reckoned.after(some, kva) / reckoned.rated[some]
    return [
        {"id": element_id(reckoned.tree, int(one)), "before": round(float(b), 6), "after": round(float(a), 6)}
        for one, b, a in zip(some, before, after, strict=True)
    ]


def elements_of(tree: SupplyTree, way: I64) -> I64:
    """The positions of a way from the source, each element by the first of its parts, which carries most."""
    elements: I64 = way[tree.since[way] == 0.0]
    return elements


def element_id(tree: SupplyTree, position: int) -> str:
    """The id of the element that leads to a position."""
    ref = tree.topology.ref_of_edge(int(tree.edge[position]))
    tables = tree.topology.tables
    table = {
        "line_section": tables.lines,
        "switch": tables.switches,
        "power_transformer": tables.transformers,
        "energy_source": tables.sources,
    }[ref.layer]
    return str(table.id[ref.row])


def _feeder(tree: SupplyTree, at: int) -> str | None:
    head = int(tree.head[at])
    if head < 0:
        return None
    row = int(tree.rows(1, np.array([head]))[0])
    return str(tree.topology.tables.switches.feeder_id[row])


def _sharing(reckoned: Reckoned, at: int) -> int:
    """Customers behind the same feeder head; without one, behind where voltage is held."""
    tree = reckoned.tree
    top = int(tree.head[at]) if tree.head[at] >= 0 else int(reckoned.begins[at])
    return int(tree.customers[max(top, 0)])


__all__ = ["SOURCE", "attach", "cost_parts", "scheme"]
