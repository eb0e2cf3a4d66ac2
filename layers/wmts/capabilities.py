"""The capabilities of a WMTS as XML (OGC 07-057r7, clause 7.1; OWS Common 1.1), by sections."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from layers.printable import printable
from layers.service import Contact
from layers.source import Box
from layers.tiles.matrix import MATRIX_SETS, MOST_ZOOM, TILE_PX, TileMatrixSet
from layers.wms.feature_info import GEOJSON, GML, HTML, INFO_FORMATS, JSON, TEXT, XML
from layers.wmts.offered import Offer

VERSION = "1.0.0"
SECTIONS = ("ServiceIdentification", "ServiceProvider", "OperationsMetadata", "Contents", "Themes")
INFO_ENDINGS = {"json": JSON, "html": HTML, "txt": TEXT, "gml": GML, "geojson": GEOJSON, "xml": XML}
"""Endings of the addresses that tell what is drawn at a pixel: one for each of the formats."""

REST_TILE = "{Style}/{TileMatrixSet}/{TileMatrix}/{TileRow}/{TileCol}.png"

REST_INFO = "{Style}/{TileMatrixSet}/{TileMatrix}/{TileRow}/{TileCol}/{J}/{I}."
_TIME = (
    "<Dimension><ows:Title>Time</ows:Title><ows:Identifier>Time</ows:Identifier><ows:UOM>ISO8601</ows:UOM>"
    "<Default>current</Default><Value>current</Value>"
    "<Value>2000-01-01T00:00:00Z/current/PT1S</Value></Dimension>"
)
"""What tiles know of time: now, or any second gone by (OGC 07-057r7, table 7)."""

# that of GoogleMapsCompatible is the standard's own name for EPSG:3857 (OGC 07-057r7, table E.4)
_CRS = {
    "WebMercatorQuad": "urn:ogc:def:crs:EPSG:6.18:3:3857",
    "WorldCRS84Quad": "urn:ogc:def:crs:OGC:1.3:CRS84",
}
_BEGIN = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<Capabilities xmlns="http://www.opengis.net/wmts/1.0" xmlns:ows="http://www.opengis.net/ows/1.1" '
    'xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xsi:schemaLocation="http://www.opengis.net/wmts/1.0 '
    'http://schemas.opengis.net/wmts/1.0/wmtsGetCapabilities_response.xsd" '
    f'version="{VERSION}" updateSequence='
)


def capabilities(
    offers: Sequence[Offer],
    bounds: Callable[[Offer], Box | None],
    *,
    title: str,
    kvp: str,
    rest: Callable[[str], str],
    update_sequence: str,
    contact: Contact,
    sections: Collection[str] = SECTIONS,
) -> bytes:
    """The document.

    Parameters
    ----------
    bounds
        The box around what a caller may see of a layer.
    kvp
        The address that takes parameters, ending in `?` or `&`.
    rest
        An address of the other kind by its path.
    sections
        Those wanted; none of them leaves the document's frame alone.
    """
    parts = [_BEGIN, quoteattr(update_sequence), ">\n"]
    if "ServiceIdentification" in sections:
        parts.append(
            "<ows:ServiceIdentification>"
            f"{_text('ows:Title', title)}"
            "<ows:ServiceType>OGC WMTS</ows:ServiceType>"
            f"<ows:ServiceTypeVersion>{VERSION}</ows:ServiceTypeVersion>"
            "<ows:Fees>none</ows:Fees><ows:AccessConstraints>none</ows:AccessConstraints>"
            "</ows:ServiceIdentification>\n"
        )
    if "ServiceProvider" in sections:
        parts.append(
            f"<ows:ServiceProvider>{_text('ows:ProviderName', contact.organisation or title)}"
            f"{_contact(contact)}</ows:ServiceProvider>\n"
        )
    if "OperationsMetadata" in sections:
        parts.append("<ows:OperationsMetadata>\n")
        parts += [_operation(name, kvp) for name in ("GetCapabilities", "GetTile", "GetFeatureInfo")]
        parts.append("</ows:OperationsMetadata>\n")
    if "Contents" in sections:
        parts.append("<Contents>\n")
        parts += [_layer(offer, bounds(offer), rest) for offer in offers]
        parts += [_matrix_set(grid) for grid in MATRIX_SETS.values()]
        parts.append("</Contents>\n")
    if set(sections) >= set(SECTIONS):  # it is no section, and whoever asks for some gets these alone
        parts.append(
            f"<ServiceMetadataURL xlink:href={quoteattr(rest(f'{VERSION}/WMTSCapabilities.xml'))}/>\n"
        )
    parts.append("</Capabilities>\n")
    return "".join(parts).encode()


def _contact(of: Contact) -> str:
    person = _told("ows:IndividualName", of.person)
    voice = _told("ows:Voice", of.telephone)
    phone = f"<ows:Phone>{voice}</ows:Phone>" if voice else ""
    lines = (
        ("DeliveryPoint", of.street),
        ("City", of.city),
        ("AdministrativeArea", of.region),
        ("PostalCode", of.postcode),
        ("Country", of.country),
        ("ElectronicMailAddress", of.email),
    )
    address = "".join(_told(f"ows:{name}", line) for name, line in lines)
    address = f"<ows:Address>{address}</ows:Address>" if address else ""
    info = f"<ows:ContactInfo>{phone}{address}</ows:ContactInfo>" if phone or address else ""
    return f"<ows:ServiceContact>{person}{info}</ows:ServiceContact>"


def _told(element: str, text: str) -> str:
    return _text(element, text) if text else ""


def _text(element: str, text: str) -> str:
    return f"<{element}>{escape(printable(text))}</{element}>"


def _operation(name: str, kvp: str) -> str:
    return (
        f'<ows:Operation name="{name}"><ows:DCP><ows:HTTP><ows:Get xlink:href={quoteattr(kvp)}>'
        '<ows:Constraint name="GetEncoding"><ows:AllowedValues><ows:Value>KVP</ows:Value></ows:AllowedValues>'
        "</ows:Constraint></ows:Get></ows:HTTP></ows:DCP></ows:Operation>\n"
    )


def _layer(offer: Offer, box: Box | None, rest: Callable[[str], str]) -> str:
    parts = ["<Layer>", _text("ows:Title", offer.title), _text("ows:Abstract", offer.description)]
    if box is not None:
        parts.append(
            f"<ows:WGS84BoundingBox><ows:LowerCorner>{box.west!r} {box.south!r}</ows:LowerCorner>"
            f"<ows:UpperCorner>{box.east!r} {box.north!r}</ows:UpperCorner></ows:WGS84BoundingBox>"
        )
    parts.append(_text("ows:Identifier", offer.id))
    for number, (name, title) in enumerate(offer.styles.items()):
        default = ' isDefault="true"' if number == 0 else ""
        parts.append(f"<Style{default}>{_text('ows:Title', title)}{_text('ows:Identifier', name)}</Style>")
    parts.append("<Format>image/png</Format>")
    parts += [_text("InfoFormat", one) for one in INFO_FORMATS]
    parts.append(_TIME)
    parts += [
        f"<TileMatrixSetLink>{_text('TileMatrixSet', grid)}</TileMatrixSetLink>" for grid in MATRIX_SETS
    ]
    path = f"{VERSION}/{quote(offer.id, safe=':')}"
    template = _at_a_time(rest(f"{path}/{REST_TILE}"))
    parts.append(f'<ResourceURL format="image/png" resourceType="tile" template={quoteattr(template)}/>')
    for ending, format in INFO_ENDINGS.items():
        template = _at_a_time(rest(f"{path}/{REST_INFO}{ending}"))
        parts.append(
            f'<ResourceURL format={quoteattr(format)} resourceType="FeatureInfo" '
            f"template={quoteattr(template)}/>"
        )
    parts.append("</Layer>\n")
    return "".join(parts)


def _at_a_time(template: str) -> str:
    """A template with the one dimension that layers have (OGC 07-057r7, table 8)."""
    return f"{template}{'&' if '?' in template else '?'}TIME={{Time}}"


def _matrix_set(grid: TileMatrixSet) -> str:
    parts = [
        f"<TileMatrixSet>{_text('ows:Identifier', grid.id)}",
        _text("ows:SupportedCRS", _CRS[grid.id]),
    ]
    if grid.mercator:  # the other one begins a level below its set of scales (annex E.3)
        parts.append(_text("WellKnownScaleSet", f"urn:ogc:def:wkss:OGC:1.0:{grid.scales}"))
    left, top = grid.origin
    for z in range(MOST_ZOOM + 1):
        columns, rows = grid.size(z)
        parts.append(
            f"<TileMatrix><ows:Identifier>{z}</ows:Identifier>"
            f"<ScaleDenominator>{grid.denominator(z)!r}</ScaleDenominator>"
            f"<TopLeftCorner>{left!r} {top!r}</TopLeftCorner>"
            f"<TileWidth>{TILE_PX}</TileWidth><TileHeight>{TILE_PX}</TileHeight>"
            f"<MatrixWidth>{columns}</MatrixWidth><MatrixHeight>{rows}</MatrixHeight></TileMatrix>"
        )
    parts.append("</TileMatrixSet>\n")
    return "".join(parts)
