"""Structures of arrays that compiled code holds: handed over once, and from then on passed as one pointer.

Knows Numba's proxies of structures, not what is in them.
"""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.experimental import structref


class StructureType(types.StructRef):
    """What compiled code takes a structure for; each proxy has a subclass of its own, found by its name."""

    def preprocess_fields(self, fields: Any) -> Any:
        """The fields, with the types of values and not of literals."""
        return tuple((name, types.unliteral(kind)) for name, kind in fields)  # type: ignore[no-untyped-call]


def define(proxy: type[structref.StructRefProxy], kind: type[StructureType]) -> None:
    """Let compiled code make structures and read their fields: what the proxy annotates, in that order."""
    structref.register(kind)  # type: ignore[no-untyped-call]
    structref.define_proxy(proxy, kind, list(proxy.__annotations__))  # type: ignore[no-untyped-call]
