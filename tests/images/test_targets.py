"""Images as Python hands them over: what is taken, what is refused, and with what advice."""

import io
import re
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from ganinv.errors import GaninvError, NoFaceError
from ganinv.images.alignment import load_image
from ganinv.images.targets import as_pixels, as_target
from ganinv.paths import samples_folder

LEVELS = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
WANTED = torch.from_numpy(LEVELS.astype(np.float32)).permute(2, 0, 1) / 127.5 - 1


def photograph(levels, mode="RGB", **saved):
    """A picture as `PIL.Image.open` gives it."""
    file = io.BytesIO()
    Image.fromarray(levels).convert(mode).save(file, "PNG", **saved)
    return Image.open(file)


@pytest.mark.parametrize(
    "image",
    [
        WANTED,
        WANTED.double(),
        WANTED.clone().requires_grad_(),
        WANTED.numpy(),
        WANTED.numpy().astype(">f8"),
        WANTED.numpy().astype(np.longdouble),
        LEVELS,
        LEVELS[::-1][::-1],
        torch.from_numpy(LEVELS).permute(2, 0, 1),
        Image.fromarray(LEVELS),
        photograph(LEVELS),
        photograph(LEVELS, "RGBA"),
    ],
    ids=lambda x: f"{type(x).__name__}-{getattr(x, 'dtype', getattr(x, 'mode', ''))}",
)
def test_what_is_certain_is_taken_as_it_is(image):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = as_target(image, 32)
    assert got.dtype == torch.float32 and not got.requires_grad
    assert torch.allclose(got, WANTED, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_short_floats_are_taken(dtype):
    assert torch.allclose(as_target(WANTED.to(dtype), 32), WANTED, atol=0.01)


def test_what_a_generator_overshoots_by_is_clamped():
    assert torch.equal(as_target(WANTED * 1.5, 32), (WANTED * 1.5).clamp(-1, 1))


def test_what_is_given_stays_as_it_was():
    given = WANTED * 1.5
    as_target(given, 32).zero_()
    assert torch.equal(given, WANTED * 1.5)


def test_a_picture_is_turned_as_its_camera_says():
    exif = Image.Exif()
    exif[0x112] = 6  # a quarter to the right
    turned = as_target(photograph(LEVELS, exif=exif), 32)
    assert torch.equal(turned, torch.rot90(as_target(LEVELS, 32), -1, (1, 2)))


def test_transparency_lies_on_white():
    clear = np.concatenate([LEVELS, np.zeros((32, 32, 1), np.uint8)], axis=2)
    assert (as_target(Image.fromarray(clear), 32) == 1).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I", "I;16", "F", "CMYK", "YCbCr", "HSV"])
def test_every_kind_of_picture_is_taken(mode):
    assert as_target(Image.new(mode, (32, 32)), 32).shape == (3, 32, 32)


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (WANTED[None], r"\(1, 3, 32, 32\).*\(3, 32, 32\) is wanted.*x\[0\]"),
        (WANTED.permute(1, 2, 0), r"\(3, 32, 32\) is wanted.*x\.permute\(2, 0, 1\)"),
        (WANTED.permute(1, 2, 0).numpy(), r"\(3, 32, 32\) is wanted.*x\.transpose\(2, 0, 1\)"),
        (WANTED[:1], r"\(3, 32, 32\) is wanted.*three times"),
        (WANTED[0], r"\(3, 32, 32\) is wanted.*three times"),
        (WANTED[[0, 1, 2, 2]], r"\(3, 32, 32\) is wanted.*x\[:3\]"),
        (WANTED[:, :16, :16], r"\(3, 32, 32\) is wanted.*resize"),
        (WANTED[:, :, :31], r"\(3, 32, 32\) is wanted.*resize"),
        (WANTED[:, :0], r"\(3, 32, 32\) is wanted"),
        (torch.tensor(0.5), r"\(3, 32, 32\) is wanted"),
        (LEVELS.transpose(2, 0, 1), r"array \(H, W, 3\) is wanted.*x\.transpose\(1, 2, 0\)"),
        (torch.from_numpy(LEVELS), r"tensor \(3, H, W\) is wanted.*x\.permute\(2, 0, 1\)"),
        (LEVELS[None], r"array \(H, W, 3\) is wanted.*x\[0\]"),
        (LEVELS[..., 0], r"array \(H, W, 3\) is wanted.*three times"),
        (LEVELS[..., [0, 1, 2, 0]], r"array \(H, W, 3\) is wanted.*x\[\.\.\., :3\]"),
        (WANTED.long(), r"int64.*floats in \[-1, 1\].*x\.to\(torch\.uint8\)"),
        (LEVELS.astype(np.int32), r"int32.*floats in \[-1, 1\].*x\.astype\(numpy\.uint8\)"),
        (WANTED > 0, r"bool; .*floats in \[-1, 1\]"),
        (WANTED + 0j, r"complex64; .*floats in \[-1, 1\]"),
        (LEVELS.astype(str), r"a path, a PIL image, uint8 or floats"),
        ([0.5], r"type list; a path, a PIL image, uint8 or floats"),
        (None, r"NoneType"),
        (b"abc", r"type bytes"),
        (WANTED.where(WANTED > -1, torch.nan), "NaN"),
        (WANTED.where(WANTED > -1, torch.inf), "infinite"),
        ((WANTED + 1) * 127.5, r"from 0 to 255; \[-1, 1\] is wanted.*x / 127\.5 - 1.*uint8"),
        ((WANTED.double() + 1) * 32767.5, r"from 0 to 65535.*x / 32767\.5 - 1"),
        (WANTED * 127.5, r"from -127\.5 to 127\.5"),
        (WANTED * 2.5, "mean and a deviation"),
        (np.full((3, 32, 32), 1e300), r"1e\+300"),
        ("", "empty"),
        ("absent.png", "absent.png: .*No such file"),
        ("~nobody-by-this-name/a.png", "home"),
        (".", "directory"),
    ],
    ids=str,
)
def test_what_is_uncertain_is_refused_with_advice(image, says):
    with pytest.raises(ValueError, match=says) as caught:
        as_target(image, 32)
    assert isinstance(caught.value, GaninvError)


