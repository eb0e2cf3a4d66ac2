"""Tables to topology: the one place where ids become indices.

Counties are stitched here simply because node ids are unique over the province: an element finds its
nodes wherever they are stored, and the result does not depend on how the province is cut.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from gis_service.kernels.arcs import build_arcs
from gis_service.kernels.compiled import F64, I32, I64, U8
from gis_service.kernels.reach import components, reach_masks
from gis_service.kernels.shortest import shortest_tree
from gis_service.network.ids import IdIndex
from gis_service.network.switching import conducting, normal_state
from gis_service.network.tables import ALL_PHASES, GridTables, Text
from gis_service.network.topology import Feeders, Sections, Topology

Array = TypeVar("Array", bound=npt.NDArray[np.generic])


def build_topology(tables: GridTables) -> Topology:
    """The network of all counties in `tables`: O(rows), sorting apart."""
    feeders = _feeders(tables)
    ids = IdIndex(
        {
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
    )
    lines, switches, transformers, sources = (
        tables.lines,
        tables.switches,
        tables.transformers,
        tables.sources,
    )
    root = len(tables.nodes)
    edge_from = np.concatenate(
        [
            *(_rows(ids, "connectivity_node", t.from_node) for t in (lines, switches, transformers)),
            np.full(len(sources), root, np.int32),
        ]
    )
    edge_to = np.concatenate(
        [
            *(_rows(ids, "connectivity_node", t.to_node) for t in (lines, switches, transformers)),
            _rows(ids, "connectivity_node", sources.node_id),
        ]
    )
    edge_phases = np.concatenate([lines.phases, switches.phases, transformers.phases, sources.phases])
    edge_length_m: F64 = np.zeros(edge_from.size)
    edge_length_m[: len(lines)] = lines.length_m
    arcs = build_arcs(root + 1, edge_from, edge_to)
    shape = Topology(
        tables=tables,
        ids=ids,
        edge_from=_frozen(edge_from),
        edge_to=_frozen(edge_to),
        edge_phases=_frozen(edge_phases),
        edge_length_m=_frozen(edge_length_m),
        edge_rank=_frozen(_rank(lines.id, switches.id, transformers.id, sources.id)),
        arcs=arcs,
        sections=_sections(
            root + 1, edge_from, edge_to, edge_phases, len(lines), len(switches), len(sources)
        ),
        feeders=feeders,
        customer_node=_frozen(_rows(ids, "connectivity_node", tables.customers.node_id)),
        customer_district=_rows(ids, "transformer_district", tables.customers.district_id),
        customer_needs=tables.customers.phases,
        district_transformer=_frozen(_rows(ids, "power_transformer", tables.districts.transformer_id)),
    )
    needs = _customer_needs(shape)
    district = _derive_districts(shape)
    return replace(shape, customer_needs=_frozen(needs), customer_district=_frozen(district))


def _rows(ids: IdIndex, layer: str, wanted: Text) -> I32:
    """Rows of ids in one layer; -1 for unknown or absent ones."""
    return np.fromiter(
        (-1 if (row := ids.row(layer, id)) is None else row for id in wanted.tolist()), np.int32, wanted.size
    )


def _rank(*by_layer: Text) -> I64:
    """Position of each edge when all are sorted by (layer, id)."""
    parts: list[I64] = []
    base = 0
    for ids in by_layer:
        place = np.empty(ids.size, np.int64)
        place[np.argsort(ids, kind="stable")] = np.arange(base, base + ids.size)
        parts.append(place)
        base += ids.size
    return np.concatenate(parts)


def _feeders(tables: GridTables) -> Feeders:
    rows = np.flatnonzero(tables.switches.feeder_id != "")
    names = tables.switches.feeder_id[rows].tolist()
    ids = sorted(set(names))
    place = {id: k for k, id in enumerate(ids)}
    return Feeders(ids, rows.astype(np.int64), np.array([place[name] for name in names], np.int64))


def _sections(
    n_nodes: int, edge_from: I32, edge_to: I32, phases: U8, n_lines: int, n_switches: int, n_sources: int
) -> Sections:
    fixed = phases == ALL_PHASES
    fixed[n_lines : n_lines + n_switches] = False
    fixed[fixed.size - n_sources :] = False
    whole = build_arcs(n_nodes, edge_from, edge_to)
    of_node = components(*whole, fixed.astype(np.uint8))
    link_edge = np.flatnonzero(~fixed & (edge_from >= 0) & (edge_to >= 0)).astype(np.int32)
    n_sections = int(of_node.max()) + 1
    arcs = build_arcs(n_sections, of_node[edge_from[link_edge]], of_node[edge_to[link_edge]])
    return Sections(_frozen(of_node), _frozen(link_edge), arcs)


def _customer_needs(shape: Topology) -> U8:
    """Phases each customer needs: as given, else those that reach its node in the normal state."""
    everywhere = np.full(shape.n_nodes + 1, ALL_PHASES, np.uint8)
    reached = reach_masks(
        *shape.arcs,
        conducting(shape, normal_state(shape)),
        everywhere,
        np.array([shape.root], np.int64),
        np.array([ALL_PHASES], np.uint8),
    )
    given = shape.tables.customers.phases
    node = shape.customer_node
    normally = np.where(node >= 0, reached[node], 0).astype(np.uint8)
    return np.where(given != 0, given, normally).astype(np.uint8)


def _derive_districts(shape: Topology) -> I32:
    """District of each customer: as given, else that of the electrically nearest district transformer.

    Traced in the normal state from the low side of each district's transformer, never through another
    transformer.
    """
    district = shape.customer_district
    missing = np.flatnonzero((district < 0) & (shape.tables.customers.district_id == ""))
    known = np.flatnonzero(shape.district_transformer >= 0)
    known = known[np.argsort(shape.tables.districts.id[known], kind="stable")]
    first = shape.first_edge("power_transformer")
    low = shape.edge_to[first + shape.district_transformer[known]]
    known, low = known[low >= 0], low[low >= 0]
    if not missing.size or not known.size:
        return district
    conducts = conducting(shape, normal_state(shape)) != 0
    conducts[first : first + len(shape.tables.transformers)] = False
    tree = shortest_tree(
        *shape.arcs,
        weight=shape.edge_length_m,
        conducts=conducts,
        allowed=shape.nodes_allowed(root=False),
        rank=shape.edge_rank,
        seeds=low.astype(np.int64),
    )
    nearest = tree.seed[shape.customer_node[missing]]
    found = (nearest >= 0) & (shape.customer_node[missing] >= 0)
    derived = district.copy()
    derived[missing[found]] = known[nearest[found]].astype(np.int32)
    return derived


def _frozen(array: Array) -> Array:
    array.setflags(write=False)
    return array
