"""CQL2 text cut into words (OGC 21-065r2, annex B); knows no grammar, and reads each character once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from layers.source import BadQuery

MAX_CHARACTERS = 65_536
"""Of a filter, text or JSON."""

Kind = Literal["number", "text", "name", "quoted", "sign", "end"]

_WORD = re.compile(
    r"""\s*(?:
        (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
      | '(?P<text>(?:[^']|'')*)'
      | "(?P<quoted>(?:[^"]|"")+)"
      | (?P<name>[^\W\d][\w.:]*)
      | (?P<sign><>|<=|>=|[=<>+\-*/%^(),])
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Word:
    """One word: what it says without quotes, and from where to where it stands."""

    kind: Kind
    said: str
    start: int
    end: int

    @property
    def upper(self) -> str:
        """A name in capitals, as keywords are compared; a sign as it is; nothing for what is quoted."""
        return self.said.upper() if self.kind in ("name", "sign") else ""


def words(text: str) -> list[Word]:
    """The words of a filter, and one that ends it.

    Raises
    ------
    BadQuery
        For a filter that is too long, or holds what is no word.
    """
    refuse_long(text)
    found: list[Word] = []
    at, length = 0, len(text.rstrip())
    while at < length:
        match = _WORD.match(text, at)
        if match is None:
            raise BadQuery(f"filter: {text[at : at + 20].strip()!r} at character {at + 1} is no CQL2")
        kind: Kind = match.lastgroup  # type: ignore[assignment]  # the groups of the pattern are the kinds
        said = match[kind]
        if kind in ("text", "quoted"):
            said = said.replace("''", "'") if kind == "text" else said.replace('""', '"')
        found.append(Word(kind, said, match.start(kind), match.end()))
        at = match.end()
    found.append(Word("end", "", len(text), len(text)))
    return found


def refuse_long(text: str) -> None:
    """Refuse a filter before anything of it is read; BadQuery."""
    if len(text) > MAX_CHARACTERS:
        raise BadQuery(f"filter: {len(text)} characters are too many; at most {MAX_CHARACTERS} are read")
