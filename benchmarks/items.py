"""Pages of features over HTTP: the engine beside pygeoapi and TiPg over the same PostGIS, the same features.

One worker each, connections kept open on both ends, answers as GeoJSON and not compressed. The peers' tables
lie in the order of their primary key, the id, and have an index on their geometry. Ours tells live state on
top, which they do not have; it is left out of what is compared.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlencode

import numpy as np
from psycopg2 import sql

from benchmarks.http_client import Connection
from benchmarks.items_peers import PYGEOAPI, TIPG, install_line, installed
from benchmarks.pairing import Ask, Contest, LeftOut, quickest
from benchmarks.processes import engine_serving, serving
from benchmarks.province import ground
from benchmarks.served import served_database
from benchmarks.server import connect, server
from benchmarks.setting import Setting
from gis_service.engine.columns import table_of
from gis_service.ingest.spec import BY_NAME
from gis_service.sources import told_columns

NAMES = ("items-pygeoapi-", "items-tipg-")
LAYERS = ("line_section", "customer_point")
LIMITS = (100, 1_000)
KINDS = ("first", "deep", "box")
PAGES = 10
GOAL = 5.0
SCHEMA = "items"
_SIDE = 0.05
"""Degrees that a box is wide and high: some thousand customers."""
_COORDINATE = 1e-7
"""Degrees: ours writes seven decimals."""


class Asked(NamedTuple):
    """A page of a layer: behind an id, `place` features from the beginning, or in a box; else the first."""

    layer: str
    limit: int
    after: str | None = None
    county: str | None = None
    place: int = 0
    box: tuple[float, float, float, float] | None = None


def contests(setting: Setting) -> Iterator[Contest | LeftOut]:
    """For each peer, layer, length of a page, and kind of page."""
    here = ground(setting, setting.customers)
    peers = [peer for peer in (PYGEOAPI, TIPG) if installed(setting, peer)]
    for peer in (PYGEOAPI, TIPG):
        if peer not in peers:
            yield LeftOut(f"items-{peer.name}-", f"{peer.title} is not installed: {install_line(setting)}")
    if not peers:
        return
    with server(setting) as cluster, ExitStack() as kept:
        dsn = served_database(cluster, here, setting)
        _fill(dsn)
        ours = kept.enter_context(engine_serving(setting, dsn))
        forms = {
            peer.name: {
                name: kept.enter_context(
                    serving(*start, ready=peer.ready, log=setting.data / f"{peer.name}.log")
                )
                for name, start in peer.starts(setting, dsn, SCHEMA, LAYERS).items()
            }
            for peer in peers
        }
        for peer in peers:
            for layer in LAYERS:
                table = table_of(here.topology.tables, layer)
                for limit in LIMITS:
                    for kind in KINDS:
                        asked = _asked(kind, layer, table, limit, setting.some(PAGES))
                        ways: dict[str, Ask] = {
                            f"{name}{by and f', {by}'}": partial(_get, Connection(address), path)
                            for name, address in forms[peer.name].items()
                            for by, path in peer.paths(SCHEMA).items()
                            if kind == "deep" or not by
                        }
                        name, theirs = quickest(ways, asked, told)
                        yield Contest(
                            name=f"items-{peer.name}-{layer}-{limit}-{kind}",
                            work=f"{_WORDS[kind]} of {limit:,} of {len(table):,} {layer} features",
                            peer=name,
                            ours=partial(_get, Connection(ours), _ours),
                            theirs=theirs,
                            questions=asked,
                            same=told,
                            goal=GOAL,
                        )


_WORDS = {"first": "the first page", "deep": "a page deep inside", "box": "a page in a box"}


def _asked(kind: str, layer: str, table: Any, limit: int, number: int) -> list[Asked]:
    stream = np.random.default_rng(53)
    if kind == "first":
        return [Asked(layer, limit)]
    if kind == "deep":
        places = stream.integers(len(table) // 4, len(table) - 2 * limit, number).tolist()
        return [
            Asked(layer, limit, str(table.id[place]), str(table.county[place]), place + 1) for place in places
        ]
    found = []
    for row in stream.integers(0, len(table), number).tolist():
        x, y = (table.coords[table.offsets[row]] if layer == "line_section" else table.xy[row]).tolist()
        # numbers of few digits: what is sent is what both read
        west, south = round(x - _SIDE / 2, 4), round(y - _SIDE / 2, 4)
        found.append(Asked(layer, limit, box=(west, south, round(west + _SIDE, 4), round(south + _SIDE, 4))))
    return found


def _ours(asked: Asked) -> str:
    from layers.features.asked import write_after
    from layers.source import Key

    told: dict[str, Any] = {"limit": asked.limit}
    if asked.after is not None and asked.county is not None:
        told["after"] = write_after(Key(asked.county, asked.after))
    if asked.box is not None:
        told["bbox"] = ",".join(map(str, asked.box))
    return f"/ogc/collections/{asked.layer}/items?{urlencode(told)}"


def _get(connection: Connection, path: Callable[[Any], str], asked: Any) -> bytes:
    where = path(asked)
    status, headers, body = connection.ask("GET", where, headers={"Accept": "application/geo+json"})
    if status != 200 or headers.get("Content-Encoding"):
        raise RuntimeError(f"{where}: {status} {body[:300]!r}")
    return body


@dataclass(frozen=True)
class Page:
    """Features in order: ids, attributes, geometry; equal where coordinates differ by rounding alone."""

    keys: Sequence[Any]
    coordinates: Sequence[float]

    def __eq__(self, other: object) -> bool:
        """Whether the same features are told in the same order."""
        return (
            isinstance(other, Page)
            and self.keys == other.keys
            and len(self.coordinates) == len(other.coordinates)
            and all(
                math.isclose(a, b, rel_tol=0, abs_tol=_COORDINATE)
                for a, b in zip(self.coordinates, other.coordinates, strict=True)
            )
        )

    __hash__ = None  # type: ignore[assignment]  # compared by content, which may move


def told(body: bytes) -> Page:
    """A page as all should give it."""
    keys, coordinates = [], []
    for feature in json.loads(body)["features"]:
        properties = {
            name: value for name, value in feature["properties"].items() if name not in ("id", "energised")
        }
        shape = feature["geometry"]
        keys.append((feature["id"], sorted(properties.items()), shape["type"]))
        coordinates += _flat(shape["coordinates"])
    return Page(keys, coordinates)


def _flat(coordinates: Any) -> list[float]:
    if isinstance(coordinates, list):
        return [number for one in coordinates for number in _flat(one)]
    return [float(coordinates)]


def _fill(dsn: str) -> None:
    """The peers' tables: one for each layer, with the columns that ours tells."""
    with closing(connect(dsn)) as session, session.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [f"{SCHEMA}.{LAYERS[-1]}"])
        if cursor.fetchone() != (None,):
            return
        cursor.execute(
            sql.SQL("DROP SCHEMA IF EXISTS {0} CASCADE; CREATE SCHEMA {0}").format(sql.Identifier(SCHEMA))
        )
        for layer in LAYERS:
            how: Mapping[str, sql.Composable] = told_columns(BY_NAME[layer])
            columns = [
                sql.SQL("{} AS {}").format(
                    how.get(one.name, sql.Identifier(one.name)), sql.Identifier(one.name)
                )
                for one in BY_NAME[layer].columns
            ]
            named = sql.Identifier(SCHEMA, layer)
            cursor.execute(
                sql.SQL("CREATE TABLE {} AS SELECT {}, geom FROM {} ORDER BY id").format(
                    named, sql.SQL(", ").join(columns), sql.Identifier(layer)
                )
            )
            cursor.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (id)").format(named))
            cursor.execute(sql.SQL("CREATE INDEX ON {} USING gist (geom)").format(named))
            cursor.execute(sql.SQL("VACUUM (FREEZE, ANALYZE) {}").format(named))
