"""The square of a face and its crop against closed forms; photographs without alignment."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from ganinv import load_image
from ganinv.images.alignment import crop_square, face_square
from helpers.image_files import random_picture, smooth_picture
from helpers.squares import cross, square_about, turned


def landmarks_of(left_eye, right_eye, left_mouth, right_mouth):
    """68 landmarks whose eyes have these centres and whose mouth has these corners."""
    angle = np.arange(6) * np.pi / 3
    ring = np.stack([3 * np.cos(angle), 2 * np.sin(angle)], -1)  # (6, 2), about 0
    landmarks = np.full((68, 2), 1e4)  # the others must not matter
    landmarks[36:42], landmarks[42:48] = ring + left_eye, ring + right_eye
    landmarks[48], landmarks[54] = left_mouth, right_mouth
    return landmarks


# --- face_square ---

# eyes 60 apart with their middle at (130, 100), the mouth's middle 70 below: a tenth of that below
# the eyes is (130, 107), and the half side is the larger of 2 * 60 and 1.8 * 70 = 126
LONG = landmarks_of((100, 100), (160, 100), (110, 170), (150, 170))
LONG_SQUARE = np.array([(4, -19), (4, 233), (256, 233), (256, -19)], float)
# eyes 80 apart, the mouth 50 below: the half side is 160
WIDE = landmarks_of((160, 200), (240, 200), (170, 250), (230, 250))
WIDE_SQUARE = np.array([(40, 45), (40, 365), (360, 365), (360, 45)], float)


@pytest.mark.parametrize(
    "landmarks, square", [(LONG, LONG_SQUARE), (WIDE, WIDE_SQUARE)], ids=["long", "wide"]
)
def test_the_square_of_an_upright_face_is_the_papers(landmarks, square):
    assert np.allclose(face_square(landmarks), square, atol=1e-9)


@pytest.mark.parametrize("degrees", [-170, -90, -20, 5, 45, 90, 180])
def test_the_square_turns_with_the_face(degrees):
    centre = (300.0, 200.0)
    found = face_square(turned(LONG, degrees, centre))
    assert np.allclose(found, turned(LONG_SQUARE, degrees, centre), atol=1e-9)


def test_a_quarter_turn_by_hand():
    # the face lies on its right side: its left eye above, its mouth to the left
    lying = landmarks_of((100, 100), (100, 160), (30, 110), (30, 150))
    square = [(219, 4), (-33, 4), (-33, 256), (219, 256)]
    assert np.allclose(face_square(lying), square, atol=1e-9)


coordinates = st.floats(-500, 500)
points = st.tuples(coordinates, coordinates)


@settings(deadline=None, max_examples=100)
@given(
    st.lists(points, min_size=4, max_size=4),
    st.floats(-180, 180),
    st.floats(0.1, 10),
    points,
)
def test_the_square_follows_every_similarity(four, degrees, scale, shift):
    left, right, *mouth = np.array(four)
    across, down = right - left, np.mean(mouth, 0) - (left + right) / 2
    assume(np.hypot(*(across + [down[1], -down[0]])) > 1)  # else there is no direction
    landmarks = landmarks_of(*four)
    moved = turned(landmarks, degrees) * scale + shift
    expected = turned(face_square(landmarks), degrees) * scale + shift
    assert np.allclose(face_square(moved), expected, atol=1e-6 * np.abs(expected).max() + 1e-6)


@settings(deadline=None, max_examples=100)
@given(st.lists(points, min_size=4, max_size=4))
def test_the_four_corners_are_a_square(four):
    left, right, *mouth = np.array(four)
    across, down = right - left, np.mean(mouth, 0) - (left + right) / 2
    assume(np.hypot(*(across + [down[1], -down[0]])) > 1)
    corners = face_square(landmarks_of(*four))
    edges = np.roll(corners, -1, 0) - corners  # down, right, up, left
    side = max(4 * np.hypot(*across), 3.6 * np.hypot(*down))
    assert np.allclose(np.hypot(*edges.T), side, rtol=1e-6)
    assert np.allclose(edges[0] + edges[2], 0, atol=1e-6 * side)
    assert np.allclose(edges[0] @ edges[1], 0, atol=1e-6 * side**2)
    assert cross(edges[1], edges[0]) > 0  # down lies clockwise of right: no mirror image


# --- crop_square ---


def coordinate_picture(width=250, height=200):
    """A picture whose red is x and whose green is y."""
    y, x = np.mgrid[0:height, 0:width]
    return Image.fromarray(np.stack([x, y, 0 * x], -1).astype(np.uint8))


def expected_coordinates(quad, size):
    """Where in the photograph the centre of each pixel of the crop lies: (size, size, 2)."""
    t = (np.arange(size) + 0.5) / size
    top_left, bottom_left, _, top_right = quad
    return (
        top_left
        + t[None, :, None] * (top_right - top_left)
        + t[:, None, None] * (bottom_left - top_left)
    )


@pytest.mark.parametrize(
    "half, degrees, size",
    [(40, 0, 64), (40, 0, 80), (50, 30, 64), (50, -45, 32), (30, 170, 100), (60, 90, 128)],
)
def test_each_pixel_of_a_crop_comes_from_its_place(half, degrees, size):
    quad = square_about((120.0, 100.0), half, degrees)
    found = np.asarray(crop_square(coordinate_picture(), quad, size)).astype(float)
    assert found.shape == (size, size, 3)
    # Pillow cuts off fractions, so that half a level is lost on average
    assert np.abs(found[..., :2] + 0.5 - expected_coordinates(quad, size)).max() < 1.1


@pytest.mark.parametrize("half, size, shrunk", [(64, 16, 4), (80, 8, 10), (60, 20, 3)])
def test_a_crop_that_is_shrunk_a_lot_is_off_by_less_than_half_a_pixel(half, size, shrunk):
    quad = square_about((120.0, 100.0), half, 10)
    found = np.asarray(crop_square(coordinate_picture(), quad, size)).astype(float)
    pixel = 2 * half / size
    off = np.abs(found[..., :2] + 0.5 - expected_coordinates(quad, size)).max()
    assert int(pixel / 2) == shrunk
    assert off < pixel / 2


def smooth_photograph(width=300, height=260, seed=3):
    coarse = np.random.default_rng(seed).integers(60, 240, (8, 9, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("size", [128, 64, 32])
def test_an_upright_square_is_a_plain_crop(size):
    photograph = smooth_photograph()
    # landmarks are pixels' centres, a crop's edges lie half a pixel before them
    quad = square_about((113.5, 123.5), 64)
    found = np.asarray(crop_square(photograph, quad, size)).astype(float)
    plain = photograph.crop((50, 60, 178, 188)).resize((size, size), Image.Resampling.BOX)
    assert np.abs(found - np.asarray(plain)).mean() < 1.5
    other = photograph.crop((58, 60, 186, 188)).resize((size, size), Image.Resampling.BOX)
    assert np.abs(found - np.asarray(other)).mean() > 4  # the comparison would notice a shift


def test_a_square_inside_needs_no_padding():
    photograph = smooth_photograph()
    quad = square_about((149.5, 129.5), 129)
    found = np.asarray(crop_square(photograph, quad, 258)).astype(float)
    plain = np.asarray(photograph.crop((21, 1, 279, 259))).astype(float)
    assert np.abs(found - plain).mean() < 1


OUTSIDE = {
    "left": ((10.0, 130.0), 60, 0),
    "top": ((150.0, 5.0), 60, 0),
    "right": ((295.0, 130.0), 60, 15),
    "bottom": ((150.0, 255.0), 60, -30),
    "corner": ((0.0, 0.0), 70, 0),
    "all sides": ((150.0, 130.0), 250, 20),
    "wholly": ((420.0, 380.0), 60, 0),
    "far more than the photograph": ((150.0, 130.0), 900, 0),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_leaves_the_photograph_is_never_black(name):
    photograph = smooth_photograph()
    darkest = np.asarray(photograph).min((0, 1)).astype(int)
    found = np.asarray(crop_square(photograph, square_about(*OUTSIDE[name]), 64)).astype(int)
    assert found.shape == (64, 64, 3)
    assert np.all(found.min((0, 1)) >= darkest - 2)


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_photograph_of_one_colour_stays_of_one_colour(name):
    photograph = Image.new("RGB", (300, 260), (200, 120, 60))
    found = np.asarray(crop_square(photograph, square_about(*OUTSIDE[name]), 64)).astype(int)
    assert np.abs(found - (200, 120, 60)).max() <= 1


def test_padding_leaves_the_middle_of_the_photograph_as_it_is():
    photograph = smooth_photograph()
    quad = square_about((149.5, 129.5), 160)  # 320 wide: past every edge
    found = np.asarray(crop_square(photograph, quad, 320)).astype(float)
    middle = np.asarray(photograph.crop((120, 100, 180, 160))).astype(float)
    assert np.abs(found[130:190, 130:190] - middle).mean() < 1


def test_padding_mirrors_what_is_near_the_edge():
    y, x = np.mgrid[0:200, 0:200]
    left_red = np.where(x[..., None] < 100, (230, 30, 30), (30, 30, 230)).astype(np.uint8)
    quad = square_about((20.0, 100.0), 60)
    found = np.asarray(crop_square(Image.fromarray(left_red), quad, 60)).astype(int)
    just_outside = found[20:40, 15:19]  # 10 to 3 pixels left of the photograph
    assert np.all(just_outside[..., 0] > just_outside[..., 2] + 100)


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
