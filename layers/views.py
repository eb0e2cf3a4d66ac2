"""OGC API – Features over a catalogue: collections, pages of features, single features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from django.http import HttpRequest, HttpResponse

from layers.catalog import Catalog
from layers.geojson import GEOJSON, feature_collection, single_feature
from layers.parameters import check_format, items_query, refuse_unknown, write_after
from layers.source import NoSuchLayer, Source

JSON = "application/json"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"

Members = Callable[[], Mapping[str, Any]]
CatalogOf = Callable[[], Catalog]


@dataclass(frozen=True)
class FeatureViews:
    """The views of one catalogue.

    Parameters
    ----------
    catalog
        Gives the catalogue, asked at each request.
    members
        Foreign members that every feature document carries, such as the version of the data.
    """

    catalog: CatalogOf
    members: Members

    def collections(self, request: HttpRequest) -> HttpResponse:
        """All collections."""
        _check(request)
        base = _base(request)
        document = {
            "links": [_link(f"{base}/collections", "self", JSON, "All collections")],
            "collections": [_described(source, base) for source in self.catalog()],
        }
        return HttpResponse(orjson.dumps(document), content_type=JSON)

    def collection(self, request: HttpRequest, collection: str) -> HttpResponse:
        """One collection."""
        _check(request)
        return HttpResponse(
            orjson.dumps(_described(self.catalog()[collection], _base(request))), content_type=JSON
        )

    def items(self, request: HttpRequest, collection: str) -> HttpResponse:
        """A page of features."""
        source = self.catalog()[collection]
        given = {name: request.GET[name] for name in request.GET}
        query = items_query(given)
        members = self.members()
        page = source.page(query)
        address = f"{_base(request)}/collections/{quote(collection)}"
        links = [_link(f"{address}/items{_asked(given)}", "self", GEOJSON, "This page")]
        if page.more:
            after = write_after(page.features[-1].key)
            links.append(
                _link(f"{address}/items{_asked({**given, 'after': after})}", "next", GEOJSON, "Next page")
            )
        links.append(_link(address, "collection", JSON, source.description.title))
        body = feature_collection(page.features, links=links, stamp=_stamp(), members=members)
        return HttpResponse(body, content_type=GEOJSON)

    def item(self, request: HttpRequest, collection: str, id: str) -> HttpResponse:
        """One feature."""
        _check(request)
        source = self.catalog()[collection]
        members = self.members()
        feature = source.feature(id) if "\x00" not in id else None
        if feature is None:
            raise NoSuchLayer(f"the collection {collection} has no feature {id!r}")
        address = f"{_base(request)}/collections/{quote(collection)}"
        links = [
            _link(f"{address}/items/{quote(id, safe='')}", "self", GEOJSON, id),
            _link(address, "collection", JSON, source.description.title),
        ]
        return HttpResponse(single_feature(feature, links=links, members=members), content_type=GEOJSON)


def _check(request: HttpRequest) -> None:
    given = {name: request.GET[name] for name in request.GET}
    refuse_unknown(list(given), ("f",))
    check_format(given)


def _base(request: HttpRequest) -> str:
    path = request.path
    return request.build_absolute_uri(path[: path.index("/collections")])


def _asked(given: Mapping[str, str]) -> str:
    return f"?{urlencode(given)}" if given else ""


def _stamp() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _link(href: str, rel: str, type: str, title: str) -> dict[str, str]:
    return {"href": href, "rel": rel, "type": type, "title": title}


def _described(source: Source, base: str) -> dict[str, Any]:
    description = source.description
    address = f"{base}/collections/{quote(description.id)}"
    document: dict[str, Any] = {
        "id": description.id,
        "title": description.title,
        "description": description.description,
        "itemType": "feature",
        "crs": [CRS84],
        "links": [
            _link(address, "self", JSON, description.title),
            _link(f"{address}/items", "items", GEOJSON, f"{description.title}: features"),
        ],
    }
    extent = source.extent()
    if extent is not None:
        document["extent"] = {"spatial": {"bbox": [list(extent)], "crs": CRS84}}
    return document
