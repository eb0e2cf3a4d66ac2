"""The fonts that labels are set in: Mapnik's own, behind it one with Chinese characters where there is any.

Without one, Chinese characters are drawn as empty boxes, and `has_chinese` says so. `GRIDGIS_MAP_FONT` names
a font file that is taken before those of `chinese_fonts.txt`, which the setup looks for as well.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import mapnik

_LATIN = "DejaVu Sans Book"
_KNOWN = Path(__file__).with_name("chinese_fonts.txt")


@lru_cache(maxsize=1)
def font_names() -> tuple[str, ...]:
    """Faces in the order in which a character is looked for in them."""
    files = [os.environ.get("GRIDGIS_MAP_FONT", ""), *_KNOWN.read_text(encoding="utf-8").split("\n")]
    for file in files:
        if file and Path(file).is_file():
            before = set(mapnik.FontEngine.face_names())
            if mapnik.FontEngine.register_font(file):
                found = sorted(set(mapnik.FontEngine.face_names()) - before)
                return (_LATIN, *found)
    return (_LATIN,)


def has_chinese() -> bool:
    """Whether a font with Chinese characters was found."""
    return len(font_names()) > 1
