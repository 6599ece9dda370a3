"""A crop put back: round trips, a flat crop, and what must not change."""

import numpy as np
import pytest
from PIL import Image

from ganinv.errors import ImageError
from ganinv.images.alignment import crop_square, cut_squares
from ganinv.images.pasting import paste
from helpers.squares import square_about

GREY = (128, 128, 128)


def photograph(width=300, height=260, seed=3):
    coarse = np.random.default_rng(seed).integers(30, 240, (26, 30, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def within(quad, size):
    """How far the centre of each pixel lies inside a square, in sides: (H, W), below 0 outside."""
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    places = np.stack([x, y], -1) - quad[0]
    across, down = quad[3] - quad[0], quad[1] - quad[0]
    u, v = (places @ edge / (edge @ edge) for edge in (across, down))
    return np.minimum(np.minimum(u, 1 - u), np.minimum(v, 1 - v))


def psnr(a, b):
    return 10 * np.log10(255**2 / np.square(a.astype(float) - b).mean())


SQUARES = {
    "upright": ((149.5, 129.5), 100, 0),
    "tilted": ((150.0, 130.0), 80, 17),
    "sideways": ((150.0, 130.0), 90, 90),
    "upside-down": ((140.0, 120.0), 75, -170),
}
CROSSING = ((40.0, 60.0), 90, 30)  # leaves the photograph on the left and above


@pytest.mark.parametrize("size", [128, 256, 1024])  # coarser, as fine, finer than the photograph
@pytest.mark.parametrize("name", SQUARES)
def test_an_untouched_crop_returns_to_its_place(name, size):
    photo, quad = photograph(), square_about(*SQUARES[name])
    found = np.asarray(paste(photo, crop_square(photo, quad, size), quad))
    before, inside = np.asarray(photo), within(quad, photo.size)
    assert np.array_equal(found[inside < 0], before[inside < 0])
    at = inside > 0.08
    # 37 to 53 dB; a shift of a quarter of a pixel costs 10 dB where the crop is fine
    assert psnr(found[at], before[at]) > (34 if size < 256 else 40)
    shifted = np.asarray(paste(photo, crop_square(photo, quad + 2, size), quad))
    assert psnr(shifted[at], before[at]) < psnr(found[at], before[at]) - 8


@pytest.mark.parametrize("rim", [0.0, 0.08, 0.5])
@pytest.mark.parametrize("name", SQUARES)
def test_a_flat_crop_lands_within_its_corners_with_a_soft_rim(name, rim):
    photo = Image.new("RGB", (300, 260), "black")
    quad = square_about(*SQUARES[name])
    found = np.asarray(paste(photo, Image.new("RGB", (64, 64), "white"), quad, rim)).astype(int)
    inside = within(quad, photo.size)
    assert np.all(found[inside < 0] == 0)
    assert np.all(found[inside > max(rim, 1e-9)] == 255)
    if rim:
        t = np.clip(inside / rim, 0, 1)  # smoothstep
        assert np.abs(found - 255 * (t * t * (3 - 2 * t))[..., None]).max() <= 1


def test_near_an_edge_that_the_square_crosses_the_photograph_stays_sharp():
    photo, quad = photograph(), square_about(*CROSSING)
    crop = crop_square(photo, quad, 256)
    found, before = np.asarray(paste(photo, crop, quad)), np.asarray(photo)
    at = within(quad, photo.size) > 0.08
    assert psnr(found[at], before[at]) > 33  # 24 where the blurred edge comes back
    flat = np.asarray(paste(photo, Image.new("RGB", (64, 64), "white"), quad))
    assert np.array_equal(found[:2, :2], before[:2, :2])
    middle = at.copy()
    middle[:60], middle[:, :60] = False, False
    assert middle.any() and np.all(flat[middle] == 255)


def test_a_crop_is_smoothed_before_it_is_shrunk():
    stripes = np.tile(np.array([0, 255], np.uint8), (512, 256))
    crop = Image.fromarray(stripes).convert("RGB")
    quad = square_about((50.0, 50.0), 30)
    found = np.asarray(paste(Image.new("RGB", (100, 100), GREY), crop, quad)).astype(int)
    assert np.abs(found[within(quad, (100, 100)) > 0.1] - 127.5).max() <= 3


def test_directions_are_kept():
    corners = np.zeros((64, 64, 3), np.uint8)
    corners[:32, :32], corners[:32, 32:], corners[32:, :32] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    quad = square_about((50.0, 50.0), 40, 90)  # the crop's top lies on the right
    found = np.asarray(paste(Image.new("RGB", (100, 100), GREY), Image.fromarray(corners), quad))
    assert tuple(found[30, 70]) == (255, 0, 0) and tuple(found[70, 70]) == (0, 255, 0)
    assert tuple(found[30, 30]) == (0, 0, 255) and tuple(found[70, 30]) == (0, 0, 0)


def test_a_centre_square_returns_too():
    photo = photograph()
    (cut,) = cut_squares(photo, 260, align=False)
    found = np.asarray(paste(photo, cut.image, cut.quad))
    inside = within(cut.quad, photo.size)
    assert (inside > 0).sum() == 260 * 260
    assert np.abs(found.astype(int) - np.asarray(photo)).max() <= 1


def test_what_cannot_be_pasted_is_an_image_error():
    with pytest.raises(ImageError, match="square"):
        paste(photograph(), Image.new("RGB", (64, 32)), square_about((50.0, 50.0), 30))
    with pytest.raises(ImageError, match="outside"):
        paste(photograph(), Image.new("RGB", (64, 64)), square_about((500.0, 50.0), 30))
