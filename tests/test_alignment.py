"""Alignment against closed forms, and on the sample photographs."""

import functools
import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from ganinv import load_image
from ganinv.errors import ImageError, NoFaceError
from ganinv.images.alignment import align_face, crop_square, face_square, find_faces
from ganinv.images.reading import open_image
from ganinv.runs.samples import find_sample, photographs

SAMPLES = ("astronaut", "hopper", "obama", "biden")


def turned(points, degrees, about=(0.0, 0.0)):
    """Points (N, 2) turned clockwise on the screen, where y points down."""
    a = np.deg2rad(degrees)
    matrix = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    return (points - about) @ matrix.T + about


def landmarks_of(left_eye, right_eye, left_mouth, right_mouth):
    """68 landmarks whose eyes have these centres and whose mouth has these corners."""
    angle = np.arange(6) * np.pi / 3
    ring = np.stack([3 * np.cos(angle), 2 * np.sin(angle)], -1)  # (6, 2), about 0
    landmarks = np.full((68, 2), 1e4)  # the others must not matter
    landmarks[36:42], landmarks[42:48] = ring + left_eye, ring + right_eye
    landmarks[48], landmarks[54] = left_mouth, right_mouth
    return landmarks


def cross(a, b):
    """Above 0 where b lies clockwise of a on the screen."""
    return a[0] * b[1] - a[1] * b[0]


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


def square_about(centre, half, degrees=0):
    corners = np.array([(-half, -half), (-half, half), (half, half), (half, -half)], float)
    return turned(corners, degrees) + centre


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


# --- faces ---


@functools.cache
def sample(name):
    """A sample photograph, its faces and its aligned crop at 256."""
    photograph = open_image(find_sample(name).path)
    faces = find_faces(photograph)
    return photograph, faces, crop_square(photograph, face_square(faces[0]), 256)


def eyes_of(landmarks):
    return landmarks[36:42].mean(0), landmarks[42:48].mean(0)


def test_the_samples_tested_here_are_all_photographs():
    assert set(SAMPLES) == set(photographs())


@pytest.mark.parametrize("name", SAMPLES)
def test_each_sample_holds_one_face(name):
    photograph, faces, _ = sample(name)
    assert len(faces) == 1
    assert faces[0].shape == (68, 2)
    assert np.all(faces[0] > 0) and np.all(faces[0] < photograph.size)


@pytest.mark.parametrize("name", SAMPLES)
def test_aligned_eyes_lie_where_ffhq_puts_them(name):
    (face,) = find_faces(sample(name)[2])
    left, right = (eye / 256 for eye in eyes_of(face))
    assert 0.44 < left[1] < 0.52 and 0.44 < right[1] < 0.52
    assert abs(left[1] - right[1]) < 0.02
    assert abs((left[0] + right[0]) / 2 - 0.5) < 0.02
    assert 0.2 < right[0] - left[0] <= 0.27  # an eye distance is a quarter of the side, or less
    mouth = (face[48] + face[54]) / 512
    assert abs(mouth[0] - 0.5) < 0.02 and 0.65 < mouth[1] < 0.8


