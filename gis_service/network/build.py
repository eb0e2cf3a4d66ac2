"""Tables to topology: the one place where ids become indices.

Counties are stitched here simply because node ids are unique over the province: an element finds its
nodes wherever they are stored, and the result does not depend on how the province is cut.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gis_service.ingest.spec import PROTECTIVE_KINDS
from gis_service.kernels.arcs import Arcs, build_arcs
from gis_service.kernels.compiled import B1, F64, I32, U8
from gis_service.kernels.forest import Forest
from gis_service.kernels.shortest import shortest_tree
from gis_service.network.columns import is_any, text_order
from gis_service.network.forests import grow, normal_phases, supply_forests
from gis_service.network.ids import IdIndex
from gis_service.network.stored import topology_arrays
from gis_service.network.switching import conducting_edges
from gis_service.network.tables import ALL_PHASES, GridTables, Text
from gis_service.network.topology import Feeders, Inside, Switchgear, Topology

_SUPPLY = np.uint8(ALL_PHASES)  # what a neutral is named beside


def build_topology(tables: GridTables) -> Topology:
    """The network of all counties in `tables`: O(rows), sorting apart."""
    feeders = _feeders(tables)
    ids = index_ids(tables, feeders)
    lines, switches, transformers, sources = (
        tables.lines,
        tables.switches,
        tables.transformers,
        tables.sources,
    )
    root = len(tables.nodes)
    edge_from = np.concatenate(
        [
            *(ids.rows("connectivity_node", t.from_node) for t in (lines, switches, transformers)),
            np.full(len(sources), root, np.int32),
        ]
    )
    edge_to = np.concatenate(
        [
            *(ids.rows("connectivity_node", t.to_node) for t in (lines, switches, transformers)),
            ids.rows("connectivity_node", sources.node_id),
        ]
    )
    edge_phases = np.concatenate(
        [np.asarray(t.phases) & _SUPPLY for t in (lines, switches, transformers, sources)], dtype=np.uint8
    )
    _hang(edge_from, edge_to, edge_phases, root)
    edge_length_m: F64 = np.zeros(edge_from.size)
    edge_length_m[: len(lines)] = lines.length_m
    switchgear = _switchgear(tables)
    first_switch, first_transformer = len(lines), len(lines) + len(switches)
    normally = conducting_edges(edge_phases, first_switch, switchgear.normal_open)
    arcs = build_arcs(root + 1, edge_from, edge_to)
    forests = grow(arcs, edge_from, edge_to, edge_phases, normally, root)
    customer_node = ids.rows("connectivity_node", tables.customers.node_id)
    customer_node[customer_node < 0] = root  # what supplies them is not here, so nothing here takes it away
    customer_needs = _customer_needs(np.asarray(tables.customers.phases) & _SUPPLY, customer_node, forests)
    district_transformer = ids.rows("power_transformer", tables.districts.transformer_id)
    edge_rank = _rank(lines.id, switches.id, transformers.id, sources.id)
    normally[first_transformer : first_transformer + len(transformers)] = 0
    low = np.full(district_transformer.size, -1, np.int32)
    known = district_transformer >= 0
    low[known] = edge_to[first_transformer + district_transformer[known]]
    walk = _Walk(arcs, edge_length_m, normally != 0, edge_rank, root)
    topology = Topology(
        tables=tables,
        ids=ids,
        edge_from=edge_from,
        edge_to=edge_to,
        edge_phases=edge_phases,
        edge_length_m=edge_length_m,
        edge_rank=edge_rank,
        arcs=arcs,
        feeders=feeders,
        switchgear=switchgear,
        inside=_inside(ids.rows("substation", tables.nodes.substation_id), len(tables.substations)),
        customer_node=customer_node,
        customer_district=_districts(tables, ids, customer_node, low, walk),
        customer_needs=customer_needs,
        district_transformer=district_transformer,
        forests=supply_forests(forests, edge_from, edge_to, edge_phases, customer_node, customer_needs),
    )
    for array in topology_arrays(topology).values():
        array.setflags(write=False)
    return topology


def _hang(edge_from: I32, edge_to: I32, phases: U8, root: int) -> None:
    """Let elements that reach into a county which is not there hang at the end that is; in place.

    One with no end here conducts nothing, and neither does a source without its node.
    """
    lost_from, lost_to = edge_from < 0, edge_to < 0
    if not (lost_from.any() or lost_to.any()):
        return
    nowhere = (lost_from & lost_to) | (lost_to & (edge_from == root))
    phases[nowhere] = 0
    edge_from[lost_from & ~lost_to] = edge_to[lost_from & ~lost_to]
    edge_to[lost_to & ~lost_from] = edge_from[lost_to & ~lost_from]
    edge_from[nowhere] = edge_to[nowhere] = root


def index_ids(tables: GridTables, feeders: Feeders) -> IdIndex:
    """The index of all ids that a question may name."""
    return IdIndex(id_columns(tables, feeders))


def id_columns(tables: GridTables, feeders: Feeders) -> dict[str, Text]:
    """The id column of each layer that can be named, in the order in which layers are searched."""
    return {
        "connectivity_node": tables.nodes.id,
        "energy_source": tables.sources.id,
        "line_section": tables.lines.id,
        "switch": tables.switches.id,
        "power_transformer": tables.transformers.id,
        "transformer_district": tables.districts.id,
        "customer_point": tables.customers.id,
        "substation": tables.substations.id,
        "feeder": np.array(feeders.ids, np.object_),
    }


def _rank(*by_layer: Text) -> I32:
    """Position of each edge when all are sorted by (layer, id)."""
    parts: list[I32] = [np.empty(0, np.int32)]
    base = 0
    for ids in by_layer:
        place = np.empty(len(ids), np.int32)
        place[text_order(ids)] = np.arange(base, base + len(ids), dtype=np.int32)
        parts.append(place)
        base += len(ids)
    return np.concatenate(parts)


def _feeders(tables: GridTables) -> Feeders:
    rows = np.flatnonzero(tables.switches.feeder_id != "")
    names = tables.switches.feeder_id[rows].tolist()
    ids = sorted(set(names))
    place = {id: k for k, id in enumerate(ids)}
    return Feeders(ids, rows.astype(np.int64), np.array([place[name] for name in names], np.int64))


def _switchgear(tables: GridTables) -> Switchgear:
    switches = tables.switches
    return Switchgear(
        normal_open=np.array(switches.normal_open, np.bool_),
        loaded_open=np.array(switches.open, np.bool_),
        protective=is_any(switches.kind, PROTECTIVE_KINDS),
        bolted=is_any(switches.kind, ("jumper",)),
    )


def _inside(substation: I32, n_substations: int) -> Inside:
    """From the substation of each node (-1 outside) to the nodes of each substation."""
    node = np.flatnonzero(substation >= 0).astype(np.int32)
    node = node[np.argsort(substation[node], kind="stable")]
    first = np.searchsorted(substation[node], np.arange(n_substations + 1)).astype(np.int64)
    return Inside(first, node)


def _customer_needs(given: U8, node: I32, forests: list[Forest]) -> U8:
    """Phases each customer needs: as given, else those that reach its node in the normal state."""
    return np.where(given != 0, given, normal_phases(forests, node)).astype(np.uint8)


class _Walk(NamedTuple):
    """The normal state without transformers, for walking from a district's transformer to its customers."""

    arcs: Arcs
    length_m: F64
    conducts: B1
    rank: I32
    root: int


def _districts(tables: GridTables, ids: IdIndex, customer_node: I32, low: I32, walk: _Walk) -> I32:
    """District of each customer: as given, else that of the electrically nearest district transformer.

    Traced in the normal state from the low side of each district's transformer (`low`, -1 where unknown),
    never through another transformer.
    """
    district = ids.rows("transformer_district", tables.customers.district_id)
    missing = np.flatnonzero((district < 0) & (tables.customers.district_id == ""))
    if not missing.size:
        return district
    order = text_order(tables.districts.id)
    known = order[low[order] >= 0]
    if not known.size:
        return district
    allowed = np.ones(walk.root + 1, np.bool_)
    allowed[walk.root] = False
    tree = shortest_tree(
        *walk.arcs,
        weight=walk.length_m,
        conducts=walk.conducts,
        allowed=allowed,
        rank=walk.rank,
        seeds=low[known].astype(np.int64),
    )
    nearest = tree.seed[customer_node[missing]]
    found = (nearest >= 0) & (customer_node[missing] >= 0)
    district[missing[found]] = known[nearest[found]].astype(np.int32)
    return district
