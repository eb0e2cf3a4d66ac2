"""XML written by hand: elements, attributes, text, with everything escaped that must be."""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape

from layers.printable import printable

Piece = str


def text(value: object) -> str:
    """A value as the text of an element or an attribute."""
    return escape(printable(str(value)), {'"': "&quot;"})


def element(_name: str, /, *inside: Piece, **attributes: object) -> Piece:
    """An element around pieces that are XML already; `_` in an attribute's name stands for `:`."""
    told = "".join(f' {key.replace("_", ":")}="{text(value)}"' for key, value in attributes.items())
    return f"<{_name}{told}>{''.join(inside)}</{_name}>" if inside else f"<{_name}{told}/>"


def leaf(_name: str, value: object, /, **attributes: object) -> Piece:
    """An element that holds a text."""
    return element(_name, text(value), **attributes)


def link(address: str) -> Piece:
    """An `OnlineResource`."""
    return (
        '<OnlineResource xmlns:xlink="http://www.w3.org/1999/xlink" xlink:type="simple" '
        f'xlink:href="{text(address)}"/>'
    )


def leaves(name: str, values: Iterable[object]) -> Piece:
    """The same element for each of some texts."""
    return "".join(leaf(name, value) for value in values)
