"""Photographs as people have them: damaged, odd, hostile; and what a tensor becomes on disk."""

import hashlib
import io
import math
import os
import re
import resource
import struct
import unicodedata
import warnings
import zlib
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from ganinv import load_image
from ganinv.errors import ImageError
from ganinv.images.pixels import box_resize, from_pil, quantize, to_pil, to_uint8
from ganinv.images.reading import MIN_SIDE, image_id, list_images, open_image
from ganinv.runs.records import RESERVED

GIB = 2**30


@contextmanager
def at_most(extra):
    """Let this process take no more than `extra` bytes of address space above what it has."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("memory is limited by way of /proc")
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    limit = pages * resource.getpagesize() + extra
    resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


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


# --- bad images ---

PNG = encode(Image.fromarray(random_picture()), "PNG")
JPEG = encode(Image.fromarray(smooth_picture(96, 64)), "JPEG")


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


def test_a_bomb_in_a_text_chunk_is_refused_before_it_is_unpacked():
    text = b"Comment\0\0" + zlib.compress(b"x" * 100_000_000, 9)
    chunk = struct.pack(">I", len(text)) + b"zTXt" + text
    chunk += struct.pack(">I", zlib.crc32(b"zTXt" + text))
    with at_most(GIB // 4), pytest.raises(ImageError, match="too large"):
        open_image(PNG[:33] + chunk + PNG[33:])


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


# --- good, odd images ---


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


# --- load_image ---


def test_load_image_takes_the_centre_square(tmp_path):
    picture = random_picture(96, 32)
    Image.fromarray(picture).save(tmp_path / "a.png")
    image = load_image(tmp_path / "a.png", 32)
    assert image.shape == (3, 32, 32) and image.dtype == torch.float32
    expected = picture[:, 32:64].transpose(2, 0, 1) / 127.5 - 1
    assert np.abs(image.numpy() - expected).max() < 1e-6


@pytest.mark.parametrize("size", [16, 50, 200])
def test_load_image_brings_any_picture_to_the_size_in_8_bits(tmp_path, size):
    Image.fromarray(smooth_picture(75, 60)).save(tmp_path / "a.png")
    image = load_image(str(tmp_path / "a.png"), size)
    assert image.shape == (3, size, size)
    levels = (image + 1) * 127.5
    assert (levels - levels.round()).abs().max() < 1e-4
    assert levels.min() >= 0 and levels.max() <= 255


# --- tensors and 8 bits ---


def test_every_8_bit_level_survives_the_tensor():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    picture = np.stack([levels, levels[::-1], levels.T], -1)
    tensor = from_pil(Image.fromarray(picture))
    assert tensor.shape == (3, 16, 16) and tensor.dtype == torch.float32
    assert tensor[0, 0, 0] == -1 and tensor[0, -1, -1] == 1
    assert np.array_equal(to_uint8(tensor), picture)
    assert np.array_equal(np.asarray(to_pil(tensor)), picture)
    assert torch.equal(quantize(tensor), tensor)


def tensors(elements):
    shape = st.tuples(st.just(3), st.integers(1, 5), st.integers(1, 5))
    return shape.flatmap(
        lambda s: st.lists(elements, min_size=math.prod(s), max_size=math.prod(s)).map(
            lambda values: torch.tensor(values, dtype=torch.float32).reshape(s)
        )
    )


@settings(deadline=None, max_examples=60)
@given(tensors(st.floats(-1.5, 1.5, width=32)))
def test_quantizing_is_rounding_to_the_nearest_level(image):
    once = quantize(image)
    assert once.shape == image.shape and once.dtype == torch.float32
    assert torch.equal(quantize(once), once)
    assert (once - image.clamp(-1, 1)).abs().max() <= 0.5 / 127.5 + 1e-6
    assert np.array_equal(to_uint8(once), to_uint8(image))
    assert torch.equal(from_pil(to_pil(image)), once)


def test_to_uint8_clamps_what_lies_outside():
    image = torch.tensor([-9.0, -1.0, 0.999, 1.0, 9.0, math.inf])[None, None].expand(3, 1, 6)
    assert to_uint8(image)[0, :, 0].tolist() == [0, 0, 255, 255, 255, 255]


def test_to_uint8_takes_tensors_in_a_graph_and_of_half_precision():
    image = torch.zeros(3, 2, 2, requires_grad=True)
    assert to_uint8(image).max() == 128
    assert to_uint8(torch.ones(3, 2, 2, dtype=torch.bfloat16)).min() == 255


# --- box_resize ---


def block_means(images, size):
    """Means over blocks of size x size by numpy alone, of (N, 3, H, H)."""
    n, c, height, _ = images.shape
    factor = height // size
    return images.numpy().reshape(n, c, size, factor, size, factor).mean((3, 5))


@pytest.mark.parametrize("height, size", [(64, 64), (64, 32), (64, 16), (60, 20), (48, 8), (9, 1)])
def test_whole_factors_are_block_means(height, size):
    images = torch.rand(2, 3, height, height, generator=torch.Generator().manual_seed(0)) * 2 - 1
    found = box_resize(images, size)
    assert found.shape == (2, 3, size, size)
    assert np.abs(found.numpy() - block_means(images, size)).max() < 1e-6


def test_smaller_images_are_left_as_they_are():
    images = torch.rand(1, 3, 16, 16)
    assert torch.equal(box_resize(images, 32), images)


@pytest.mark.parametrize("height, size", [(48, 36), (50, 32), (33, 16)])
def test_other_factors_average_the_pixels_that_each_box_touches(height, size):
    images = torch.rand(1, 3, height, height, generator=torch.Generator().manual_seed(1))
    found = box_resize(images, size).numpy()
    spans = [
        slice(i * height // size, math.ceil((i + 1) * height / size)) for i in range(size)
    ]  # of rows, and of columns
    expected = [[images[0, :, rows, columns].mean((1, 2)) for columns in spans] for rows in spans]
    expected = np.array([[cell.numpy() for cell in row] for row in expected]).transpose(2, 0, 1)
    assert np.abs(found[0] - expected).max() < 1e-6


def test_the_gradient_of_a_block_mean_is_shared_evenly():
    images = torch.zeros(1, 3, 8, 8, requires_grad=True)
    box_resize(images, 2).sum().backward()
    assert torch.allclose(images.grad, torch.full_like(images, 1 / 16))


# --- names ---

AWKWARD = [
    '"><img src=x onerror=alert(1)>.png',
    "<script>alert(1)</script>.jpg",
    "a b.png",
    "a  b.png",
    "a\tb.png",
    "a\nb.png",
    "日本.png",
    "\u202egnp.exe.png",
    ".hidden.png",
    "..png",
    "...",
    ".png",
    "-rf.png",
    "--.png",
    "_.png",
    "a..png",
    "a%2f.png",
    "$(id).png",
    "`id`.png",
    "a\\b.png",
    "C:.png",
    "a|b.png",
    "*.png",
    "😀.png",
    "x" * 300 + ".png",
    "x" * 301 + ".png",
    "日" * 80 + ".png",
    "\U00020bb7" * 61 + ".png",
    os.fsdecode(b"\xff.png"),
    os.fsdecode(b"\xfe.png"),
    os.fsdecode(b"caf\xe9.png"),
    *(f"{name}.png" for name in RESERVED),
    *(f"{name.upper()}.png" for name in RESERVED),
]


def assert_safe(name):
    assert re.fullmatch(r"\w[\w.-]*", name), name
    assert not name.endswith(".")
    assert len(os.fsencode(name)) <= 255
    assert name.lower() not in RESERVED
    name.encode("utf-8")  # so that it can stand in JSON, in HTML and on a terminal


@pytest.mark.parametrize("name", AWKWARD, ids=range(len(AWKWARD)))
def test_an_id_is_safe_as_a_folder(tmp_path, name):
    found = image_id(tmp_path / name, RESERVED)
    assert_safe(found)
    (tmp_path / found).mkdir()
    assert [path.name for path in tmp_path.iterdir()] == [found]


def test_awkward_names_get_ids_of_their_own():
    assert len({image_id(name, RESERVED).lower() for name in AWKWARD}) == len(AWKWARD)


# what a Linux file system can hold: any bytes but "/" and NUL
file_names = (
    (st.binary(min_size=1, max_size=40).map(os.fsdecode) | st.text(min_size=1, max_size=80))
    .filter(lambda name: not set(name) & {"/", "\0"} and name not in (".", ".."))
    .map(lambda name: name + ".png")
)


@settings(deadline=None, max_examples=300)
@given(file_names)
def test_the_id_of_any_name_is_safe(name):
    assert_safe(image_id(Path("/photos") / name, RESERVED))


@settings(deadline=None, max_examples=200)
@given(file_names, file_names)
def test_two_names_have_two_ids(first, second):
    assume(unicodedata.normalize("NFC", first) != unicodedata.normalize("NFC", second))
    assert image_id(first, RESERVED) != image_id(second, RESERVED)


@pytest.mark.parametrize("name", ["me.png", "IMG_2041.JPG", "a-b.c_d.png", "Zoë.png", "1.webp"])
def test_a_plain_name_is_its_own_id(name):
    assert image_id(f"/some/folder/{name}") == Path(name).stem


@pytest.mark.parametrize("name", ["a b.jpg", "<b>.png", "x" * 70 + ".png", "日 本.png"])
def test_a_changed_name_carries_the_hash_of_the_whole(name):
    found = image_id(name)
    assert found.endswith("-" + hashlib.sha256(name.encode()).hexdigest()[:6])


def test_an_id_depends_on_the_name_alone(tmp_path):
    (tmp_path / "a b.png").write_bytes(PNG)
    ids = {image_id(place) for place in ("a b.png", "/x/a b.png", tmp_path / "a b.png")}
    assert len(ids) == 1


def test_both_spellings_of_an_accent_are_one_name():
    assert image_id("e\u0301.png") == image_id("\u00e9.png")


def test_suffixes_tell_changed_names_apart():
    assert image_id("a b.png") != image_id("a b.jpg")


# --- folders ---


def test_images_of_a_folder_come_sorted_and_hidden_ones_are_left_out(tmp_path):
    wanted = ["B.png", "a.JPG", "a.jpeg", "deep/er/z.webp", "deep/y.tiff", "z.gif", "é.bmp"]
    unwanted = [".b.png", ".git/c.png", "deep/.cache/d.png", "notes.txt", "png", "a.png.part"]
    for name in [*wanted, *unwanted]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PNG)
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    assert [str(path.relative_to(tmp_path)) for path in list_images(tmp_path)] == sorted(wanted)


def test_a_folder_below_a_hidden_one_can_be_listed(tmp_path):
    folder = tmp_path / ".cache" / "photos"
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(PNG)
    assert list_images(folder) == list_images(str(folder)) == [folder / "a.png"]


def test_an_empty_folder_has_no_images(tmp_path):
    assert list_images(tmp_path) == []


def test_names_that_are_not_utf8_are_listed_and_read(tmp_path):
    names = [b"\xff\xfe.png", b"caf\xe9.png"]
    for name in names:
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
            file.write(PNG)
    found = list_images(tmp_path)
    assert sorted(os.fsencode(path.name) for path in found) == sorted(names)
    assert len({image_id(path) for path in found}) == 2
    for path in found:
        assert np.array_equal(np.asarray(open_image(path)), random_picture())
