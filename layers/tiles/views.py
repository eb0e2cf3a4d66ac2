"""Tiles over HTTP: OGC API – Tiles Part 1 below `ogc/`, and the short addresses that map clients know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from django.http import HttpRequest, HttpResponse
from django.urls import get_script_prefix

from layers.scope import carried
from layers.service import MapService
from layers.sheet import Drawable
from layers.source import BadQuery, Counties
from layers.style import Cartography, cartography
from layers.tiles.answering import VARY, tile_response
from layers.tiles.detail import GRID, Detail
from layers.tiles.documents import (
    JSON,
    Address,
    bounds_of,
    matrix_set_list,
    tilejson,
    tileset,
    tileset_list,
)
from layers.tiles.kept import Kept
from layers.tiles.making import Made, make_tile, stamp_of
from layers.tiles.matrix import WEB_MERCATOR, Tile, TileMatrixSet
from layers.tiles.parameters import (
    MVT,
    PNG,
    TILE_PARAMETERS,
    asked_tile,
    drawables,
    given,
    layers_of,
    matrix_set,
    media_type,
    tile_of,
)
from layers.tiles.pictures import PictureAsked, draw_tile, in_default_styles, picture_stamp

KEPT_BYTES = 64 << 20
"""Tiles kept by one process, as they are and compressed."""


@dataclass(frozen=True)
class TileViews:
    """The tiles of one service; no answer tells anything of a county that the caller may not see.

    Parameters
    ----------
    details
        What tiles show of layers, by name.
    styles
        How pictures of tiles look.
    ogc
        The prefix of the OGC addresses, `ogc/`.
    """

    service: MapService
    details: Mapping[str, Detail] = field(default_factory=lambda: GRID)
    styles: Callable[[], Cartography] = cartography
    ogc: str = "ogc/"
    kept: Kept[Made] = field(default_factory=lambda: Kept(KEPT_BYTES))

    def matrix_sets(self, request: HttpRequest) -> HttpResponse:
        """The tile matrix sets."""
        _json_only(request)
        return _document(matrix_set_list(self._address(request)))

    def matrix_set(self, request: HttpRequest, grid: str) -> HttpResponse:
        """One tile matrix set."""
        _json_only(request)
        return _document(matrix_set(grid).definition())

    def tilesets(self, request: HttpRequest, collection: str | None = None) -> HttpResponse:
        """The tilesets of a collection, or of all of them together."""
        asked = _json_only(request, "collections")
        self.service.counties_of(request)
        title, path, _ = self._chosen(collection, asked)
        return _document(tileset_list(title, path, self._address(request, asked)))

    def tileset(self, request: HttpRequest, grid: str, collection: str | None = None) -> HttpResponse:
        """The metadata of a tileset."""
        asked = _json_only(request, "collections")
        counties = self.service.counties_of(request)
        title, path, sources = self._chosen(collection, asked)
        document = tileset(
            title,
            path,
            matrix_set(grid),
            sources,
            self.details,
            bounds=bounds_of(sources, counties),
            address=self._address(request, asked),
        )
        return _document(document)

    def tile(
        self, request: HttpRequest, grid: str, z: str, y: str, x: str, collection: str | None = None
    ) -> HttpResponse:
        """A tile by its row and column."""
        asked = given(request, TILE_PARAMETERS)
        _, _, sources = self._chosen(collection, asked)
        matrices = matrix_set(grid)
        return self._tile(request, sources, matrices, tile_of(matrices, z, x, y), asked)

    def layers_tile(self, request: HttpRequest, layers: str, z: str, x: str, y: str) -> HttpResponse:
        """A tile of some layers by its column and row, as most map clients count."""
        asked = given(request, ("properties", "datetime"))
        tile = tile_of(WEB_MERCATOR, z, x, y)
        sources = layers_of(self.service.catalog(), layers)
        return self._tile(request, sources, WEB_MERCATOR, tile, {**asked, "f": "mvt"})

    def layers_tilejson(self, request: HttpRequest, layers: str) -> HttpResponse:
        """The TileJSON of some layers."""
        asked = given(request, ("properties", "datetime"))
        counties = self.service.counties_of(request)
        sources = layers_of(self.service.catalog(), layers)
        names = ",".join(quote(source.description.id, safe=":") for source in sources)
        address = _with(request.build_absolute_uri(f"{get_script_prefix()}tiles/{names}/"), carried(request))
        before, mark, query = address.partition("?")
        tiles = _with(f"{before}{{z}}/{{x}}/{{y}}.mvt{mark}{query}", asked)
        bounds = bounds_of(sources, counties)
        return _document(tilejson(sources, self.details, tiles=tiles, bounds=bounds))

    def _tile(
        self,
        request: HttpRequest,
        sources: tuple[Drawable, ...],
        grid: TileMatrixSet,
        tile: Tile,
        parameters: Mapping[str, str],
    ) -> HttpResponse:
        counties: Counties = self.service.counties_of(request)
        asked = asked_tile(sources, grid, tile, parameters, counties)
        kind = media_type(request, parameters.get("f"))
        if kind == PNG:
            styles = self.styles()
            drawn = in_default_styles(sources, styles)
            picture = PictureAsked(drawn, grid, tile, asked.moment, counties)
            return tile_response(
                request,
                stamp=picture_stamp(picture),
                media_type=PNG,
                kept=self.kept,
                make=lambda: draw_tile(picture, styles),
            )
        return tile_response(
            request,
            stamp=stamp_of(asked, self.details),
            media_type=MVT,
            kept=self.kept,
            make=lambda: make_tile(asked, self.details),
        )

    def _chosen(
        self, collection: str | None, parameters: Mapping[str, str]
    ) -> tuple[str, str, tuple[Drawable, ...]]:
        """Title, path and layers of a collection's tiles, or of those of all or of some of them."""
        catalog = self.service.catalog()
        if collection is not None:
            if "collections" in parameters:
                raise BadQuery(
                    "collections: this address is that of one collection; ask /ogc/tiles for several"
                )
            sources = layers_of(catalog, collection)
            path = f"collections/{quote(collection, safe=':')}/tiles"
            return sources[0].description.title, path, sources
        if "collections" in parameters:
            sources = layers_of(catalog, parameters["collections"])
        else:
            sources = drawables(catalog)
        return "All layers" if "collections" not in parameters else "Some layers", "tiles", sources

    def _address(self, request: HttpRequest, asked: Mapping[str, str] | None = None) -> Address:
        root = f"{get_script_prefix()}{self.ogc}"
        kept_on = {**carried(request), **{k: v for k, v in (asked or {}).items() if k == "collections"}}

        def address(path: str) -> str:
            before, mark, query = path.partition("?")
            # build_absolute_uri quotes what a template has in braces
            whole = request.build_absolute_uri(root) + before + mark + query
            return _with(whole, kept_on if "tiles" in before.split("/") else carried(request))

        return address


def _with(address: str, parameters: Mapping[str, str]) -> str:
    if not parameters:
        return address
    return f"{address}{'&' if '?' in address else '?'}{urlencode(parameters)}"


def _json_only(request: HttpRequest, *more: str) -> dict[str, str]:
    asked = given(request, ("f", *more))
    if asked.get("f", "json") != "json":
        raise BadQuery(f"f: {asked['f']!r} is not written here; use json")
    return asked


def _document(document: Mapping[str, Any]) -> HttpResponse:
    return HttpResponse(
        orjson.dumps(document),
        content_type=JSON,
        headers={"Cache-Control": "private, no-cache", "Vary": VARY},
    )
