"""Text that can stand in XML; what XML cannot hold is left out rather than sent."""

from __future__ import annotations


def printable(text: str) -> str:
    """Without the characters that XML 1.0 cannot hold (section 2.2)."""
    return "".join(
        one
        for one in text
        if one in "\t\n\r" or " " <= one <= "\ud7ff" or "\ue000" <= one <= "\ufffd" or one >= "\U00010000"
    )
