"""Pictures as PNG, PNG with a palette, and JPEG."""

from __future__ import annotations

import numpy as np

from layers.raster.engraving import Pixels

PNG, PNG8, JPEG = "image/png", "image/png; mode=8bit", "image/jpeg"


def encoded(pixels: Pixels, format: str) -> bytes:
    """A picture as a file; JPEG knows no alpha, so that its ground must have been laid.

    Raises
    ------
    KeyError
        For a format that is not one of these.
    """
    from io import BytesIO

    from PIL import Image

    image = Image.fromarray(pixels, "RGBA")
    out = BytesIO()
    if format == JPEG:
        image.convert("RGB").save(out, "JPEG", quality=88, subsampling=0)
    elif format == PNG8:
        image.quantize(256, method=Image.Quantize.FASTOCTREE).save(out, "PNG", compress_level=1)
    elif format == PNG:
        image.save(out, "PNG", compress_level=1, compress_type=3)
    else:
        raise KeyError(format)
    return out.getvalue()


def on_ground(pixels: Pixels, colour: tuple[int, int, int]) -> Pixels:
    """A picture laid on an opaque ground."""
    alpha = pixels[..., 3:].astype(np.uint16)
    ground = np.array(colour, np.uint16)
    mixed = (pixels[..., :3] * alpha + ground * (255 - alpha) + 127) // 255
    laid = np.full_like(pixels, 255)
    laid[..., :3] = mixed
    return laid
