"""Those admitted before a choice: whether it would break a limit for one of them, and for whom.

They are the customers of the grid and the reservations that are held. Loadings need no second look: an
element whose load grows lies on the chosen supply path, and its limit was kept there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gis_service.engine.reserving.book import Counted
from gis_service.engine.schemes import Planned, Planner
from gis_service.engine.world import Scene
from gis_service.errors import CapacityTaken
from gis_service.kernels.compiled import F64, I64
from gis_service.planning.explain import attach
from gis_service.planning.reckoned import Reckoned
from gis_service.planning.reserved import Reserved
from gis_service.planning.rules import Rules
from gis_service.planning.search import Choice
from gis_service.planning.sites import LINE_TAP
from gis_service.planning.standing import Broken, OwnLine, newly_broken

Schemes = Callable[[Collection[int]], Mapping[int, Sequence[Mapping[str, Any]]]]
"""Reservations by number → their schemes as they were answered."""


def refuse_harm(
    scene: Scene, laid: Planned, found: Sequence[Choice], planner: Planner, counted: Counted, schemes: Schemes
) -> None:
    """Refuse a choice that would break a limit which somebody else keeps now.

    Raises
    ------
    CapacityTaken
        Naming the limit, the node or reservation, and what it would come to.
    """
    reckoned = found[0].offers.block.reckoned
    tree = reckoned.tree
    nodes = np.unique(tree.node[1:])
    after = planner.trees.apart(
        scene.topology, scene.state, nodes, laid.rules, _with(counted.reserved, found, scene)
    )
    broken = newly_broken(reckoned, after, _own_lines(reckoned, counted, laid.rules, schemes))
    if broken:
        raise _harm(scene, found[0], broken, counted)


def _with(reserved: Reserved, found: Sequence[Choice], scene: Scene) -> Reserved:
    """What is reserved, and behind it the loads of a choice: one customer, whatever his supplies."""
    number = int(reserved.reservation.max(initial=0)) + 1
    node: list[int] = []
    edge: list[int] = []
    fraction: list[float] = []
    for one in found:
        sites, place = one.offers.block.sites, one.place
        tap = sites.kind[place] == LINE_TAP
        node.append(-1 if tap else int(sites.node[place]))
        edge.append(scene.topology.edge_of("line_section", int(sites.row[place])) if tap else -1)
        fraction.append(float(sites.fraction[place]) if tap else 0.0)
    n = len(found)
    kva = found[0].offers.load.reckoned_kva

    def behind(column: I64, more: Sequence[int]) -> I64:
        return np.concatenate([column, np.array(more, np.int64)])

    def floats(column: F64, more: Sequence[float]) -> F64:
        return np.concatenate([column, np.array(more, np.float64)])

    return replace(
        reserved,
        reservation=behind(reserved.reservation, [number] * n),
        node=behind(reserved.node, node),
        edge=behind(reserved.edge, edge),
        fraction=floats(reserved.fraction, fraction),
        kva=floats(reserved.kva, [kva] * n),
    )


def _own_lines(reckoned: Reckoned, counted: Counted, rules: Rules, schemes: Schemes) -> Mapping[int, OwnLine]:
    """By reserved load of the tree, the line that its customer gets; of conductors that the rules have."""
    here = np.flatnonzero(reckoned.tree.reserved_at > 0)
    known = schemes({counted.loads[int(k)][0] for k in here}) if here.size else {}
    conductors = {one.name: one for one in rules.conductor}
    found: dict[int, OwnLine] = {}
    for k in here.tolist():
        reservation, number = counted.loads[k]
        told = known[reservation][number - 1]
        conductor = conductors.get(told["conductor"])
        if conductor is not None:
            km = float(told["route"]["length_m"]) / 1000.0
            found[k] = OwnLine(
                float(counted.reserved.kva[k]), conductor.r_ohm_per_km * km, conductor.x_ohm_per_km * km
            )
    return found


def _harm(scene: Scene, choice: Choice, broken: Sequence[Broken], counted: Counted) -> CapacityTaken:
    worst = broken[0]
    nodes = scene.tables.nodes
    node = str(nodes.id[worst.node]) if worst.node >= 0 else None
    reservation = counted.loads[worst.load][0] if worst.load >= 0 else None
    whose = f"the customers at node {node!r}" if node is not None else f"reservation {reservation}"
    block = choice.offers.block
    binding = {
        "supply": 1,
        "attach": attach(block.sites, choice.place, block.reckoned),
        "limit": f"{worst.limit}_of_others",
        "element": node,
        "value": round(worst.after, 6),
        "allowed": worst.allowed,
        "beyond": round(abs(worst.after - worst.allowed), 6),
        "before": round(worst.before, 6),
        "broken_for": len(broken),
        "reserved_kva": round(float(counted.reserved.kva[worst.load]), 6) if worst.load >= 0 else 0.0,
        "reservations": sorted({counted.loads[one.load][0] for one in broken if one.load >= 0}),
        "reservations_version": counted.version,
        "relief": None,
    }
    others = f", and {len(broken) - 1} more limits would break" if len(broken) > 1 else ""
    return CapacityTaken(
        f"chosen: with this customer, {worst.limit} of {whose} would be {worst.after:g} where "
        f"{worst.allowed:g} is allowed (it is {worst.before:g} now){others}: choose another supply point, or "
        "a smaller load, or strengthen what feeds them both",
        binding,
    )
