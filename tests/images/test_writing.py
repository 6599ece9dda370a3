"""Pictures as files: PNG to the bit, JPEG nearly, and nothing half written."""

import os

import numpy as np
import pytest
from PIL import Image

from ganinv.images.writing import read_png, read_png_text, save_jpeg, save_png
from helpers.image_files import png_by_hand, random_picture, smooth_picture


def test_a_png_comes_back_to_the_bit(tmp_path):
    picture = random_picture(seed=3)
    save_png(tmp_path / "below" / "a.png", picture)
    found = read_png(tmp_path / "below" / "a.png")
    assert found.dtype == np.uint8 and np.array_equal(found, picture)


def test_a_jpeg_is_near_and_nearer_at_higher_quality(tmp_path):
    picture = smooth_picture()
    off = {}
    for quality in (30, 95):
        save_jpeg(tmp_path / "a.jpg", picture, quality)
        with Image.open(tmp_path / "a.jpg") as image:
            assert image.format == "JPEG"
            off[quality] = np.abs(np.asarray(image).astype(int) - picture).mean()
    assert off[95] < off[30] < 8


@pytest.mark.parametrize("save", [save_png, save_jpeg])
def test_a_picture_that_cannot_be_written_leaves_the_older_file(tmp_path, save):
    path = tmp_path / "a.picture"
    path.write_bytes(b"older")
    with pytest.raises(TypeError):
        save(path, np.zeros((4, 4, 7), np.uint8))
    assert path.read_bytes() == b"older" and list(tmp_path.iterdir()) == [path]


def huge(path):
    path.write_bytes(png_by_hand(20_000, 20_000, bytes(100)))


@pytest.mark.parametrize(
    "make", [os.mkfifo, os.mkdir, huge, lambda path: path.write_bytes(b"no picture")]
)
def test_what_is_no_picture_that_was_saved_is_an_os_error(tmp_path, make):
    """A pipe, above all: opened, it would wait for somebody to write."""
    make(tmp_path / "a.png")
    with pytest.raises(OSError):
        read_png(tmp_path / "a.png")
    with pytest.raises(OSError):
        read_png_text(tmp_path / "a.png", "steps")