@pytest.mark.parametrize("image", [(WANTED + 1) / 2, ((WANTED + 1) / 2).numpy()], ids=["t", "a"])
def test_the_unit_range_is_warned_of_where_it_is_given(image):
    with pytest.warns(UserWarning, match=r"\[0, 1\].*\[-1, 1\].*x \* 2 - 1") as caught:
        got = as_target(image, 32)
    assert torch.allclose(got, (WANTED + 1) / 2)
    assert [str(warning.filename) for warning in caught] == [__file__]


def test_a_damaged_picture_is_refused():
    file = io.BytesIO()
    Image.fromarray(LEVELS).save(file, "PNG")
    opened = Image.open(io.BytesIO(file.getvalue()[:200]))  # Pillow reads it later
    with pytest.raises(ValueError, match="cannot be read"):
        as_target(opened, 32)


# --- framing ---

FACE = samples_folder() / "astronaut.png"


@pytest.fixture(scope="module")
def aligned():
    return load_image(FACE, 64, align=True)


@pytest.mark.parametrize("form", [str, lambda path: path, Image.open, lambda p: pixels(p)])
def test_a_file_and_a_picture_of_another_size_are_framed_by_their_face(aligned, form):
    assert torch.equal(as_target(form(FACE), 64), aligned)


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB"))


def test_without_align_it_is_the_centre_square():
    assert torch.equal(as_target(FACE, 64, align=False), load_image(FACE, 64))


def test_a_file_is_framed_whatever_its_size(tmp_path):
    """As on the command line, where no size means that a photograph is aligned already."""
    Image.fromarray(LEVELS).save(tmp_path / "a.png")
    advice = re.escape(f"load_image('{tmp_path / 'a.png'}', 32, align=False)")
    with pytest.raises(NoFaceError, match=advice):
        as_target(tmp_path / "a.png", 32)


def test_a_picture_without_a_face_says_what_to_do():
    with pytest.raises(NoFaceError, match="crop it to 16x16 pixels"):
        as_target(LEVELS, 16)


def test_a_home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    Image.fromarray(LEVELS).save(tmp_path / "a.png")
    assert torch.equal(as_target("~/a.png", 32, align=False), as_target(LEVELS, 32))


def test_several_faces_are_warned_of():
    two = np.concatenate([pixels(FACE)] * 2, axis=1)
    with pytest.warns(UserWarning, match="2 faces found"):
        as_target(two, 64)


# --- images of any size ---


def test_pixels_are_neither_framed_nor_clamped():
    wide = WANTED[:, :16] * 1.5
    assert torch.equal(as_pixels(wide, "x"), wide)
    assert as_pixels(LEVELS[:20], "x").shape == (3, 20, 32)
    assert as_pixels(FACE, "x").shape == (3, *Image.open(FACE).size[::-1])
    assert torch.equal(as_pixels(WANTED * 99, "x", limit=torch.inf), WANTED * 99)
