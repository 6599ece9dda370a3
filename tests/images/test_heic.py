"""HEIC and AVIF, told by their brand and not by their name."""

import io

import numpy as np
import pytest
from PIL import Image

from ganinv.errors import ImageError
from ganinv.images.formats import kind_of
from ganinv.images.reading import open_image
from helpers.image_files import encode, exif_block, oriented, pixels_of, smooth_picture
from helpers.profiles import DISPLAY_P3, as_srgb, matrix_profile

pillow_heif = pytest.importorskip("pillow_heif")


def heic(picture, **options):
    data = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(picture)).save(data, quality=95, **options)
    return data.getvalue()


PICTURE = smooth_picture(128, 96)


@pytest.mark.parametrize("name", ["IMG_1.HEIC", "IMG_1.jpg", "IMG_1"])
def test_heic_is_read_whatever_its_suffix(tmp_path, name):
    (tmp_path / name).write_bytes(heic(PICTURE))
    found = np.asarray(open_image(tmp_path / name)).astype(int)
    assert found.shape == PICTURE.shape
    assert np.abs(found - PICTURE).mean() < 3


def test_heic_is_turned_once():
    found = pixels_of(heic(PICTURE, exif=oriented(6)))
    assert found.shape == (128, 96, 3)
    assert np.abs(found - np.rot90(PICTURE, -1)).mean() < 3


def test_heic_in_display_p3_has_the_colours_of_a_viewer():
    image = Image.new("RGB", (64, 64), (200, 150, 120))
    image.info["icc_profile"] = matrix_profile(DISPLAY_P3)
    data = io.BytesIO()
    pillow_heif.from_pillow(image).save(data, quality=100)
    found = pixels_of(data.getvalue())
    assert np.abs(found - as_srgb((200, 150, 120), DISPLAY_P3)).max() <= 4


def test_broken_exif_does_not_spoil_heic():
    broken = heic(PICTURE, exif=exif_block()).replace(b"II*\0", b"\xff\xff\xff\xff")
    assert np.abs(pixels_of(broken) - PICTURE).mean() < 3


def test_damaged_heic_is_an_image_error():
    whole = heic(PICTURE)
    for data in (whole[: len(whole) // 2], whole[:200], whole[:40]):
        with pytest.raises(ImageError, match="damaged"):
            open_image(data)


def absent(data):
    raise ImportError("No module named 'pillow_heif'")


def test_without_the_extra_one_sentence_names_it(tmp_path):
    (tmp_path / "me.jpg").write_bytes(heic(PICTURE))
    with pytest.raises(ImageError) as caught:
        open_image(tmp_path / "me.jpg", open_heif=absent)
    assert "pip install 'ganinv[heic]'" in str(caught.value)


def test_avif_needs_no_extra():
    data = encode(Image.fromarray(PICTURE), "AVIF", quality=95)
    assert kind_of(data[:64]) == "avif"
    found = np.asarray(open_image(data, open_heif=absent)).astype(int)
    assert np.abs(found - PICTURE).mean() < 3


@pytest.mark.parametrize(
    "head, kind",
    [
        (b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf", "heif"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "heif"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "avif"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "video"),
        (b"\0\0\0\x14ftypcrx \0\0\0\0crx ", ""),
        (b"hello", ""),
        (b"", ""),
    ],
)
def test_brands(head, kind):
    assert kind_of(head) == kind


def test_a_video_is_called_one():
    with pytest.raises(ImageError, match="a video"):
        open_image(b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + bytes(100))
