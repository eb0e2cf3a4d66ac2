"""OGC API – Features over a catalogue: collections, pages of features, single features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from layers.geojson import GEOJSON, collection_pieces, single_feature
from layers.parameters import check_format, items_query, refuse_unknown, write_after
from layers.scope import carry, parameters
from layers.service import MapService
from layers.source import Counties, NoSuchLayer, Page, Query, Source, Unreachable

JSON = "application/json"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"

ROWS_AT_ONCE = 10_000
"""Features that are read together; a longer answer is sent while it is read, in bounded memory."""


@dataclass(frozen=True)
class FeatureViews:
    """The views of one service; no answer tells anything of a county that the caller may not see."""

    service: MapService

    def collections(self, request: HttpRequest) -> HttpResponse:
        """All collections."""
        _check(request)
        counties = self.service.counties_of(request)
        base = _base(request)
        document = {
            "links": [_link(carry(request, f"{base}/collections"), "self", JSON, "All collections")],
            "collections": [_described(source, request, counties) for source in self.service.catalog()],
        }
        return HttpResponse(orjson.dumps(document), content_type=JSON)

    def collection(self, request: HttpRequest, collection: str) -> HttpResponse:
        """One collection."""
        _check(request)
        counties = self.service.counties_of(request)
        document = _described(self.service.catalog()[collection], request, counties)
        return HttpResponse(orjson.dumps(document), content_type=JSON)

    def items(self, request: HttpRequest, collection: str) -> HttpResponseBase:
        """A page of features."""
        source = self.service.catalog()[collection]
        given = parameters(request)
        counties = self.service.counties_of(request)
        query = replace(items_query(given), counties=counties)
        members = self.service.head(counties)
        address = f"{_base(request)}/collections/{quote(collection)}"

        def links(last: Page) -> list[dict[str, str]]:
            this = carry(request, f"{address}/items{_asked(given)}")
            found = [_link(this, "self", GEOJSON, "This page")]
            if last.after is not None:
                following = _asked({**given, "after": write_after(last.after)})
                there = carry(request, f"{address}/items{following}")
                found.append(_link(there, "next", GEOJSON, "Next page"))
            return [*found, _link(carry(request, address), "collection", JSON, source.description.title)]

        # the first page is read before the answer begins, so that most faults still get their own status
        pages = _pages(source, query)
        first = next(pages)
        if first.missing:
            told = {*members.get("missing_counties", ()), *first.missing}
            members = {**members, "partial": True, "missing_counties": sorted(told)}
        pages = _as_whole_as(first, pages)
        pieces = collection_pieces(chain([first], pages), stamp=_stamp(), members=members, links=links)
        if query.limit <= ROWS_AT_ONCE:
            return HttpResponse(b"".join(pieces), content_type=GEOJSON)
        return StreamingHttpResponse(pieces, content_type=GEOJSON)

    def item(self, request: HttpRequest, collection: str, id: str) -> HttpResponse:
        """One feature."""
        _check(request)
        source = self.service.catalog()[collection]
        counties = self.service.counties_of(request)
        members = self.service.head(counties)
        feature = source.feature(id, counties) if "\x00" not in id else None
        if feature is None:
            raise NoSuchLayer(f"the collection {collection} has no feature {id!r}")
        address = f"{_base(request)}/collections/{quote(collection)}"
        links = [
            _link(carry(request, f"{address}/items/{quote(id, safe='')}"), "self", GEOJSON, id),
            _link(carry(request, address), "collection", JSON, source.description.title),
        ]
        return HttpResponse(single_feature(feature, links=links, members=members), content_type=GEOJSON)


def _pages(source: Source, query: Query) -> Iterator[Page]:
    """The features asked for, a piece of the table at a time, each read when the one before is written."""
    left = query.limit
    while True:
        page = source.page(replace(query, limit=min(left, ROWS_AT_ONCE)))
        left -= len(page.features)
        yield page
        if page.after is None or not left:
            return
        query = replace(query, after=page.after)


def _as_whole_as(first: Page, pages: Iterator[Page]) -> Iterator[Page]:
    """The further pages of an answer that has named what it misses: more must not be missing silently.

    Raises
    ------
    Unreachable
        Breaks the answer off.
    """
    for page in pages:
        if not set(page.missing) <= set(first.missing):
            raise Unreachable(f"county {', '.join(page.missing)} went away while its features were sent")
        yield page


def _check(request: HttpRequest) -> None:
    given = parameters(request)
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


def _described(source: Source, request: HttpRequest, counties: Counties) -> dict[str, Any]:
    description = source.description
    address = f"{_base(request)}/collections/{quote(description.id)}"
    document: dict[str, Any] = {
        "id": description.id,
        "title": description.title,
        "description": description.description,
        "itemType": "feature",
        "crs": [CRS84],
        "links": [
            _link(carry(request, address), "self", JSON, description.title),
            _link(carry(request, f"{address}/items"), "items", GEOJSON, f"{description.title}: features"),
        ],
    }
    extent = source.extent(counties)
    if extent is not None:
        document["extent"] = {"spatial": {"bbox": [list(extent)], "crs": CRS84}}
    return document
