"""The fonts that labels are set in: Mapnik's own, behind it one with Chinese characters where there is any.

Without one, Chinese characters are drawn as empty boxes, and `has_chinese` says so. `GRIDGIS_MAP_FONT` names
a font file that is taken before those that Debian and its kin install.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import mapnik

_LATIN = "DejaVu Sans Book"
_CHINESE_FILES = (
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/arphic/uming.ttc",
    "/usr/share/fonts/google-droid/DroidSansFallback.ttf",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
)


@lru_cache(maxsize=1)
def font_names() -> tuple[str, ...]:
    """Faces in the order in which a character is looked for in them."""
    found = [_LATIN]
    for path in (os.environ.get("GRIDGIS_MAP_FONT"), *_CHINESE_FILES):
        if path and Path(path).is_file():
            before = set(mapnik.FontEngine.face_names())
            if mapnik.FontEngine.register_font(path):
                found += sorted(set(mapnik.FontEngine.face_names()) - before)
                break
    return tuple(found)


def has_chinese() -> bool:
    """Whether a font with Chinese characters was found."""
    return len(font_names()) > 1
