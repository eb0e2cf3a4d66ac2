"""Who has supply: the phases that reach each node from the sources, and what each customer needs.

A customer is supplied when each of its phases is energised at its node. Phases not given are those that
reach its node in the normal state; where none do, any phase that arrives counts as supply.
"""

from __future__ import annotations

import numpy as np

from gis_service.kernels.compiled import B1, U8
from gis_service.kernels.reach import reach_masks
from gis_service.network.switching import SwitchState, conducting
from gis_service.network.tables import ALL_PHASES
from gis_service.network.topology import Topology
from gis_service.tracing.change import Change
from gis_service.tracing.outs import NOTHING_OUT, Outs

_ALL = np.array([ALL_PHASES], np.uint8)


def node_phases(topology: Topology, state: SwitchState, outs: Outs = NOTHING_OUT) -> U8:
    """Energised phases at each node, uint8 `(n_nodes,)`: one pass over the supply forest, O(nodes)."""
    return Change(topology, state, outs=outs).all_phases()[1]


def node_phases_by_node(topology: Topology, state: SwitchState, outs: Outs = NOTHING_OUT) -> U8:
    """The same by a search over nodes from the supply, with no forest: what the forest is tested against."""
    reached = reach_masks(
        *topology.arcs,
        outs.applied_to(conducting(topology, state)),
        outs.nodes_left(topology),
        np.array([topology.root], np.int64),
        _ALL,
    )
    return reached[: topology.n_nodes]


def supplied_at(topology: Topology, phases: U8, outs: Outs = NOTHING_OUT) -> B1:
    """Which customers are supplied where these phases stand at the nodes, bool `(n_customers,)`."""
    node = topology.customer_node
    there = np.where(node >= 0, phases[node] if phases.size else np.uint8(0), 0).astype(np.uint8)
    needs = topology.customer_needs
    answer: B1 = np.where(needs != 0, (there & needs) == needs, there != 0)
    answer[node < 0] = False
    answer[outs.customers] = False
    return answer


def supplied(topology: Topology, state: SwitchState, outs: Outs = NOTHING_OUT) -> B1:
    """Which customers are supplied, bool `(n_customers,)`."""
    return supplied_at(topology, node_phases(topology, state, outs), outs)


def live_edges(topology: Topology, phases: U8, outs: Outs = NOTHING_OUT) -> B1:
    """Which lines, switches, transformers and sources are energised, bool `(n_edges,)`.

    An element is energised when a phase that it carries stands at one of its ends, and it is not out; an
    open switch with one live side is. A source is when it is not out.
    """
    at = np.append(phases, np.uint8(0))  # index -1, an unknown end, finds nothing here; so does the root
    touched = at[topology.edge_from] | at[topology.edge_to]
    live: B1 = (touched & topology.edge_phases) != 0
    live[topology.first_edge("energy_source") :] = topology.source_node >= 0
    live[outs.edges] = False
    gone = np.zeros(topology.n_nodes + 1, np.bool_)
    gone[outs.nodes] = True
    live &= ~(gone[topology.edge_from] | gone[topology.edge_to])
    return live
