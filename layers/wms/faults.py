"""What a WMS says when it cannot do what was asked: a code of the standard, and one sentence.

Codes: OGC 06-042 (WMS 1.3.0), table E.1, and OGC 01-068r3 (WMS 1.1.1), annex A.3. A report is sent with
status 200, as the reference servers do: many clients show the report only then.
"""

from __future__ import annotations

from xml.sax.saxutils import escape

from layers.printable import printable
from layers.source import LayerError

OLD, NEW = "1.1.1", "1.3.0"
XML_TYPES = {NEW: "text/xml", OLD: "application/vnd.ogc.se_xml"}


class ServiceFault(LayerError):
    """A request that is answered with a service exception.

    Parameters
    ----------
    message
        What is wrong, where, and how to mend it.
    code
        Of the standard; empty where it has none that fits.
    locator
        The parameter.
    """

    def __init__(self, message: str, code: str = "", locator: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.locator = locator


def report(fault: ServiceFault, version: str) -> bytes:
    """The service exception report of a version."""
    code = fault.code
    if version == OLD and code == "InvalidCRS":
        code = "InvalidSRS"  # its name before 1.3.0
    told = f' code="{escape(code)}"' if code else ""
    if fault.locator and version == NEW:
        told += f' locator="{escape(fault.locator)}"'
    text = f"<ServiceException{told}>{escape(printable(str(fault)))}</ServiceException>"
    if version == NEW:
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<ServiceExceptionReport version="1.3.0" xmlns="http://www.opengis.net/ogc" '
            'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            'xsi:schemaLocation="http://www.opengis.net/ogc '
            f'http://schemas.opengis.net/wms/1.3.0/exceptions_1_3_0.xsd">\n{text}\n</ServiceExceptionReport>\n'
        ).encode()
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        "<!DOCTYPE ServiceExceptionReport SYSTEM "
        '"http://schemas.opengis.net/wms/1.1.1/exception_1_1_1.dtd">\n'
        f'<ServiceExceptionReport version="1.1.1">\n{text}\n</ServiceExceptionReport>\n'
    ).encode()
