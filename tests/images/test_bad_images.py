"""Photographs that cannot be read: missing, damaged, hostile. Each is an ImageError."""

import os
import struct
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ganinv import load_image
from ganinv.errors import ImageError
from ganinv.images.reading import MIN_SIDE, open_image
from helpers.image_files import JPEG, PNG, encode, png_by_hand
from helpers.memory import GIB, at_most


@pytest.mark.parametrize(
    "data, reason",
    [
        (b"", "empty"),
        (PNG[: len(PNG) // 2], "damaged or truncated"),
        (JPEG[: len(JPEG) // 2], "damaged or truncated"),
        (PNG[:60], "damaged or truncated"),
        (PNG[:8], None),
        (JPEG[:3], None),
        (b"hello, I am a letter\n" * 50, "not an image"),
        (b"<!DOCTYPE html><html></html>", "not an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
        (b"\x00" * 5000, "not an image"),
        (encode(Image.new("RGB", (1, 1)), "PNG"), "1x1"),
        (encode(Image.new("RGB", (MIN_SIDE - 1, 500)), "PNG"), "too small"),
        (encode(Image.new("RGB", (500, MIN_SIDE - 1)), "JPEG"), "too small"),
        (png_by_hand(0, 0), None),
    ],
    ids=[
        "empty",
        "half a png",
        "half a jpeg",
        "png without pixels",
        "png's first bytes",
        "jpeg's first bytes",
        "text",
        "web page",
        "svg",
        "zeros",
        "1x1",
        "narrow",
        "low",
        "0x0",
    ],
)
def test_a_bad_file_is_an_image_error_with_its_reason(tmp_path, data, reason):
    path = tmp_path / "photo.png"
    path.write_bytes(data)
    for source in (path, str(path), data):
        with pytest.raises(ImageError, match=reason) as caught:
            open_image(source)
        assert str(caught.value).strip()
    with pytest.raises(ImageError, match=reason):
        load_image(path, 32)


def test_a_missing_file_a_folder_and_a_name_too_long_have_the_systems_reason(tmp_path):
    with pytest.raises(ImageError, match="No such file"):
        open_image(tmp_path / "absent.png")
    with pytest.raises(ImageError, match="directory"):
        open_image(tmp_path)
    with pytest.raises(ImageError, match="too long"):
        open_image(tmp_path / ("x" * 300 + ".png"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_a_file_that_may_not_be_read_has_the_systems_reason(tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(PNG)
    path.chmod(0)
    with pytest.raises(ImageError, match="ermission"):
        open_image(path)


def test_the_smallest_image_that_is_taken():
    assert open_image(encode(Image.new("RGB", (MIN_SIDE, MIN_SIDE)), "PNG")).size == (16, 16)


def gif_by_hand(width, height):
    return (
        b"GIF89a"
        + struct.pack("<HH", width, height)
        + b"\x80\0\0"
        + bytes(6)
        + b","
        + struct.pack("<HHHHB", 0, 0, width, height, 0)
        + b"\x02\x02D\x01\x00;"
    )


def bmp_by_hand(width, height):
    return (
        b"BM"
        + struct.pack("<IHHI", 54, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    )


def jpeg_by_hand(width, height):
    """A good JPEG with other sizes in its frame header."""
    start = JPEG.index(b"\xff\xc0")
    return JPEG[: start + 5] + struct.pack(">HH", height, width) + JPEG[start + 9 :]


@pytest.mark.parametrize(
    "data",
    [
        png_by_hand(50_000, 50_000),
        png_by_hand(50_000, 50_000, depth=16, colour=6),
        png_by_hand(2**31 - 1, 2**31 - 1),
        png_by_hand(2**31 - 1, 20),
        png_by_hand(12_000, 9_000),  # Pillow itself would only warn
        gif_by_hand(65_535, 65_535),
        bmp_by_hand(2**30, 2**30),
        jpeg_by_hand(65_500, 65_500),
    ],
    ids=["png", "png of 16 bits", "png huge", "png wide", "png of 108 MP", "gif", "bmp", "jpeg"],
)
def test_a_decompression_bomb_is_refused_by_its_header(data):
    assert len(data) < 10_000
    with warnings.catch_warnings(), at_most(GIB // 4):
        warnings.simplefilter("error")
        with pytest.raises(ImageError, match="megapixels"):
            open_image(data)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from([PNG, JPEG]), st.data())
def test_any_damage_is_an_image_error_or_a_picture(whole, data):
    damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 4))):
        if damaged:
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with warnings.catch_warnings(), at_most(GIB):
        warnings.simplefilter("ignore")
        try:
            image = open_image(bytes(damaged))
        except ImageError:
            return
    assert image.mode == "RGB" and min(image.size) >= MIN_SIDE
