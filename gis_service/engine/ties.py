"""Which counties have a network in common: no switching can let one of them reach beyond these.

Whole counties, not sections: it is asked when one of them cannot be read, and must not depend on how anything
stands there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from gis_service.engine.columns import table_of
from gis_service.errors import AmbiguousId, UnknownId
from gis_service.kernels.compiled import I64
from gis_service.network.columns import Text, runs
from gis_service.network.topology import Topology


def tied_counties(topology: Topology) -> dict[str, str]:
    """County → the first county, by code, of those that elements join it to, directly or through others.

    O(edges), once a topology.
    """
    tables = topology.tables
    codes = sorted(tables.counties)
    place = {code: k for k, code in enumerate(codes)}
    of_node = _places(tables.nodes.county, place)
    stands_for = list(range(len(codes)))

    def first(county: int) -> int:
        while stands_for[county] != county:
            stands_for[county] = stands_for[stands_for[county]]
            county = stands_for[county]
        return county

    own = np.concatenate(
        [
            _places(table.county, place)
            for table in (tables.lines, tables.switches, tables.transformers, tables.sources)
        ]
    )
    customers = _places(tables.customers.county, place)
    joined = ((topology.edge_from, own), (topology.edge_to, own), (topology.customer_node, customers))
    pairs: set[tuple[int, int]] = set()
    for nodes, counties in joined:
        # a source begins at the root, which belongs to nobody
        inner = np.flatnonzero((nodes >= 0) & (nodes < len(of_node)))
        theirs, ours = of_node[nodes[inner]], counties[inner]
        apart = theirs != ours
        both = np.unique(np.column_stack([theirs[apart], ours[apart]]), axis=0)
        pairs |= set(map(tuple, both.tolist()))
    for one, other in sorted(pairs):
        low, high = sorted((first(one), first(other)))
        stands_for[high] = low
    return {code: codes[first(k)] for code, k in place.items()}


def _places(counties: Text, place: Mapping[str, int]) -> I64:
    """Which county each row is of, by stretches: a string for every row would take seconds."""
    found = np.empty(len(counties), np.int64)
    for county, first, stop in runs(counties):
        found[first:stop] = place[county]
    return found


def counties_of(topology: Topology, ids: Iterable[str]) -> set[str]:
    """The counties of the elements that have these ids; ids of none, or of several, are passed over."""
    found: set[str] = set()
    for id in ids:
        try:
            ref = topology.ids.find(id)
        except (UnknownId, AmbiguousId):
            continue
        if ref.layer == "feeder":
            heads = topology.feeders.head_row[topology.feeders.head_of == ref.row]
            found.update(topology.tables.switches.county[int(row)] for row in heads.tolist())
        else:
            found.add(table_of(topology.tables, ref.layer).county[ref.row])
    return found
