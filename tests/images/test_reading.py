"""Photographs as people have them: every format, depth, palette and orientation."""

import struct

import numpy as np
import pytest
from PIL import Image

from ganinv.images.reading import open_image
from helpers.image_files import PNG, encode, pixels_of, png_by_hand, random_picture, smooth_picture


def test_rgb_comes_through_to_the_bit(tmp_path):
    picture = random_picture()
    path = tmp_path / "photo.png"
    Image.fromarray(picture).save(path)
    assert np.array_equal(np.asarray(open_image(path)), picture)


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "WEBP"])
def test_every_lossless_format_gives_the_same_picture(form):
    options = {"lossless": True} if form == "WEBP" else {}
    data = encode(Image.fromarray(random_picture()), form, **options)
    assert np.array_equal(pixels_of(data), random_picture())


def test_a_photograph_named_otherwise_is_read_by_what_it_is(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(PNG)
    assert np.array_equal(np.asarray(open_image(path)), random_picture())


def test_grey_fills_all_channels():
    grey = random_picture(channels=1)
    found = pixels_of(encode(Image.fromarray(grey), "PNG"))
    assert np.array_equal(found, np.repeat(grey[..., None], 3, -1))


def test_one_bit_becomes_black_and_white():
    bits = random_picture(channels=1) > 127
    found = pixels_of(encode(Image.fromarray(bits), "PNG"))
    assert np.array_equal(found[..., 0], np.where(bits, 255, 0))


def over_white(colour, alpha):
    """Porter and Duff's "over" on white paper, in 8 bits."""
    alpha = alpha / 255
    return colour * alpha + 255 * (1 - alpha)


def test_transparency_lies_on_white():
    picture = random_picture(channels=4)
    picture[:4, :, 3], picture[4:8, :, 3] = 0, 255
    found = pixels_of(encode(Image.fromarray(picture, "RGBA"), "PNG"))
    assert np.all(found[:4] == 255)
    assert np.array_equal(found[4:8], picture[4:8, :, :3])
    assert np.abs(found - over_white(picture[..., :3], picture[..., 3:])).max() <= 1


def test_grey_with_transparency_lies_on_white():
    picture = random_picture(channels=2)
    picture[:4, :, 1] = 0
    found = pixels_of(encode(Image.fromarray(picture, "LA"), "PNG"))
    assert np.all(found[:4] == 255)
    assert np.abs(found - over_white(picture[..., :1], picture[..., 1:])).max() <= 1


PLACES = np.arange(32 * 32).reshape(32, 32) % 3


def palette_picture():
    image = Image.fromarray(PLACES.astype(np.uint8), "P")
    image.putpalette([200, 10, 20, 30, 210, 40, 50, 60, 220])
    return image


@pytest.mark.parametrize("form", ["PNG", "GIF"])
def test_a_palette_with_one_transparent_colour_lies_on_white(form):
    found = pixels_of(encode(palette_picture(), form, transparency=1))
    colours = np.array([[200, 10, 20], [255, 255, 255], [50, 60, 220]])
    assert np.array_equal(found, colours[PLACES])


def test_a_palette_with_graded_transparency_lies_on_white():
    found = pixels_of(encode(palette_picture(), "PNG", transparency=bytes([255, 0, 128])))
    colours = np.array([[200, 10, 20], [255, 255, 255], over_white(np.array([50, 60, 220]), 128)])
    assert np.abs(found - colours[PLACES]).max() <= 1


def test_a_plain_palette_keeps_its_colours():
    found = pixels_of(encode(palette_picture(), "PNG"))
    colours = np.array([[200, 10, 20], [30, 210, 40], [50, 60, 220]])
    assert np.array_equal(found, colours[PLACES])


def test_rgb_with_a_colour_declared_transparent_lies_on_white():
    picture = np.full((20, 20, 3), (9, 99, 199), np.uint8)
    picture[5:10] = (1, 2, 3)
    found = pixels_of(encode(Image.fromarray(picture), "PNG", transparency=(1, 2, 3)))
    assert np.all(found[5:10] == 255)
    assert np.all(found[:5] == (9, 99, 199))


@pytest.mark.parametrize("form", ["TIFF", "JPEG"])
@pytest.mark.parametrize(
    "ink, colour",
    [
        ((0, 0, 0, 0), (255, 255, 255)),
        ((255, 0, 0, 0), (0, 255, 255)),
        ((0, 255, 0, 0), (255, 0, 255)),
        ((0, 0, 255, 0), (255, 255, 0)),
        ((0, 0, 0, 255), (0, 0, 0)),
        ((0, 0, 0, 128), (127, 127, 127)),
    ],
)
def test_cmyk_inks_take_their_colour_away(form, ink, colour):
    found = pixels_of(encode(Image.new("CMYK", (32, 32), ink), form))
    assert np.abs(found - colour).max() <= 3


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_clipped(form):
    values = np.linspace(0, 65535, 48 * 32).round().astype(np.uint16).reshape(32, 48)
    found = pixels_of(encode(Image.fromarray(values), form))
    assert np.abs(found - values[..., None] / 257).max() <= 1
    assert found.min() == 0 and found.max() == 255


def test_big_endian_sixteen_bits_are_scaled_too():
    values = np.linspace(0, 65535, 48 * 32).round().astype(np.uint16).reshape(32, 48)
    big = Image.frombytes("I;16B", (48, 32), values.astype(">u2").tobytes())
    found = pixels_of(encode(big, "TIFF"))
    assert np.abs(found - values[..., None] / 257).max() <= 1


def test_a_dark_picture_of_sixteen_bits_stays_dark():
    values = np.full((32, 32), 200, np.uint16)  # of 65535: black but for a third of a per cent
    assert pixels_of(encode(Image.fromarray(values), "PNG")).max() <= 1


@pytest.mark.parametrize(
    "colour, sample, expected",
    [
        (2, (32896, 16448, 8224), (128, 64, 32)),
        (6, (32896, 16448, 8224, 65535), (128, 64, 32)),
        (6, (32896, 16448, 8224, 0), (255, 255, 255)),
        (4, (32896, 65535), (128, 128, 128)),
    ],
)
def test_sixteen_bit_colour_keeps_its_upper_half(colour, sample, expected):
    row = b"\0" + struct.pack(f">{len(sample)}H", *sample) * 20
    found = pixels_of(png_by_hand(20, 20, row * 20, depth=16, colour=colour))
    assert np.abs(found - expected).max() <= 1


def test_an_animation_gives_its_first_picture():
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert np.all(pixels_of(data) == (255, 0, 0))


# how a viewer must turn what is stored, after the EXIF standard's table of orientations
TURNS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}


