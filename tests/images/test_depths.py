"""Grey images of many bits: what is clipped, missing or too dark is said."""

import numpy as np
import pytest
from PIL import Image

from ganinv import load_image
from ganinv.errors import ImageError
from ganinv.images.reading import open_image
from helpers.image_files import encode, random_picture


def read(values):
    """The picture of a TIFF of these values, and what was said of it."""
    said = []
    image = open_image(encode(Image.fromarray(values), "TIFF"), said.append)
    return np.asarray(image)[..., 0].astype(int), said


def floats(**changes):
    values = np.linspace(0, 1, 400, dtype=np.float32).reshape(20, 20)
    for place, value in changes.items():
        values[int(place[1:])] = value
    return values


def test_numbers_between_0_and_1_come_through_silently():
    found, said = read(floats())
    assert said == []
    assert np.abs(found - floats() * 255).max() <= 0.5


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_no_number_at_all_is_an_error(value, tmp_path):
    values = np.full((20, 20), value, np.float32)
    with pytest.raises(ImageError, match="no picture"):
        read(values)
    Image.fromarray(values).save(tmp_path / "nan.tif")
    with pytest.raises(ImageError, match="nan.tif.*no picture"):
        load_image(tmp_path / "nan.tif", 16)


def test_some_that_are_no_numbers_become_black_with_a_notice():
    found, (said,) = read(floats(_19=np.nan))
    assert "5 %" in said and "NaN" in said
    assert np.all(found[19] == 0) and np.abs(found[:19] - floats()[:19] * 255).max() <= 0.5


@pytest.mark.parametrize("value, level", [(np.inf, 255), (-np.inf, 0), (-3, 0)])
def test_what_lies_outside_is_clipped_with_a_notice(value, level):
    found, (said,) = read(floats(_19=value))
    assert "5 %" in said and "clipped" in said
    assert np.all(found[19] == level) and np.abs(found[:19] - floats()[:19] * 255).max() <= 0.5


def test_thirty_two_bits_are_clipped_with_a_notice():
    values = np.full((20, 20), 30_000, np.int32)
    values[0] = 100_000
    found, (said,) = read(values)
    assert "outside 0 to 65535" in said
    assert np.all(found[0] == 255) and np.all(found[1:] == round(30_000 / 257))


def test_light_of_more_than_1_comes_out_dark_with_a_notice():
    found, (said,) = read(floats() * 3.5)
    assert "3.5" in said and "dark" in said and found.max() <= 4


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_usual_depths_say_nothing(dtype):
    assert read(random_picture(channels=1).astype(dtype))[1] == []


def test_load_image_warns_with_the_files_name(tmp_path):
    Image.fromarray(floats(_0=-1)).save(tmp_path / "dark.tif")
    with pytest.warns(UserWarning, match="dark.tif.*clipped"):
        load_image(tmp_path / "dark.tif", 20)
