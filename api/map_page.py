"""Where the built map lies, and the headers its files are served with.

The bundle is built by Vite from `api/web` and is not part of the repository; this module knows its folder and
refuses to build it. The content policy allows this origin and the engine, and nobody else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit
from wsgiref.headers import Headers

MAP_BUNDLE = Path(__file__).resolve().parent / "web" / "dist"

# Vite names its outputs assets/<name>-<8 characters of a content hash>.<ending>.
_HASHED = re.compile(r"^/assets/.+-[A-Za-z0-9_-]{8}\.[a-z0-9]+(\.map)?$")


def is_immutable(path: str, url: str) -> bool:
    """Whether a file of the bundle can never change under its `url`, because its hash is part of the name."""
    return path.startswith(str(MAP_BUNDLE)) and bool(_HASHED.match(url))


def content_policy(engine_public_url: str) -> str:
    """The Content-Security-Policy of the map page: this origin, and the engine for data."""
    parts = urlsplit(engine_public_url)
    engine = f"{parts.scheme}://{parts.netloc}"
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self' 'unsafe-inline'",  # MapLibre sets element styles
            "img-src 'self' data: blob:",
            f"connect-src 'self' {engine}",
            "worker-src 'self' blob:",
            "font-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def add_map_headers(engine_public_url: str) -> Callable[[Headers, str, str], None]:
    """A function that WhiteNoise calls once per file with `(headers, path, url)`."""
    policy = content_policy(engine_public_url)

    def add(headers: Headers, path: str, url: str) -> None:
        if path.startswith(str(MAP_BUNDLE)):
            headers["Content-Security-Policy"] = policy
        if url.endswith((".html", "/")):
            headers["Cache-Control"] = "no-cache"

    return add
