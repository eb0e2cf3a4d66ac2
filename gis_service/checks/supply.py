"""Who has supply, normally and now, and which phases could ever arrive."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gis_service.checks.connection import parts
from gis_service.checks.subject import Subject
from gis_service.kernels.reach import components
from gis_service.network.switching import SwitchState, conducting, loaded_state, normal_state
from gis_service.network.tables import ALL_PHASES, phase_text
from gis_service.tracing.supply import node_phases, supplied_at


def unsupplied(subject: Subject) -> None:
    """Customers and parts without supply in the normal state, and those without it only now.

    Islands, which no switching could supply, are left to their own rule; their customers are not.
    """
    topology = subject.topology
    normal, current = normal_state(topology), loaded_state(topology)
    usual, now = node_phases(topology, normal), node_phases(topology, current)
    supplied_usually, supplied_now = supplied_at(topology, usual), supplied_at(topology, now)
    for row in np.flatnonzero(~supplied_usually).tolist():
        if topology.customer_node[row] >= 0:
            subject.find("unsupplied_customer", "customer_point", row, "has no supply in the normal state")
    for row in np.flatnonzero(supplied_usually & ~supplied_now).tolist():
        subject.find(
            "customer_out_now", "customer_point", row, "has no supply now, while in the normal state it has"
        )
    reachable = _ever(subject) != 0
    _dead_parts(
        subject, "unsupplied_part", normal, (usual == 0) & reachable, "has no supply in the normal state"
    )
    only_now = (now == 0) & (usual != 0)
    _dead_parts(
        subject, "unsupplied_now", current, only_now, "has no supply now, while in the normal state it has"
    )


def switches_not_normal(subject: Subject) -> None:
    """Switches that stand otherwise than they normally do."""
    switches = subject.topology.tables.switches
    for row in np.flatnonzero(switches.open != switches.normal_open).tolist():
        now, usual = ("open", "closed") if switches.open[row] else ("closed", "open")
        subject.find("switch_not_normal", "switch", row, f"is {now} and normally {usual}")


def phases_never_present(subject: Subject) -> None:
    """Customers with a phase that no switching brings to their node, where some phase does arrive."""
    topology = subject.topology
    node, given = topology.customer_node, np.asarray(topology.tables.customers.phases) & np.uint8(ALL_PHASES)
    there = np.append(_ever(subject), np.uint8(0))[node]  # the last one, where a node is not known
    missing = given & ~there
    for row in np.flatnonzero((there != 0) & (missing != 0)).tolist():
        subject.find(
            "phase_never_present",
            "customer_point",
            row,
            f"needs phase {phase_text(int(missing[row]))}, and node {subject.node_id(int(node[row]))} "
            f"can only have {phase_text(int(there[row]))}",
        )


def _ever(subject: Subject) -> npt.NDArray[np.uint8]:
    """Phases that reach each node with every switch closed."""
    topology = subject.topology
    closed = SwitchState(np.zeros(len(topology.tables.switches), np.bool_))
    return node_phases(topology, closed)


def _dead_parts(
    subject: Subject, rule: str, state: SwitchState, dead: npt.NDArray[np.bool_], message: str
) -> None:
    topology = subject.topology
    nodes = np.flatnonzero(dead)
    if not nodes.size:
        return
    within = np.append(dead, False)
    inside = within[topology.edge_from] & within[topology.edge_to]
    inside &= (topology.edge_from >= 0) & (topology.edge_to >= 0)
    label = components(*topology.arcs, np.where(inside, conducting(topology, state), 0).astype(np.uint8))
    for part in parts(subject, label, nodes):
        subject.find_part(
            rule, part.nodes, f"a part of {part.size} around node {subject.node_id(part.nodes[0])} {message}"
        )
