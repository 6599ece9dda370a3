"""Faces found and aligned on the sample photographs."""

import functools
import warnings

import numpy as np
import pytest
from PIL import Image

from ganinv import load_image
from ganinv.errors import ImageError, NoFaceError
from ganinv.images.alignment import align_face, crop_square, face_square, find_faces
from ganinv.images.reading import open_image
from ganinv.runs.samples import find_sample
from helpers.squares import cross, square_about, turned

SAMPLES = ("astronaut", "hopper", "obama", "biden", "portrait-050", "portrait-078")


@functools.cache
def sample(name):
    """A sample photograph, its faces and its aligned crop at 256."""
    photograph = open_image(find_sample(name).path)
    faces = find_faces(photograph)
    return photograph, faces, crop_square(photograph, face_square(faces[0]), 256)


def eyes_of(landmarks):
    return landmarks[36:42].mean(0), landmarks[42:48].mean(0)


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
    with pytest.raises(NoFaceError, match="align=False") as error:
        load_image(tmp_path / "noise.png", 64, align=True)
    assert "--no-align" not in str(error.value)


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
