"""Every address of the map layers, with every parameter that may tell of a county: what an attacker tries.

Whoever adds an address or a parameter adds it here; `tests/layers/test_hidden_counties.py` asks all of them.
Collections are taken from the service, so that one more is tried by itself.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote, urlencode

WORLD = "-180,-90,180,90"
NORTH = (107.99, 77.79, 108.02, 77.82)
"""Where the county lies that is attacked: west, south, east, north."""
HERE = (107.99, 22.79, 108.02, 22.82)


def addresses(collections: list[str], *, county: str, id_of: dict[str, str]) -> Iterator[str]:
    """Addresses that name a county and its elements, or that nothing names.

    Parameters
    ----------
    collections
        Their names.
    county
        The county attacked, which lies in `NORTH`.
    id_of
        Collection → the id of one of the county's features, for those that have one.
    """
    for path in ("/ogc", "/ogc/conformance", "/ogc/api", "/ogc/collections", "/ogc/tiles", "/wmts", "/wms"):
        yield path
        yield f"{path}?f=html"
    yield "/ogc/collections/nothing"
    for name in collections:
        one = f"/ogc/collections/{name}"
        for form in ("", "?f=html", "?f=json"):
            yield f"{one}{form}"
            yield f"{one}/queryables{form}"
        for asked in _items(county, id_of.get(name, "nothing")):
            yield f"{one}/items?{urlencode(asked)}"
        for id in {id_of.get(name, "nothing"), county, "nothing"}:
            yield f"{one}/items/{quote(id, safe='')}"
            yield f"{one}/items/{quote(id, safe='')}?f=html"
        yield from _pictures(name)
    yield from _documents()


def tile_addresses(collections: list[str], tiles: Iterable[tuple[int, int, int]]) -> Iterator[str]:
    """Tiles (level, column, row) of every collection and of all of them, and what is told of tilesets."""
    yield f"/tiles/{','.join(collections)}.json"
    yield "/ogc/tiles"
    yield "/ogc/tiles/WebMercatorQuad"
    yield "/wmts?SERVICE=WMTS&REQUEST=GetCapabilities"
    yield "/wmts/1.0.0/WMTSCapabilities.xml"
    for name in collections:
        yield f"/tiles/{name}.json"
        yield f"/ogc/collections/{name}/tiles"
        yield f"/ogc/collections/{name}/tiles/WorldCRS84Quad"
    # of findings somebody is told less who sees some counties: they stand alone
    several = ",".join(name for name in collections if name != "topology_issue")
    for z, x, y in tiles:
        yield f"/tiles/{several}/{z}/{x}/{y}.mvt"
        yield f"/ogc/tiles/WebMercatorQuad/{z}/{y}/{x}?f=png&collections={several}"
        yield f"/wmts/1.0.0/line_section/default/WebMercatorQuad/{z}/{y}/{x}.png"
        for name in collections:
            yield f"/tiles/{name}/{z}/{x}/{y}.mvt"
            yield f"/ogc/collections/{name}/tiles/WebMercatorQuad/{z}/{y}/{x}"
            yield f"/wmts/1.0.0/{name}/default/WebMercatorQuad/{z}/{y}/{x}/128/128.json"


def _items(county: str, id: str) -> Iterator[dict[str, str]]:
    yield {}
    yield {"limit": "1"}
    yield {"bbox": WORLD}
    yield {"bbox": ",".join(map(str, NORTH))}
    yield {"bbox": WORLD, "limit": "2"}
    for form in ("html", "csv", "fgb", "parquet"):
        yield {"f": form}
    yield {"datetime": "2999-01-01T00:00:00Z"}
    yield {"datetime": "../.."}
    yield {"crs": "http://www.opengis.net/def/crs/EPSG/0/3857"}
    for name in ("county_code", "id", "to_node", "district_id"):
        yield {name: county}
        for filter in (f"{name} LIKE 'z%' OR {name} = '{id}'", f"NOT ({name} < 'y')", f"{name} IS NULL"):
            yield {"filter": filter, "limit": "3"}
    west, south, east, north = NORTH
    yield {"filter": f"S_INTERSECTS(geometry, BBOX({west}, {south}, {east}, {north}))"}
    yield {"filter": "contracted_kva > 70"}
    for key in (["", ""], [county, ""], [county, id], [county[:-1], "~"]):
        token = base64.urlsafe_b64encode(json.dumps(key).encode()).rstrip(b"=").decode()
        yield {"after": token}
        yield {"after": token, "limit": "1", "bbox": WORLD}


def _pictures(name: str) -> Iterator[str]:
    for box in (HERE, NORTH, (107.0, 20.0, 109.0, 80.0)):
        asked = {
            "SERVICE": "WMS",
            "VERSION": "1.3.0",
            "LAYERS": name,
            "QUERY_LAYERS": name,
            "STYLES": "",
            "CRS": "CRS:84",
            "BBOX": ",".join(map(str, box)),
            "WIDTH": "60",
            "HEIGHT": "60",
            "FORMAT": "image/png",
            "I": "30",
            "J": "30",
            "FEATURE_COUNT": "50",
        }
        yield f"/wms?{urlencode({**asked, 'REQUEST': 'GetMap'})}"
        for form in ("application/json", "text/html") if box != HERE else ():
            info = {**asked, "REQUEST": "GetFeatureInfo", "INFO_FORMAT": form, "WIDTH": "3", "HEIGHT": "3"}
            yield f"/wms?{urlencode({**info, 'I': '1', 'J': '1'})}"
    legend = {"SERVICE": "WMS", "VERSION": "1.3.0", "REQUEST": "GetLegendGraphic", "LAYER": name}
    yield f"/wms?{urlencode({**legend, 'FORMAT': 'image/png'})}"


def _documents() -> Iterator[str]:
    for version in ("1.3.0", "1.1.1"):
        yield f"/wms?SERVICE=WMS&REQUEST=GetCapabilities&VERSION={version}"
    yield "/ogc/tileMatrixSets"
