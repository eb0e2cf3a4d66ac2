"""WMTS 1.0.0 (OGC 07-057r7) over HTTP GET: parameters or paths, capabilities and tiles, faults as reports."""

from __future__ import annotations

import hashlib
from codecs import BOM_UTF8
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import get_script_prefix

from layers.features.times import read_moment
from layers.scope import carried, carry, parameters
from layers.service import MapService
from layers.source import BadQuery, Box, NotAcceptable
from layers.style import Cartography, cartography
from layers.tiles.answering import VARY, tile_response
from layers.tiles.documents import bounds_of
from layers.tiles.kept import Kept
from layers.tiles.making import Made
from layers.tiles.matrix import MATRIX_SETS, MOST_ZOOM, TILE_PX, Tile
from layers.tiles.pictures import PictureAsked, draw_tile, frame_of, picture_stamp
from layers.wms.feature_documents import written
from layers.wms.feature_info import INFO_FORMATS, TEXT, hits
from layers.wmts.capabilities import INFO_ENDINGS, SECTIONS, VERSION, capabilities
from layers.wmts.faults import ServiceFault, report
from layers.wmts.offered import Offer, drawn, offers

PNG, XML = "image/png", "application/xml"
_XML = [XML, "text/xml"]
TITLE = "GridGIS map tiles"
_TILE = ("LAYER", "STYLE", "FORMAT", "TILEMATRIXSET", "TILEMATRIX", "TILEROW", "TILECOL")


@dataclass(frozen=True)
class WmtsViews:
    """The addresses of one WMTS; no answer tells anything of a county that the caller may not see."""

    service: MapService
    kept: Kept[Made]
    styles: Callable[[], Cartography] = cartography
    path: str = field(default="wmts", kw_only=True)

    def kvp(self, request: HttpRequest) -> HttpResponse:
        """What the parameters ask."""
        given = {name.upper(): value for name, value in reversed(parameters(request).items())}
        try:
            return self._operation(request, given)
        except ServiceFault as fault:
            return _told(fault)

    def document(self, request: HttpRequest) -> HttpResponse:
        """The capabilities at their own address; 406 for whoever takes no XML (OGC 07-057r7, 10.2)."""
        if request.get_preferred_type(_XML) is None:
            raise NotAcceptable(
                f"Accept: {request.headers.get('Accept', '')[:100]!r} does not take {XML}, which the "
                "capabilities are"
            )
        return self._capabilities(request, {})

    def tile(
        self, request: HttpRequest, layer: str, style: str, grid: str, z: str, y: str, x: str
    ) -> HttpResponse:
        """A tile at its own address."""
        given = {name.upper(): value for name, value in parameters(request).items()}
        values = (layer, style, PNG, grid, z, y, x)
        try:
            return self._tile(request, {**given, **dict(zip(_TILE, values, strict=True))})
        except ServiceFault as fault:
            return _told(fault)

    def info(
        self,
        request: HttpRequest,
        layer: str,
        style: str,
        grid: str,
        z: str,
        y: str,
        x: str,
        j: str,
        i: str,
        ending: str,
    ) -> HttpResponse:
        """What is drawn at a pixel of a tile, at its own address."""
        given = {name.upper(): value for name, value in parameters(request).items()}
        told = dict(zip(_TILE, (layer, style, PNG, grid, z, y, x), strict=True))
        told |= {"J": j, "I": i, "INFOFORMAT": INFO_ENDINGS.get(ending, ending)}
        try:
            return self._feature_info(request, {**given, **told})
        except ServiceFault as fault:
            return _told(fault)

    def _operation(self, request: HttpRequest, given: Mapping[str, str]) -> HttpResponse:
        if _need(given, "SERVICE").upper() != "WMTS":
            raise _invalid("SERVICE", given, "use WMTS")
        operation = _need(given, "REQUEST").upper()
        if operation == "GETCAPABILITIES":
            return self._capabilities(request, given)
        if operation == "GETTILE":
            if _need(given, "VERSION") != VERSION:
                raise _invalid("VERSION", given, f"use {VERSION}")
            return self._tile(request, given)
        if operation == "GETFEATUREINFO":
            if _need(given, "VERSION") != VERSION:
                raise _invalid("VERSION", given, f"use {VERSION}")
            return self._feature_info(request, given)
        raise _invalid("REQUEST", given, "use GetCapabilities, GetTile or GetFeatureInfo")

    def _capabilities(self, request: HttpRequest, given: Mapping[str, str]) -> HttpResponse:
        counties = self.service.counties_of(request)
        versions = given.get("ACCEPTVERSIONS")
        if versions is not None and VERSION not in versions.split(","):
            raise ServiceFault(
                f"AcceptVersions: {versions[:40]!r} has none that is served here; use {VERSION}",
                "VersionNegotiationFailed",
            )
        styles = self.styles()
        all_offers = offers(self.service.catalog(), styles)
        boxes = {offer.id: bounds_of(offer.sources, counties) for offer in all_offers}
        sequence = _sequence(all_offers, boxes)
        address = request.build_absolute_uri(f"{get_script_prefix()}{self.path}")

        def rest(path: str) -> str:
            return carry(request, f"{address}/{path}")

        document = capabilities(
            all_offers,
            lambda offer: boxes[offer.id],
            title=TITLE,
            kvp=f"{address}?{urlencode(carried(request))}{'&' if carried(request) else ''}",
            rest=rest,
            update_sequence=sequence,
            contact=self.service.contact,
            sections=() if given.get("UPDATESEQUENCE") == sequence else _sections(given),
        )
        headers = {"Cache-Control": "private, no-cache", "Vary": VARY}
        return HttpResponse(document, content_type=XML, headers=headers)

    def _tile(self, request: HttpRequest, given: Mapping[str, str]) -> HttpResponse:
        asked = self._asked(request, given)
        styles = self.styles()
        return tile_response(
            request,
            stamp=picture_stamp(asked),
            media_type=PNG,
            kept=self.kept,
            make=lambda: draw_tile(asked, styles),
        )

    def _feature_info(self, request: HttpRequest, given: Mapping[str, str]) -> HttpResponse:
        for name in (*_TILE, "J", "I", "INFOFORMAT"):
            if name != "STYLE" or name not in given:
                _need(given, name)
        asked = self._asked(request, given)
        place = (_pixel(given, "I"), _pixel(given, "J"))
        format = given["INFOFORMAT"].lower()
        if format not in INFO_FORMATS:
            raise _invalid("INFOFORMAT", given, f"use {', '.join(INFO_FORMATS)}")
        found, missing = hits(
            frame_of(asked.grid, asked.tile),
            asked.layers,
            self.styles(),
            asked.counties,
            moment=asked.moment,
            place=place,
        )
        # of the very type that is offered, as OGC's suite wants it; plain text begins with a mark
        mark = BOM_UTF8 if format == TEXT else b""
        answer = HttpResponse(mark + written(found, format), content_type=format)
        answer["Cache-Control"] = "no-store"
        if missing:
            answer["Partial"] = ", ".join(missing)
        return answer

    def _asked(self, request: HttpRequest, given: Mapping[str, str]) -> PictureAsked:
        counties = self.service.counties_of(request)
        for name in _TILE:
            if name != "STYLE" or name not in given:
                _need(given, name)
        styles = self.styles()
        layers = drawn(self.service.catalog(), styles, given["LAYER"], given["STYLE"])
        if given["FORMAT"] != PNG:
            raise _invalid("FORMAT", given, f"use {PNG}")
        if given["TILEMATRIXSET"] not in MATRIX_SETS:
            raise _invalid("TILEMATRIXSET", given, f"use {' or '.join(MATRIX_SETS)}")
        if given["TILEMATRIX"] not in {str(z) for z in range(MOST_ZOOM + 1)}:
            raise _invalid("TILEMATRIX", given, f"use 0 to {MOST_ZOOM}")
        grid = MATRIX_SETS[given["TILEMATRIXSET"]]
        return PictureAsked(layers, grid, _place(given), _moment(given), counties)


