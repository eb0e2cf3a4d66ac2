"""Supply area: what a source, feeder, switch or transformer supplies in a switch state."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gis_service.kernels.compiled import I64, U8
from gis_service.network.ids import Ref
from gis_service.network.switching import SwitchState
from gis_service.network.topology import Topology
from gis_service.tracing.change import supplied_among
from gis_service.tracing.trace import trace


@dataclass(frozen=True, eq=False)
class SupplyArea:
    """Rows, each sorted: supplied customers that a start can feed, and the elements in between."""

    customers: I64
    edges: I64
    nodes: I64


def customers_at(topology: Topology, node_phases: U8) -> I64:
    """Customers whose node carries at least one phase that they need, sorted rows."""
    phases = np.append(node_phases, np.uint8(0))
    needs = np.where(topology.customer_needs != 0, topology.customer_needs, 7).astype(np.uint8)
    return np.flatnonzero(phases[topology.customer_node] & needs)


def supply_area(topology: Topology, state: SwitchState, starts: list[Ref]) -> SupplyArea:
    """Customers downstream of the starts that are supplied: in a loop, all that it feeds together."""
    below = trace(topology, state, "downstream", starts)
    there = customers_at(topology, below.node_phases)
    served = there[supplied_among(topology, state, there)]
    return SupplyArea(customers=served, edges=below.edges, nodes=below.nodes)
