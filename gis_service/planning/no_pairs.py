"""Why a question for two supplies has no pair: what all that holds has in common, and what would help.

Looked at only where there is none. What holds and what fails is known by then; here it is told apart whether
no supply point holds at all, whether the grid does not tell what they depend on, whether all depend on the
same, or whether their routes cannot be kept apart.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import islice
from typing import Any, Literal

import numpy as np

from gis_service.planning.pairs import (
    MOST_CHOICES,
    Independence,
    best_pairs,
    origin_at,
    origin_named,
    origin_of,
)
from gis_service.planning.refusals import refusal_at
from gis_service.planning.search import Block, Choice, Search

Answer = dict[str, Any]
Reason = Literal["no_scheme", "origin_unknown", "same_origin", "shared_corridors", "broken_off"]

WEAKER: dict[Independence, tuple[Independence, ...]] = {
    "substation": ("busbar", "feeder"),
    "busbar": ("feeder",),
    "feeder": (),
}
"""What asks for less than each, the most first."""

_UNKNOWN = {
    "feeder": "give head switches their feeder_id",
    "busbar": "load the transformer or source that feeds them",
    "substation": "give the nodes of substations their substation_id",
}


def why_no_pairs(
    search: Search, blocks: Sequence[Block], independence: Independence, *, disjoint: bool, whole: bool
) -> Answer:
    """The binding reason and what would help, where no pair was found.

    Parameters
    ----------
    whole
        Whether the search for pairs ended by itself.

    Returns
    -------
    dict
        `limit` (a `Reason`), `detail` (a sentence), `shared` (ids of what all supply points depend on, or of
        the corridors that the cheapest pair shares) and `nearest` (the nearest supply point that would be
        independent and fails, as in `rejected`; None without one).
    """
    holding = list(islice(search.best(), MOST_CHOICES))
    if not holding:
        return _answer(
            "no_scheme",
            "no supply point within reach holds this load, so no two do: `rejected` names the limit that "
            "binds at each of the nearest, and what would mend it",
        )
    origins: dict[Hashable, Choice] = {}
    for choice in holding:
        origin = origin_of(choice, independence)
        if origin is not None:
            origins.setdefault(origin, choice)
    if not origins:
        return _answer(
            "origin_unknown",
            f"the grid does not tell which {independence} the {len(holding)} supply points that hold depend "
            f"on: {_UNKNOWN[independence]}, or ask for another independence",
        )
    if len(origins) == 1:
        ((origin, choice),) = origins.items()
        return _same_origin(search, blocks, independence, holding, origin, choice)
    (pair,) = best_pairs(holding, independence, 1).pairs
    shared = _corridors_shared(pair)
    if not whole or not disjoint:
        return _answer(
            "broken_off",
            "the search for pairs was broken off before one was found: ask for a shorter "
            "rules.limits.reach_m, or without `disjoint`",
            shared,
        )
    return _answer(
        "shared_corridors",
        f"no two routes to supply points of different {independence} keep apart: the cheapest such pair, for "
        f"{pair[0].cost + pair[1].cost:,.0f}, shares {_named(shared)}; ask without `disjoint`, open other "
        "corridors (rules.corridor_cost.allowed, avoid), or raise rules.limits.reach_m",
        shared,
    )


def _same_origin(
    search: Search,
    blocks: Sequence[Block],
    independence: Independence,
    holding: list[Choice],
    origin: Hashable,
    choice: Choice,
) -> Answer:
    named = origin_named(choice.offers.block, choice.place, independence)
    count = (
        "the one supply point that holds depends"
        if len(holding) == 1
        else (f"all {len(holding)} supply points that hold depend")
    )
    told = f"{count} on {independence} {named!r}"
    nearest = _nearest_elsewhere(search, blocks, independence, origin)
    if nearest is None:
        told += (
            f", and no supply point of another {independence} lies within reach: raise rules.limits.reach_m"
        )
    else:
        at, relief = nearest["attach"], nearest["relief"]
        told += (
            f"; the nearest of another {independence}, {at['kind']} {at['id']!r}, fails by {nearest['limit']}"
        )
        if nearest["value"] is not None:
            told += f" ({nearest['value']:g} where {nearest['allowed']:g} is allowed)"
        elif nearest["allowed"] is not None:
            told += f" (no way of at most {nearest['allowed']:g} m leads there)"
        if relief is not None:
            told += f": {relief['change']} for {relief['cost']:,.0f} would mend that"
    for weaker in WEAKER[independence]:
        pairs = best_pairs(holding, weaker, 1).pairs
        if pairs:
            cost = pairs[0][0].cost + pairs[0][1].cost
            told += f"; with independence {weaker!r} there is a pair for {cost:,.0f}"
            break
    return _answer("same_origin", told, [named], nearest)


def _nearest_elsewhere(
    search: Search, blocks: Sequence[Block], independence: Independence, origin: Hashable
) -> Answer | None:
    """The nearest supply point that depends on something else; as only one origin holds, it fails."""
    found: tuple[float, Block, int] | None = None
    for block in blocks:
        far = block.sites.distance
        for place in np.argsort(far, kind="stable").tolist():
            if found is not None and far[place] >= found[0]:
                break
            if origin_at(block, place, independence) not in (origin, None):
                found = float(far[place]), block, int(block.sites.group[place])
                break
    return None if found is None else refusal_at(search, found[1], found[2])


def _corridors_shared(pair: tuple[Choice, Choice]) -> list[str]:
    """Ids of the corridors that both routes run along."""
    along = [
        {str(one.offers.routes.ground.id[piece.edge]) for piece in one.offers.routes.stretches(one.way)}
        for one in pair
    ]
    return sorted(along[0] & along[1])


def _named(ids: list[str]) -> str:
    some = ", ".join(ids[:5])
    kind = "corridor" if len(ids) == 1 else "corridors"
    return f"{kind} {some}" + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")


def _answer(limit: Reason, detail: str, shared: Sequence[str] = (), nearest: Answer | None = None) -> Answer:
    return {"limit": limit, "detail": detail, "shared": list(shared), "nearest": nearest}
