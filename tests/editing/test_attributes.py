"""Attributes of faces: drawn landmarks of known answers, flat pictures, photographs."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ganinv.editing.attributes import ATTRIBUTES, SIDE, Face, find_face, measure_face
from ganinv.editing.effects import measure_placed
from ganinv.paths import samples_folder

SHAPES = [name for name, a in ATTRIBUTES.items() if a.kind in ("expression", "pose", "shape")]
LIGHTS = [name for name, a in ATTRIBUTES.items() if a.kind == "light"]
FLAT = np.full((SIDE, SIDE, 3), 0.5)


def arc(centre, radius, start, end, count):
    """Points on an ellipse, `radius` (across, down), by degrees clockwise from the right."""
    angles = np.radians(np.linspace(start, end, count))
    return np.stack([np.cos(angles), np.sin(angles)], 1) * radius + centre


def landmarks(mouth=(60.0, 8.0), brow=170.0):
    """The 68 points of a drawn face that looks straight ahead: eyes at 200 and 312, y 220.

    `mouth` is half its width and half the gap between its lips, `brow` the height of the brows.
    """
    wide, gap = mouth
    jaw = arc((256, 220), (130, 210), 180, 0, 17)
    brows = np.array([[x, brow] for x in (160, 180, 200, 220, 235, 277, 292, 312, 332, 352)])
    nose = np.array([[256, y] for y in (230, 250, 270, 290)])
    nostrils = np.array([[x, 305] for x in (236, 246, 256, 266, 276)])

    def eye(x):
        return np.array(
            [[x - 24, 220], [x - 8, 212], [x + 8, 212], [x + 24, 220], [x + 8, 228], [x - 8, 228]]
        )

    across = np.array([-1, -0.66, -0.2, 0, 0.2, 0.66, 1, 0.66, 0.2, 0, -0.2, -0.66])
    down = np.array([0, -1, -1, -1, -1, -1, 0, 1, 1, 1, 1, 1]) * (gap + 12)
    outer = np.stack([256 + across * wide, 350 + down], 1)
    inner_x = 256 + np.array([-0.8, -0.3, 0, 0.3, 0.8, 0.3, 0, -0.3]) * wide
    inner_y = 350 + np.array([0, -1, -1, -1, 0, 1, 1, 1]) * gap
    parts = [jaw, brows, nose, nostrils, eye(200), eye(312), outer, np.stack([inner_x, inner_y], 1)]
    points = np.concatenate(parts).astype(float)
    assert points.shape == (68, 2)
    return points


def measure(points, pixels=FLAT):
    face = Face(points, pixels)
    return {name: attribute.function(face) for name, attribute in ATTRIBUTES.items()}


def moved(points, degrees=0.0, scale=1.0, shift=(0.0, 0.0)):
    a = math.radians(degrees)
    turn = np.array([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]])
    return (points - 256) @ turn.T * scale + 256 + np.asarray(shift)


def test_a_drawn_face_measures_as_it_was_drawn():
    found = measure(landmarks())
    eyes = 112.0  # between the centres, in pixels
    assert found["yaw"] == pytest.approx(0, abs=1e-9) and found["roll"] == pytest.approx(0)
    assert found["smile"] == pytest.approx(120 / eyes)
    assert found["mouth"] == pytest.approx(16 / eyes)
    assert found["eyes"] == pytest.approx(16 / 48)
    assert found["brows"] == pytest.approx(50 / eyes)
    lip = 350 - 20  # the upper lip's middle
    assert found["pitch"] == pytest.approx((290 - 220) / (lip - 220))


@settings(max_examples=40, deadline=None)
@given(st.floats(-40, 40), st.floats(0.4, 1.2), st.floats(-60, 60), st.floats(-60, 60))
def test_turn_scale_and_shift_change_the_roll_alone(degrees, scale, x, y):
    plain, found = Face(landmarks(), FLAT), Face(moved(landmarks(), degrees, scale, (x, y)), FLAT)
    for name in SHAPES:
        measured = ATTRIBUTES[name].function
        wanted = degrees if name == "roll" else measured(plain)
        assert measured(found) == pytest.approx(wanted, abs=1e-9), name


CHANGES = {
    "smile": landmarks(mouth=(75.0, 8.0)),
    "mouth": landmarks(mouth=(60.0, 20.0)),
    "brows": landmarks(brow=155.0),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_measure_rises_with_its_own(name):
    plain, found = measure(landmarks()), measure(CHANGES[name])
    assert found[name] > plain[name] + 0.05
    others = [n for n in ("smile", "mouth", "eyes", "brows", "yaw", "roll") if n != name]
    assert all(found[n] == pytest.approx(plain[n], abs=1e-9) for n in others)


def test_poses_rise_as_their_words_say():
    plain, points = measure(landmarks()), landmarks()
    right = points.copy()
    right[27:36, 0] += 20  # the nose, to the picture's right
    assert measure(right)["yaw"] == pytest.approx(20 / (130 * math.cos(math.radians(22.5))))
    down = points.copy()
    down[27:36, 1] += 10
    assert measure(down)["pitch"] > plain["pitch"]
    assert measure(moved(points, 7))["roll"] == pytest.approx(7)  # clockwise, as y goes down


def test_a_wide_face_is_wider():
    points = landmarks()
    points[:17, 0] = 256 + (points[:17, 0] - 256) * 1.2
    assert measure(points)["width"] == pytest.approx(measure(landmarks())["width"] * 1.2)


def test_open_eyes_are_higher():
    points = landmarks()
    points[[37, 38, 43, 44], 1] -= 4
    assert measure(points)["eyes"] == pytest.approx(20 / 48)


# --- light ---


@pytest.mark.parametrize("colour", [(0.2, 0.2, 0.2), (0.9, 0.5, 0.1), (0.1, 0.4, 0.7), (0, 0, 0)])
def test_flat_pictures(colour):
    pixels = np.broadcast_to(np.array(colour), (SIDE, SIDE, 3))
    found = measure(landmarks(), pixels)
    light = 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]
    for name in ("brightness", "hair", "background"):
        assert found[name] == pytest.approx(light, abs=1e-9), name
    assert found["contrast"] == pytest.approx(0, abs=1e-9)
    assert found["warmth"] == pytest.approx((colour[0] - colour[2]) / max(light, 1e-3), abs=1e-9)


def test_each_light_sees_its_own_place():
    points = landmarks()
    places = {"brightness": Face(points, FLAT).skin}
    rows, columns = np.mgrid[:SIDE, :SIDE]
    places["background"] = (rows < SIDE // 3) & ((columns < 40) | (columns >= SIDE - 40))
    places["hair"] = (rows < 30) & (abs(columns - 256) < 60)
    for name, place in places.items():
        pixels = FLAT.copy()
        pixels[place] = 1.0
        found = measure(points, pixels)
        assert found[name] > 0.6, name
        others = [n for n in places if n != name]
        assert all(found[n] == pytest.approx(0.5, abs=0.02) for n in others), name


def test_the_skin_leaves_out_eyes_and_mouth():
    inside = Face(landmarks(), FLAT).skin
    assert inside[300, 200] and inside[200, 256] and inside[400, 256]  # cheek, bridge, chin
    for x, y in ((200, 220), (312, 220), (256, 350), (20, 20), (256, 500)):
        assert not inside[y, x]


@pytest.mark.parametrize("shift", [(0, -400), (2000, 0), (-3000, 3000)])
def test_points_beyond_the_picture_give_numbers(shift):
    found = measure(moved(landmarks(), shift=shift))
    assert all(math.isfinite(x) for x in found.values())


# --- photographs ---


@pytest.fixture(scope="module")
def photograph():
    """A sample photograph of a face, square: uint8 (S, S, 3), larger than what is measured."""
    with Image.open(samples_folder() / "obama.jpg") as image:
        side = min(image.size)
        return np.asarray(image.convert("RGB").crop((0, 0, side, side)).resize((700, 700)))


@pytest.fixture(scope="module")
def measured(photograph):
    return measure_face(photograph)


def test_a_photograph_gives_numbers(measured):
    assert measured.keys() == ATTRIBUTES.keys()
    assert all(type(x) is float and math.isfinite(x) for x in measured.values())
    assert all(0 <= measured[name] <= 1 for name in ("brightness", "contrast", "hair"))


def test_a_mirrored_photograph_looks_the_other_way(photograph, measured):
    found = measure_face(np.ascontiguousarray(photograph[:, ::-1]))
    for name in ("yaw", "roll"):
        turned = measured[name] + found[name]
        assert abs(turned) < max(0.15 * abs(measured[name]), 2.0 if name == "roll" else 0.1)
    for name in LIGHTS:
        assert found[name] == pytest.approx(measured[name], abs=0.05)


def test_one_detection_says_what_measuring_and_looking_say(photograph, measured):
    values, place = measure_placed(photograph)
    assert values == measured
    assert np.array_equal(place, find_face(photograph).points)
    assert measure_placed(np.zeros((64, 64, 3), np.uint8)) == (None, None)


def test_a_turned_photograph_rolls(photograph, measured):
    turned = np.asarray(Image.fromarray(photograph).rotate(-10, Image.Resampling.BILINEAR))
    assert measure_face(turned)["roll"] - measured["roll"] == pytest.approx(10, abs=2)


def test_a_darker_photograph_is_darker(photograph, measured):
    found = measure_face((photograph * 0.7).astype(np.uint8))
    assert found["brightness"] == pytest.approx(0.7 * measured["brightness"], rel=0.05)


def test_without_a_face_there_is_nothing_to_measure():
    picture = np.full((SIDE, SIDE, 3), 128, np.uint8)
    assert measure_face(picture) is None and find_face(picture) is None
    assert measure_face(picture[:32, :32]) is None


def test_a_place_says_where_to_look(photograph, measured):
    """Where the detector finds nothing, landmarks are looked for where they were."""
    place = find_face(photograph).points
    faint = (128 + (photograph - 128.0) * 0.02).astype(np.uint8)
    assert measure_face(faint) is None
    assert measure_face(faint, place) is not None
    again = find_face(photograph, np.zeros((68, 2)))  # a place that is not needed
    assert np.array_equal(again.points, place)
