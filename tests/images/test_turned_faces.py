"""Faces that are turned, small or several, on changed copies of the sample photographs."""

import functools

import numpy as np
import pytest
from PIL import Image

from ganinv.errors import NoFaceError, ParamsError
from ganinv.images import faces
from ganinv.images.alignment import cut_squares, face_square, frame
from ganinv.images.faces import find_faces, parse_face
from ganinv.images.reading import open_image
from ganinv.runs.samples import find_sample
from helpers.squares import turned


@functools.cache
def sample(name):
    photograph = open_image(find_sample(name).path)
    return photograph, find_faces(photograph)[0]


def silent(text):
    pass


def turned_by(image, degrees):
    """A picture turned clockwise by degrees, and a function that turns points back."""
    copy = image.rotate(-degrees, Image.Resampling.BICUBIC, expand=True, fillcolor="grey")

    def back(points):
        offset = np.array(copy.size) / 2 - 0.5
        return turned(points - offset, -degrees) + np.array(image.size) / 2 - 0.5

    return copy, back


@pytest.mark.parametrize("degrees", [90, 180, 270])
@pytest.mark.parametrize("name", ["hopper", "astronaut"])
def test_a_photograph_that_lies_or_stands_on_its_head_is_cropped_upright(name, degrees):
    photograph, face = sample(name)
    copy, back = turned_by(photograph, degrees)
    (found, *_) = find_faces(copy)
    assert np.abs(back(found) - face).max() < 1e-6  # as in the photograph itself
    crop = frame(copy, 128, True, silent)
    upright = frame(photograph, 128, True, silent)
    assert np.abs(np.asarray(crop, float) - np.asarray(upright, float)).mean() < 1


@pytest.mark.parametrize("degrees", [135, 225])
def test_a_face_between_is_found_too(degrees):
    photograph, face = sample("hopper")
    copy, back = turned_by(photograph, degrees)
    (found, *_) = find_faces(copy)
    side = np.hypot(*(face_square(face)[3] - face_square(face)[0]))
    assert np.abs(back(face_square(found)) - face_square(face)).max() < 0.15 * side


def canvas_with_small(name, width, size=(1500, 1200), at=(900, 700)):
    """A large canvas with a face of some pixels' width on it, and its middle."""
    photograph, face = sample(name)
    scale = width / np.ptp(face[:, 0])
    small = photograph.resize([round(n * scale) for n in photograph.size], Image.Resampling.LANCZOS)
    coarse = np.random.default_rng(0).integers(60, 180, (12, 15, 3), dtype=np.uint8)
    canvas = Image.fromarray(coarse).resize(size)
    canvas.paste(small, at)
    return canvas, face.mean(0) * scale + at


def test_a_small_face_in_a_large_photograph_is_found_with_a_notice():
    canvas, middle = canvas_with_small("hopper", 36)
    (found,) = find_faces(canvas)
    assert np.abs(found.mean(0) - middle).max() < 5
    said = []
    (cut,) = cut_squares(canvas, 512, True, said.append)
    side = np.hypot(*(cut.quad[3] - cut.quad[0]))
    assert said and f"{side:.0f} pixels" in said[0] and "512" in said[0] and side < 150


def test_the_second_detector_knows_how_a_face_is_turned():
    photograph, face = sample("obama")
    small = photograph.resize([n // 2 for n in photograph.size], Image.Resampling.BOX)
    copy, back = turned_by(small, 180)
    (found, *_) = faces._find_by_cnn(copy)
    width = np.ptp(face[:, 0]) / 2
    assert np.abs(back(found.landmarks) - face / 2).max() < 0.1 * width


def two_faces():
    canvas = Image.new("RGB", (800, 480), (128, 128, 128))
    for name, side, at in (("obama", 420, (360, 30)), ("biden", 240, (40, 200))):
        photograph, _ = sample(name)
        crop = frame(photograph, side, True, silent)
        canvas.paste(crop, at)
    return canvas


def test_which_face_is_taken():
    canvas = two_faces()
    first, second = cut_squares(canvas, 64, True, face="all")
    assert (first.face, first.faces, second.face, second.faces) == (1, 2, 2, 2)
    assert first.quad[:, 0].mean() > 360 > second.quad[:, 0].mean()
    for face, expected in (("largest", first), (1, first), ("2", second), (2, second)):
        found = frame(canvas, 64, True, silent, face=face)
        assert np.array_equal(np.asarray(found), np.asarray(expected.image))
    said = []
    frame(canvas, 64, True, said.append, face=2)
    assert said == []
    frame(canvas, 64, True, said.append)
    assert "--face 1 to 2" in said[0] and "all" in said[0]
    with pytest.raises(NoFaceError, match="face 3 .* 2 faces"):
        frame(canvas, 64, True, silent, face=3)
    with pytest.raises(ParamsError, match="all"):
        frame(canvas, 64, True, silent, face="all")


@pytest.mark.parametrize("face", ["0", "-1", "first", "", "1.5", 0, "²"])
def test_no_such_choice_of_a_face(face):
    with pytest.raises(ParamsError, match="largest, all"):
        parse_face(face)


def test_no_face_says_what_was_tried_and_what_to_do():
    with pytest.raises(NoFaceError, match="turned.*small.*over 80 pixels.*upright.*--no-align"):
        frame(Image.new("RGB", (100, 100), "white"), 64, True, silent)
    with pytest.raises(NoFaceError, match="too small, 100x40 pixels; take a larger one") as error:
        cut_squares(Image.new("RGB", (100, 40), "white"), 64, True, otherwise="")
    assert "--no-align" not in str(error.value) and "crop nearer" not in str(error.value)


@pytest.mark.parametrize("factor, told", [(1.9, False), (2.2, True)])
def test_enlarging_by_more_than_twice_is_said(factor, told):
    said = []
    frame(Image.new("RGB", (150, 100)), round(100 * factor), False, said.append)
    assert bool(said) == told
    if told:
        assert "100 pixels" in said[0] and "220" in said[0]
