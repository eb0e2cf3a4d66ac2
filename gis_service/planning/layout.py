"""From the grid near a point to the blocks of a question: the places of each level and the routes to them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gis_service.kernels.compiled import I64
from gis_service.network.switching import SwitchState
from gis_service.network.topology import Topology
from gis_service.planning.areas import NOWHERE, Areas
from gis_service.planning.corridors import Ground
from gis_service.planning.cutting import within
from gis_service.planning.reserved import NOTHING_RESERVED, Reserved
from gis_service.planning.routes import find_routes
from gis_service.planning.rules.book import CONSTRUCTIONS, Level, Rules
from gis_service.planning.search import Block, Load, Offers
from gis_service.planning.sites import find_sites
from gis_service.planning.trees import Trees


def lay_out(
    topology: Topology,
    state: SwitchState,
    trees: Trees,
    rules: Rules,
    ground: Ground,
    load: Load,
    levels: Sequence[Level],
    *,
    nodes: I64,
    lines: I64,
    areas: Areas = NOWHERE,
    reserved: Reserved = NOTHING_RESERVED,
) -> list[Block]:
    """The blocks of some levels around the middle of the ground.

    Parameters
    ----------
    areas
        What routes must keep out of and what they must pass.
    nodes, lines
        Rows of the nodes and lines that may be within reach; others are not looked at.
    reserved
        What counts as load besides the customers of the grid.
    """
    ends = np.concatenate([nodes, topology.edge_from[lines], topology.edge_to[lines]]).astype(np.int64)
    ends = np.unique(ends[(ends >= 0) & (ends != topology.root)])
    if not ends.size:
        return []
    reckoned = trees.around(topology, state, ends, rules, reserved)
    ways = within(ground, areas)
    blocks: list[Block] = []
    for level in levels:
        sites = find_sites(
            reckoned.tree,
            rules,
            level,
            nodes=nodes,
            lines=lines,
            plane=ground.plane,
            ground=ground,
            phases=load.phases,
        )
        built = {one.construction for one in rules.conductor if one.level == level}
        routes = [
            find_routes(ways, rules, one, sites.metres, rules.limits.reach_m.of(level))
            for one in CONSTRUCTIONS
            if one in built and len(sites)
        ]
        own = rules.transformer_for(load.kva) if level == "medium" else None
        blocks.append(Block(rules, level, sites, reckoned, routes, own, ground))
    return blocks


def offers_of(blocks: Sequence[Block], load: Load) -> list[Offers]:
    """Every conductor along every construction's routes."""
    return [
        Offers(block, routes, conductor, load)
        for block in blocks
        for conductor in block.rules.conductor
        for routes in block.routes
        if conductor.level == block.level and conductor.construction == routes.construction
    ]
