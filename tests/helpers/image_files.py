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


def png_with_chunk(kind, body, png=PNG, crc=None, at=33):
    """A PNG with one more chunk, behind its header or at `at`; its checksum right unless given."""
    crc = zlib.crc32(kind + body) if crc is None else crc
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)
    return png[:at] + chunk + png[at:]


def jpeg_with_segment(marker, body, jpeg=JPEG):
    """A JPEG with one more segment, the first of all."""
    return jpeg[:2] + struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body + jpeg[2:]


def exif_block(*entries, order="<"):
    """EXIF with entries (tag, kind, count, the 4 bytes of the value); no data behind them."""
    head = b"II*\0" if order == "<" else b"MM\0*"
    rows = b"".join(struct.pack(order + "HHI", *entry[:3]) + entry[3] for entry in entries)
    count = struct.pack(order + "IH", 8, len(entries))
    return b"Exif\0\0" + head + count + rows + struct.pack(order + "I", 0)


def oriented(value, *others, order="<"):
    """EXIF with an orientation and, before and behind it, other entries."""
    entry = (0x0112, 3, 1, struct.pack(order + "HH", value, 0))
    return exif_block(*others, entry, *others, order=order)