def exif_of(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize("orientation", TURNS)
def test_photographs_are_turned_upright(orientation):
    stored = random_picture(48, 32)
    data = encode(Image.fromarray(stored), "PNG", exif=exif_of(orientation))
    assert np.array_equal(pixels_of(data), TURNS[orientation](stored))


@pytest.mark.parametrize("orientation", TURNS)
def test_jpegs_of_every_orientation_show_the_same(orientation):
    upright = smooth_picture(64, 40)
    undo = {6: 8, 8: 6}.get(orientation, orientation)
    stored = np.ascontiguousarray(TURNS[undo](upright))
    data = encode(Image.fromarray(stored), "JPEG", quality=95, exif=exif_of(orientation))
    found = pixels_of(data)
    assert found.shape == upright.shape
    assert np.abs(found - upright).mean() < 2


@pytest.mark.parametrize(
    "exif",
    [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0", b"\xff" * 30],
)
@pytest.mark.filterwarnings("ignore")
def test_broken_exif_does_not_spoil_a_good_photograph(exif):
    picture = smooth_picture()
    found = pixels_of(encode(Image.fromarray(picture), "JPEG", quality=95, exif=exif))
    assert np.abs(found - picture).mean() < 2


def test_an_orientation_that_does_not_exist_is_passed_over():
    data = encode(Image.fromarray(random_picture()), "PNG", exif=exif_of(99))
    assert np.array_equal(pixels_of(data), random_picture())
