"""Supply schemes as an answer: what of the grid is near a point, and what planning makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import shapely

from gis_service.engine.building_areas import read_areas, refuse_areas, refuse_closed
from gis_service.engine.columns import Answer
from gis_service.engine.corridors import CorridorShelf
from gis_service.engine.reserving.book import NOTHING_COUNTED, Counted
from gis_service.engine.shapes import Shapes
from gis_service.engine.world import Scene
from gis_service.errors import CountyAway, Impossible
from gis_service.kernels.boxes import lines_in_box, points_in_box
from gis_service.kernels.compiled import I64
from gis_service.network.tables import ALL_PHASES, GridTables, phase_text
from gis_service.network.texts import frozen
from gis_service.planning.corridors import Ground
from gis_service.planning.disjoint import disjoint_pairs
from gis_service.planning.explain import scheme
from gis_service.planning.layout import lay_out, offers_of
from gis_service.planning.no_pairs import why_no_pairs
from gis_service.planning.pairs import Independence, Pairs, best_pairs
from gis_service.planning.pareto import Front, pareto_front
from gis_service.planning.plane import Plane
from gis_service.planning.refusals import refusals
from gis_service.planning.reserved import NOTHING_RESERVED, Reserved
from gis_service.planning.rules import Level, Rules, overridden
from gis_service.planning.search import Block, Choice, Load, Search
from gis_service.planning.trees import Trees

MOST_OF_FRONT = 50
"""Schemes of the Pareto set that one answer tells, the cheapest first."""


@dataclass(frozen=True)
class SchemeAsked:
    """A new customer: where, how large, and how many schemes are wanted.

    avoid, must_pass : GeoJSON areas that routes keep out of, and that each route passes in any order
    """

    point: tuple[float, float]
    kva: float
    phases: int = ALL_PHASES
    supplies: int = 1
    independence: Independence = "feeder"
    disjoint: bool = False
    k: int = 3
    pareto: bool = False
    avoid: Sequence[Mapping[str, Any]] = ()
    must_pass: Sequence[Mapping[str, Any]] = ()
    rules: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Planner:
    """What planning keeps between questions."""

    rules: Rules
    corridors: CorridorShelf
    trees: Trees


@dataclass(frozen=True)
class Planned:
    """A question laid out: what was looked at, and all offers."""

    rules: Rules
    counties: list[str]
    ground: Ground
    load: Load
    blocks: list[Block]
    search: Search


def lay_out_question(
    scene: Scene, asked: SchemeAsked, planner: Planner, reserved: Reserved = NOTHING_RESERVED
) -> Planned:
    """The places, routes and offers of a question, with what is reserved as load.

    Raises
    ------
    InvalidInput, Impossible, CountyAway, NotReady
        As `supply_schemes` says.
    """
    rules = overridden(planner.rules, asked.rules)
    plane = Plane(*asked.point)
    levels = _levels(rules, asked.kva)
    reach = max(rules.limits.reach_m.of(level) for level in levels)
    areas = read_areas(plane, asked.avoid, asked.must_pass)
    counties = counties_near(scene, planner, plane, reach)
    ground = planner.corridors.joined(scene.world, counties).around(plane, reach)
    nodes, lines = _near(scene.world.shapes, scene.tables, plane, reach)
    load = Load(asked.kva, asked.phases)
    blocks = lay_out(
        scene.topology,
        scene.state,
        planner.trees,
        rules,
        ground,
        load,
        levels,
        nodes=nodes,
        lines=lines,
        areas=areas,
        reserved=reserved,
    )
    if not any(len(block.sites) for block in blocks):
        within = ", ".join(f"{rules.limits.reach_m.of(one):,.0f} m at {one} voltage" for one in levels)
        raise Impossible(
            f"point: no supplied node or line that carries phases {phase_text(asked.phases)} and takes "
            f"{_digits(asked.kva)} kVA lies within reach ({within}): raise rules.limits.reach_m, or ask of a "
            "switch state that supplies it"
        )
    refuse_areas(areas, reach)
    _refuse_without_ways(blocks, ground, rules)
    return Planned(rules, counties, ground, load, blocks, Search(offers_of(blocks, load)))


def supply_schemes(
    scene: Scene, asked: SchemeAsked, planner: Planner, counted: Counted = NOTHING_COUNTED
) -> Answer:
    """The cheapest ways to supply a new customer, without the head; what is reserved counts as load.

    Raises
    ------
    InvalidInput
        For rules or areas that cannot be.
    Impossible
        When the point lies in no county, the load is beyond every level, no supplied grid is within reach, or
        the areas leave no way; the sentence says what would make it possible.
    CountyAway, NotReady
        When the corridors of a county near the point cannot be read.
    """
    planned = lay_out_question(scene, asked, planner, counted.reserved)
    search, blocks, load = planned.search, planned.blocks, planned.load
    best = list(islice(search.best(), asked.k))
    pairs = Pairs([], True)
    if asked.supplies == 2 and asked.disjoint:
        pairs = disjoint_pairs(blocks, load, asked.independence, asked.k)
    elif asked.supplies == 2:
        pairs = best_pairs(search.best(), asked.independence, asked.k)
    no_pairs = None
    if asked.supplies == 2 and not pairs.pairs:
        no_pairs = why_no_pairs(
            search, blocks, asked.independence, disjoint=asked.disjoint, whole=pairs.whole
        )
    front = pareto_front(search) if asked.pareto else Front([], True)
    return {
        "schemes": [scheme(choice, rank) for rank, choice in enumerate(best, start=1)],
        "pairs": [_pair(pair, rank) for rank, pair in enumerate(pairs.pairs, start=1)],
        "no_pairs": no_pairs,
        "pareto": [
            scheme(choice, rank) for rank, choice in enumerate(front.choices[:MOST_OF_FRONT], start=1)
        ],
        "rejected": refusals(search, blocks),
        "rules": {"name": planned.rules.name, "valid_from": planned.rules.valid_from.isoformat()},
        "reservations_version": counted.version,
        "searched": {
            "counties": planned.counties,
            "corridors": int(planned.ground.id.size),
            "attach_points": sum(len(block.sites) for block in blocks),
            "left_out": sum(block.sites.left_out for block in blocks),
            "whole": pairs.whole
            and front.whole
            and len(front.choices) <= MOST_OF_FRONT
            and all(routes.whole for block in blocks for routes in block.routes),
        },
    }


def _pair(pair: tuple[Choice, Choice], rank: int) -> Answer:
    supplies = [scheme(choice, place) for place, choice in enumerate(pair, start=1)]
    first, second = ([point["id"] for point in one["single_points"]] for one in supplies)
    return {
        "rank": rank,
        "cost": round(sum(one["cost"]["total"] for one in supplies), 2),
        "supplies": supplies,
        "single_points": [id for id in first if id in second],
    }


def _levels(rules: Rules, kva: float) -> list[Level]:
    levels = rules.levels_for(kva)
    if not levels:
        raise Impossible(
            f"kva: {_digits(kva)} kVA is more than any voltage level takes "
            f"({_digits(rules.largest_kva)} kVA): divide the load, or set rules.supply_voltage "
            "and rules.transformer for a larger one"
        )
    fed = [one for one in levels if one == "low" or not rules.transformer or rules.transformer_for(kva)]
    if not fed:
        largest = max(one.rated_kva for one in rules.transformer) * rules.limits.transformer_loading
        raise Impossible(
            f"kva: {_digits(kva)} kVA is more than any transformer of the rules carries ({_digits(largest)} "
            "kVA): add a larger one to rules.transformer, or divide the load"
        )
    return fed


def _digits(kva: float) -> str:
    """A power as it is read: every digit, thousands apart."""
    return f"{kva:,.12g}" if kva < 1e12 else f"{kva:,.0f}"


def counties_around(scene: Scene, asked: SchemeAsked, planner: Planner) -> list[str]:
    """The counties that what a question can reach may lie in; errors as `supply_schemes` says."""
    rules = overridden(planner.rules, asked.rules)
    reach = max(rules.limits.reach_m.of(level) for level in _levels(rules, asked.kva))
    return counties_near(scene, planner, Plane(*asked.point), reach)


def counties_near(scene: Scene, planner: Planner, plane: Plane, reach: float) -> list[str]:
    """The counties that what is within reach of the point can lie in."""
    areas = planner.corridors.areas(scene.world)
    here = shapely.Point(plane.lon, plane.lat)
    if not any(shapely.intersects(area, here) for area in areas.values()):
        if scene.world.absent:
            raise CountyAway(scene.world.absent, "the point lies in none of the others, and may lie there")
        far = {
            county: float(
                np.hypot(*plane.metres(shapely.get_coordinates(shapely.shortest_line(here, area))[1:])[0])
            )
            for county, area in areas.items()
        }
        nearest = min(far, key=lambda county: (far[county], county), default=None)
        hint = (
            "no county is loaded"
            if nearest is None
            else f"the nearest is {nearest}, {far[nearest] / 1000.0:,.1f} km away"
        )
        raise Impossible(
            f"point: [{plane.lon:g}, {plane.lat:g}] lies outside every loaded county ({hint}); "
            "give longitude, then latitude, of a place inside one"
        )
    box = shapely.box(*plane.box(reach))
    return [county for county, area in areas.items() if shapely.intersects(area, box)]


def _near(shapes: Shapes, tables: GridTables, plane: Plane, reach: float) -> tuple[I64, I64]:
    """Rows of nodes in the box of all that is within reach, and of lines that meet it."""
    box = plane.box(reach)
    nodes, lines = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for run in shapes.counties["connectivity_node"]:
        if run.box is not None and _meet(box, run.box):
            xy = frozen(tables.nodes.xy[run.first : run.stop], np.float64)
            nodes.append(points_in_box(xy, *box) + run.first)
    for run in shapes.counties["line_section"]:
        if run.box is not None and _meet(box, run.box):
            offsets = frozen(tables.lines.offsets[run.first : run.stop + 1], np.int64)
            coords = frozen(tables.lines.coords[int(offsets[0]) : int(offsets[-1])], np.float64)
            lines.append(lines_in_box(offsets, coords, *box) + run.first)
    return np.concatenate(nodes), np.concatenate(lines)


def _refuse_without_ways(blocks: list[Block], ground: Ground, rules: Rules) -> None:
    """Say what is missing where not one way leads from the point to any place."""
    if any(routes.found.cost.size for block in blocks for routes in block.routes):
        return
    refuse_closed(blocks)
    beside = rules.limits.off_corridor_m
    nearest = float(ground.nearest_m(np.zeros((1, 2)))[0])
    if nearest > beside:
        where = "none is within reach" if np.isinf(nearest) else f"the nearest is {nearest:,.0f} m away"
        raise Impossible(
            f"point: no corridor lies within {beside:g} m of the point ({where}), and no place of the grid "
            "does: raise rules.limits.off_corridor_m, or load a corridor that leads there"
        )
    raise Impossible(
        "point: the corridors at the point lead to no place of the supplied grid within reach: raise "
        "rules.limits.reach_m, allow their kinds in rules.corridor_cost.allowed, or load what joins them"
    )


def _meet(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]
