"""Vector tiles: ours out of memory beside `ST_AsMVT` straight from SQL, the same features and attributes.

The peer's tables have the geometry in Web Mercator ready, lie in the order of a curve through the plane, and
have an index on it; no cache holds tiles on either side. Ours simplifies lines too at coarse levels; live
state, which the tables do not have, is left out of both. Tiles are drawn by where customers live.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from io import BytesIO
from typing import Any

import numpy as np
from psycopg2 import sql
from psycopg2.extensions import connection

from benchmarks.pairing import Contest, quickest
from benchmarks.province import COUNTIES, SEED, province_directory, province_edition
from benchmarks.server import connect, database, server
from benchmarks.setting import Setting
from benchmarks.tile_contents import contents
from gis_service.engine.engine import Engine
from gis_service.engine.following.current import CurrentWorld
from gis_service.engine.following.mapped import MappedGrid
from gis_service.ingest.spec import BY_NAME
from gis_service.province.generate import generate, plan_province
from gis_service.sources import grid_catalog
from layers.catalog import Catalog
from layers.sheet import Drawable
from layers.source import Box
from layers.tiles.detail import GRID
from layers.tiles.making import Asked, make_tile
from layers.tiles.matrix import EXTENT, WEB_MERCATOR, Tile
from layers.tiles.plane import MARGIN
from sharding.copy import copy_in

NAMES = ("tiles-z",)
LEVELS = range(8, 17)
TILES = 20
GOAL = 3.0
_LAYERS = ("substation", "line_section", "switch", "power_transformer", "customer_point")
_PROPERTIES = (
    "id",
    "base_voltage_kv",
    "construction",
    "kind",
    "normal_open",
    "rated_kva",
    "customer_class",
    "critical_grade",
)
_SQL_TYPES = {"text": "text", "float": "float8", "bool": "bool"}
_BEFORE_THE_BYTES, _AFTER_THEM = 11 + 4 + 4 + 2 + 4, 2  # of one row with one column in COPY's binary form


def contests(setting: Setting) -> Iterator[Contest]:
    """One contest for each level."""
    engine = Engine(CurrentWorld(MappedGrid(province_directory(setting, setting.customers))))
    sources = _sources(grid_catalog(engine))
    where = engine.scene().topology.tables.customers.xy
    with server(setting) as cluster:
        dsn = database(
            cluster,
            f"tiles_{setting.customers}",
            edition=f"1 {province_edition()}",
            fill=lambda session: fill(session, setting.customers),
            setting=setting,
        )
        with closing(connect(dsn)) as session:
            for z in LEVELS:
                tiles = _drawn(where, z, setting.some(TILES))
                name, theirs = quickest(_forms(session, z), tiles, contents)
                yield Contest(
                    name=f"tiles-z{z}",
                    work=f"a tile of level {z} with {', '.join(_shown(z))}, {setting.customers:,} customers",
                    peer=name,
                    ours=partial(_ours, sources),
                    theirs=theirs,
                    questions=tiles,
                    same=contents,
                    goal=GOAL,
                )


def _shown(z: int) -> list[str]:
    return [layer for layer in _LAYERS if GRID[layer].since <= z]


def _drawn(where: Any, z: int, number: int) -> list[Tile]:
    """Different tiles in which random customers are."""
    found: dict[Tile, None] = {}
    for row in np.random.default_rng(31).integers(0, len(where), 20 * number).tolist():
        lon, lat = map(float, where[row])
        found.update(dict.fromkeys(WEB_MERCATOR.tiles(Box(lon, lat, lon, lat), z)))
    return list(found)[:number]


def _sources(catalog: Catalog) -> tuple[Drawable, ...]:
    return tuple(source for name in _LAYERS if isinstance(source := catalog[name], Drawable))


def _ours(sources: tuple[Drawable, ...], tile: Tile) -> bytes:
    return make_tile(Asked(sources, WEB_MERCATOR, tile, _PROPERTIES), GRID).data


def fill(session: connection, customers: int) -> None:
    """The tables of a province: geometry in Web Mercator, in the order of a curve, with an index."""
    with session.cursor() as cursor:
        cursor.execute("CREATE EXTENSION postgis")
        for layer in _LAYERS:
            columns = ", ".join(f"{one.name} {_SQL_TYPES[one.type]}" for one in BY_NAME[layer].columns)
            geometry = BY_NAME[layer].geometry
            cursor.execute(f"CREATE TABLE raw_{layer} ({columns}, geom geometry({geometry}, 4326))")
        counties = max(1, min(COUNTIES, customers // 1000))
        plan = plan_province(counties=counties, customers=customers, seed=SEED, shapes="squares")
        for _, layers in generate(plan):
            for layer in _LAYERS:
                copy_in(cursor, sql.Identifier(f"raw_{layer}"), layers[layer])
        for layer in _LAYERS:
            columns = ", ".join(one.name for one in BY_NAME[layer].columns)
            cursor.execute(
                f"CREATE TABLE {layer} AS SELECT {columns}, ST_Transform(geom, 3857) AS plane "
                f"FROM raw_{layer} ORDER BY plane"
            )
            cursor.execute(f"DROP TABLE raw_{layer}")
            cursor.execute(f"CREATE INDEX ON {layer} USING gist (plane)")
        cursor.execute("VACUUM (FREEZE, ANALYZE)")


def _statement(z: int) -> str:
    """One tile of all layers; `{tile}` stands for its level, column and row."""
    return "SELECT " + " || ".join(_layer(layer, z) for layer in _shown(z))


def _layer(layer: str, z: int) -> str:
    has = {column.name for column in BY_NAME[layer].columns}
    told = ", ".join(name for name in _PROPERTIES if name in has)
    least = "".join(f" AND {name} >= {value}" for name, value in GRID[layer].least(z).items())
    margin = (MARGIN + 1) / EXTENT  # what rounds into the margin belongs to the tile
    return (
        f"(SELECT coalesce(ST_AsMVT(seen, '{layer}', {EXTENT}, 'geom'), '') FROM (SELECT {told}, "
        f"ST_AsMVTGeom(plane, ST_TileEnvelope({{tile}}), {EXTENT}, {MARGIN}, true) AS geom FROM {layer} "
        f"WHERE plane && ST_TileEnvelope({{tile}}, margin => {margin}){least}) AS seen "
        "WHERE geom IS NOT NULL)"
    )


def _forms(session: connection, z: int) -> dict[str, Any]:
    statement = _statement(z)
    with session.cursor() as cursor:
        cursor.execute(
            f"DEALLOCATE ALL; PREPARE tile (int, int, int) AS {statement.format(tile='$1, $2, $3')}"
        )

    def plain(tile: Tile) -> bytes:
        with session.cursor() as cursor:
            cursor.execute(statement.format(tile=f"{tile.z}, {tile.x}, {tile.y}"))
            return _only(cursor.fetchall())

    def prepared(tile: Tile) -> bytes:
        with session.cursor() as cursor:
            cursor.execute(f"EXECUTE tile ({tile.z}, {tile.x}, {tile.y})")
            return _only(cursor.fetchall())

    def copied(tile: Tile) -> bytes:
        """Without writing the bytes as hexadecimal digits, which takes both ends time."""
        out = BytesIO()
        with session.cursor() as cursor:
            asked = statement.format(tile=f"{tile.z}, {tile.x}, {tile.y}")
            cursor.copy_expert(f"COPY ({asked}) TO STDOUT (FORMAT binary)", out)
        return out.getvalue()[_BEFORE_THE_BYTES:-_AFTER_THEM]

    return {"ST_AsMVT": plain, "ST_AsMVT, prepared": prepared, "ST_AsMVT, COPY in binary form": copied}


def _only(rows: Sequence[tuple[Any, ...]]) -> bytes:
    ((found,),) = rows
    return bytes(found)
