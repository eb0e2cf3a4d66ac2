"""Small grids for Hypothesis: loops, parallel arcs, self-loops, islands, several sources, single phases.

Kept small on purpose: the oracles enumerate every simple path.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from gis_service.ingest.spec import SWITCH_KINDS
from gis_service.network.tables import GridTables
from gis_service.network.text import make_tables

PHASES = st.sampled_from((7, 7, 7, 7, 1, 2, 4, 3, 6))

Rows = dict[str, dict[str, dict[str, Any]]]


@st.composite
def grid_rows(draw: st.DrawFn, *, max_nodes: int = 7, max_joins: int = 9) -> Rows:
    """Rows by table and id; node ids are shuffled so that their order says nothing."""
    n_nodes = draw(st.integers(1, max_nodes))
    names = draw(st.permutations([f"n{k}" for k in range(n_nodes)]))
    node = st.sampled_from(names)
    one_phase = draw(st.booleans())
    phases = PHASES if one_phase else st.just(7)
    rows: Rows = {
        key: {}
        for key in (
            "substations",
            "nodes",
            "sources",
            "lines",
            "switches",
            "transformers",
            "districts",
            "customers",
        )
    }
    rows["nodes"] = {name: {"id": name} for name in names}
    for k in range(draw(st.integers(0, max_joins))):
        layer = draw(st.sampled_from(("lines", "switches", "switches", "transformers")))
        row: dict[str, Any] = {
            "id": f"{layer[0]}{k}",
            "from_node": draw(node),
            "to_node": draw(node),
            "phases": draw(phases),
        }
        if layer == "lines":
            row["length_m"] = float(draw(st.sampled_from((0, 1, 1, 2, 5))))
        elif layer == "switches":
            row |= {
                "kind": draw(st.sampled_from(SWITCH_KINDS)),
                "open": draw(st.sampled_from((False, False, True))),
                "normal_open": draw(st.sampled_from((False, False, True))),
                "feeder_id": draw(st.sampled_from(("", "", "", "F1", "F2"))),
            }
        rows[layer][row["id"]] = row
    for k in range(draw(st.integers(0, 2))):
        rows["sources"][f"S{k}"] = {"id": f"S{k}", "node_id": draw(node), "phases": draw(phases)}
    for k, id in enumerate(rows["transformers"]):
        rows["districts"][f"D{k}"] = {"id": f"D{k}", "transformer_id": id}
    for k in range(draw(st.integers(0, 5))):
        rows["customers"][f"c{k}"] = {
            "id": f"c{k}",
            "node_id": draw(node),
            "phases": draw(st.sampled_from((0, 0, 7, 1, 3))),
            "contracted_kva": float(draw(st.integers(0, 40))),
        }
    for table in rows.values():
        for row in table.values():
            row["county"] = "450122"
    return rows


@st.composite
def grids(draw: st.DrawFn, *, max_nodes: int = 7, max_joins: int = 9) -> GridTables:
    """The tables of one small grid in one county."""
    return make_tables(draw(grid_rows(max_nodes=max_nodes, max_joins=max_joins)))


@st.composite
def cut_grids(draw: st.DrawFn) -> tuple[GridTables, GridTables]:
    """The same grid in one county, and cut at random into 2 to 7."""
    rows = draw(grid_rows())
    codes = [f"{450101 + k}" for k in range(draw(st.integers(2, 7)))]
    whole = make_tables(rows)
    cut: Rows = {
        key: {id: {**row, "county": draw(st.sampled_from(codes))} for id, row in table.items()}
        for key, table in rows.items()
    }
    return whole, make_tables(cut)
