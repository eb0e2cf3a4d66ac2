"""Those admitted before a choice: what it says when a limit would break for one of them, and for whom.

They are the customers of the grid and the reservations that are held. Loadings need no second look: an
element whose load grows lies on the chosen supply path, and its limit was kept there.
"""

from __future__ import annotations

from collections.abc import Sequence

from gis_service.engine.columns import Answer
from gis_service.engine.reserving.book import Counted
from gis_service.errors import CapacityTaken
from gis_service.planning.explain import attach
from gis_service.planning.pairs import spared_by_two
from gis_service.planning.refusals import harmed_reservations
from gis_service.planning.reliefs import OF_OTHERS
from gis_service.planning.search import Choice


def refuse_harm_of_two(found: Sequence[Choice], counted: Counted) -> None:
    """Refuse two supplies that break a limit for somebody together, as neither does alone.

    Raises
    ------
    CapacityTaken
        As `harm_of` has it.
    """
    if not spared_by_two(*found):
        raise harm_of(found, 1, None, counted)


def harm_of(found: Sequence[Choice], number: int, relief: Answer | None, counted: Counted) -> CapacityTaken:
    """What choices break for others: the limit, the node or reservation, and what it would come to.

    Parameters
    ----------
    number
        Of the first of them among the supplies asked for.
    """
    block, kva = found[0].offers.block, found[0].offers.load.reckoned_kva
    reckoned = block.reckoned
    joining = [one.joining for one in found]
    broken = reckoned.standing.broken(joining, kva)
    if not broken:  # by less than a flow is exact, and without his line already
        broken = reckoned.standing.broken([one._replace(r=0.0, x=0.0) for one in joining], kva)
    worst, tree = broken[0], reckoned.tree
    node = str(tree.topology.tables.nodes.id[worst.node]) if worst.node >= 0 else None
    whose = f"the customers at node {node!r}" if node is not None else f"reservation {worst.reservation}"
    held = 0.0
    if node is None and tree.reserved is not None:
        held = float(tree.reserved.kva[tree.reserved.reservation == worst.reservation].max())
    binding = {
        "supply": number,
        "attach": attach(block.sites, found[0].place, reckoned),
        "limit": f"{worst.limit}{OF_OTHERS}",
        "element": node,
        "value": round(worst.after, 6),
        "allowed": worst.allowed,
        "beyond": round(abs(worst.after - worst.allowed), 6),
        "before": round(worst.before, 6),
        "broken_for": len(broken),
        "reserved_kva": round(held, 6),
        "reservations": harmed_reservations(broken),
        "reservations_version": counted.version,
        "relief": relief,
    }
    others = f", and {len(broken) - 1} more limits would break" if len(broken) > 1 else ""
    return CapacityTaken(
        f"chosen: with this customer, {worst.limit} of {whose} would be {worst.after:g} where "
        f"{worst.allowed:g} is allowed (it is {worst.before:g} now){others}: choose another supply point, or "
        "a smaller load, or strengthen what feeds them both",
        binding,
    )
