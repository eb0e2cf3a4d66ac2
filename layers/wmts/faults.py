"""What a WMTS says when it cannot do what was asked: a code of the standard, a status, one sentence.

Codes and statuses: OGC 07-057r7 (WMTS 1.0.0), tables 21 and 25; the report is that of OWS Common 1.1.
"""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from layers.printable import printable
from layers.source import LayerError

STATUSES = {"OperationNotSupported": 501, "NoApplicableCode": 500}
"""Of codes that are not told with 400."""


class ServiceFault(LayerError):
    """A request that is answered with an exception report.

    Parameters
    ----------
    message
        What is wrong, where, and how to mend it.
    code
        Of the standard.
    locator
        The parameter.
    """

    def __init__(self, message: str, code: str, locator: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.locator = locator

    @property
    def status(self) -> int:
        """The status of the answer."""
        return STATUSES.get(self.code, 400)


def report(fault: ServiceFault) -> bytes:
    """The exception report."""
    locator = f" locator={quoteattr(printable(fault.locator))}" if fault.locator else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<ExceptionReport xmlns="http://www.opengis.net/ows/1.1" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        'xsi:schemaLocation="http://www.opengis.net/ows/1.1 '
        'http://schemas.opengis.net/ows/1.1.0/owsExceptionReport.xsd" version="1.1.0" xml:lang="en">\n'
        f'<Exception exceptionCode="{fault.code}"{locator}>\n'
        f"<ExceptionText>{escape(printable(str(fault)))}</ExceptionText>\n"
        "</Exception>\n</ExceptionReport>\n"
    ).encode()
