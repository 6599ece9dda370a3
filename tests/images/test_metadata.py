"""Metadata never decides whether pixels can be read; the orientation is found past damage."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ganinv.errors import ImageError
from ganinv.images.metadata import find_exif, read_orientation, without_metadata
from ganinv.images.reading import open_image
from helpers.image_files import (
    JPEG,
    PNG,
    encode,
    exif_block,
    jpeg_with_segment,
    oriented,
    pixels_of,
    png_with_chunk,
    random_picture,
)
from helpers.memory import GIB, at_most

MINUS_ONE_OF_NOTHING = struct.pack("<I", 8)  # where the directory lies, read as a rational
ODD = {
    "rational beyond the end": (0x011A, 5, 1, struct.pack("<I", 2**31)),
    "signed rational": (0x011B, 10, 1, MINUS_ONE_OF_NOTHING),
    "many rationals": (0x011A, 10, 2**28, struct.pack("<I", 8)),
    "unknown type": (0x010F, 99, 7, b"\xff\xff\xff\xff"),
    "text of no length": (0x010E, 2, 0, b"\0\0\0\0"),
    "directory beyond the end": (0x8769, 4, 1, struct.pack("<I", 2**31)),
    "directory in itself": (0x8769, 4, 1, struct.pack("<I", 8)),
    "directory of text": (0x8825, 2, 4, b"\xff\xff\xff\xff"),
    "maker's note": (0x927C, 7, 2**31 - 1, b"\x08\0\0\0"),
}
JPEG_PIXELS = pixels_of(JPEG)


def rational_of_nothing():
    """EXIF with orientation 6 and a resolution of -1/0."""
    rows = [(0x0112, 3, 1, struct.pack("<HH", 6, 0)), (0x011A, 10, 1, struct.pack("<I", 38))]
    return exif_block(*rows) + struct.pack("<ii", -1, 0)


@pytest.mark.parametrize("name", ODD)
def test_a_photograph_is_turned_whatever_stands_beside_its_orientation(name):
    found = pixels_of(jpeg_with_segment(0xE1, oriented(6, ODD[name])))
    assert np.array_equal(found, np.rot90(JPEG_PIXELS, -1))


def test_a_rational_of_minus_one_by_nothing():
    found = pixels_of(jpeg_with_segment(0xE1, rational_of_nothing()))
    assert np.array_equal(found, np.rot90(JPEG_PIXELS, -1))
    image = Image.fromarray(random_picture())
    for form, options in (("PNG", {}), ("WEBP", {"lossless": True})):
        found = pixels_of(encode(image, form, exif=rational_of_nothing(), **options))
        assert np.array_equal(found, np.rot90(random_picture(), -1))


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("value", range(10))
def test_the_orientation_of_a_block(value, order):
    expected = value if 1 <= value <= 8 else 0
    assert read_orientation(oriented(value, order=order)) == expected
    assert read_orientation(oriented(value, order=order)[6:]) == expected


@settings(deadline=None, max_examples=200)
@given(
    st.binary(max_size=80) | st.binary(max_size=80).map(lambda b: b"Exif\0\0II*\0\x08\0\0\0" + b)
)
def test_any_block_has_an_orientation_or_none(block):
    assert read_orientation(block) in range(9)


def test_a_block_that_is_cut_off_behind_its_orientation():
    whole = exif_block((0x0112, 3, 1, struct.pack("<HH", 8, 0)), ODD["unknown type"])
    assert read_orientation(whole[:-10]) == 8
    assert find_exif(jpeg_with_segment(0xE1, whole)) == whole


SEGMENTS = {
    "exif of noise": (0xE1, b"Exif\0\0" + bytes(range(200))),
    "xmp": (0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta \xff\xfe tiff:Orientation='"),
    "profile": (0xE2, b"ICC_PROFILE\0\x01\x03garbage"),
    "profile of no parts": (0xE2, b"ICC_PROFILE\0"),
    "pictures of many": (0xE2, b"MPF\0II*\0\xff\xff\xff\xff"),
    "many pictures of text": (
        0xE2,
        b"MPF\0II*\0\x08\0\0\0\x02\0" + b"\x01\xb0\x02\0" + b"\xff" * 20,
    ),
    "photoshop": (0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\xff\xff\xff\xff"),
    "photoshop's resolution": (0xED, b"Photoshop 3.0\x008BIM\x03\xed\0\0\0\0\0\x02\0"),
    "short jfif": (0xE0, b"JFIF\0"),
    "short adobe": (0xEE, b"Adobe"),
    "comment": (0xFE, b"\xff\xfe\0"),
    "flashpix": (0xE2, b"FPXR\0" + b"\xff" * 9),
}


@pytest.mark.parametrize("name", SEGMENTS)
def test_no_segment_spoils_a_jpeg(name):
    assert np.array_equal(pixels_of(jpeg_with_segment(*SEGMENTS[name])), JPEG_PIXELS)


def test_a_segment_that_spoils_one_leaves_the_orientation():
    spoilt = jpeg_with_segment(*SEGMENTS["short jfif"])
    found = pixels_of(jpeg_with_segment(0xE1, oriented(3, ODD["many rationals"]), spoilt))
    assert np.array_equal(found, JPEG_PIXELS[::-1, ::-1])


BOMB = zlib.compress(b"x" * 100_000_000, 9)
CHUNKS = {
    "text bomb": (b"zTXt", b"Comment\0\0" + BOMB),
    "international bomb": (b"iTXt", b"Comment\0\1\0\0\0" + BOMB),
    "profile bomb": (b"iCCP", b"icc\0\0" + BOMB),
    "broken text": (b"zTXt", b"Comment\0\0not zlib"),
    "text of an unknown method": (b"zTXt", b"Comment\0\7abc"),
    "profile of an unknown method": (b"iCCP", b"icc\0\7abc"),
    "exif": (b"eXIf", b"II*\0\xff\xff\xff\xff"),
    "short resolution": (b"pHYs", b"\0\0"),
    "no resolution": (b"pHYs", bytes(8) + b"\1"),
    "short gamma": (b"gAMA", b""),
    "short colours": (b"cHRM", b"\0\0\0"),
    "animation": (b"acTL", b"\0\0"),
    "frames without end": (b"acTL", b"\xff" * 8),
    "unknown": (b"abCd", b"whatever"),
}


@pytest.mark.parametrize("at", [33, len(PNG) - 12], ids=["before", "behind"])
@pytest.mark.parametrize("name", CHUNKS)
def test_no_chunk_spoils_a_png(name, at):
    with at_most(GIB // 4):
        found = pixels_of(png_with_chunk(*CHUNKS[name], at=at))
    assert np.array_equal(found, random_picture())


@pytest.mark.parametrize("kind", [b"tEXt", b"pHYs", b"gAMA", b"eXIf", b"iCCP", b"tIME", b"tRNS"])
def test_a_wrong_checksum_beside_the_pixels_does_not_matter(kind):
    found = pixels_of(png_with_chunk(kind, b"a\0b123", crc=7))
    assert np.array_equal(found, random_picture())


def test_many_texts_do_not_matter():
    png = PNG
    for number in range(80):
        text = b"K%d\0\0" % number + zlib.compress(b"y" * 1_000_000)
        png = png_with_chunk(b"zTXt", text, png)
    assert np.array_equal(pixels_of(png), random_picture())


def test_damaged_pixels_stay_an_error_beside_damaged_metadata():
    start = PNG.index(b"IDAT")
    spoilt = PNG[: start + 20] + bytes([PNG[start + 20] ^ 255]) + PNG[start + 21 :]
    for data in (spoilt, png_with_chunk(*CHUNKS["broken text"], spoilt)):
        with pytest.raises(ImageError, match="damaged"):
            open_image(data)
    half = jpeg_with_segment(0xE1, oriented(6, ODD["many rationals"]), JPEG[: len(JPEG) // 2])
    with pytest.raises(ImageError, match="damaged"):
        open_image(half)


def tiff_with_tags(*entries, **options):
    """A TIFF whose directory has more entries, moved to the file's end."""
    data = encode(Image.fromarray(random_picture()), "TIFF", **options)
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    rows = [data[start + 2 + 12 * i : start + 14 + 12 * i] for i in range(count)]
    rows += [struct.pack("<HHI", *entry[:3]) + entry[3] for entry in entries]
    rows.sort(key=lambda row: struct.unpack_from("<H", row))
    directory = struct.pack("<H", len(rows)) + b"".join(rows) + bytes(4)
    return data[:4] + struct.pack("<I", len(data)) + data[8:] + directory


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate"])
@pytest.mark.parametrize("name", ODD)
def test_no_tag_spoils_a_tiff(name, compression):
    turn = (0x0112, 3, 1, struct.pack("<HH", 6, 0))
    found = pixels_of(tiff_with_tags(ODD[name], turn, compression=compression))
    assert np.array_equal(found, np.rot90(random_picture(), -1))


