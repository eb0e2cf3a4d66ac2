"""WMS 1.3.0 (OGC 06-042) and 1.1.1 (OGC 01-068r3) over HTTP GET: which operation, and how a fault is told."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

import numpy as np
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.urls import get_script_prefix

from layers.etags import has_already
from layers.raster import JPEG, PNG, Frame, encoded, on_ground
from layers.raster.drawing import MARGIN, Drawn, needed_fields
from layers.scope import carry, parameters
from layers.service import MapService
from layers.sheet import Sight
from layers.source import Counties
from layers.style import Cartography, cartography
from layers.wms.asking import (
    MAP_FORMATS,
    Given,
    MapAsked,
    drawables,
    exceptions_of,
    format_asked,
    frame_asked,
    ground_asked,
    layers_asked,
    map_asked,
    need_version,
    number_asked,
    place_asked,
    version_of,
)
from layers.wms.capabilities import TYPES, Offer, capabilities, check_sequence
from layers.wms.faults import XML_TYPES, ServiceFault, report
from layers.wms.feature_documents import written
from layers.wms.feature_info import INFO_FORMATS, MOST_FEATURES, TOLERANCE, hits
from layers.wms.legends import make_legend
from layers.wms.maps import make_map
from layers.wms.notices import notice


class WmsViews:
    """The one address of a WMS; `documents` is where OGC API – Features has its landing page."""

    def __init__(
        self,
        service: MapService,
        styles: Callable[[], Cartography] = cartography,
        *,
        documents: str = "ogc",
    ) -> None:
        self._service = service
        self._styles = styles
        self._documents = documents

    def wms(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        given = Given.of(parameters(request).items())
        version = version_of(given)
        counties = self._service.counties_of(request)
        try:
            operation = self._operation(given)
            if operation in ("GETMAP", "GETFEATUREINFO"):
                need_version(given)
            if operation == "GETMAP":
                return self._map(request, given, version, counties)
            if operation == "GETCAPABILITIES":
                return self._capabilities(request, given, version, counties)
            if operation == "GETFEATUREINFO":
                return self._feature_info(given, version, counties)
            if operation == "GETLEGENDGRAPHIC":
                made = make_legend(given, self._service.catalog(), self._styles())
                return HttpResponse(made.body, content_type=made.type)
            raise ServiceFault(
                f"REQUEST: {given['REQUEST'][:40]!r} is no operation here; use GetCapabilities, GetMap, "
                "GetFeatureInfo or GetLegendGraphic",
                "OperationNotSupported",
                "REQUEST",
            )
        except ServiceFault as fault:
            return self._told(fault, given, version)

    def _operation(self, given: Given) -> str:
        # the service's name is needed by GetCapabilities alone: OGC 06-042, 7.2.3.3
        service = given.get("SERVICE", "WMS")
        if service.upper() != "WMS":
            raise ServiceFault(f"SERVICE: {service[:40]!r} is not served here; use WMS", "", "SERVICE")
        asked = given.need("REQUEST").upper()
        return {"MAP": "GETMAP", "CAPABILITIES": "GETCAPABILITIES", "FEATURE_INFO": "GETFEATUREINFO"}.get(
            asked, asked
        )

    def _map(self, request: HttpRequest, given: Given, version: str, counties: Counties) -> HttpResponse:
        styles = self._styles()
        asked = map_asked(given, version, self._service.catalog(), styles, datetime.now(UTC))
        tag = entity_tag(asked.frame, asked.layers, asked.moment, counties, _look(asked))
        if has_already(request, tag):
            return _fresh(HttpResponseNotModified(), tag)
        warned = exceptions_of(given, version) == "INIMAGE"
        made = make_map(asked, styles, counties, warned=warned)
        answer = HttpResponse(made.body, content_type=made.type)
        if made.missing:
            # what is not whole must be asked again
            answer["Partial"] = ",".join(made.missing)
            answer["Cache-Control"] = "no-store"
            return answer
        return _fresh(answer, tag)

    def _capabilities(
        self, request: HttpRequest, given: Given, version: str, counties: Counties
    ) -> HttpResponse:
        if not given.get("SERVICE"):
            raise ServiceFault("SERVICE: say SERVICE=WMS", "MissingParameterValue", "SERVICE")
        head = self._service.head(counties)
        sequence = sum(head["grid_version"].values())
        check_sequence(given.get("UPDATESEQUENCE", ""), sequence)
        address = carry(request, request.build_absolute_uri(request.path))
        offer = Offer(
            version,
            address + ("&" if "?" in address else "?"),
            drawables(self._service.catalog()),
            self._styles(),
            counties,
            sequence,
            str(head["as_of"]),
            lambda layer: carry(
                request,
                request.build_absolute_uri(
                    f"{get_script_prefix()}{self._documents}/collections"
                    f"{'/' if layer else ''}{quote(layer)}?f=json"
                ),
            ),
            self._service.contact,
        )
        return _unkept(HttpResponse(capabilities(offer), content_type=f"{TYPES[version]}; charset=utf-8"))

    def _feature_info(self, given: Given, version: str, counties: Counties) -> HttpResponse:
        styles, catalog = self._styles(), self._service.catalog()
        asked = map_asked(Given({**given, "FORMAT": PNG}), version, catalog, styles, datetime.now(UTC))
        shown = dict(
            zip(asked.names, given.get("STYLES", "").split(",") + [""] * len(asked.names), strict=False)
        )
        names = given.need("QUERY_LAYERS").split(",")
        chosen = Given({**given, "STYLES": ",".join(shown.get(name, "") for name in names)})
        _, queried = layers_asked(chosen, catalog, styles, "QUERY_LAYERS")
        format = format_asked(given, INFO_FORMATS, "INFO_FORMAT")
        found, missing = hits(
            asked.frame,
            queried,
            styles,
            counties,
            moment=asked.moment,
            place=place_asked(given, asked.frame, version),
            tolerance=number_asked(given, "BUFFER", TOLERANCE, 50),
            most=number_asked(given, "FEATURE_COUNT", 1, MOST_FEATURES),
        )
        answer = HttpResponse(written(found, format), content_type=f"{format}; charset=utf-8")
        if missing:
            answer["Partial"] = ",".join(missing)
        return _unkept(answer)

    def _told(self, fault: ServiceFault, given: Given, version: str) -> HttpResponse:
        """A fault as the request wants it told."""
        manner = exceptions_of(given, version)
        if manner != "XML" and given.get("REQUEST", "").upper() in ("GETMAP", "MAP"):
            picture = _faulty_picture(fault, given, version, said=manner == "INIMAGE")
            if picture is not None:
                return _unkept(picture)
        return _unkept(
            HttpResponse(report(fault, version), content_type=f"{XML_TYPES[version]}; charset=utf-8")
        )


def entity_tag(
    frame: Frame, layers: Sequence[Drawn], moment: datetime | None, counties: Counties, look: object
) -> str:
    """An entity tag of a picture: of what its layers show in the frame, and of how it looks."""
    box = frame.look_box(MARGIN * frame.ratio)
    parts: list[object] = [frame, look, moment, None if counties is None else sorted(counties)]
    for source, style in layers:
        fields = needed_fields(style, frame.denominator)
        parts += [source.description.id, style, source.stamp(Sight(box, fields, moment, counties))]
    return f'"{hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()}"'


def _look(asked: MapAsked) -> object:
    return asked.format, asked.transparent, asked.ground


def _faulty_picture(fault: ServiceFault, given: Given, version: str, *, said: bool) -> HttpResponse | None:
    """A picture of the size asked for, with the fault on it or blank; None where that is not known."""
    try:
        # the box does not matter to a picture that shows nothing of it
        blank = Given({**given, "CRS": "CRS:84", "SRS": "CRS:84", "BBOX": "0,0,1,1"})
        frame = frame_asked(blank, version)
    except ServiceFault:
        return None
    try:
        format = format_asked(given, MAP_FORMATS)
    except ServiceFault:
        format = PNG
    pixels = np.zeros((frame.height, frame.width, 4), np.uint8)
    if said:
        pixels = notice(on_ground(pixels, (255, 255, 255)), str(fault))
    elif format == JPEG or given.get("TRANSPARENT", "").upper() != "TRUE":
        pixels = on_ground(pixels, _ground_in_spite(given))
    return HttpResponse(encoded(pixels, format), content_type=format)


def _ground_in_spite(given: Given) -> tuple[int, int, int]:
    """The ground asked for (OGC 06-042, 7.3.3.11); white where that is the fault."""
    try:
        return ground_asked(given)
    except ServiceFault:
        return 255, 255, 255


def _fresh(answer: HttpResponse, tag: str) -> HttpResponse:
    """Kept by whoever asked, who asks each time whether it still holds: state changes by the second."""
    answer["ETag"] = tag
    answer["Cache-Control"] = "private, no-cache"
    return answer


def _unkept(answer: HttpResponse) -> HttpResponse:
    answer["Cache-Control"] = "no-store"
    return answer
