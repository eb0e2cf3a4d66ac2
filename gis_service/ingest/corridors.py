"""Corridors derived from the routes that lines already take: where a new cable could go as well.

Works on any line sections. Routes are cut wherever they meet, so the result is a graph: vertices are
points of routes, named by their coordinates, and two lines along the same points share one corridor.
What the streets really are is not known here; a better corridor layer replaces this one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

DECIMALS = 6  # 0.1 m: nearer points are one vertex
_KINDS = ("street", "duct", "pole_line", "crossing")
LOW_VOLTAGE_KV = 1.0

Ints = npt.NDArray[np.int64]


def corridor_kind(construction: npt.ArrayLike, base_voltage_kv: npt.ArrayLike) -> npt.NDArray[np.object_]:
    """`pole_line` for overhead, `street` for low-voltage cable, `duct` for other cable."""
    kind = np.where(np.asarray(base_voltage_kv) <= LOW_VOLTAGE_KV, "street", "duct")
    return np.asarray(np.where(np.asarray(construction) == "overhead", "pole_line", kind), dtype=object)


def corridors(routes: npt.NDArray[np.object_], kinds: npt.NDArray[np.object_]) -> pd.DataFrame:
    """The corridor graph of line routes: `id`, `from_vertex`, `to_vertex`, `kind`, `geom`, in a stable order.

    Where lines of several kinds share a piece, it is the first of street, duct, pole line and crossing.
    """
    pieces, points = _pieces(routes, kinds)
    if pieces.empty:
        return pd.DataFrame(columns=["id", "from_vertex", "to_vertex", "kind", "geom"])
    degree = np.bincount(pieces[["a", "b"]].to_numpy().ravel(), minlength=len(points))
    # A vertex of degree two stays one where a route ends there, or the kind changes.
    kind_low = np.full(len(points), len(_KINDS))
    kind_high = np.full(len(points), -1)
    for column in ("a", "b"):
        np.minimum.at(kind_low, pieces[column].to_numpy(), pieces["kind"].to_numpy())
        np.maximum.at(kind_high, pieces[column].to_numpy(), pieces["kind"].to_numpy())
    is_vertex = (degree != 2) | (kind_low != kind_high)
    is_vertex[_route_ends(routes, points)] = True
    chains = _chains(pieces, is_vertex)
    rows = []
    for chain, kind in chains:
        xy = points[chain]
        rows.append((_name(xy[0]), _name(xy[-1]), _KINDS[kind], shapely.LineString(xy)))
    frame = pd.DataFrame(rows, columns=["from_vertex", "to_vertex", "kind", "geom"])
    frame.insert(0, "id", [f"corridor-{k}" for k in range(len(frame))])
    return frame


def _pieces(
    routes: npt.NDArray[np.object_], kinds: npt.NDArray[np.object_]
) -> tuple[pd.DataFrame, npt.NDArray[np.float64]]:
    """Straight pieces between distinct points: columns `a < b` (rows of the points) and `kind` (rank)."""
    xy, route = shapely.get_coordinates(routes, return_index=True)
    points, at = np.unique(np.round(xy, DECIMALS), axis=0, return_inverse=True)
    at = at.ravel()
    joined = route[1:] == route[:-1]
    a, b = at[:-1][joined], at[1:][joined]
    rank = pd.Series(kinds).map({name: k for k, name in enumerate(_KINDS)}).to_numpy()[route[:-1][joined]]
    whole = pd.DataFrame({"a": np.minimum(a, b), "b": np.maximum(a, b), "kind": rank})
    whole = whole[whole["a"] != whole["b"]]
    return whole.groupby(["a", "b"])["kind"].min().reset_index(), points


def _route_ends(routes: npt.NDArray[np.object_], points: npt.NDArray[np.float64]) -> Ints:
    ends = np.concatenate([shapely.get_coordinates(shapely.get_point(routes, k)) for k in (0, -1)])
    known = pd.MultiIndex.from_arrays([points[:, 0], points[:, 1]])
    ends = np.round(ends, DECIMALS)
    return known.get_indexer(pd.MultiIndex.from_arrays([ends[:, 0], ends[:, 1]])).astype(np.int64)


def _chains(pieces: pd.DataFrame, is_vertex: npt.NDArray[np.bool_]) -> list[tuple[list[int], int]]:
    """Maximal runs of pieces between vertices; rings without a vertex start at their lowest point."""
    touching: list[list[tuple[int, int]]] = [[] for _ in range(len(is_vertex))]
    ends = list(zip(pieces["a"].tolist(), pieces["b"].tolist(), strict=True))
    for piece, (a, b) in enumerate(ends):
        touching[a].append((piece, b))
        touching[b].append((piece, a))
    kinds = pieces["kind"].tolist()
    used = [False] * len(ends)
    chains = []
    starts = [*np.flatnonzero(is_vertex).tolist(), *np.flatnonzero(~is_vertex).tolist()]
    for start in starts:
        for piece, following in touching[start]:
            if used[piece]:
                continue
            chain, here = [start, following], following
            used[piece] = True
            while not is_vertex[here] and here != start:
                onward = [(p, n) for p, n in touching[here] if not used[p]]
                if not onward:
                    break
                used[onward[0][0]] = True
                here = onward[0][1]
                chain.append(here)
            chains.append((chain, kinds[piece]))
    return chains


def _name(xy: npt.NDArray[np.float64]) -> str:
    return f"{xy[0]:.{DECIMALS}f},{xy[1]:.{DECIMALS}f}"
