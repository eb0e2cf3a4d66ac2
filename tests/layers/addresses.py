"""Every address of the map layers, with every parameter that may tell of a county: what an attacker tries.

Whoever adds an address or a parameter adds it here; `tests/layers/test_hidden_counties.py` asks all of them.
Collections are taken from the service, so that one more is tried by itself.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote, urlencode

WORLD, FAR_NORTH = "-180,-90,180,90", "100,70,120,80"


def addresses(collections: list[str], *, county: str, id_of: dict[str, str]) -> Iterator[str]:
    """Addresses that name a county and its elements, or that nothing names.

    Parameters
    ----------
    collections
        Their names.
    county
        The county attacked.
    id_of
        Collection → the id of one of the county's features, for those that have one.
    """
    yield "/ogc/collections"
    yield "/ogc/collections/nothing"
    for name in collections:
        one = f"/ogc/collections/{name}"
        yield one
        for asked in _items(county, id_of.get(name, "nothing")):
            yield f"{one}/items?{urlencode(asked)}"
        for id in {id_of.get(name, "nothing"), county, "nothing"}:
            yield f"{one}/items/{quote(id, safe='')}"


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


def _items(county: str, id: str) -> Iterator[dict[str, str]]:
    yield {}
    yield {"limit": "1"}
    yield {"bbox": WORLD}
    yield {"bbox": FAR_NORTH}
    yield {"bbox": WORLD, "limit": "2"}
    yield {"county_code": county}
    yield {"id": id}
    for key in (["", ""], [county, ""], [county, id], [county[:-1], "~"]):
        token = base64.urlsafe_b64encode(json.dumps(key).encode()).rstrip(b"=").decode()
        yield {"after": token}
        yield {"after": token, "limit": "1", "bbox": WORLD}
