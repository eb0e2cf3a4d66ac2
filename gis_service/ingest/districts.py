"""Which transformer district each low-voltage customer belongs to, traced in the normal state.

Works on package rows whatever format they came from. A district is what one transformer with a low side up
to 1 kV supplies; where several feed one low-voltage network, a customer belongs to the nearest by line.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, dijkstra

from gis_service.ingest.counties import hull

LOW_VOLTAGE_KV = 1.0
# Below any line, and not 0: a sparse matrix cannot hold an edge of no weight.
_NO_LENGTH_M = 1e-6
_AREA_MARGIN_M = 15.0

Ints = npt.NDArray[np.int64]


def transformer_districts(transformers: pd.DataFrame, nodes: pd.DataFrame) -> pd.DataFrame:
    """One district for each transformer from above 1 kV to low voltage: `id`, `name`, `transformer_id`."""
    kv = nodes.set_index("id")["base_voltage_kv"]
    high = kv.loc[transformers["from_node"]].to_numpy() > LOW_VOLTAGE_KV
    mine = transformers[high & (kv.loc[transformers["to_node"]].to_numpy() <= LOW_VOLTAGE_KV)]
    names = mine["name"].where(mine["name"].notna(), mine["id"]) if "name" in mine else mine["id"]
    return pd.DataFrame(
        {
            "id": "district-" + mine["id"].astype(str),
            "name": names.astype(str),
            "transformer_id": mine["id"].astype(str),
        }
    ).reset_index(drop=True)


def districts_of(
    node_ids: npt.NDArray[np.object_],
    *,
    districts: pd.DataFrame,
    nodes: pd.DataFrame,
    lines: pd.DataFrame,
    switches: pd.DataFrame,
    transformers: pd.DataFrame,
    sources: pd.DataFrame,
) -> npt.NDArray[np.object_]:
    """The district id of each node in `node_ids`, None for nodes above 1 kV and those no transformer reaches.

    A transformer that is itself without supply in the normal state takes only what no other one reaches.
    """
    place = pd.Index(nodes["id"])

    def rows(ids: pd.Series[Any] | npt.NDArray[np.object_]) -> Ints:
        return np.asarray(place.get_indexer(pd.Index(ids)), dtype=np.int64)

    low = nodes["base_voltage_kv"].to_numpy() <= LOW_VOLTAGE_KV
    closed = switches[~switches["normal_open"].to_numpy(dtype=bool)]
    links = [
        (rows(frame["from_node"]), rows(frame["to_node"]), length)
        for frame, length in (
            (lines, lines["length_m"].to_numpy(np.float64)),
            (closed, np.zeros(len(closed))),
            (transformers, np.zeros(len(transformers))),
        )
    ]
    a, b, length = (np.concatenate(column) for column in zip(*links, strict=True))
    above = ~low[a] & ~low[b]
    labels = _labels(len(nodes), a[above], b[above])
    fed = np.isin(labels, labels[rows(sources["node_id"])])
    chosen = transformers.set_index("id").loc[districts["transformer_id"]]
    high_side = rows(chosen["from_node"])
    low_side = rows(chosen["to_node"])
    below = low[a] & low[b]
    graph = _graph(len(nodes), a[below], b[below], length[below])
    owner = np.full(len(nodes), -1)
    for wave in (fed[high_side], ~fed[high_side]):
        reached = _nearest(graph, low_side, np.flatnonzero(wave))
        owner = np.where(owner < 0, reached, owner)
    ids = np.array([*districts["id"], None], dtype=np.object_)
    return np.asarray(ids[owner[rows(node_ids)]], dtype=np.object_)


def district_areas(
    districts: pd.DataFrame, *, transformers: pd.DataFrame, customers: pd.DataFrame
) -> npt.NDArray[np.object_]:
    """For each district a hull round its transformer and its customers: a frame for the map, not a border.

    `transformers` and `customers` have their places in `geom`, customers their `district_id`.
    """
    place = transformers.set_index("id")["geom"]
    members = {
        district: shapely.get_coordinates(of["geom"].to_numpy())
        for district, of in customers.groupby("district_id")
    }
    own = shapely.get_coordinates(place.loc[districts["transformer_id"]].to_numpy())
    areas = np.empty(len(districts), dtype=object)
    for row, id in enumerate(districts["id"]):
        points = np.concatenate([own[row : row + 1], members.get(id, own[:0])])
        areas[row] = hull(points, margin_m=_AREA_MARGIN_M)
    return areas


def _labels(n: int, a: Ints, b: Ints) -> npt.NDArray[np.int32]:
    graph = coo_array((np.ones(len(a)), (a, b)), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int32)


def _graph(n: int, a: Ints, b: Ints, length: npt.NDArray[np.float64]) -> coo_array:
    """Undirected; of parallel edges the shortest, because a sparse matrix would add them up."""
    edges = pd.DataFrame(
        {"a": np.minimum(a, b), "b": np.maximum(a, b), "m": np.maximum(length, _NO_LENGTH_M)}
    )
    shortest = edges[edges["a"] != edges["b"]].groupby(["a", "b"])["m"].min().reset_index()
    return coo_array((shortest["m"], (shortest["a"], shortest["b"])), shape=(n, n)).tocsr()


def _nearest(graph: coo_array, low_side: Ints, wave: Ints) -> Ints:
    """For each node the position in `low_side` of the nearest start among `wave`, -1 where none reaches."""
    if not len(wave):
        return np.full(graph.shape[0], -1)
    starts, first = np.unique(low_side[wave], return_index=True)
    distance, _, start = dijkstra(
        graph, directed=False, indices=starts, min_only=True, return_predecessors=True
    )
    of_start = np.full(graph.shape[0], -1)
    of_start[starts] = wave[first]  # of two transformers on one busbar, the first
    # scipy marks what no start reaches with -9999, which must not be taken for a row.
    return np.asarray(np.where(np.isfinite(distance), of_start[np.maximum(start, 0)], -1))
