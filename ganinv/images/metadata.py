"""What stands beside the pixels of a file: the EXIF orientation, and copies without the rest.

Metadata never decides whether pixels can be read. So the orientation is read here, from the raw
bytes and past whatever else EXIF holds, and where a decoder stumbles over metadata it is given the
file once more without them. Containers: JPEG (JFIF and Adobe markers), PNG, WebP, TIFF and BigTIFF,
and the ISO files of HEIC and AVIF.
"""

import contextlib
import struct
import zlib
from collections.abc import Iterator

ORIENTATION = 0x0112
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
WEBP_PIXELS = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF")
# of a TIFF directory: what decoding needs, and what turns or colours the result
TIFF_PIXELS = {254, 255, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 292, 293}
TIFF_PIXELS |= {317, 320, 322, 323, 324, 325, 332, 334, 338, 339, 347, *range(512, 522)}
TIFF_PIXELS |= {529, 530, 531, 532}
TIFF_PROFILE = 34675


def read_orientation(exif: bytes) -> int:
    """Find the orientation, 1 to 8, in an EXIF block with or without its "Exif" heading.

    Only the first directory is read, entry by entry; 0 where none of them is a good orientation.
    """
    block = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or len(block) < 8:
        return 0
    with contextlib.suppress(struct.error):  # cut off: what came before it was read
        (start,) = struct.unpack_from(order + "I", block, 4)
        (count,) = struct.unpack_from(order + "H", block, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, number = struct.unpack_from(order + "HHI", block, entry)
            if tag == ORIENTATION and number >= 1 and kind in (1, 3, 4):  # byte, short, long
                form = {1: "B", 3: "H", 4: "I"}[kind]
                (value,) = struct.unpack_from(order + form, block, entry + 8)
                if 1 <= value <= 8:
                    return int(value)
    return 0


def find_exif(data: bytes) -> bytes:
    """Find the EXIF block of a JPEG, PNG or WebP by its container; b"" where there is none."""
    if data.startswith(b"\xff\xd8"):
        found = (piece[4:] for marker, piece in _jpeg_segments(data) if marker == 0xE1)
        return next((block for block in found if block.startswith(b"Exif\0")), b"")
    if data.startswith(PNG_MAGIC):
        return next((chunk[8:-4] for kind, chunk in _png_chunks(data) if kind == b"eXIf"), b"")
    if _is_webp(data):
        return next((chunk[8:] for kind, chunk in _riff_chunks(data) if kind == b"EXIF"), b"")
    return b""


def without_metadata(data: bytes) -> Iterator[bytes]:
    """Yield copies of a file with less metadata: first all but the colour profile goes, then all.

    Pixels stay as they are, byte for byte. Nothing is yielded where there is nothing to leave out.
    """
    if data.startswith(b"\xff\xd8"):
        strip = _strip_jpeg
    elif data.startswith(PNG_MAGIC):
        strip = _strip_png
    elif _is_webp(data):
        strip = _strip_webp
    elif data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        strip = _strip_tiff
    elif data[4:8] == b"ftyp":
        strip = _strip_iso
    else:
        return
    last = data
    for profile in (True, False):
        with contextlib.suppress(struct.error):  # a container that ends too early
            copy = strip(data, profile)
            if copy != last:
                yield copy
                last = copy


def _jpeg_segments(data):
    """Segments before the pixels: their marker, and all their bytes."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker in (0x01, *range(0xD0, 0xD8)):  # without a length
            yield marker, data[at : at + 2]
            at += 2
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xDA or end > len(data):
            break
        yield marker, data[at:end]
        at = end
    yield 0, data[at:]  # the scan, or what cannot be understood


def _strip_jpeg(data, profile):
    def needed(marker, piece):
        if not 0xE0 <= marker <= 0xEF and marker != 0xFE:
            return True
        body = piece[4:]
        if marker == 0xE0:  # both tell how colours are coded
            return body.startswith(b"JFIF\0") and len(body) >= 14
        if marker == 0xEE:
            return body.startswith(b"Adobe") and len(body) >= 12
        return profile and marker == 0xE2 and body.startswith(b"ICC_PROFILE\0")

    return data[:2] + b"".join(p for marker, p in _jpeg_segments(data) if needed(marker, p))


def _png_chunks(data):
    """Chunks with their lengths and checksums; what does not fit into one comes last, as b""."""
    at = len(PNG_MAGIC)
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        end = at + 12 + length
        if end > len(data):
            break
        yield data[at + 4 : at + 8], data[at:end]
        at = end
    yield b"", data[at:]


def _strip_png(data, profile):
    def needed(kind, chunk):
        if not kind or not kind[0] & 0x20:  # critical chunks begin with a capital
            return True
        if kind != b"tRNS" and not (profile and kind == b"iCCP"):
            return False
        return zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big")

    return PNG_MAGIC + b"".join(c for kind, c in _png_chunks(data) if needed(kind, c))


def _is_webp(data):
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def _riff_chunks(data):
    at = 12
    while at + 8 <= len(data):
        (length,) = struct.unpack_from("<I", data, at + 4)
        yield data[at : at + 4], data[at : at + 8 + length]
        at += 8 + length + length % 2


def _strip_webp(data, profile):
    pieces = []
    for kind, chunk in _riff_chunks(data):
        if kind == b"VP8X" and len(chunk) >= 9:  # its flags announce EXIF, XMP and a profile
            flags = chunk[8] & ~(0x0C if profile else 0x2C)
            chunk = chunk[:8] + bytes([flags]) + chunk[9:]
        if kind in WEBP_PIXELS or (profile and kind == b"ICCP"):
            pieces.append(chunk + b"\0" * (len(chunk) % 2))
    body = b"WEBP" + b"".join(pieces)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _strip_tiff(data, profile):
    """The same file with a new first directory at its end; offsets into the file stay right."""
    order = "<" if data[:2] == b"II" else ">"
    big = 43 in data[2:4]
    head, offset, count, width = (8, "Q", "Q", 20) if big else (4, "I", "H", 12)
    (start,) = struct.unpack_from(order + offset, data, head)
    (number,) = struct.unpack_from(order + count, data, start)
    start += struct.calcsize(order + count)
    kept = []
    for at in range(start, min(start + width * number, len(data) - width + 1), width):
        (tag,) = struct.unpack_from(order + "H", data, at)
        if tag in TIFF_PIXELS or (profile and tag == TIFF_PROFILE):
            kept.append(data[at : at + width])
    end = len(data) + len(data) % 2
    directory = struct.pack(order + count, len(kept)) + b"".join(kept)
    directory += struct.pack(order + offset, 0)  # no further directory
    body = data[head + struct.calcsize(order + offset) :]
    copy = data[:head] + struct.pack(order + offset, end) + body
    return copy + b"\0" * (len(data) % 2) + directory


def _strip_iso(data, profile):
    """HEIC and AVIF name each item's kind: EXIF and XMP get a kind that nobody reads."""
    copy, at = bytearray(data), data.find(b"infe")
    while 0 <= at < len(data) - 16:
        kind = at + (14 if data[at + 4] == 3 else 12)  # after flags and the item's number
        if data[kind : kind + 4] in (b"Exif", b"mime"):
            copy[kind : kind + 4] = b"skip"
        at = data.find(b"infe", at + 4)
    return bytes(copy)
