"""Supply area: what a source, feeder, switch or transformer supplies in a switch state."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gis_service.kernels.compiled import I64, U8
from gis_service.kernels.hung import rows_at
from gis_service.network.ids import Ref
from gis_service.network.switching import SwitchState
from gis_service.network.tables import ALL_PHASES
from gis_service.network.topology import Topology
from gis_service.tracing.change import supplied_among
from gis_service.tracing.trace import trace


@dataclass(frozen=True, eq=False)
class SupplyArea:
    """Rows, each sorted: supplied customers that a start can feed, and the elements in between."""

    customers: I64
    edges: I64
    nodes: I64


def customers_at(topology: Topology, nodes: I64, node_phases: U8) -> I64:
    """Customers on some nodes that need at least one of the phases given there, sorted rows."""
    one = topology.forests[0]  # every forest has all customers
    rows, at = rows_at(one.customers, one.forest.place[nodes])
    needs = topology.customer_needs[rows]
    wanted = np.where(needs != 0, needs, ALL_PHASES).astype(np.uint8)
    return np.sort(rows[(node_phases[at] & wanted) != 0]).astype(np.int64)


def supply_area(topology: Topology, state: SwitchState, starts: list[Ref]) -> SupplyArea:
    """Customers downstream of the starts that are supplied: in a loop, all that it feeds together."""
    below = trace(topology, state, "downstream", starts)
    there = customers_at(topology, below.nodes, below.node_phases)
    served = there[supplied_among(topology, state, there)]
    return SupplyArea(customers=served, edges=below.edges, nodes=below.nodes)
