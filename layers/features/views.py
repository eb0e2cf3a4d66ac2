"""The views of OGC API – Features; what they tell is made elsewhere.

No answer tells anything of a county that the caller may not see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse

from layers.features import documents, html, openapi
from layers.features.addresses import Addresses, collection_path
from layers.features.conformance import CLASSES
from layers.features.extension import Extension
from layers.features.media import DOCUMENT, HTML, media_type_of
from layers.features.parameters import refuse_unknown
from layers.scope import parameters
from layers.service import MapService


@dataclass(frozen=True)
class DocumentViews:
    """Landing page, conformance, API and collections of one service.

    Parameters
    ----------
    root
        Where the landing page lies, without slashes around it.
    extensions
        What other standards add.
    """

    service: MapService
    root: str
    extensions: Sequence[Extension] = ()

    def landing(self, request: HttpRequest) -> HttpResponse:
        """Where to begin."""
        self.service.counties_of(request)
        return self._answered(
            request,
            DOCUMENT,
            lambda to, chosen: documents.landing(to, chosen, self.extensions),
            html.landing,
        )

    def conformance(self, request: HttpRequest) -> HttpResponse:
        """Standards that are met."""
        self.service.counties_of(request)
        classes = [*CLASSES, *(one for by in self.extensions for one in by.conformance)]
        return self._answered(
            request,
            DOCUMENT,
            lambda to, chosen: documents.conformance(classes, to.forms("/conformance", DOCUMENT, chosen)),
            html.conformance,
        )

    def api(self, request: HttpRequest) -> HttpResponse:
        """OpenAPI 3.0."""
        self.service.counties_of(request)
        layers = [source.description for source in self.service.catalog()]
        return self._answered(
            request,
            documents.API_FORMS,
            lambda to, _: openapi.document(to.base, layers, self.extensions),
            html.api,
        )

    def collections(self, request: HttpRequest) -> HttpResponse:
        """All collections."""
        counties = self.service.counties_of(request)
        sources = list(self.service.catalog())
        return self._answered(
            request,
            DOCUMENT,
            lambda to, chosen: documents.collections(to, sources, counties, chosen, self.extensions),
            html.collections,
        )

    def collection(self, request: HttpRequest, collection: str) -> HttpResponse:
        """One collection."""
        counties = self.service.counties_of(request)
        source = self.service.catalog()[collection]
        return self._answered(
            request,
            DOCUMENT,
            lambda to, chosen: documents.collection(to, source, counties, chosen, self.extensions),
            html.collection,
        )

    def queryables(self, request: HttpRequest, collection: str) -> HttpResponse:
        """What can be asked of a collection."""
        self.service.counties_of(request)
        description = self.service.catalog()[collection].description
        return self._answered(
            request,
            documents.QUERYABLES_FORMS,
            lambda to, _: documents.queryables_schema(to, description),
            lambda to, document: html.queryables(to, document, collection_path(collection)),
        )

    def _answered(
        self,
        request: HttpRequest,
        offered: Mapping[str, str],
        made: Callable[[Addresses, str], dict[str, Any]],
        shown: Callable[[Addresses, dict[str, Any]], str],
    ) -> HttpResponse:
        given = parameters(request)
        refuse_unknown(list(given), ("f",))
        chosen = media_type_of(request, given, offered)
        to = Addresses(request, self.root)
        document = made(to, chosen)
        if chosen == HTML:
            return answer(shown(to, document).encode(), f"{HTML}; charset=utf-8")
        return answer(orjson.dumps(document), chosen)


def answer(body: bytes, media_type: str) -> HttpResponse:
    """An answer whose form depends on what was accepted."""
    response = HttpResponse(body, content_type=media_type)
    response.headers["Vary"] = "Accept, Authorization"
    if media_type.startswith(HTML):
        # pages have no script, and what a name says cannot become one
        response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    return response
