"""Tiles as HTTP answers that no cache can get wrong: validators, who may keep them, compression.

Every answer is to be asked again before it is shown (`no-cache`), which costs a tile that did not change no
more than its stamp; where the caller's counties are told by a token, no shared cache may keep it (RFC 9111,
5.2.2). An answer of which something is missing is not to be kept at all.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified

from layers.etags import has_already
from layers.scope import token_of
from layers.tiles.kept import Kept
from layers.tiles.making import Made

WORTH_COMPRESSING = 512
"""Bytes below which a tile is sent as it is."""

VARY = "Accept, Accept-Encoding, Authorization"


def tile_response(
    request: HttpRequest,
    *,
    stamp: str,
    media_type: str,
    kept: Kept[Made],
    make: Callable[[], Made],
) -> HttpResponse:
    """A tile, or that the client has it already.

    Parameters
    ----------
    stamp
        Says everything that the bytes hang on; taken before they are made.
    make
        Makes them, where they are not kept.
    """
    etag = f'W/"{stamp}"'  # weak: compressed or not, it is the same tile
    headers = {"ETag": etag, "Vary": VARY, "Cache-Control": f"{_audience(request)}, no-cache"}
    if has_already(request, etag):
        return HttpResponseNotModified(headers=headers)
    made = kept.get(stamp)
    if made is None:
        made = make()
        if not made.missing:
            kept.put(stamp, made, len(made.data))
    headers["Partial"] = ", ".join(made.missing) or "no"
    if made.missing:
        del headers["ETag"]
        headers["Cache-Control"] = "no-store"
    if made.thinned:
        headers["Tile-Thinned"] = ", ".join(f"{one.layer} {one.features}/{one.of}" for one in made.thinned)
    if not made.data:
        return HttpResponse(status=204, content_type=media_type, headers=headers)
    data = made.data
    if media_type != "image/png" and len(data) >= WORTH_COMPRESSING and _takes_gzip(request):
        headers["Content-Encoding"] = "gzip"
        data = _compressed(stamp, made, kept)
    return HttpResponse(data, content_type=media_type, headers=headers)


def _audience(request: HttpRequest) -> str:
    return "private" if token_of(request) is not None or "Authorization" in request.headers else "public"


def _takes_gzip(request: HttpRequest) -> bool:
    for coding in request.headers.get("Accept-Encoding", "").lower().split(","):
        name, _, weight = coding.partition(";")
        if name.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _compressed(stamp: str, made: Made, kept: Kept[Made]) -> bytes:
    key = f"{stamp} gzip"
    found = kept.get(key)
    if found is None:
        # level 1: the tables of a tile compress well, and every level above costs more than it saves on a LAN
        packer = zlib.compressobj(1, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
        found = made._replace(data=packer.compress(made.data) + packer.flush())
        if not made.missing:
            kept.put(key, found, len(found.data))
    return found.data
