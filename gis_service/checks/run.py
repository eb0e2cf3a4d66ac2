"""All rules over one grid."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from gis_service.checks import attributes, connection, drawing, supply
from gis_service.checks.findings import RULES, SEVERITIES, Finding
from gis_service.checks.reserved import Claim, reservations_without_place
from gis_service.checks.subject import Subject
from gis_service.network.build import build_topology
from gis_service.network.tables import GridTables

CHECKS: tuple[Callable[[Subject], None], ...] = (
    connection.unknown_references,
    connection.lone_nodes,
    connection.self_loops_and_parallels,
    connection.loops,
    connection.islands,
    supply.unsupplied,
    supply.switches_not_normal,
    supply.phases_never_present,
    drawing.line_lengths,
    drawing.line_ends,
    attributes.voltages,
    attributes.missing_values,
    attributes.districts,
)


def unheard(_check: str) -> None:
    """The listener of a check nobody listens to."""


def check_grid(
    tables: GridTables,
    *,
    counties: Collection[str] | None = None,
    on_check: Callable[[str], None] = unheard,
    claims: Sequence[Claim] = (),
) -> list[Finding]:
    """Everything odd about a grid, by severity, rule, county, layer and id.

    Parameters
    ----------
    tables
        The whole grid as it is stored: supply may come from another county. `open` is the current state.
    counties
        Report on these counties alone; default all.
    on_check
        Called with `topology` before the network is built, then with the name of each of the `CHECKS`.
    claims
        Where what is reserved joins the grid.
    """
    on_check("topology")
    subject = Subject(build_topology(tables))
    for check in CHECKS:
        on_check(check.__name__)
        check(subject)
    reservations_without_place(subject, claims)
    found = [one for one in subject.findings if counties is None or one.county_code in counties]
    rule_order = {name: place for place, name in enumerate(RULES)}
    found.sort(
        key=lambda one: (
            SEVERITIES.index(one.severity),
            rule_order[one.rule],
            one.county_code,
            one.layer,
            one.id or "",
            one.message,
        )
    )
    return found
