"""What a database holds of each county, as one digest over every column of every table: equal or not equal.

Asks the database alone: neither the store's reader nor the engine takes part.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing
from typing import NamedTuple

import psycopg2

from soak.surroundings import Surroundings

ELEMENTS = (
    "substation",
    "connectivity_node",
    "energy_source",
    "line_section",
    "switch",
    "power_transformer",
    "transformer_district",
    "customer_point",
    "corridor",
)
_DIGEST = "SELECT county_code, md5(string_agg(md5(t::text), '' ORDER BY id)) FROM {} t GROUP BY 1"
_COUNTY = "SELECT code, md5(t::text) FROM county t"
_VERSIONS = "SELECT county_code, version, topology_version FROM county_version"


class Content(NamedTuple):
    """One county: the digest of its rows (empty where it is not loaded), and its versions."""

    digest: str
    version: int
    topology_version: int


ABSENT = Content("", 0, 0)


def contents(here: Surroundings) -> dict[str, Content]:
    """Every county that has a row anywhere or a version, read in one snapshot."""
    parts: dict[str, list[str]] = {}
    with closing(psycopg2.connect(here.dsn)) as held, held, held.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute(_VERSIONS)
        versions = {code: (version, topology) for code, version, topology in cursor.fetchall()}
        for table in ELEMENTS:
            cursor.execute(_DIGEST.format(table))
            for code, digest in cursor.fetchall():
                parts.setdefault(code, []).append(f"{table} {digest}")
        cursor.execute(_COUNTY)
        for code, digest in cursor.fetchall():
            parts.setdefault(code, []).append(f"county {digest}")
    return {
        code: Content(" ".join(sorted(parts.get(code, []))), *versions.get(code, (0, 0)))
        for code in sorted(parts.keys() | versions.keys())
    }


def digests(found: dict[str, Content], counties: Collection[str]) -> dict[str, str]:
    """The digests of these counties; empty text where one is not there."""
    return {code: found.get(code, ABSENT).digest for code in counties}