def test_a_picture_in_ffhqs_frame_is_its_own_square():
    """The generator learnt from FFHQ, so what it draws lies as FFHQ aligned it."""
    drawn = open_image(find_sample("control").path)
    (face,) = find_faces(drawn)
    corners = np.array([(0, 0), (0, 1024), (1024, 1024), (1024, 0)])
    assert drawn.size == (1024, 1024)
    assert np.abs(face_square(face) - corners).max() < 0.02 * 1024


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("degrees", [20, -20])
def test_a_tilted_photograph_aligns_to_nearly_the_same_square(name, degrees):
    photograph, (face, *_), crop = sample(name)
    tilted = photograph.rotate(-degrees, Image.Resampling.BICUBIC, expand=True, fillcolor="grey")
    (found, *_) = find_faces(tilted)
    back = turned(face_square(found) - np.array(tilted.size) / 2, -degrees)
    back += np.array(photograph.size) / 2
    expected = face_square(face)
    side = np.hypot(*(expected[3] - expected[0]))
    # the predictor's landmarks are not quite the same on a tilted face
    assert np.hypot(*(back.mean(0) - expected.mean(0))) < 0.06 * side
    assert 0.85 < np.hypot(*(back[3] - back[0])) / side < 1.18
    top, top_expected = back[3] - back[0], expected[3] - expected[0]
    between = np.arctan2(cross(top_expected, top), top @ top_expected)
    assert abs(np.rad2deg(between)) < 5
    again = crop_square(tilted, face_square(found), 256)
    half = np.hypot(*(back[3] - back[0])) / 2
    upright = crop_square(tilted, square_about(face_square(found).mean(0), half), 256)
    assert alike(crop, again) > alike(crop, upright) + 0.15


def alike(a, b):
    """Correlation of the middles of two crops."""
    middles = [np.asarray(crop.convert("L"), float)[48:208, 48:208].ravel() for crop in (a, b)]
    return np.corrcoef(*middles)[0, 1]


def test_a_large_photograph_gives_coordinates_of_its_own_pixels():
    photograph, (face, *_), _ = sample("hopper")
    large = photograph.resize([3 * n for n in photograph.size], Image.Resampling.BICUBIC)
    (found, *_) = find_faces(large)
    assert max(large.size) > 1200
    assert np.abs(found / 3 - face).mean() < 0.02 * np.ptp(face, 0).max()


def noise(side=300):
    values = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return Image.fromarray(values)


@pytest.mark.parametrize(
    "image", [noise(), Image.new("RGB", (400, 300), "white"), Image.new("RGB", (16, 16))]
)
def test_no_face_is_an_error_that_says_what_to_do(tmp_path, image):
    with pytest.raises(NoFaceError, match="no face.*--no-align"):
        align_face(image, 64)
    image.save(tmp_path / "noise.png")
    with pytest.raises(NoFaceError):
        load_image(tmp_path / "noise.png", 64, align=True)


def test_no_face_is_one_of_the_image_errors():
    assert issubclass(NoFaceError, ImageError)


def canvas_with_two_faces():
    """Obama large on the right, Biden small on the left: the picture and where Obama begins."""
    large = sample("obama")[2].resize((420, 420), Image.Resampling.BICUBIC)
    small = sample("biden")[2].resize((240, 240), Image.Resampling.BICUBIC)
    canvas = Image.new("RGB", (800, 480), (128, 128, 128))
    canvas.paste(small, (40, 200))
    canvas.paste(large, (360, 30))
    return canvas, 360


def test_of_several_faces_the_largest_comes_first():
    canvas, border = canvas_with_two_faces()
    first, second = find_faces(canvas)
    assert first[:, 0].min() > border > second[:, 0].max()
    assert np.ptp(first, 0).max() > np.ptp(second, 0).max()


def test_several_faces_give_one_notice_and_the_largest(tmp_path):
    canvas, _ = canvas_with_two_faces()
    notices = []
    found = align_face(canvas, 128, notices.append)
    (notice,) = notices
    assert "2 faces" in notice and "largest" in notice
    alone = sample("obama")[2].resize((128, 128), Image.Resampling.BOX)
    inner = [np.asarray(a, float)[24:104, 24:104].ravel() for a in (found, alone)]
    assert np.corrcoef(*inner)[0, 1] > 0.8
    canvas.save(tmp_path / "two.png")
    with pytest.warns(UserWarning, match="2 faces"):
        load_image(tmp_path / "two.png", 64, align=True)


@pytest.mark.parametrize("name", SAMPLES)
def test_one_face_gives_no_notice(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        image = load_image(find_sample(name).path, 64, align=True)
    assert image.shape == (3, 64, 64)
    assert image.min() >= -1 and image.max() <= 1
