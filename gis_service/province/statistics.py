"""What a province is like, in numbers: gathered area by area, while it is made.

Knows how to measure and nothing of what is usual elsewhere; that is the report's. An area is a whole: its
feeders never leave it in the normal state, so what lies below a switch can be counted there.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from gis_service.network.tables import ALL_PHASES
from gis_service.province import equipment as eq
from gis_service.province.made import MadeArea
from gis_service.province.plane import Floats, Ints

_UNDERGROUND = np.array([name == "underground" for name in eq.CONSTRUCTIONS_OF])
_STREETS = (eq.STREET_OVERHEAD, eq.STREET_CABLE)


class Statistics:
    """Sums and samples over areas; every figure is read with `totals` and `sample`.

    `sample` names: `customers_of_transformer` (public ones), `kva_of_transformer`, `loading`, `feeder_km`,
    `feeder_reach_km`, `feeder_customers`, `feeder_transformers`, `feeders_of_substation`, `low_reach_m`,
    `depth` (elements from source to customer), `nodes_below`, `customers_below` (of closed switches).
    """

    def __init__(self) -> None:
        self.totals: dict[str, float] = defaultdict(float)
        self._samples: dict[str, list[npt.NDArray[np.float64]]] = defaultdict(list)

    def sample(self, name: str) -> Floats:
        """All values of one sample, in the order of areas; at least one."""
        found = self._samples.get(name)
        return np.concatenate(found) if found else np.zeros(1)

    def add(self, made: MadeArea) -> None:
        """Count an area in."""
        add = self.totals
        rows, tree = made.rows, _tree(made)
        for layer, columns in rows.items():
            add[layer] += columns["county"].size
        add["feeders"] += len(made.layout.trunks)
        add["twins"] += made.twins
        add["meshes"] += made.meshes
        add["parallel"] += made.yard.parallel
        self._lines(made)
        self._switches(made, tree)
        self._districts(made, tree)
        self._feeders(made, tree)
        customers = rows["customer_point"]
        own = made.nodes.county
        add["single_phase"] += float(np.isin(customers["phases"], (1, 2, 4)).sum())
        add["critical"] += float((customers["grade"] >= 0).sum())
        self._keep("depth", tree.depth[customers["node"]])
        single = rows["line_section"]["phases"] != ALL_PHASES
        add["single_phase_lines"] += float(single.sum())
        add["border_lines"] += float(
            (own[rows["line_section"]["from"]] != own[rows["line_section"]["to"]]).sum()
        )

    def _keep(self, name: str, values: npt.ArrayLike) -> None:
        self._samples[name].append(np.atleast_1d(np.asarray(values, np.float64)))

    def _lines(self, made: MadeArea) -> None:
        lines, km = made.rows["line_section"], made.lines.length_m / 1000.0
        medium = lines["kv"] == eq.MEDIUM_KV
        street = np.isin(lines["conductor"], _STREETS)
        under = _UNDERGROUND[lines["conductor"]]
        self.totals["medium_km"] += float(km[medium].sum())
        self.totals["medium_underground_km"] += float(km[medium & under].sum())
        self.totals["low_km"] += float(km[~medium & (lines["kv"] == eq.LOW_KV)].sum())
        self.totals["street_km"] += float(km[street].sum())

    def _switches(self, made: MadeArea, tree: _Tree) -> None:
        switches = made.rows["switch"]
        opened = switches["normal_open"]
        kv = made.rows["connectivity_node"]["kv"][switches["from"]]
        self.totals["switches_medium"] += float((kv > eq.LOW_KV).sum())
        self.totals["open"] += float(opened.sum())
        self.totals["open_remote"] += float((opened & switches["remote"]).sum())
        start, end = switches["from"][~opened], switches["to"][~opened]
        far = np.where(tree.metres[start] < tree.metres[end], end, start)
        far = far[np.isfinite(tree.metres[far])]
        self._keep("nodes_below", tree.nodes_below[far])
        self._keep("customers_below", tree.customers_below[far])

    def _districts(self, made: MadeArea, tree: _Tree) -> None:
        districts, customers = made.rows["transformer_district"], made.rows["customer_point"]
        transformers = made.rows["power_transformer"]
        public = ~districts["dedicated"]
        kva = transformers["kva"][districts["transformer"]]
        contracted = np.bincount(customers["district"], weights=customers["kva"], minlength=kva.size)
        board = transformers["to"][districts["transformer"]]
        reach = np.zeros(kva.size)
        far = tree.metres[customers["node"]] - tree.metres[board][customers["district"]]
        np.maximum.at(reach, customers["district"], far)
        self._keep("customers_of_transformer", districts["customers"][public])
        self._keep("kva_of_transformer", kva)
        self._keep("loading", contracted * eq.COINCIDENCE_OF_DISTRICT / kva)
        self._keep("low_reach_m", reach[public])
        self.totals["public"] += float(public.sum())

    def _feeders(self, made: MadeArea, tree: _Tree) -> None:
        lines, districts = made.rows["line_section"], made.rows["transformer_district"]
        transformers, customers = made.rows["power_transformer"], made.rows["customer_point"]
        number = len(made.layout.trunks)
        medium = (lines["kv"] == eq.MEDIUM_KV) & (lines["feeder"] >= 0)
        km = np.bincount(
            lines["feeder"][medium], weights=made.lines.length_m[medium] / 1000.0, minlength=number
        )
        feeder = districts["feeder"]
        reach = np.zeros(number)
        np.maximum.at(reach, feeder, tree.metres[transformers["from"][districts["transformer"]]] / 1000.0)
        self._keep("feeder_km", km)
        self._keep("feeder_reach_km", reach)
        self._keep("feeder_transformers", np.bincount(feeder, minlength=number))
        self._keep("feeder_customers", np.bincount(feeder, weights=districts["customers"], minlength=number))
        self._keep("feeders_of_substation", number)
        where = np.unique(
            np.column_stack([feeder[customers["district"]], customers["county"].astype(np.int64)]), axis=0
        )
        self.totals["border_feeders"] += float((np.bincount(where[:, 0], minlength=number) > 1).sum())


@dataclass(frozen=True)
class _Tree:
    """An area in the normal state, from its source: way, elements, and what lies below, for each node."""

    metres: Floats
    depth: Ints
    nodes_below: Ints
    customers_below: Ints


def _tree(made: MadeArea) -> _Tree:
    lines, switches = made.rows["line_section"], made.rows["switch"]
    transformers = made.rows["power_transformer"]
    n = made.rows["connectivity_node"]["county"].size
    closed = ~switches["normal_open"]
    ends = np.concatenate(
        [
            np.column_stack([lines["from"], lines["to"]]),
            np.column_stack([switches["from"], switches["to"]])[closed],
            np.column_stack([transformers["from"], transformers["to"]]),
        ]
    )
    metres = np.concatenate(
        [made.lines.length_m, np.full(int(closed.sum()) + transformers["from"].size, 0.01)]
    )
    here = (ends >= 0).all(axis=1)  # the rest leads to a neighbour, behind an open tie
    ends, metres = np.sort(ends[here], axis=1), metres[here]
    _, one = np.unique(ends[:, 0] * n + ends[:, 1], return_index=True)  # of parallel elements
    graph = coo_array((metres[one], (ends[one, 0], ends[one, 1])), shape=(n, n)).tocsr()
    far, before = dijkstra(graph, directed=False, indices=made.yard.source, return_predecessors=True)
    order = np.argsort(far, kind="stable")
    order = order[np.isfinite(far[order])][1:]
    customers = np.bincount(made.rows["customer_point"]["node"], minlength=n)
    depth, nodes, below = [0] * n, [1] * n, customers.tolist()
    way = before.tolist()
    for node in order.tolist():
        depth[node] = depth[way[node]] + 1
    for node in reversed(order.tolist()):
        nodes[way[node]] += nodes[node]
        below[way[node]] += below[node]
    return _Tree(far, np.array(depth), np.array(nodes), np.array(below))
