"""Identity against dlib's own API, used directly."""

import math

import dlib
import face_recognition_models as models
import numpy as np
import pytest
from PIL import Image

from ganinv.images.alignment import frame
from ganinv.images.reading import open_image
from ganinv.measures.identity import SAME_PERSON, identity_distance
from ganinv.measures.reconstruction import METRICS
from ganinv.paths import project_root

SIDE = 512  # no resizing on our side, so that dlib sees the same pixels


@pytest.fixture(scope="module")
def faces():
    """Aligned sample photographs, uint8 (512, 512, 3)."""
    folder = project_root() / "data" / "samples"

    def read(name):
        photograph = open_image(folder / f"{name}.jpg")
        return np.array(frame(photograph, SIDE, True, lambda text: None, "largest"))

    return {name: read(name) for name in ("obama", "biden")}


@pytest.fixture(scope="module")
def plain_distance():
    """The distance as dlib's examples compute it: detect, find landmarks, cut out, describe."""
    detector = dlib.get_frontal_face_detector()
    predictor = dlib.shape_predictor(models.pose_predictor_model_location())
    network = dlib.face_recognition_model_v1(models.face_recognition_model_location())

    def descriptor(pixels):
        boxes = detector(pixels)
        box = max(boxes, key=lambda box: box.width())
        chip = dlib.get_face_chip(pixels, predictor(pixels, box), size=150)
        return np.array(network.compute_face_descriptor(chip))

    return lambda a, b: math.dist(descriptor(a), descriptor(b))


def test_it_is_the_distance_that_dlib_gives(faces, plain_distance):
    a, b = faces["obama"], faces["biden"]
    wanted = plain_distance(a, b)
    assert wanted > SAME_PERSON
    assert identity_distance(a, b) == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: np.ascontiguousarray(x[:, ::-1]),
        lambda x: np.clip(x * 1.2, 0, 255).astype(np.uint8),
    ],
    ids=["mirrored", "brighter"],
)
def test_one_person_changed_a_little_passes_for_the_same(faces, plain_distance, change):
    face = faces["obama"]
    got = identity_distance(change(face), face)
    assert 0.01 < got < SAME_PERSON / 2
    assert got == pytest.approx(plain_distance(change(face), face), abs=1e-5)


def test_equal_pictures_are_at_no_distance_also_at_other_sizes(faces):
    for side in (96, 256, 700):
        face = np.asarray(Image.fromarray(faces["biden"]).resize((side, side)))
        assert identity_distance(face, face) == 0


def test_the_larger_of_two_faces_counts(faces):
    """A small face of somebody else in the corner changes next to nothing."""
    target = faces["obama"]
    both = target.copy()
    both[-128:, -128:] = np.asarray(Image.fromarray(faces["biden"]).resize((128, 128)))
    assert identity_distance(both, target) < 0.1
    assert identity_distance(target, both) < 0.1


def test_a_small_face_is_found_in_the_target(faces):
    """It is under the 80 pixels that dlib's detector needs before it enlarges."""
    target = np.full((SIDE, SIDE, 3), 128, np.uint8)
    target[200:280, 200:280] = np.asarray(Image.fromarray(faces["obama"]).resize((80, 80)))
    assert len(dlib.get_frontal_face_detector()(target)) == 0
    other = target.copy()
    other[200:280, 200:280] = np.asarray(Image.fromarray(faces["biden"]).resize((80, 80)))
    assert identity_distance(target, target) == 0
    assert identity_distance(other, target) > SAME_PERSON


@pytest.mark.parametrize("level", [0, 128])
def test_a_face_that_is_lost_counts_as_another_person(faces, level):
    blank = np.full((SIDE, SIDE, 3), level, np.uint8)
    assert identity_distance(blank, faces["obama"]) > SAME_PERSON


def noise(side):
    return np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)


def test_a_target_without_a_face_is_not_measured(faces):
    assert math.isnan(identity_distance(faces["obama"], noise(SIDE)))
    assert math.isnan(identity_distance(noise(64), noise(64)))


def test_pictures_too_small_for_a_face_are_not_measured(faces):
    tiny = np.asarray(Image.fromarray(faces["obama"]).resize((63, 63)))
    assert math.isnan(identity_distance(tiny, tiny))


def test_levels_off_by_one_stay_within_the_tolerance(faces):
    """As another machine may round them."""
    target = faces["obama"]
    face = np.clip(target * 1.1, 0, 255).astype(np.uint8)
    shift = np.random.default_rng(0).integers(-1, 2, face.shape)
    off = np.clip(face.astype(int) + shift, 0, 255).astype(np.uint8)
    assert (
        abs(identity_distance(off, target) - identity_distance(face, target))
        < METRICS["identity"].tolerance
    )
