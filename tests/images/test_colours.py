"""Embedded profiles against closed forms of what a viewer shows."""

import numpy as np
import pytest
from PIL import Image, ImageCms

from ganinv.images.colours import to_srgb
from helpers.image_files import encode, pixels_of, random_picture
from helpers.profiles import (
    ADOBE,
    DISPLAY_P3,
    SRGB,
    as_srgb,
    cmyk_profile,
    grey_profile,
    matrix_profile,
)

P3 = matrix_profile(DISPLAY_P3)
INSIDE = [(0, 0, 0), (128, 128, 128), (255, 255, 255), (200, 150, 120), (90, 60, 50), (60, 90, 140)]
FORMATS = {"PNG": {}, "TIFF": {}, "WEBP": {"lossless": True}, "JPEG": {"quality": 100}}


def plain(colour, mode="RGB"):
    return Image.new(mode, (32, 32), colour)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("colour", INSIDE)
def test_display_p3_becomes_the_srgb_of_the_same_light(colour, form):
    found = pixels_of(encode(plain(colour), form, icc_profile=P3, **FORMATS[form]))
    assert np.abs(found - as_srgb(colour, DISPLAY_P3)).max() <= (3 if form == "JPEG" else 1)


def test_skin_is_redder_than_its_numbers_in_p3():
    found = pixels_of(encode(plain((200, 150, 120)), "PNG", icc_profile=P3))[0, 0]
    assert found[0] > 205 and found[2] < 118


@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 255, 0), (255, 128, 0), (0, 255, 255)])
def test_what_srgb_cannot_hold_is_clipped(colour):
    found = pixels_of(encode(plain(colour), "PNG", icc_profile=P3))[0, 0]
    expected = as_srgb(colour, DISPLAY_P3)
    assert np.abs(found - expected).max() <= 1.5
    assert 255 in found and 0 in found


def test_adobe_rgb_with_its_gamma():
    profile = matrix_profile(ADOBE, 2.19921875)
    for colour in INSIDE:
        found = pixels_of(encode(plain(colour), "PNG", icc_profile=profile))
        expected = as_srgb(colour, ADOBE, lambda values: values**2.19921875)
        assert np.abs(found - expected).max() <= 2  # black, nearly, is another curve


SAME = {
    "LittleCMS's": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    "by hand": matrix_profile(SRGB),
}


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("name", SAME)
def test_srgb_stays_as_it_is_to_the_bit(name, mode):
    picture = random_picture(channels=len(mode))
    image = Image.fromarray(picture, mode)
    assert to_srgb(image, SAME[name]) is image
    found = pixels_of(encode(image, "PNG", icc_profile=SAME[name]))
    assert np.array_equal(found, pixels_of(encode(image, "PNG")))


def test_grey_with_a_gamma():
    levels = np.tile(np.arange(0, 256, 5, dtype=np.uint8), (20, 1))
    found = pixels_of(encode(Image.fromarray(levels), "PNG", icc_profile=grey_profile(1.0)))
    expected = as_srgb(levels[..., None].repeat(3, -1), SRGB, lambda values: values)
    assert np.abs(found - expected).max() <= 1.5


def test_transparency_is_not_a_colour():
    picture = np.full((20, 20, 4), (200, 150, 120, 255), np.uint8)
    picture[:10, :, 3] = 0
    found = pixels_of(encode(Image.fromarray(picture, "RGBA"), "PNG", icc_profile=P3))
    assert np.all(found[:10] == 255)
    assert np.abs(found[10:] - as_srgb((200, 150, 120), DISPLAY_P3)).max() <= 1


def test_palettes_are_converted_too():
    image = plain((200, 150, 120)).quantize(4)
    found = pixels_of(encode(image, "PNG", icc_profile=P3))
    assert np.abs(found - as_srgb((200, 150, 120), DISPLAY_P3)).max() <= 1


def inks(paper=(100, 0, 0)):
    """A printer whose cyan ink alone is a middle grey, and whose other inks are black."""
    corners = {}
    for number in range(16):
        ink = tuple(number >> bit & 1 for bit in (3, 2, 1, 0))
        corners[ink] = paper if not any(ink) else (0, 0, 0)
    corners[1, 0, 0, 0] = (53.39, 0, 0)  # the lightness of sRGB's 127.5
    return cmyk_profile(corners)


@pytest.mark.parametrize("form", ["TIFF", "JPEG"])
def test_cmyk_takes_the_colours_of_its_profile(form):
    for ink, grey in (((0, 0, 0, 0), 255), ((255, 0, 0, 0), 127.5), ((0, 0, 0, 255), 0)):
        found = pixels_of(encode(plain(ink, "CMYK"), form, icc_profile=inks()))
        assert np.abs(found - grey).max() <= 2
    without = pixels_of(encode(plain((255, 0, 0, 0), "CMYK"), form))
    assert np.abs(without - (0, 255, 255)).max() <= 3


BROKEN = {
    "nothing": b"\0" * 200,
    "text": b"no profile at all",
    "half": P3[: len(P3) // 2],
    "a head": P3[:128],
    "of other channels": grey_profile(1.0),
    "of inks": inks(),
    "noise": bytes(random_picture().ravel()[:600]),
    "with noise for tags": P3[:132] + bytes(random_picture().ravel()[: len(P3) - 132]),
}


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF"])
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_profile_is_ignored(name, form):
    image = Image.fromarray(random_picture())
    found = pixels_of(encode(image, form, icc_profile=BROKEN[name]))
    assert np.array_equal(found, pixels_of(encode(image, form)))


def test_sixteen_bits_of_grey_have_a_profile_too():
    values = np.full((20, 20), 32896, np.uint16)
    found = pixels_of(encode(Image.fromarray(values), "TIFF", icc_profile=grey_profile(1.0)))
    assert np.abs(found - as_srgb((128, 128, 128), SRGB, lambda v: v)).max() <= 1.5