def _pixel(given: Mapping[str, str], name: str) -> int:
    text = given[name]
    if not (text.isascii() and text.removeprefix("-").isdecimal()):
        raise _invalid(name, given, f"use a whole number from 0 to {TILE_PX - 1}")
    if len(text) > 10 or not 0 <= int(text) < TILE_PX:
        raise ServiceFault(
            f"{name}: {text[:20]} is none of the pixels 0 to {TILE_PX - 1} of a tile",
            "PointIJOutOfRange",
            name,
            # what OGC's own suite looks for, where the standard has the code above
            other=("TileOutOfRange", "the pixel lies in another tile: ask for that tile"),
        )
    return int(text)


def _place(given: Mapping[str, str]) -> Tile:
    grid = MATRIX_SETS[given["TILEMATRIXSET"]]
    columns, rows = grid.size(int(given["TILEMATRIX"]))
    for name, count in (("TILEROW", rows), ("TILECOL", columns)):
        text = given[name]
        if not text.removeprefix("-").isdecimal():
            raise _invalid(name, given, f"use a whole number from 0 to {count - 1}")
        if len(text) > 10 or not 0 <= int(text) < count:
            raise ServiceFault(
                f"{name}: {text[:20]} is none of the 0 to {count - 1} of this level", "TileOutOfRange", name
            )
    return Tile(int(given["TILEMATRIX"]), int(given["TILECOL"]), int(given["TILEROW"]))


def _moment(given: Mapping[str, str]) -> datetime | None:
    text = given.get("TIME", "")
    # a client that knows no dimensions leaves what the template has in its place, with its braces or without
    if text in ("", "current", "default", "Time", "{Time}"):
        return None
    try:
        return read_moment(text, datetime.now(UTC))
    except BadQuery as fault:
        raise ServiceFault(
            f"TIME: {str(fault).partition(': ')[2]}", "InvalidParameterValue", "TIME"
        ) from None


def _sections(given: Mapping[str, str]) -> tuple[str, ...]:
    text = given.get("SECTIONS")
    if text is None or not text.strip():
        return SECTIONS
    asked = [one.strip() for one in text.split(",")]
    if any(one.lower() == "all" for one in asked):  # ets-wmts10 asks for `all`
        return SECTIONS
    for one in asked:
        if one not in SECTIONS:
            raise ServiceFault(
                f"Sections: there is no section {one[:40]!r}; use {', '.join(SECTIONS)} or All",
                "InvalidParameterValue",
                "Sections",
            )
    return tuple(asked)


def _sequence(all_offers: list[Offer], boxes: Mapping[str, Box | None]) -> str:
    told = repr([(one.id, one.title, one.description, one.styles, boxes[one.id]) for one in all_offers])
    return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()


def _need(given: Mapping[str, str], name: str) -> str:
    if not given.get(name):
        raise ServiceFault(f"{name}: this parameter is needed", "MissingParameterValue", name)
    return given[name]


def _invalid(name: str, given: Mapping[str, str], remedy: str) -> ServiceFault:
    said = f"{name}: {given[name][:40]!r} is not served here; {remedy}"
    return ServiceFault(said, "InvalidParameterValue", name)


def _told(fault: ServiceFault) -> HttpResponse:
    answer = HttpResponse(report(fault), content_type="text/xml; charset=utf-8", status=fault.status)
    answer["Cache-Control"] = "no-store"
    return answer
