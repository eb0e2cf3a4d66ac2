"""GetMap at five scales: ours out of memory beside MapServer over PostGIS, the same features and styles.

MapServer is kept running by FastCGI with its connections open, and asked without a web server; ours is asked
without one as well. Its tables have the geometry in Web Mercator ready, in the order of a curve through the
plane, with an index; it is given the rules of the scale, as mapfile and as the condition of its queries. Live
state, which the tables do not have, and labels are left out of both. Maps are drawn where customers live.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, urlencode

import numpy as np
import numpy.typing as npt
from PIL import Image
from psycopg2.extensions import parse_dsn

from benchmarks.fastcgi import FastCgi, fastcgi
from benchmarks.mapfile import Table, mapfile
from benchmarks.pairing import Ask, Contest, LeftOut, quickest
from benchmarks.province import province_directory, province_edition
from benchmarks.server import database, server
from benchmarks.setting import Setting
from benchmarks.tiles import fill
from gis_service.engine.engine import Engine
from gis_service.engine.following.current import CurrentWorld
from gis_service.engine.following.mapped import MappedGrid
from gis_service.sources import grid_catalog
from layers.catalog import Catalog
from layers.raster.frame import Frame
from layers.raster.projecting import place_points
from layers.style import Cartography, Style, cartography
from layers.style.classes import drawn_symbols
from layers.wms.asking import Given, map_asked
from layers.wms.maps import make_map

NAMES = ("maps-",)
SCALES = (2_000, 10_000, 50_000, 200_000, 1_000_000)
WIDTH, HEIGHT = 1024, 768
MAPS = {2_000: 12, 10_000: 12, 50_000: 8, 200_000: 4, 1_000_000: 3}
"""By scale: MapServer takes seconds for one that shows much."""

GOAL = 1.0
_LAYERS = ("line_section", "customer_point", "power_transformer", "switch", "substation")
_LIVE = {"energised", "open"}
_PIXEL_M = 0.00028
_FORMS: dict[str, dict[str, str]] = {
    "MapServer": {},
    "MapServer, COMPRESSION=1": {"COMPRESSION": "1"},
    "MapServer, COMPRESSION=3": {"COMPRESSION": "3"},
}


def contests(setting: Setting) -> Iterator[Contest | LeftOut]:
    """One contest for each scale."""
    program = shutil.which("mapserv") or shutil.which("mapserv", path="/usr/lib/cgi-bin")
    if program is None:
        why = "MapServer is not installed: apt-get install cgi-mapserver"
        yield from (LeftOut(f"maps-{scale}", why) for scale in SCALES)
        return
    engine = Engine(CurrentWorld(MappedGrid(province_directory(setting, setting.customers))))
    known = grid_catalog(engine)
    catalog = Catalog(known[name] for name in _LAYERS)
    where = engine.scene().topology.tables.customers.xy
    styles = still(cartography())
    tables = [Table(name, known[name].description.geometry, styles.layers[name][0]) for name in _LAYERS]
    with server(setting) as cluster, ExitStack() as kept:
        dsn = database(
            cluster,
            f"tiles_{setting.customers}",
            edition=f"1 {province_edition()}",
            fill=lambda session: fill(session, setting.customers),
            setting=setting,
        )
        connection = " ".join(f"{name}={value}" for name, value in parse_dsn(dsn).items())
        for scale in SCALES:
            asked = _asked(where, scale, setting.some(MAPS[scale]))
            forms: dict[str, Ask] = {}
            for number, (name, options) in enumerate(_FORMS.items()):
                file = setting.data / f"maps-{scale}-{number}.map"
                file.write_text(
                    mapfile(
                        tables,
                        styles,
                        scale,
                        connection=connection,
                        size=(WIDTH, HEIGHT),
                        options=options,
                    )
                )
                config = file.with_suffix(".conf")
                config.write_text(f'CONFIG ENV MS_MAPFILE "{file}" MS_MAP_PATTERN "." END END\n')
                told = {"MAPSERVER_CONFIG_FILE": str(config)}
                peer = kept.enter_context(
                    fastcgi(program, told, setting.data / f"maps-{scale}-{number}.sock")
                )
                forms[name] = partial(_theirs, peer)
            name, theirs = quickest(forms, asked, lambda _: None)
            yield Contest(
                name=f"maps-{scale}",
                work=f"a PNG of {WIDTH} by {HEIGHT} pixels at 1:{scale:,}, {setting.customers:,} customers",
                peer=name,
                ours=partial(_ours, catalog, styles),
                theirs=theirs,
                questions=asked,
                same=Inked.of,
                goal=GOAL,
            )


def still(styles: Cartography) -> Cartography:
    """Cartography without what hangs on live state, without labels, and with the outlines of signs alone."""
    outlines = {
        name: tuple(part for part in parts if part.closed and not part.solid)
        for name, parts in styles.marks.items()
    }
    return replace(
        styles,
        layers={layer: tuple(map(_still, some)) for layer, some in styles.layers.items()},
        marks=outlines,
    )


def _still(style: Style) -> Style:
    rules = [
        replace(rule, symbols=drawn_symbols(rule))
        for rule in style.rules
        if not {test.field for test in rule.tests} & _LIVE and drawn_symbols(rule)
    ]
    return replace(style, rules=tuple(rules))


def _asked(where: npt.NDArray[np.float64], scale: int, number: int) -> list[str]:
    """Queries of maps around random customers."""
    found = []
    half_x, half_y = WIDTH / 2 * _PIXEL_M * scale, HEIGHT / 2 * _PIXEL_M * scale
    for row in np.random.default_rng(41).integers(0, len(where), number).tolist():
        lon, lat = map(float, where[row])
        # a picture of one metre by one metre around it, to have the place in the plane
        unit = Frame("EPSG:3857", 0.0, 0.0, 1.0, 1.0, 1, 1).placing
        x, y = place_points(np.zeros(1, np.int64), np.array([[lon, lat]]), unit)[0]
        y = 1 - y
        box = (x - half_x, y - half_y, x + half_x, y + half_y)
        found.append(
            urlencode(
                {
                    "SERVICE": "WMS",
                    "VERSION": "1.3.0",
                    "REQUEST": "GetMap",
                    "LAYERS": ",".join(_LAYERS),
                    "STYLES": "",
                    "CRS": "EPSG:3857",
                    "BBOX": ",".join(map(repr, map(float, box))),
                    "WIDTH": WIDTH,
                    "HEIGHT": HEIGHT,
                    "FORMAT": "image/png",
                }
            )
        )
    return found


def _ours(catalog: Catalog, styles: Cartography, query: str) -> bytes:
    given = Given.of(parse_qsl(query, keep_blank_values=True))
    asked = map_asked(given, "1.3.0", catalog, styles, datetime.now(UTC))
    return make_map(asked, styles, None, warned=False).body


def _theirs(peer: FastCgi, query: str) -> bytes:
    return peer.get(query)


@dataclass(frozen=True, eq=False)
class Inked:
    """Where a map has ink; equal to another map whose ink is nowhere far from its own."""

    ink: npt.NDArray[np.bool_]

    @staticmethod
    def of(body: bytes) -> Inked:
        """The ink of a PNG file on white."""
        return Inked(np.asarray(Image.open(BytesIO(body)).convert("L")) < 215)

    def __eq__(self, other: object) -> Any:
        """Whether no more than one in a hundred pixels of ink lies further than two pixels from the other's.

        Two programs smooth edges differently, and begin dashes elsewhere.
        """
        if not isinstance(other, Inked):
            return NotImplemented
        stray = (self.ink & ~_wider(other.ink)).sum() + (other.ink & ~_wider(self.ink)).sum()
        return bool(stray <= 0.01 * (self.ink | other.ink).sum())


def _wider(ink: npt.NDArray[np.bool_], by: int = 2) -> npt.NDArray[np.bool_]:
    held = np.pad(ink, by)
    found = np.zeros_like(ink)
    for down in range(2 * by + 1):
        for right in range(2 * by + 1):
            found |= held[down : down + ink.shape[0], right : right + ink.shape[1]]
    return found