@pytest.mark.parametrize("big", [False, True])
def test_a_tiff_without_its_metadata_has_the_same_pixels(big):
    options = {"compression": "tiff_lzw", "big_tiff": big, "dpi": (72, 72), "software": "me"}
    data = encode(Image.fromarray(random_picture()), "TIFF", **options)
    copies = list(without_metadata(data))
    assert copies
    for copy in copies:
        assert np.array_equal(pixels_of(copy), random_picture())
        with Image.open(io.BytesIO(copy)) as image:
            assert 305 not in image.tag_v2 and 282 not in image.tag_v2


@pytest.mark.parametrize("form", ["WEBP", "AVIF"])
def test_broken_exif_does_not_spoil_newer_formats(form):
    image = Image.fromarray(random_picture())
    options = {"lossless": True} if form == "WEBP" else {"quality": 100}
    plain = pixels_of(encode(image, form, **options))
    broken = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\xff" * 40
    data = encode(image, form, exif=exif_block(), xmp=b"<a", **options)
    assert np.array_equal(pixels_of(data), plain)
    data = data.replace(exif_block()[6:], broken[6 : len(exif_block())])
    assert np.array_equal(pixels_of(data), plain)
    for copy in without_metadata(data):
        assert np.array_equal(pixels_of(copy), plain)


def test_an_avif_is_turned_once():
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = np.asarray(Image.fromarray(random_picture(6, 4)).resize((96, 64), 0))
    found = pixels_of(encode(Image.fromarray(picture), "AVIF", quality=100, exif=exif))
    assert found.shape == (96, 64, 3)
    assert np.abs(found - np.rot90(picture, -1)).mean() < 12
