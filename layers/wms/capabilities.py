"""GetCapabilities: the metadata of WMS 1.3.0 (OGC 06-042, annex E) and 1.1.1 (OGC 01-068r3, annex A.1).

Extents are those of the counties that the caller may see, and so is the update sequence.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from layers.raster.frame import PIXEL_M
from layers.service import Contact
from layers.sheet import Drawable
from layers.source import Box, Counties
from layers.style import Cartography, Style
from layers.wms import legends
from layers.wms.asking import EXCEPTIONS, MAP_FORMATS, MAX_SIDE, ROOT, geometries
from layers.wms.faults import NEW, ServiceFault
from layers.wms.feature_info import INFO_FORMATS
from layers.wms.reference_systems import GLOBAL, bounds, near, north_first
from layers.wms.xml import Piece, element, leaf, leaves, link

TITLE = "Electricity grid"
ABSTRACT = "The distribution grid with its live state: lines, switches, transformers, customers, outages."
KEYWORDS = ("electricity", "distribution grid", "outages")
ATTRIBUTION = "Data of the grid operator"
TYPES = {NEW: "text/xml", "1.1.1": "application/vnd.ogc.wms_xml"}
_WORLD = Box(-180.0, -90.0, 180.0, 90.0)
_ROOM = 1e-4  # degrees, about ten metres
_SLD = "http://www.opengis.net/sld"


@dataclass(frozen=True)
class Offer:
    """What the document tells of.

    Parameters
    ----------
    address
        Of the service, ending in `?` or `&`.
    sequence
        Grows with every change of the data.
    known_until
        The moment that live state is known until, RFC 3339.
    document
        The address of what is told of a layer beside this, by its name; of all of them, without one.
    contact
        Who runs the service.
    """

    version: str
    address: str
    layers: dict[str, Drawable]
    cartography: Cartography
    counties: Counties
    sequence: int
    known_until: str
    document: Callable[[str], str]
    contact: Contact


def check_sequence(asked: str, current: int) -> None:
    """The rules of UPDATESEQUENCE, OGC 06-042, table 4.

    Raises
    ------
    ServiceFault
        For the current sequence, or a later one.
    """
    if not asked:
        return
    number = int(asked) if asked.isdecimal() and len(asked) < 30 else None
    if (number == current) if number is not None else (asked == str(current)):
        raise ServiceFault(
            f"UPDATESEQUENCE: {asked[:40]} is the current one", "CurrentUpdateSequence", "UPDATESEQUENCE"
        )
    if (number > current) if number is not None else (asked > str(current)):
        raise ServiceFault(
            f"UPDATESEQUENCE: {asked[:40]} is later than the current one, {current}",
            "InvalidUpdateSequence",
            "UPDATESEQUENCE",
        )


def capabilities(offer: Offer) -> bytes:
    """The document of an offer, in its version."""
    new = offer.version == NEW
    body = _service(offer, new=new) + element(
        "Capability",
        _requests(offer, new=new),
        element("Exception", leaves("Format", EXCEPTIONS[offer.version])),
        _layers(offer, new=new),
    )
    lead = '<?xml version="1.0" encoding="UTF-8"?>\n'
    if new:
        attributes = (
            'xmlns="http://www.opengis.net/wms" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'xmlns:sld="{_SLD}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            'xsi:schemaLocation="http://www.opengis.net/wms '
            "http://schemas.opengis.net/wms/1.3.0/capabilities_1_3_0.xsd "
            f'{_SLD} http://schemas.opengis.net/sld/1.1.0/sld_capabilities.xsd"'
        )
        return (
            f'{lead}<WMS_Capabilities version="1.3.0" updateSequence="{offer.sequence}" {attributes}>'
            f"{body}</WMS_Capabilities>\n"
        ).encode()
    return (
        f"{lead}<!DOCTYPE WMT_MS_Capabilities SYSTEM "
        '"http://schemas.opengis.net/wms/1.1.1/capabilities_1_1_1.dtd">\n'
        f'<WMT_MS_Capabilities version="1.1.1" updateSequence="{offer.sequence}">'
        f"{body}</WMT_MS_Capabilities>\n"
    ).encode()


def _service(offer: Offer, *, new: bool) -> Piece:
    limits = leaf("MaxWidth", MAX_SIDE) + leaf("MaxHeight", MAX_SIDE) if new else ""
    return element(
        "Service",
        leaf("Name", "WMS" if new else "OGC:WMS"),
        leaf("Title", TITLE),
        leaf("Abstract", ABSTRACT),
        element("KeywordList", leaves("Keyword", KEYWORDS)),
        link(offer.address),
        _contact(offer.contact) if offer.contact else "",
        leaf("Fees", "none"),
        leaf("AccessConstraints", "none" if offer.counties is None else "the counties of the token"),
        limits,
    )


def _contact(of: Contact) -> Piece:
    primary = leaf("ContactPerson", of.person) if of.person else leaf("ContactPerson", of.organisation)
    return element(
        "ContactInformation",
        element("ContactPersonPrimary", primary, leaf("ContactOrganization", of.organisation)),
        _postal(of) if of.postal else "",
        leaf("ContactVoiceTelephone", of.telephone) if of.telephone else "",
        leaf("ContactElectronicMailAddress", of.email) if of.email else "",
    )


def _postal(of: Contact) -> Piece:
    """Where letters go; the schema wants every element, empty ones too."""
    return element(
        "ContactAddress",
        leaf("AddressType", "postal"),
        leaf("Address", of.street),
        leaf("City", of.city),
        leaf("StateOrProvince", of.region),
        leaf("PostCode", of.postcode),
        leaf("Country", of.country),
    )


def _requests(offer: Offer, *, new: bool) -> Piece:
    get = element("DCPType", element("HTTP", element("Get", link(offer.address))))
    version = offer.version
    return element(
        "Request",
        element("GetCapabilities", leaf("Format", TYPES[version]), get),
        element("GetMap", leaves("Format", MAP_FORMATS), get),
        element("GetFeatureInfo", leaves("Format", INFO_FORMATS), get),
        element(
            "sld:GetLegendGraphic" if new else "GetLegendGraphic", leaves("Format", legends.FORMATS), get
        ),
    )


def _layers(offer: Offer, *, new: bool) -> Piece:
    extents = {name: _roomy(source.extent(offer.counties)) for name, source in offer.layers.items()}
    whole = around([extent for extent in extents.values() if extent is not None]) or _WORLD
    systems = [crs for crs in near(whole) if new or crs != "CRS:84"]
    order = offer.cartography.in_order(geometries(offer.layers))
    children = [_layer(offer, offer.layers[name], extents[name], new=new) for name in reversed(order)]
    return element(
        "Layer",
        leaf("Name", ROOT),
        leaf("Title", TITLE),
        leaf("Abstract", ABSTRACT),
        element("KeywordList", leaves("Keyword", KEYWORDS)),
        leaves("CRS" if new else "SRS", systems),
        _geographic(whole, new=new),
        *(_box(crs, whole, new=new) for crs in systems),
        _time(offer, new=new),
        element("Attribution", leaf("Title", ATTRIBUTION)),
        _metadata(offer.document("")) if new else "",
        *children,
        queryable=1,
    )


def _layer(offer: Offer, source: Drawable, extent: Box | None, *, new: bool) -> Piece:
    description = source.description
    styles = offer.cartography.styles(description.id, description.geometry)
    boxes = ""
    if extent is not None:
        boxes = _geographic(extent, new=new) + "".join(
            _box(crs, extent, new=new) for crs in GLOBAL[:3] if new or crs != "CRS:84"
        )
    return element(
        "Layer",
        leaf("Name", description.id),
        leaf("Title", description.title),
        leaf("Abstract", description.description),
        element("KeywordList", leaf("Keyword", description.title)),
        boxes,
        # the older version knows two kinds of metadata, and this is neither (OGC 01-068r3, 7.1.4.5.10)
        _metadata(offer.document(description.id)) if new else "",
        *(_style(offer, description.id, style) for style in styles),
        _scales(styles, new=new),
        queryable=1,
    )


def _metadata(address: str) -> Piece:
    """The collection of OGC API – Features that a layer is (OGC 06-042, 7.2.4.6.11)."""
    return element("MetadataURL", leaf("Format", "application/json"), link(address), type="OGCAPI-Features")


def _style(offer: Offer, layer: str, style: Style) -> Piece:
    width, height = legends.size_of(style, offer.cartography)
    address = (
        f"{offer.address}SERVICE=WMS&VERSION={offer.version}&REQUEST=GetLegendGraphic&LAYER={quote(layer)}"
        f"&STYLE={quote(style.name)}&FORMAT=image/png&SLD_VERSION=1.1.0"
    )
    return element(
        "Style",
        leaf("Name", style.name),
        leaf("Title", style.title),
        element("LegendURL", leaf("Format", "image/png"), link(address), width=width, height=height),
    )


def _scales(styles: tuple[Style, ...], *, new: bool) -> Piece:
    low = min(style.reach[0] for style in styles)
    high = max(style.reach[1] for style in styles)
    if low == 0 and high == math.inf:
        return ""
    if new:
        found = leaf("MinScaleDenominator", f"{low:g}") if low > 0 else ""
        return found + (leaf("MaxScaleDenominator", f"{high:.0f}") if high < math.inf else "")
    # the diagonal of a pixel on the ground, OGC 01-068r3, 7.1.4.5.12
    diagonal = PIXEL_M * math.sqrt(2)
    return element("ScaleHint", min=f"{low * diagonal:g}", max=f"{min(high, 1e12) * diagonal:g}")


def _time(offer: Offer, *, new: bool) -> Piece:
    until = offer.known_until[:19] + "Z"
    values = f"2000-01-01T00:00:00Z/{until}/PT1S"
    if new:
        return leaf(
            "Dimension", values, name="time", units="ISO8601", default="current", nearestValue=0, current=1
        )
    return element("Dimension", name="time", units="ISO8601") + leaf(
        "Extent", values, name="time", default="current", nearestValue=0, current=1
    )


def _geographic(extent: Box, *, new: bool) -> Piece:
    if not new:
        return element(
            "LatLonBoundingBox", minx=extent.west, miny=extent.south, maxx=extent.east, maxy=extent.north
        )
    return element(
        "EX_GeographicBoundingBox",
        leaf("westBoundLongitude", extent.west),
        leaf("eastBoundLongitude", extent.east),
        leaf("southBoundLatitude", extent.south),
        leaf("northBoundLatitude", extent.north),
    )


def _box(crs: str, extent: Box, *, new: bool) -> Piece:
    west, south, east, north = bounds(crs, extent)
    if new and north_first(crs):
        west, south, east, north = south, west, north, east
    key = {"CRS" if new else "SRS": crs}
    return element("BoundingBox", **key, minx=west, miny=south, maxx=east, maxy=north)


def _roomy(extent: Box | None) -> Box | None:
    """A box that a map can be asked of: one point, or a line along an axis, gets some ground around it."""
    if extent is None:
        return None
    across = _ROOM if extent.west == extent.east else 0.0
    along = _ROOM if extent.south == extent.north else 0.0
    west, east = max(extent.west - across, -180.0), min(extent.east + across, 180.0)
    return Box(west, max(extent.south - along, -90.0), east, min(extent.north + along, 90.0))


def around(boxes: list[Box]) -> Box | None:
    """The box around some boxes."""
    if not boxes:
        return None
    west, south, east, north = zip(*boxes, strict=True)
    return Box(min(west), min(south), max(east), max(north))
