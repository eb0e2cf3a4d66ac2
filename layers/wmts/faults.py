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
    other
        A code and a sentence by which the same fault may be looked for as well; told second.
    """

    def __init__(
        self, message: str, code: str, locator: str = "", *, other: tuple[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.locator = locator
        self.other = other

    @property
    def status(self) -> int:
        """The status of the answer."""
        return STATUSES.get(self.code, 400)


def report(fault: ServiceFault) -> bytes:
    """The exception report."""
    told = [(fault.code, str(fault)), *([fault.other] if fault.other else [])]
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<ExceptionReport xmlns="http://www.opengis.net/ows/1.1" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        'xsi:schemaLocation="http://www.opengis.net/ows/1.1 '
        'http://schemas.opengis.net/ows/1.1.0/owsExceptionReport.xsd" version="1.1.0" xml:lang="en">\n'
        f"{''.join(_exception(code, fault.locator, text) for code, text in told)}</ExceptionReport>\n"
    ).encode()


def _exception(code: str, locator: str, text: str) -> str:
    where = f" locator={quoteattr(printable(locator))}" if locator else ""
    return (
        f'<Exception exceptionCode="{code}"{where}>\n'
        f"<ExceptionText>{escape(printable(text))}</ExceptionText>\n</Exception>\n"
    )
