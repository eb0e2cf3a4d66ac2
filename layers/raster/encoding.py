"""Pictures as PNG, PNG with a palette, and JPEG.

A PNG's pixels are packed by ISA-L: of a map of 1000 by 750 pixels it takes about a millisecond, zlib at its
fastest fifteen to forty, for files of the same size; and filters make files of drawn lines larger. What is
opaque goes without alpha.
"""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
from isal import isal_zlib
from PIL import Image

from compiling import U8, compiled
from layers.raster.engraving import Pixels

PNG, PNG8, JPEG = "image/png", "image/png; mode=8bit", "image/jpeg"

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGB, _PALETTE, _RGBA = 2, 3, 6  # colour types of ISO/IEC 15948, 11.2.1
_LEVEL = 1
_JPEG_QUALITY = 88


def encoded(pixels: Pixels, format: str, ground: tuple[int, int, int] | None = None) -> bytes:
    """A picture as a file, laid on a ground if one is given; JPEG knows no alpha, and is to be given one.

    Raises
    ------
    KeyError
        For a format that is not one of these.
    """
    if format == PNG and ground is not None:
        return _png(pixels, _RGB, rows_on_ground(pixels, *ground))
    if ground is not None:
        pixels = on_ground(pixels, ground)
    if format == PNG:
        opaque = is_opaque(pixels)
        return _png(pixels, _RGB if opaque else _RGBA, packed_rows(pixels, 3 if opaque else 4))
    image = Image.fromarray(pixels, "RGBA")
    if format == PNG8:
        few = image.quantize(256, method=Image.Quantize.FASTOCTREE)
        indices = np.asarray(few)
        rows = np.zeros((indices.shape[0], indices.shape[1] + 1), np.uint8)
        rows[:, 1:] = indices
        return _png(pixels, _PALETTE, rows.ravel(), _palette(few))
    if format == JPEG:
        out = BytesIO()
        image.convert("RGB").save(out, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
        return out.getvalue()
    raise KeyError(format)


def _palette(image: Image.Image) -> U8:
    assert image.palette is not None
    colours: U8 = np.frombuffer(image.palette.tobytes(), np.uint8)
    return colours.reshape(-1, len(image.palette.mode))


def _png(pixels: Pixels, kind: int, rows: U8, palette: U8 | None = None) -> bytes:
    height, width = pixels.shape[:2]
    pieces = [_SIGNATURE, _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))]
    if palette is not None:
        pieces.append(_chunk(b"PLTE", palette[:, :3].tobytes()))
        if palette.shape[1] == 4:
            pieces.append(_chunk(b"tRNS", palette[:, 3].tobytes()))
    return b"".join([*pieces, _chunk(b"IDAT", isal_zlib.compress(rows, _LEVEL)), _chunk(b"IEND", b"")])


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", isal_zlib.crc32(name + data))


@compiled
def rows_on_ground(pixels: Pixels, red: int, green: int, blue: int) -> U8:
    """Rows as a PNG without alpha has them, of a picture laid on an opaque ground."""
    height, width = pixels.shape[0], pixels.shape[1]
    rows = np.empty(height * (1 + width * 3), np.uint8)
    at = 0
    for y in range(height):
        rows[at] = 0
        at += 1
        words = pixels[y].view(np.uint32)
        for x in range(width):
            if words[x, 0] == 0:
                rows[at], rows[at + 1], rows[at + 2] = red, green, blue
            else:
                alpha = np.int64(pixels[y, x, 3])
                clear = 255 - alpha
                rows[at] = (pixels[y, x, 0] * alpha + red * clear + 127) // 255
                rows[at + 1] = (pixels[y, x, 1] * alpha + green * clear + 127) // 255
                rows[at + 2] = (pixels[y, x, 2] * alpha + blue * clear + 127) // 255
            at += 3
    return rows


@compiled
def is_opaque(pixels: Pixels) -> bool:
    """Whether nothing shines through a picture."""
    for y in range(pixels.shape[0]):
        for x in range(pixels.shape[1]):
            if pixels[y, x, 3] != 255:
                return False
    return True


@compiled
def packed_rows(pixels: Pixels, bands: int) -> U8:
    """Rows as a PNG has them, each behind a byte that says that no filter was used."""
    height, width = pixels.shape[0], pixels.shape[1]
    rows = np.empty(height * (1 + width * bands), np.uint8)
    at = 0
    for y in range(height):
        rows[at] = 0
        at += 1
        for x in range(width):
            for band in range(bands):
                rows[at] = pixels[y, x, band]
                at += 1
    return rows


def on_ground(pixels: Pixels, colour: tuple[int, int, int]) -> Pixels:
    """A picture laid on an opaque ground."""
    return _laid(pixels, *colour)


@compiled
def _laid(pixels: Pixels, red: int, green: int, blue: int) -> Pixels:
    found = np.empty_like(pixels)
    ground = (red, green, blue)
    for y in range(pixels.shape[0]):
        for x in range(pixels.shape[1]):
            alpha = np.int64(pixels[y, x, 3])
            for band in range(3):
                mixed = pixels[y, x, band] * alpha + ground[band] * (255 - alpha)
                found[y, x, band] = np.uint8((mixed + 127) // 255)
            found[y, x, 3] = 255
    return found
