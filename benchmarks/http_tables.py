"""What the peer of the HTTP contest reads: the supply tree by integers, customers and districts by their ids.

In the schema `peer` of the engine's database. Rows lie in the order of the supply tree.
"""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
from psycopg2.extensions import connection, cursor

from benchmarks.province import Ground

_TABLES = """
DROP SCHEMA IF EXISTS peer CASCADE;
CREATE SCHEMA peer;
CREATE TABLE peer.arc (parent int, child int);
CREATE TABLE peer.switch (id text, child int);
CREATE TABLE peer.customer (node int, id text, county_code text, district_id text, node_id text,
    customer_class text, critical_grade text, contracted_kva float8, lon float8, lat float8);
CREATE TABLE peer.district (id text, county_code text, name text, transformer_id text, customers_total int);
"""
_INDEXES = """
CREATE INDEX ON peer.arc (parent) INCLUDE (child);
CREATE UNIQUE INDEX ON peer.switch (id) INCLUDE (child);
CREATE INDEX ON peer.customer (node);
CREATE UNIQUE INDEX ON peer.district (id);
"""


def fill(session: connection, here: Ground) -> None:
    """Make and fill the tables."""
    topology, forest = here.topology, here.supply.forest
    tree = np.flatnonzero(forest.below >= 0)
    tree = tree[np.argsort(forest.below[tree])]
    switches = topology.tables.switches
    edges = topology.first_edge("switch") + np.arange(len(switches))
    closed = np.flatnonzero(here.below[edges] >= 0)
    rows = here.supply.customers.row.astype(np.int64)
    customers, districts = topology.tables.customers, topology.tables.districts
    of_customer = topology.customer_district
    district_ids = np.empty(len(districts) + 1, np.object_)  # the last stands for none
    district_ids[:-1] = np.asarray(districts.id)
    sizes = np.bincount(of_customer[of_customer >= 0], minlength=len(districts))
    with session.cursor() as writing:
        writing.execute(_TABLES)
        _copy(writing, "peer.arc", here.above[tree], here.below[tree])
        _copy(writing, "peer.switch", switches.id[closed], here.below[edges[closed]])
        xy = np.asarray(customers.xy)[rows]
        _copy(
            writing,
            "peer.customer",
            topology.customer_node[rows],
            customers.id[rows],
            customers.county[rows],
            district_ids[of_customer[rows]],
            customers.node_id[rows],
            customers.customer_class[rows],
            _or_null(customers.critical_grade[rows]),
            np.asarray(customers.contracted_kva)[rows],
            xy[:, 0],
            xy[:, 1],
        )
        _copy(
            writing,
            "peer.district",
            np.asarray(districts.id),
            np.asarray(districts.county),
            _or_null(np.asarray(districts.name)),
            _or_null(np.asarray(districts.transformer_id)),
            sizes,
        )
        writing.execute(_INDEXES)
        for table in ("arc", "switch", "customer", "district"):
            writing.execute(f"VACUUM (FREEZE, ANALYZE) peer.{table}")


def _or_null(texts: np.ndarray) -> np.ndarray:
    known = texts.astype(np.object_)
    known[texts == ""] = None
    return known


def _copy(writing: cursor, table: str, *columns: np.ndarray) -> None:
    rows = pa.table({str(number): pa.array(column) for number, column in enumerate(columns)})
    text = io.BytesIO()
    arrow_csv.write_csv(rows, text, arrow_csv.WriteOptions(include_header=False))
    text.seek(0)
    writing.copy_expert(f"COPY {table} FROM STDIN (FORMAT csv)", text, size=1 << 20)
