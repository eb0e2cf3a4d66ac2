"""A province as a database administrator would lay it out for one kind of question.

Dense keys and covering indexes. The keys are the rows and nodes of our topology, so that the answers of both
sides are the same numbers. Rows lie in the order of the supply tree: what is asked for together is stored
together.
"""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
from psycopg2.extensions import connection, cursor

from benchmarks.province import Ground

_TABLES = """
CREATE TABLE arc (tail int, head int, edge int);
CREATE TABLE below (node int, child int);
CREATE TABLE customer (node int, id int);
CREATE TABLE edge (id int, source int, target int, cost float8, feeder int);
"""
_INDEXES = """
CREATE INDEX ON arc (tail) INCLUDE (head, edge);
CREATE INDEX ON below (node) INCLUDE (child);
CREATE INDEX ON customer (node) INCLUDE (id);
CREATE INDEX ON edge (feeder) INCLUDE (id, source, target, cost);
"""


def fill(session: connection, ground: Ground) -> None:
    """Make and fill the tables.

    arc : every conducting edge in both directions
    below : the supply tree, from a node to those next to it on the far side
    customer : by node
    edge : conducting edges with their feeder, as pgRouting reads them; head switches have none
    """
    topology, forest = ground.topology, ground.supply.forest
    on = ground.conducting
    ends = topology.edge_from[on], topology.edge_to[on]
    tail, head = np.concatenate(ends), np.concatenate(ends[::-1])
    order = np.argsort(forest.place[tail], kind="stable")
    tree = np.flatnonzero(forest.below >= 0)
    tree = tree[np.argsort(forest.below[tree])]
    hung = ground.supply.customers.row
    with session.cursor() as writing:
        writing.execute(_TABLES)
        _copy(writing, "arc", tail[order], head[order], np.concatenate([on, on])[order])
        _copy(writing, "below", ground.above[tree], ground.below[tree])
        _copy(writing, "customer", topology.customer_node[hung], hung)
        feeder = feeder_of_edges(ground)[on]
        _copy(writing, "edge", on, *ends, topology.edge_length_m[on], feeder)
        writing.execute(_INDEXES)
        writing.execute("VACUUM (FREEZE, ANALYZE)")


def feeder_of_edges(ground: Ground) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The feeder that each edge normally belongs to, -1 for those before or outside all feeders."""
    topology, forest = ground.topology, ground.supply.forest
    of_position = np.full(forest.end.size, -1, np.int64)
    heads = topology.feeders.head_row + topology.first_edge("switch")
    for feeder, edge in zip(topology.feeders.head_of.tolist(), heads.tolist(), strict=True):
        start = forest.below[edge]
        if start >= 0:
            of_position[start : forest.end[start]] = feeder
    known = (topology.edge_from >= 0) & (topology.edge_to >= 0)
    found = np.full(topology.n_edges, -1, np.int64)
    of_ends = [of_position[forest.place[ends[known]]] for ends in (topology.edge_from, topology.edge_to)]
    found[known] = np.where(of_ends[0] == of_ends[1], of_ends[0], -1)
    return found


def _copy(writing: cursor, table: str, *columns: np.ndarray) -> None:
    rows = pa.table({str(number): column for number, column in enumerate(columns)})
    text = io.BytesIO()
    arrow_csv.write_csv(rows, text, arrow_csv.WriteOptions(include_header=False))
    text.seek(0)
    writing.copy_expert(f"COPY {table} FROM STDIN (FORMAT csv)", text, size=1 << 20)
