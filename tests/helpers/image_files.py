"""Pictures as arrays, as files, and as files that no program would write."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

from ganinv.images.reading import open_image


def encode(image, form, **options):
    data = io.BytesIO()
    image.save(data, form, **options)
    return data.getvalue()


def pixels_of(data):
    """What `open_image` makes of the file's bytes: int array (H, W, 3)."""
    image = open_image(data)
    assert image.mode == "RGB"
    return np.asarray(image).astype(int)


def random_picture(width=48, height=32, channels=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, channels), dtype=np.uint8).squeeze()


def smooth_picture(width=48, height=32):
    x, y = np.meshgrid(np.linspace(30, 220, width), np.linspace(40, 200, height))
    return np.stack([x, y, (x + y) / 2], -1).round().astype(np.uint8)


def png_by_hand(width, height, pixels=b"", depth=8, colour=2):
    """A PNG whose header announces width x height, whatever `pixels` hold."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(pixels))
        + chunk(b"IEND", b"")
    )


PNG = encode(Image.fromarray(random_picture()), "PNG")
JPEG = encode(Image.fromarray(smooth_picture(96, 64)), "JPEG")
