"""The frozen shape of the grid: dense nodes and edges, arcs, supply forests, and what hangs on the nodes.

Nodes are the rows of `tables.nodes`, and one more, the **root**, that stands for "the supply". Edges are
lines, switches, transformers and then sources: a source is an edge from the root to its node, so "reached
from the root" is "energised", and taking a source out is taking an edge out. Topology changes when
crews build; switching never changes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gis_service.kernels.arcs import Arcs
from gis_service.kernels.compiled import B1, F64, I32, I64, U8
from gis_service.kernels.held import Held, hold
from gis_service.network.forests import SupplyForest
from gis_service.network.ids import IdIndex, Ref
from gis_service.network.tables import GridTables

EDGE_LAYERS = ("line_section", "switch", "power_transformer", "energy_source")


@dataclass(frozen=True, eq=False)
class Feeders:
    """Feeders by id, in order; `head_of[k]` is the feeder of head switch row `head_row[k]`."""

    ids: list[str]
    head_row: I64
    head_of: I64


@dataclass(frozen=True, eq=False)
class Switchgear:
    """What of the switches every question needs, bool `(n_switches,)`.

    normal_open, loaded_open : how each normally stands, and how the tables say it stands
    protective : breakers, reclosers and fuses
    bolted : jumpers, which nobody operates
    """

    normal_open: B1
    loaded_open: B1
    protective: B1
    bolted: B1


@dataclass(frozen=True, eq=False)
class Inside:
    """Nodes inside substations: those of substation `row` are `node[first[row] : first[row + 1]]`, sorted."""

    first: I64
    node: I32


@dataclass(frozen=True, eq=False)
class Topology:
    """One or more counties as one network. Arrays are read-only; see the module's docstring for the order.

    edge_from, edge_to : int32 (n_edges,), -1 where the table names an unknown node
    edge_phases : uint8 (n_edges,)
    edge_length_m : float64 (n_edges,), 0 for all but lines
    edge_rank : int32 (n_edges,), the order of (layer, id) whatever the county
    source_node, customer_node : int32, -1 where unknown
    customer_district : int32 (n_customers,), row of the district, given or traced; -1 where there is none
    customer_needs : uint8 (n_customers,), phases that must be energised; 0: any one will do
    district_transformer : int32 (n_districts,), -1 where unknown
    forests : the normal state in preorder, with the customers; see `network.forests`
    """

    tables: GridTables
    ids: IdIndex
    edge_from: I32
    edge_to: I32
    edge_phases: U8
    edge_length_m: F64
    edge_rank: I32
    arcs: Arcs
    feeders: Feeders
    switchgear: Switchgear
    inside: Inside
    customer_node: I32
    customer_district: I32
    customer_needs: U8
    district_transformer: I32
    forests: tuple[SupplyForest, ...]

    @property
    def n_nodes(self) -> int:
        """Connectivity nodes, the root not counted."""
        return len(self.tables.nodes)

    @property
    def root(self) -> int:
        """The node that stands for the supply: one past the last connectivity node."""
        return len(self.tables.nodes)

    @property
    def n_edges(self) -> int:
        """Lines, switches, transformers and sources."""
        return int(self.edge_from.size)

    @property
    def source_node(self) -> I32:
        """Node of each energy source; -1 where unknown."""
        return self.edge_to[self.first_edge("energy_source") :]

    @cached_property
    def pieces(self) -> I64:
        """Where the pieces begin that only meet in the supply: positions of the first forest, and its end.

        A piece is what one source feeds, or an island; together they are all positions but the root's.
        """
        forest = self.forests[0].forest
        sources = forest.below[self.first_edge("energy_source") :]
        fed = sources[sources >= 0]
        return np.unique(np.concatenate([fed, forest.trees[1:], [forest.end.size]])).astype(np.int64)

    @cached_property
    def held(self) -> tuple[Held, ...]:
        """The forests as compiled questions hold them."""
        first, normal_open = self.first_edge("switch"), self.switchgear.normal_open
        return tuple(
            hold(one.forest, one.chords, one.customers, one.bits, first_switch=first, normal_open=normal_open)
            for one in self.forests
        )

    def first_edge(self, layer: str) -> int:
        """The edge of row 0 of a layer."""
        return self.first_edges[layer]

    @cached_property
    def first_edges(self) -> dict[str, int]:
        """The edge of row 0 of each layer of edges."""
        tables = self.tables
        sizes = (len(tables.lines), len(tables.switches), len(tables.transformers), len(tables.sources))
        return {layer: sum(sizes[:k]) for k, layer in enumerate(EDGE_LAYERS)}

    def edge_of(self, layer: str, row: int) -> int:
        """The edge of a conducting element or source."""
        return self.first_edge(layer) + row

    def ref_of_edge(self, edge: int) -> Ref:
        """The element behind an edge."""
        for layer in reversed(EDGE_LAYERS):
            first = self.first_edge(layer)
            if edge >= first:
                return Ref(layer, edge - first)
        raise IndexError(f"edge {edge} is negative")

    def rows_of_edges(self, edges: I64) -> dict[str, I64]:
        """Sorted edges split by layer into rows of that layer; every edge layer is a key."""
        bounds = [*(self.first_edge(layer) for layer in EDGE_LAYERS), self.n_edges]
        cuts = np.searchsorted(edges, bounds)
        return {layer: edges[cuts[k] : cuts[k + 1]] - bounds[k] for k, layer in enumerate(EDGE_LAYERS)}

    def nodes_allowed(self, *, root: bool) -> B1:
        """All nodes, with or without the root."""
        allowed = np.ones(self.n_nodes + 1, np.bool_)
        allowed[self.root] = root
        return allowed
