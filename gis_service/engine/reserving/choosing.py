"""What a choice comes to now: the very scheme that was chosen, worked out anew, or the limit it breaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import orjson

from gis_service.engine.columns import Answer
from gis_service.engine.reserving.asked import Chosen, ReservationAsked
from gis_service.engine.reserving.beside import harm_of, refuse_harm_of_two
from gis_service.engine.reserving.book import Counted
from gis_service.engine.schemes import Planned, Planner, lay_out_question
from gis_service.engine.world import Scene
from gis_service.errors import CapacityTaken, Conflict, InvalidInput
from gis_service.kernels.compiled import I64
from gis_service.kernels.radial import way_up
from gis_service.network.topology import EDGE_LAYERS, Topology
from gis_service.planning.disjoint import disjoint_pairs
from gis_service.planning.explain import attach, scheme
from gis_service.planning.pairs import origin_of
from gis_service.planning.refusals import refusal
from gis_service.planning.reserved import at_or_below
from gis_service.planning.search import Block, Choice, Offers
from gis_service.planning.sites import KINDS

_PROVED_AT_ONCE = 32
_SAME_FRACTION = 1e-6


@dataclass(frozen=True)
class Agreed:
    """A choice that holds.

    schemes : as answered, one for each supply
    counties, elements : where it joins, and what it burdens
    rules : the rule book's name and date
    reckoned_kva : the three-phase load that each supply puts on its way
    """

    schemes: Sequence[Answer]
    counties: list[str]
    elements: list[str]
    rules: Mapping[str, Any]
    reckoned_kva: float


def choose(scene: Scene, asked: ReservationAsked, planner: Planner, counted: Counted) -> Agreed:
    """The scheme that was chosen, with all that is reserved as load.

    Raises
    ------
    InvalidInput
        For a conductor that the rules do not have.
    CapacityTaken, Conflict
        As `Reserver.reserve` says.
    Impossible, CountyAway, NotReady
        As `supply_schemes` says.
    """
    laid = lay_out_question(scene, asked.question, planner, counted.reserved)
    found = [_choice(laid, one, number, counted) for number, one in enumerate(asked.chosen, start=1)]
    if len(found) == 2:
        _refuse_dependent(found, asked)
        if asked.question.disjoint:
            found = _apart(laid, asked)
        refuse_harm_of_two(found, counted)
    # as JSON has them: they are kept, and given again as they were
    schemes = [orjson.loads(orjson.dumps(scheme(one, 1), option=orjson.OPT_SERIALIZE_NUMPY)) for one in found]
    elements = {
        id
        for one in schemes
        for id in (one["attach"]["id"], one["attach"]["node_id"], *one["supply_path"])
        if id is not None
    }
    counties = {one["attach"]["county_code"] for one in schemes}
    counties |= {county for choice in found for county in _counties_of_way(scene.topology, choice)}
    return Agreed(
        schemes,
        sorted(counties),
        sorted(elements),
        {"name": laid.rules.name, "valid_from": laid.rules.valid_from.isoformat()},
        found[0].offers.load.reckoned_kva,
    )


def _choice(laid: Planned, chosen: Chosen, number: int, counted: Counted) -> Choice:
    """The cheapest way to a chosen place that holds."""
    offers = [one for one in laid.search.offers if one.conductor.name == chosen.conductor]
    if not any(chosen.conductor == one.name for one in laid.rules.conductor):
        fault = (
            f"chosen[{number - 1}].conductor: the rules have no conductor {chosen.conductor!r}; they have "
            f"{', '.join(one.name for one in laid.rules.conductor)}"
        )
        raise InvalidInput(fault, [fault])
    for block in laid.blocks:
        places = _places(block, chosen)
        if not places.size:
            continue
        ways = [(one, np.flatnonzero(np.isin(one.place, places))) for one in offers if one.block is block]
        found = _cheapest_that_holds(ways)
        if found is not None:
            return found
        alone = _cheapest_that_holds(ways, beside_others=False)
        if alone is not None:
            raise harm_of([alone], number, refusal(block, places, ways)["relief"], counted)
        if any(some.size for _, some in ways):
            raise _taken(block, places, ways, chosen, number, counted)
        raise Conflict(
            f"chosen[{number - 1}]: no way within reach leads to {chosen}, as grid and corridors stand now: "
            "ask for schemes again"
        )
    raise Conflict(
        f"chosen[{number - 1}]: {chosen} is no place that this load could join, as the grid stands now: ask "
        "for schemes again"
    )


_LAYERS = {"district": "transformer_district", "line_tap": "line_section", "node": "connectivity_node"}


def _places(block: Block, chosen: Chosen) -> I64:
    """The places of a block that are meant, ascending."""
    sites, tree = block.sites, block.reckoned.tree
    kept = sites.kind == KINDS.index(chosen.kind)
    ids, nodes = tree.topology.ids, tree.topology.tables.nodes
    if chosen.kind in _LAYERS:
        row = ids.row(_LAYERS[chosen.kind], chosen.id)
        kept &= sites.row == (-1 if row is None else row)
    else:
        kept[kept] = (
            np.array([str(one) for one in nodes.substation_id[sites.row[kept]].tolist()]) == chosen.id
        )
    if chosen.node_id is not None:
        row = ids.row("connectivity_node", chosen.node_id)
        kept &= sites.node == (-2 if row is None else row)
    if chosen.fraction is not None:
        kept &= np.abs(sites.fraction - chosen.fraction) < _SAME_FRACTION
    return np.flatnonzero(kept)


def _cheapest_that_holds(ways: Sequence[tuple[Offers, I64]], *, beside_others: bool = True) -> Choice | None:
    """Of all ways, the cheapest that keeps its limits, and lets others keep theirs where these count."""
    best: Choice | None = None
    for offers, some in ways:
        kept = np.intersect1d(some, offers.screened)
        kept = kept[np.lexsort((kept, offers.cost[kept]))]
        for first in range(0, kept.size, _PROVED_AT_ONCE):
            few = kept[first : first + _PROVED_AT_ONCE]
            chains = offers.chains(few)
            rows = np.flatnonzero(offers.keeps(chains)).tolist()
            row = next((k for k in rows if not beside_others or offers.spares(int(few[k]), chains, k)), None)
            if row is not None:
                found = Choice(offers, int(few[row]), chains, row)
                if best is None or found.cost < best.cost:
                    best = found
                break
    return best


def _taken(
    block: Block,
    places: I64,
    ways: list[tuple[Offers, I64]],
    chosen: Chosen,
    number: int,
    counted: Counted,
) -> CapacityTaken:
    """The limit that the best way to a place breaks, by how much, and what is reserved there."""
    told = refusal(block, places, ways)
    reckoned, tree = block.reckoned, block.reckoned.tree
    at = next(
        int(block.sites.at[k]) for k in places.tolist() if attach(block.sites, k, reckoned) == told["attach"]
    )
    where = int(reckoned.begins[at])
    beyond: dict[str, Any] = {"beyond": round(abs(told["value"] - told["allowed"]), 6)}
    if told["element"] is not None:
        where = int(reckoned.room[1][at])
        load = ways[0][0].load.reckoned_kva
        over = float(reckoned.after(np.array([where]), load)[0] - reckoned.capacity[where])
        beyond["beyond_kva"] = round(over, 6)
    below = at_or_below(tree, where)
    of = tree.reserved.reservation[below] if tree.reserved is not None else below
    kva = round(float(tree.reserved_kva[where]), 6)
    ids = sorted(set(of.tolist()))
    binding = {
        "supply": number,
        "attach": told["attach"],
        "limit": told["limit"],
        "element": told["element"],
        "value": told["value"],
        "allowed": told["allowed"],
        **beyond,
        "reserved_kva": kva,
        "reservations": ids,
        "reservations_version": counted.version,
        "relief": told["relief"],
    }
    on = f" of {told['element']!r}" if told["element"] is not None else ""
    by = f"{beyond['beyond']:g}" + (f", {beyond['beyond_kva']:g} kVA" if "beyond_kva" in beyond else "")
    held = (
        f"{kva:g} kVA are reserved there by reservation{'s' if len(ids) > 1 else ''} "
        f"{', '.join(map(str, ids[:10]))}{' and more' if len(ids) > 10 else ''}"
        if ids
        else "nothing is reserved there"
    )
    return CapacityTaken(
        f"chosen[{number - 1}]: with {chosen}, {told['limit']}{on} would be {told['value']:g} where "
        f"{told['allowed']:g} is allowed ({by} too much); {held}: ask for schemes again",
        binding,
    )


def _apart(laid: Planned, asked: ReservationAsked) -> list[Choice]:
    """The cheapest ways to the two chosen places that share no corridor, in their order."""
    blocks = []
    for block in laid.blocks:
        kept = np.unique(np.concatenate([_places(block, one) for one in asked.chosen]))
        of = block.sites
        sites = replace(
            of,
            kind=of.kind[kept],
            row=of.row[kept],
            node=of.node[kept],
            fraction=of.fraction[kept],
            at=of.at[kept],
            portion=of.portion[kept],
            metres=of.metres[kept],
        )
        if kept.size:
            blocks.append(replace(block, sites=sites))
    pairs = disjoint_pairs(blocks, laid.load, asked.question.independence, 1).pairs
    for one, other in ((first, second) for pair in pairs for first, second in (pair, pair[::-1])):
        if all(
            choice.place in _places(choice.offers.block, chosen)
            and choice.offers.conductor.name == chosen.conductor
            for choice, chosen in zip((one, other), asked.chosen, strict=True)
        ):
            return [one, other]
    raise Conflict(
        f"chosen: {asked.chosen[0]} and {asked.chosen[1]} cannot be reached along routes that share no "
        "corridor, or not with these conductors, as things stand now: ask for schemes again"
    )


def _refuse_dependent(found: Sequence[Choice], asked: ReservationAsked) -> None:
    independence = asked.question.independence
    origins = [origin_of(choice, independence) for choice in found]
    for k, origin in enumerate(origins):
        if origin is None:
            raise Conflict(
                f"chosen[{k}]: the grid does not tell which {independence} {asked.chosen[k]} depends on: "
                "choose another place"
            )
    if origins[0] == origins[1]:
        raise Conflict(
            f"chosen: both supplies depend on the same {independence} as switches stand now: choose a pair "
            "of the answer, or ask for less independence"
        )


def _counties_of_way(topology: Topology, choice: Choice) -> set[str]:
    tree, tables = choice.offers.block.reckoned.tree, topology.tables
    way = way_up(tree.parent, choice.at)
    found: set[str] = set()
    layers = (tables.lines, tables.switches, tables.transformers, tables.sources)
    for kind, table in zip(range(len(EDGE_LAYERS)), layers, strict=True):
        rows = tree.rows(kind, way[tree.kind[way] == kind])
        found |= set(map(str, table.county[rows].tolist()))
    return found
