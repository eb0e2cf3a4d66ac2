"""What the environment says of tokens for the map layers: the key they are signed with, and who needs one.

`GRIDGIS_MAP_KEY` holds the key, or `GRIDGIS_MAP_KEY_FILE` names a file that does, as secrets come to
containers; `GRIDGIS_MAP_TOKENS` is `optional` (the default) or `required`. Knows no token.
"""

from __future__ import annotations

import os
from pathlib import Path

from gis_service.errors import InvalidInput

KEY_VARIABLE = "GRIDGIS_MAP_KEY"
KEY_FILE_VARIABLE = "GRIDGIS_MAP_KEY_FILE"
TOKENS_VARIABLE = "GRIDGIS_MAP_TOKENS"
SHORTEST_KEY = 32
"""Bytes; RFC 7518, 3.2: a key of HS256 is at least as long as its hash."""

_MAKE_ONE = "python3 -c 'import secrets; print(secrets.token_hex(32))' makes one"


def map_key() -> bytes | None:
    """The key, or None where none is set.

    Raises
    ------
    InvalidInput
        For a key that is too short, two keys, or a file that cannot be read.
    """
    given, file = (os.environ.get(name, "").strip() for name in (KEY_VARIABLE, KEY_FILE_VARIABLE))
    if given and file:
        raise InvalidInput(f"{KEY_VARIABLE} and {KEY_FILE_VARIABLE} are both set; keep one")
    name = KEY_FILE_VARIABLE if file else KEY_VARIABLE
    if file:
        try:
            given = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{name} names {file}, which cannot be read: {error}") from error
    key = given.encode()
    if key and len(key) < SHORTEST_KEY:
        raise InvalidInput(
            f"{name}: the key has {len(key)} bytes, and {SHORTEST_KEY} are the fewest: {_MAKE_ONE}"
        )
    return key or None


def tokens_required() -> bool:
    """Whether every caller of the map layers needs a token.

    Raises
    ------
    InvalidInput
        For another word than the two, a key that cannot be one, or none where tokens are required.
    """
    key = map_key()
    said = os.environ.get(TOKENS_VARIABLE, "").strip() or "optional"
    if said not in ("optional", "required"):
        raise InvalidInput(f"{TOKENS_VARIABLE} is 'optional' or 'required', not {said!r}")
    if said == "required" and key is None:
        raise InvalidInput(
            f"{TOKENS_VARIABLE} is 'required' and no key is set: set {KEY_VARIABLE} or {KEY_FILE_VARIABLE}; "
            f"{_MAKE_ONE}"
        )
    return said == "required"
