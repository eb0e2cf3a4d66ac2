"""The views of features: pages of them, and single ones, in every form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from layers.features import html
from layers.features.addresses import Addresses, collection_path, item_path
from layers.features.asked import Asked, read_asked, write_after
from layers.features.counts import Counts
from layers.features.crs import System, read_system, systems
from layers.features.exports import ENDINGS, MAX_EXPORT_ROWS, exported
from layers.features.media import FEATURE, GEOJSON, HTML, ITEMS, JSON, media_type_of
from layers.features.parameters import refuse_unknown
from layers.features.reading import ROWS_AT_ONCE, as_whole_as, pages
from layers.features.views import answer
from layers.geojson import collection_pieces, single_feature
from layers.geojson_columns import Features
from layers.rows import with_fields
from layers.scope import parameters
from layers.service import MapService
from layers.source import NoSuchLayer, Page, Source

MAX_HTML_ROWS = 1_000
"""Features of one page that a person reads."""


@dataclass(frozen=True)
class FeatureViews:
    """The views of the features of one service; `root` is where the landing page lies."""

    service: MapService
    root: str = "ogc"
    counts: Counts = field(default_factory=Counts)

    def items(self, request: HttpRequest, collection: str) -> HttpResponseBase:
        """A page of features."""
        counties = self.service.counties_of(request)
        source = self.service.catalog()[collection]
        given = parameters(request)
        chosen = media_type_of(request, given, ITEMS)
        asked = read_asked(given, source, counties, ITEMS)
        if chosen != GEOJSON:
            most = MAX_HTML_ROWS if chosen == HTML else MAX_EXPORT_ROWS
            asked = replace(asked, query=replace(asked.query, limit=min(asked.query.limit, most)))
        head = self.service.head(counties)
        # the first page is read before the answer begins, so that most faults still get their own status
        read = pages(source, asked)
        first = next(read)
        if first.missing:
            told = {*head.get("missing_counties", ()), *first.missing}
            head = {**head, "partial": True, "missing_counties": sorted(told)}
        parts = (_shown(page, asked) for page in chain([first], as_whole_as(first, read)))
        answering = _Answering(Addresses(request, self.root), source, given, chosen)
        counted = self.counts.members(source, asked, first, head)
        response = answering.response(parts, asked, head, counted)
        response.headers["Content-Crs"] = f"<{asked.system.uri}>"
        response.headers["Vary"] = "Accept, Authorization"
        return response

    def item(self, request: HttpRequest, collection: str, id: str) -> HttpResponse:
        """One feature."""
        counties = self.service.counties_of(request)
        source = self.service.catalog()[collection]
        given = parameters(request)
        refuse_unknown(list(given), ("f", "crs"))
        chosen = media_type_of(request, given, FEATURE)
        system = read_system("crs", given.get("crs"), systems(source.extent(counties)))
        head = self.service.head(counties)
        feature = source.feature(id, counties) if "\x00" not in id else None
        if feature is None:
            raise NoSuchLayer(f"the collection {collection} has no feature {id[:80]!r}")
        to, path = Addresses(request, self.root), item_path(collection, id)
        links = [
            *to.forms(path, FEATURE, chosen, given),
            to.link(collection_path(collection), "collection", JSON, source.description.title),
        ]
        feature = moved(feature, system)
        if chosen == HTML:
            body = html.item(to, source.description, id, feature, links)
            response = answer(body.encode(), f"{HTML}; charset=utf-8")
        else:
            response = answer(single_feature(feature, links=links, members=head), GEOJSON)
        response.headers["Content-Crs"] = f"<{system.uri}>"
        return response


@dataclass(frozen=True)
class _Answering:
    """The answer to one request of features, in the form chosen."""

    to: Addresses
    source: Source
    given: Mapping[str, str]
    chosen: str

    def response(
        self,
        parts: Iterator[Page],
        asked: Asked,
        head: Mapping[str, Any],
        counted: Mapping[str, int],
    ) -> HttpResponseBase:
        description = self.source.description
        if self.chosen == GEOJSON:

            def tail(last: Page) -> dict[str, Any]:
                return {**counted, "links": self._links(last)}

            written = (replace(page, features=moved(page.features, asked.system)) for page in parts)
            pieces = collection_pieces(written, stamp=_stamp(), members=head, tail=tail)
            if asked.query.limit > ROWS_AT_ONCE:
                return StreamingHttpResponse(pieces, content_type=GEOJSON)
            return HttpResponse(b"".join(pieces), content_type=GEOJSON)
        read = list(parts)
        links = self._links(read[-1])
        if self.chosen == HTML:
            shown = html.items(self.to, description, read, links, counted)
            return answer(shown.encode(), f"{HTML}; charset=utf-8")
        response = HttpResponse(
            exported(read, self.chosen, description, asked.system), content_type=self.chosen
        )
        name = f"{description.id}.{ENDINGS[self.chosen]}".replace(":", "_")
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        response.headers["Link"] = ", ".join(
            f'<{one["href"]}>; rel="{one["rel"]}"; type="{one["type"]}"'
            for one in links
            if one["rel"] in ("self", "next")
        )
        return response

    def _links(self, last: Page) -> list[dict[str, str]]:
        path = collection_path(self.source.description.id)
        found = list(self.to.forms(f"{path}/items", ITEMS, self.chosen, self.given))
        if last.after is not None:
            following = {**self.given, "after": write_after(last.after)}
            found.append(self.to.link(f"{path}/items", "next", self.chosen, "Next page", following))
        return [*found, self.to.link(path, "collection", JSON, self.source.description.title)]


def _shown(page: Page, asked: Asked) -> Page:
    """A page with the properties and in the system asked for; files are moved when they are written."""
    features = page.features if asked.fields is None else with_fields(page.features, asked.fields)
    return replace(page, features=features)


def moved(features: Features, system: System) -> Features:
    """Features with their coordinates in a system."""
    if system.is_lonlat or not len(features.geometry.coords):
        return features
    geometry = features.geometry
    return replace(features, geometry=geometry.at(system.from_lonlat(geometry.coords)))


def _stamp() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
